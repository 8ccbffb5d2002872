"""The order of pages, in the site's navigation: that of the links in the pages that open a part.

A part is opened by the README.md of a folder, or by a page whose name is that of a folder
(modules.md of modules/): the pages of that folder follow it, as it links to them. The project's
README.md opens all that it links to.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from sphinx.application import Sphinx

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)#\s]+\.md)(?:#[^)\s]*)?\)")
START = "README"
MORE = {"CONTRIBUTING": ["docs"], "docs/module-authors/README": ["examples"]}
"""What some pages open besides the folder of their name."""

Read = Callable[[str], str]


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Append a part's pages to the page that opens it."""
    app.connect("source-read", _append_toctree)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _append_toctree(app: Sphinx, name: str, source: list[str]) -> None:
    def read(page: str) -> str:
        return app.env.doc2path(page).read_text(encoding="utf-8")

    following = parts(sorted(app.env.found_docs), read).get(name)
    if following:
        entries = "\n".join(f"/{each}" for each in following)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{entries}\n```\n"


def parts(pages: list[str], read: Read) -> Mapping[str, list[str]]:
    """Return the pages that follow each page that opens a part, all without `.md`.

    Raises:
        LookupError: if a page follows no other.

    """
    left = set(pages) - {START}
    found = {START: [each for each in linked(START, read) if each in left]}
    left -= set(found[START])
    for page in pages:
        found[page] = found.get(page) or [
            each for each in linked(page, read) if each in left and opens(page, each)
        ]
        left -= set(found[page])
    if left:
        raise LookupError(f"no page that opens a part links to {', '.join(sorted(left))}")
    return {page: following for page, following in found.items() if following}


def linked(page: str, read: Read) -> Iterator[str]:
    """Yield the pages that a page links to, each once."""
    seen = {page}
    for match in _LINK.finditer(read(page)):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), match["target"]))
        target = path.removesuffix(".md")
        if target not in seen:
            seen.add(target)
            yield target


def opens(page: str, other: str) -> bool:
    """Return whether a page opens the part in which another is."""
    folders = (page.removesuffix("/README"), *MORE.get(page, ()))
    rests = [other.removeprefix(f"{folder}/").removesuffix("/README") for folder in folders]
    return any(rest != other and "/" not in rest for rest in rests)
