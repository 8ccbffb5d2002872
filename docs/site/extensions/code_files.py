"""Files of the project that pages link to, as pages of their own: code, service files, folders."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from extensions.pam_lexer import PamLexer

_FOLDER = "files"


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Let links to files and folders lead to a page that shows them."""
    app.add_lexer("pam", PamLexer)
    # Before Sphinx collects what can be downloaded.
    app.connect("doctree-read", _show_files, priority=100)
    app.connect("env-merge-info", _merge)
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _linked(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return the files and folders that each page links to."""
    if not hasattr(env, "ualauth_linked_files"):
        env.ualauth_linked_files = {}  # type: ignore[attr-defined]
    found: dict[str, set[str]] = env.ualauth_linked_files  # type: ignore[attr-defined]
    return found


def _show_files(app: Sphinx, doctree: nodes.document) -> None:
    page = app.env.docname
    linked = _linked(app.env)[page] = set[str]()
    up = "../" * page.count("/")
    for node in list(doctree.findall(nodes.Element)):
        if not _leads_to_file(node):
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), node["reftarget"]))
        place = Path(app.srcdir) / path
        if not isinstance(node, addnodes.download_reference) and not place.is_dir():
            continue
        linked.add(path)
        if place.is_dir():
            linked.update(f"{path}/{each.name}" for each in files_in(place))
        target = f"{up}{_FOLDER}/{path}.html"
        node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=target))


def _leads_to_file(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.download_reference) or (
        isinstance(node, addnodes.pending_xref) and node.get("reftype") == "myst"
    )


def _merge(_app: Sphinx, env: BuildEnvironment, pages: list[str], other: BuildEnvironment) -> None:
    _linked(env).update({page: _linked(other)[page] for page in pages if page in _linked(other)})


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are shown."""
    return sorted(
        each for each in folder.iterdir() if each.is_file() and not each.name.startswith((".", "_"))
    )


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    for path in sorted(set[str]().union(*_linked(app.env).values())):
        file = Path(app.srcdir) / path
        shown = _listing(file) if file.is_dir() else _code(app, file)
        name = html.escape(path)
        context = {"title": path, "body": f"<h1><code>{name}</code></h1>{shown}"}
        yield f"{_FOLDER}/{path}", context, "page.html"


def _listing(folder: Path) -> str:
    items = (
        f'<li><a href="{folder.name}/{html.escape(each.name)}.html">'
        f"<code>{html.escape(each.name)}</code></a></li>"
        for each in files_in(folder)
    )
    return f"<ul>{''.join(items)}</ul>"


def _code(app: Sphinx, file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    highlighter = app.builder.highlighter  # type: ignore[attr-defined]
    highlighted: str = highlighter.highlight_block(text, _language(file), linenos="inline")
    return highlighted


def _language(file: Path) -> str:
    if {"pam.d", "stacks"} & set(file.parts):
        return "pam"
    try:
        return str(get_lexer_for_filename(file.name).aliases[0])
    except ClassNotFound:
        return "text"
