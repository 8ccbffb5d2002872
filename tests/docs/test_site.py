"""The site of the documents: its order, its reference, and what it takes from other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.conftest import Demonstration
from tests.docs.pages import PAGES, ROOT, links, name_of, table
from tests.docs.terminal import PICTURE, drawn
from ualauth.userlist.database.revision import REVISION

SITE = ROOT / "docs" / "site"
API = ROOT / "docs" / "api"
_AUTOMODULE = re.compile(r"^\.\. automodule:: (\S+)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SITE))


def test_every_page_has_one_place_in_the_order() -> None:
    pytest.importorskip("sphinx", exc_type=ImportError)
    from extensions.reading_order import START, parts

    names = sorted(name_of(page).removesuffix(".md") for page in {*PAGES, *ROOT.glob("*.md")})
    order = parts(names, lambda name: (ROOT / f"{name}.md").read_text(encoding="utf-8"))
    placed = [each for following in order.values() for each in following]
    assert sorted([START, *placed]) == names
    with pytest.raises(LookupError, match="links to b"):
        parts([START, "a", "b"], {START: "[a](a.md)", "a": "", "b": ""}.__getitem__)


def test_examples_in_docstrings_are_marked() -> None:
    pytest.importorskip("sphinx", exc_type=ImportError)
    from extensions.docstrings import marked

    lines = ["Do it.", "", "    example()", "", "    more()", "", "Args:", "", "    a: b"]
    assert list(marked(lines)) == [*lines[:2], "::", "", *lines[2:]]


def test_what_a_page_would_load_from_elsewhere_is_found() -> None:
    pytest.importorskip("sphinx", exc_type=ImportError)
    from extensions.offline import loaded_from_elsewhere

    bad = [
        '<script src="https://x/y.js"></script>',
        '<link rel="stylesheet" href="//x/y.css">',
        '<img alt="" src="http://x/y.png">',
        'body { background: url("https://x/y") }',
        '@import "https://x/y.css";',
    ]
    assert [bool(list(loaded_from_elsewhere(text))) for text in bad] == [True] * len(bad)
    good = '<a href="https://x/">x</a><link rel="stylesheet" href="../y.css"><img src="y.png">'
    assert not list(loaded_from_elsewhere(good))


def public_modules() -> Iterator[str]:
    rows = table(ROOT / "docs" / "applications" / "public.md", "import path", "for", "is")
    for row in rows:
        path = row[0].strip("`")
        yield path.removesuffix(".*")
        if path.endswith(".*"):
            folder = ROOT.joinpath(*path.removesuffix(".*").split("."))
            for file in folder.rglob("*.py"):
                parts = file.relative_to(ROOT).with_suffix("").parts
                if not any(part.startswith("_") and part != "__init__" for part in parts):
                    yield ".".join(part for part in parts if part != "__init__")


def test_the_reference_has_every_public_module() -> None:
    modules = [
        module
        for page in API.glob("*.md")
        for module in _AUTOMODULE.findall(page.read_text(encoding="utf-8"))
    ]
    assert sorted(modules) == sorted(set(public_modules()))


def test_every_decision_is_listed_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    rows = table(folder / "README.md", "number", "decision")
    listed = {links_of(row[0]): row[1] for row in rows}
    titles = {}
    for file in folder.glob("[0-9]*.md"):
        heading = file.read_text(encoding="utf-8").partition("\n")[0]
        titles[file.name] = re.sub(r"^# \d{4}:? ", "", heading)
    assert listed == titles
    assert list(listed) == sorted(listed)


def links_of(cell: str) -> str:
    match = re.fullmatch(r"\[\d{4}\]\((\S+)\)", cell)
    assert match is not None
    return match[1]


@pytest.mark.slow
def test_the_terminal_is_that_of_a_real_login(demonstration: Demonstration, tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(demonstration.folder)
    drawing = drawn(tmp_path / "demo")
    assert drawing == PICTURE.read_text(encoding="utf-8"), (
        "run: .venv/bin/python -m tests.docs.terminal"
    )


def test_the_page_has_the_number_of_the_tables() -> None:
    page = (ROOT / "docs" / "administrators" / "userlist.md").read_text(encoding="utf-8")
    assert re.findall(r"`alembic_version`, now `(\d+)`", page) == [REVISION]


def test_readers_have_a_path_each() -> None:
    start = links(ROOT / "README.md")
    for path in (
        "docs/administrators/README.md",
        "docs/applications/README.md",
        "docs/module-authors/README.md",
        "CONTRIBUTING.md",
    ):
        assert path in start
