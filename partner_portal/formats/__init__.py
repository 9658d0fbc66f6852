"""How numbers, money and days are written, in the reader's language: `numbers` and `days` as text, `elements` as HTML.

Nothing is computed here but the rounding of what is shown. None is always "no data", never 0. Templates have all of it as tags
(`templatetags.figures`). The sub-packages named after languages hold what differs from English (Django's FORMAT_MODULE_PATH).
"""
