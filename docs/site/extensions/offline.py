"""The site needs no network: the build fails if a page would load anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source|image)\b[^>]*?\b(?:src|href)=[\"'](?:https?:)?//[^>]*"
    r"|<link\b(?=[^>]*\brel=[\"'](?:stylesheet|icon|preload|preconnect))"
    r"[^>]*?\bhref=[\"'](?:https?:)?//[^>]*"
    r"|\burl\([\"']?(?:https?:)?//[^)]*"
    r"|@import\s+[\"'](?:https?:)?//[^\"']*",
    re.IGNORECASE,
)


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Look through the site once it is written."""
    app.connect("build-finished", _look)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _look(app: Sphinx, fault: Exception | None) -> None:
    if fault is not None:
        return
    found = [
        f"{file.relative_to(app.outdir)}: {text}"
        for file in sorted(Path(app.outdir).rglob("*"))
        if file.suffix in {".html", ".css", ".svg"}
        for text in loaded_from_elsewhere(file.read_text(encoding="utf-8"))
    ]
    if found:
        raise SphinxError("loaded from elsewhere:\n" + "\n".join(found))


def loaded_from_elsewhere(text: str) -> Iterator[str]:
    """Yield what a page or style sheet would load from another host."""
    return (match[0] for match in _ELSEWHERE.finditer(text))
