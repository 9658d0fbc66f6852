"""Printed pages: what Chromium puts on paper, read back as words with their places.

pages = print_to_pages(page)              # A4 portrait, as the browser's print dialog makes it
assert overlaps(pages) == []       # no word lies on another
assert sparse(pages) == []           # no page with fewer than four lines
assert len(pages) <= 6
assert pages[1].lines[0].startswith("Client Product")  # a table's head is repeated
"""

import html
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', re.DOTALL)
WORD = re.compile(
    r'<word xMin="(-?[\d.]+)" yMin="(-?[\d.]+)" xMax="(-?[\d.]+)" yMax="(-?[\d.]+)">(.*?)</word>', re.DOTALL
)


@dataclass(frozen=True)
class Word:
    """A word and its box in PDF points (1/72 inch), measured from the top left corner of the page."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        """Height of the middle of the box."""
        return (self.top + self.bottom) / 2

    def covers(self, other: "Word") -> bool:
        """Whether the boxes share more than the air around their glyphs: one point of width, a quarter of the smaller height."""
        deep = min(self.bottom, other.bottom) - max(self.top, other.top)
        wide = min(self.right, other.right) - max(self.left, other.left)
        return wide > 1 and deep > min(self.bottom - self.top, other.bottom - other.top) / 4


@dataclass(frozen=True)
class PrintedPage:
    """One printed page: its number from 1, its size in points, its words in the order of the file."""

    number: int
    width: float
    height: float
    words: tuple[Word, ...]

    @cached_property
    def lines(self) -> list[str]:
        """The texts of the lines from top to bottom; words whose middles are less than half a word apart share a line."""
        rows: list[list[Word]] = []
        for word in sorted(self.words, key=lambda word: word.middle):
            first = rows[-1][0] if rows else None
            if first and word.middle - first.middle < min(first.bottom - first.top, word.bottom - word.top) / 2:
                rows[-1].append(word)
            else:
                rows.append([word])
        return [" ".join(word.text for word in sorted(row, key=lambda word: word.left)) for row in rows]


def print_to_pages(page: Page, pdf: Path | None = None, **options: Any) -> list[PrintedPage]:
    """Print a page to PDF and read it back. `options` are those of Playwright's `page.pdf`; `pdf` is where to save the file."""
    content = page.pdf(**{"format": "A4", "print_background": False} | options)
    if pdf:
        pdf.write_bytes(content)
    program = shutil.which("pdftotext")
    assert program, "make test installs poppler-utils"
    answer = subprocess.run([program, "-bbox", "-", "-"], input=content, capture_output=True, check=True, timeout=60)
    return [
        PrintedPage(number, float(width), float(height), tuple(_word(*box) for box in WORD.findall(words)))
        for number, (width, height, words) in enumerate(PAGE.findall(answer.stdout.decode()), 1)
    ]


def _word(left: str, top: str, right: str, bottom: str, text: str) -> Word:
    return Word(html.unescape(text), float(left), float(top), float(right), float(bottom))


def overlaps(pages: list[PrintedPage]) -> list[str]:
    """Pairs of words that lie on one another, and words over the edge of the paper, as sentences for a failing test."""
    problems = []
    for printed in pages:
        words = sorted(printed.words, key=lambda word: word.top)
        for index, word in enumerate(words):
            if word.left < 0 or word.top < 0 or word.right > printed.width or word.bottom > printed.height:
                problems.append(f"page {printed.number}: {word.text!r} leaves the paper")
            for other in words[index + 1 :]:
                if other.top >= word.bottom:
                    break
                if word.covers(other):
                    problems.append(f"page {printed.number}: {word.text!r} and {other.text!r} overlap")
    return problems


def sparse(pages: list[PrintedPage], least: int = 4) -> list[str]:
    """Pages with fewer than `least` lines, head of a table included, with what stands on them."""
    return [f"page {printed.number}: {printed.lines}" for printed in pages if len(printed.lines) < least]
