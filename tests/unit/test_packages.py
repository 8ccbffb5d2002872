"""What is shipped: the files of the sdist and the wheel, and what the wheel's texts point to."""

from __future__ import annotations

import ast
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.docs.pages import ROOT, links

EXPECTED = re.compile(
    r"ualauth/(?:[a-z0-9_]+/)*[a-z0-9_]+\.py|ualauth/py\.typed"
    r"|stacks/(?:(?:audit|examples|fail2ban/(?:filter|jail)\.d|monitoring|systemd)/)?[a-z0-9.-]+"
    r"|docs/(?:[a-z-]+/)*[\w.-]+\.(?:md|svg|py|css|html)"
    r"|examples/(?:own_module/(?:modules/|pam\.d/)?)?[\w.]+"
    r"|(?:README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|pyproject\.toml|PKG-INFO"
    # Which files there are is read from it, when a wheel is made from the sdist.
    r"|\.gitignore"
)
ONLY_IN_THE_REPOSITORY = re.compile(r"\b(?:docs|tests|scripts)/\w|\.md\b|\bMakefile\b")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("sdist")))
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = str(tmp_path_factory.mktemp("wheel"))
    (path,) = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def modules() -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / "ualauth").rglob("*.py")}


def test_the_sdist_has_what_it_should_and_nothing_else(sdist: set[str]) -> None:
    assert sorted(name for name in sdist if not EXPECTED.fullmatch(name)) == []
    assert modules() <= sdist


def test_what_the_readme_links_to_is_in_the_sdist(sdist: set[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert pictures
    targets = [each.partition("#")[0] for each in links(ROOT / "README.md") if ":" not in each]
    for target in targets + pictures:
        assert target in sdist or any(name.startswith(f"{target}/") for name in sdist), target


def test_the_wheel_has_the_package_and_the_service_files(wheel: set[str]) -> None:
    own = {name for name in wheel if ".dist-info/" not in name}
    shipped = {
        f"ualauth/shipped/{path.relative_to(ROOT / 'stacks')}"
        for path in (ROOT / "stacks").rglob("*")
        if path.is_file()
    }
    assert own == modules() | shipped | {"ualauth/py.typed"}


def texts(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("folder", ["ualauth", "stacks"])
def test_no_text_points_to_a_file_that_a_wheel_does_not_have(folder: str) -> None:
    references = [
        (str(file.relative_to(ROOT)), line, text)
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
        for line, text in (
            texts(file)
            if file.suffix == ".py"
            else enumerate(file.read_text(encoding="utf-8").split("\n"), 1)
        )
        if ONLY_IN_THE_REPOSITORY.search(text)
    ]
    assert not references
