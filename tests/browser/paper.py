"""Printed pages: what Chromium puts on paper, read back as words with their places.

A test of a page that is meant for paper prints it and asserts

    pages = print_to_pages(page)
    assert faults(pages, page) == []
    assert len(pages) <= 6
"""

import html
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
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


def stranded_heads(pages: list[PrintedPage]) -> list[str]:
    """Heads of tables that stand below the last row of a page and again above the first row of the next."""
    return [
        f"page {before.number} ends with {before.lines[-height:]}"
        for before, after in pairwise(pages)
        for height in (1, 2, 3)
        if before.lines[-height:] == after.lines[:height]
    ]


def missing_heads(pages: list[PrintedPage], page: Page) -> list[str]:
    """Pages that begin with a row of a table of `page`, not with its head."""
    cells = page.locator("table.data tbody tr > :first-child").all_inner_texts()
    starts = {" ".join(cell.split()[:2]) for cell in cells if cell.strip()}
    return [
        f"page {printed.number} begins with {printed.lines[0]!r}"
        for printed in pages[1:]
        if any(printed.lines[0] == start or printed.lines[0].startswith(f"{start} ") for start in starts)
    ]


def faults(pages: list[PrintedPage], page: Page) -> list[str]:
    """Everything that is wrong with any printed page; `page` is the page in the browser that was printed."""
    return [*overlaps(pages), *sparse(pages), *stranded_heads(pages), *missing_heads(pages, page)]
