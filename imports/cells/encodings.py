"""Encodings of text files: which ones fit the bytes of a file, with a word that shows whether they are right."""

import codecs
import re
from dataclasses import dataclass

ENCODINGS = {
    "utf-8": "UTF-8",
    "windows-1252": "Windows-1252",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
_SAMPLE = 1 << 20  # bytes that are examined
_WORDS = re.compile(r"\w*[^\x00-\x7f]\w*(?: \w*[^\x00-\x7f]\w*)*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoding that fits, and the first words with letters beyond ASCII as it reads them; "" when there are none."""

    encoding: str
    sample: str


def candidates(data: bytes) -> list[Candidate]:
    """The encodings other than UTF-8 that fit the beginning of a file, the likeliest first; none for one that is UTF-8."""
    data = data[:_SAMPLE]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _fitting(data, ["utf-16"])
    if data[:200].count(0) * 3 > len(data[:200]):
        return _fitting(data, ["utf-16-le" if data[1:200:2].count(0) >= data[0:200:2].count(0) else "utf-16-be"])
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _fitting(data, ["windows-1252"])
    return []


def _fitting(data: bytes, encodings: list[str]) -> list[Candidate]:
    fitting = []
    for encoding in encodings:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data)
        except UnicodeDecodeError:
            continue
        match = _WORDS.search(text.replace("\ufeff", ""))
        fitting.append(Candidate(encoding, match[0][:60] if match else ""))
    return fitting
