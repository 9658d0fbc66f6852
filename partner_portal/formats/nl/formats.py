"""Dutch writes the names of months small, `23 nov 2026`: `b` where English has `M`, and a blank in `US$ 12.147`.

Django looks up every format text by name in here before it uses the text itself, so templates keep the English one.
"""

SMALL = ("j M", "j M y", "j M Y", "D j M Y", "j M, H:i", "j M Y, H:i", "j M Y, H:i:s", "M y")

globals().update({form: form.replace("M", "b") for form in SMALL} | {"US$%s": "US$ %s"})
