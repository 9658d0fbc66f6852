"""Serves the one script that the installed plotly package ships, hashed and compressed like our own static files."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage


class PlotlyFinder(BaseFinder):
    """Finds `plotly/plotly.min.js`."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        spec = find_spec("plotly")  # importing plotly is slow
        if spec is None or spec.origin is None:
            raise RuntimeError("plotly is not installed")
        self.storage = FileSystemStorage(location=Path(spec.origin).parent / "package_data")
        self.storage.prefix = "plotly"  # type: ignore[attr-defined] # collectstatic reads it

    def find(self, path: str, find_all: bool = False, **_kwargs: object) -> Any:
        paths = [self.storage.path("plotly.min.js")] if path == "plotly/plotly.min.js" else []
        return paths if find_all else (paths[0] if paths else [])

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        yield "plotly.min.js", self.storage
