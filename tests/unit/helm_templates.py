"""Renders the part of Helm's templates that the chart uses; for anything else it raises, rather than render it wrongly."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

_ACTION = re.compile(r"(\s*)\{\{-\s*(.*?)\s*\}\}|()\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def render(
    chart: Path, *, release: str = "portal", revision: int = 1, values: dict[str, Any] | None = None
) -> list[dict]:
    """The documents that Helm makes of a chart with these values over its own. Raises ValueError for other syntax."""
    described = yaml.safe_load((chart / "Chart.yaml").read_text())
    own = yaml.safe_load((chart / "values.yaml").read_text())
    data = {
        "Values": _merged(own, values or {}),
        "Release": {"Name": release, "Revision": revision},
        "Chart": {"AppVersion": described["appVersion"]},
    }
    texts = [_text(path.read_text(), data) for path in sorted((chart / "templates").glob("*.yaml"))]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def _merged(below: dict, above: dict) -> dict:
    both = below | above
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            both[name] = _merged(below[name], above[name])
    return both


def _text(template: str, data: dict) -> str:
    parts: list[str] = []
    position = 0
    for found in _ACTION.finditer(template):
        parts += [template[position : found.start()], f"\0{found[2] or found[4]}"]
        position = found.end()
    parts.append(template[position:])
    text, rest = _block(parts, data, {})
    if rest:
        raise ValueError("an end without its beginning")
    return text


def _block(parts: list[str], data: dict, names: dict) -> tuple[str, list[str]]:
    """What the parts say up to their `end`, and the parts after it."""
    out: list[str] = []
    while parts:
        part, parts = parts[0], parts[1:]
        if not part.startswith("\0"):
            out.append(part)
        elif part == "\0end":
            return "".join(out), [*parts, ""]
        elif part.startswith("\0if "):
            text, parts = _block(parts, data, names)
            out.append(text if _value(part[4:], data, names) else "")
        elif loop := re.fullmatch(r"\0range (\$\w+), (\$\w+) := (\S+)", part):
            rest = parts
            for key, value in sorted(_value(loop[3], data, names).items()):
                text, rest = _block(parts, data, names | {loop[1]: key, loop[2]: value})
                out.append(text)
            parts = rest
        else:
            out.append(str(_value(part[1:], data, names)))
    return "".join(out), []


def _value(expression: str, data: dict, names: dict) -> Any:
    first, *filters = re.split(r"\s*\|\s*", expression)
    if first.startswith("toYaml "):
        value: Any = yaml.safe_dump(_value(first[7:], data, names), sort_keys=True).rstrip()
    elif first.startswith("$"):
        value = names[first]
    elif re.fullmatch(r"(\.\w+)+", first):
        value = data
        for name in first[1:].split("."):
            value = value[name]
    else:
        raise ValueError(f"the renderer does not know {first}")
    for each in filters:
        if each == "quote":
            value = json.dumps(str(value))
        elif each.startswith("nindent "):
            value = "".join(f"\n{' ' * int(each[8:])}{line}" for line in value.splitlines())
        elif each.startswith("default "):
            value = value or _value(each[8:], data, names)
        else:
            raise ValueError(f"the renderer does not know {each}")
    return value
