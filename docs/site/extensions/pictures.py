"""Mermaid pictures, drawn when the site is built: pages need no script and no network for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

import mmdr
from docutils import nodes
from sphinx.application import Sphinx

_KINDS = {"flowchart": "flow chart", "sequenceDiagram": "sequence diagram"}


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Draw the blocks of the language `mermaid`."""
    app.connect("doctree-read", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _draw(_app: Sphinx, doctree: nodes.document) -> None:
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            picture = svg(block.astext())
            html = f'<figure class="picture" tabindex="0">{picture}</figure>'
            block.replace_self(nodes.raw("", html, format="html"))


def svg(source: str) -> str:
    """Return a picture as SVG, whose identifiers occur in no other picture of a page."""
    drawn = mmdr.render(source).svg()
    own = f"picture-{sha256(source.encode()).hexdigest()[:8]}"
    kind = _KINDS[source.split(maxsplit=1)[0]]
    renamed = re.sub(r"\bmerman\b", own, drawn)
    # In a narrow window it is scrolled rather than read with a glass.
    width = re.search(r"max-width: ?(?P<pixels>[\d.]+)px", renamed)
    if width is not None:
        least = float(width["pixels"]) * 0.55
        renamed = renamed.replace(width[0], f"{width[0]};min-width:{least:.0f}px", 1)
    return renamed.replace("<svg ", f'<svg aria-label="{kind}" ', 1)
