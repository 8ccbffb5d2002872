"""Names in service files, and the modules that they mean."""

from __future__ import annotations

import importlib.util
import marshal
import os
import shutil
import sys
import textwrap
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ualauth.errors import ModuleUnavailable, UnsteadyFile
from ualauth.module import Module
from ualauth.modules.pam_permit import PamPermit
from ualauth.sources import opening, watched
from ualauth.sources.watched import wait_for
from ualauth.stack import registry as registry_file
from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import LINUX_PAM
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.registry import BUILT_IN, GROUP, ModuleRegistry, plain_name

SOURCE = """
from dataclasses import dataclass
from ualauth.codes import ReturnCode
from ualauth.module import Module

@dataclass(frozen=True, kw_only=True)
class Options:
    pass

class Vacation(Module[Options]):
    '''Refuse people who are on vacation.'''

    options_type = Options

    async def authenticate(self, attempt):
        return ReturnCode.SUCCESS
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a Python file into a folder of modules."""

    def run(name: str = "vacation.py", text: str = SOURCE, folder: str = "modules") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return run


def refused(registry: ModuleRegistry, name: str) -> str:
    """Return why a module cannot be had."""
    with pytest.raises(ModuleUnavailable) as raised:
        registry.find(name)
    return str(raised.value)


@pytest.mark.parametrize(
    "written",
    [
        "pam_permit",
        "pam_permit.so",
        "/lib/security/pam_permit.so",
        "/lib/x86_64-linux-gnu/security/pam_permit.so",
        "security/pam_permit",
        "./pam_permit.so",
        "pam_permit.py",
    ],
)
def test_a_supplied_module_has_many_names(written: str) -> None:
    assert ModuleRegistry().find(written) is PamPermit


@pytest.mark.parametrize("written", ["PAM_PERMIT", "pam_permit.so.1", "pam_permi", "pam_permit "])
def test_a_name_is_exact(written: str) -> None:
    assert refused(ModuleRegistry(), written).startswith("there is no module ")


def test_all_supplied_modules_can_be_found() -> None:
    registry = ModuleRegistry()

    names = registry.names()
    assert {"om_auth", "pam_debug", "pam_deny", "pam_permit"} <= set(names)
    assert names == sorted(names)
    for name in names:
        assert issubclass(registry.find(name), Module)


def test_a_misspelt_name_is_recognized() -> None:
    assert "did you mean 'pam_permit'?" in refused(ModuleRegistry(), "pam_premit")


def test_a_file_in_a_folder_is_a_module(write: Write) -> None:
    path = write()
    registry = ModuleRegistry([str(path.parent)])

    module = registry.find("vacation")

    assert module.__name__ == "Vacation"
    assert registry.find("vacation.so") is module
    assert "vacation" in registry.names()


def test_a_file_by_its_path_is_a_module(write: Write) -> None:
    path = write()
    registry = ModuleRegistry()

    assert registry.find(str(path)).__name__ == "Vacation"
    assert "vacation" not in registry.names()


def test_two_files_of_one_name_are_two_modules(write: Write) -> None:
    first, second = write(), write(folder="others", text=SOURCE.replace("Vacation", "Holiday"))
    registry = ModuleRegistry()

    assert registry.find(str(first)).__name__ == "Vacation"
    assert registry.find(str(second)).__name__ == "Holiday"
    assert registry.find(str(first)).__name__ == "Vacation"


def test_a_relative_path_is_no_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.chdir(path.parent)

    assert "there is no module" in refused(ModuleRegistry(), "./vacation.py")


def test_a_private_file_is_no_module(write: Write) -> None:
    path = write("_vacation.py")

    assert "there is no module" in refused(ModuleRegistry([str(path.parent)]), "_vacation")


def test_a_folder_that_is_not_there_has_no_modules(tmp_path: Path) -> None:
    registry = ModuleRegistry([str(tmp_path / "nowhere")])

    assert registry.find("pam_permit") is PamPermit


def test_a_name_that_is_claimed_twice_is_refused(write: Write) -> None:
    supplied = write("pam_permit.py")
    first, second = write(), write(folder="others")
    registry = ModuleRegistry([str(first.parent), str(second.parent)])

    text = refused(registry, "pam_permit.so")
    assert text == (
        f"module 'pam_permit' is claimed by {supplied}, "
        "ualauth.modules.pam_permit:PamPermit; remove all but one"
    )
    text = refused(registry, "vacation")
    assert f"claimed by {first}, {second}" in text
    # By its path each is clear.
    assert registry.find(str(first)).__name__ == "Vacation"
    assert registry.find("pam_deny").__name__ == "PamDeny"


def test_the_table_says_what_is_registered() -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups[GROUP] == BUILT_IN


def test_a_distribution_adds_names_and_takes_none_of_ours(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write("distributed_vacation.py", folder="site").parent
    about = folder / "vacation-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vacation\nVersion: 1.0\n")
    place = "distributed_vacation:Vacation"
    (about / "entry_points.txt").write_text(
        f"[{GROUP}]\nout_of_office = distributed_vacation : Vacation [extra]\n"
        f"pam_permit = {place}\nmissing = not_there:Module [extra]\n"
        "no_class = distributed_vacation\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    registry_file._added.cache_clear()
    try:
        modules = ModuleRegistry()
        assert modules.find("out_of_office").__name__ == "Vacation"
        assert modules.find("pam_permit") is PamPermit
        assert f"module pam_permit is ualauth's own; {place} is passed over" in caplog.text
        assert {"out_of_office", "pam_permit", "om_auth"} <= set(modules.names())
        assert "try pip install 'ualauth[extra]'" in refused(modules, "missing")
        assert "is no subclass" in refused(modules, "no_class")
        file = write("out_of_office.py")
        text = refused(ModuleRegistry([str(file.parent)]), "out_of_office")
        assert f"claimed by {file}, distributed_vacation" in text
    finally:
        registry_file._added.cache_clear()
        sys.modules.pop("distributed_vacation", None)


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_that_every_account_may_write_to_is_refused(mode: int, write: Write) -> None:
    path = write(text="raise SystemExit('it was run')")
    path.chmod(mode)

    assert "every user may write to it" in refused(ModuleRegistry(), str(path))
    assert "every user may write to it" in refused(ModuleRegistry([str(path.parent)]), "vacation")


def test_a_file_in_a_folder_that_every_user_may_write_to_is_refused(write: Write) -> None:
    path = write(text="raise SystemExit('it was run')")
    path.parent.chmod(0o777)

    assert f"is in {path.parent}, which can be written" in refused(ModuleRegistry(), str(path))


def test_byte_code_beside_a_file_is_neither_used_nor_written(write: Write) -> None:
    path = write()
    planted = compile("raise SystemExit('it was run')", str(path), "exec")
    cached = Path(importlib.util.cache_from_source(str(path)))
    cached.parent.mkdir(mode=0o777)
    # Unchecked: it counts whatever the source is (PEP 552).
    data = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + b"12345678" + marshal.dumps(planted)
    cached.write_bytes(data)

    assert ModuleRegistry().find(str(path)).__name__ == "Vacation"
    assert ModuleRegistry([str(path.parent)]).find("vacation").__name__ == "Vacation"
    assert cached.read_bytes() == data
    shutil.rmtree(cached.parent)
    ModuleRegistry().find(str(path))
    assert not cached.parent.exists()


def test_the_bytes_that_were_looked_at_are_those_that_run(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    real = opening.is_public

    def exchanged(status: os.stat_result) -> bool:
        path.write_text("raise SystemExit('it was run')")
        return real(status)

    monkeypatch.setattr(opening, "is_public", exchanged)
    assert ModuleRegistry().find(str(path)).__name__ == "Vacation"


def test_the_encoding_that_a_file_names_counts(write: Write) -> None:
    path = write()
    text = f"# -*- coding: latin-1 -*-\n{SOURCE}\nVacation.place = 'caf\xe9'\n"
    path.write_bytes(text.encode("latin-1"))

    module: Any = ModuleRegistry().find(str(path))
    assert module.place == "café"


def test_a_file_that_is_being_written_is_not_run(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "FIRST", 0.25)
    path = write()
    registry = ModuleRegistry()
    with pytest.raises(UnsteadyFile):
        registry.find(str(path))
    assert wait_for(lambda: registry.find(str(path))).__name__ == "Vacation"


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("folder", "pipe"):
        assert "no regular file" in refused(ModuleRegistry(), f"{tmp_path}/{name}.py")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(ModuleRegistry(), f"{tmp_path}/nowhere.py")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def f(:\n", "SyntaxError"),
        ("raise ValueError('broken')\n", "ValueError: broken"),
        ("import sys; sys.exit(0)\n", "SystemExit: 0"),
        ("", "it defines 0 modules instead of one"),
        ("from ualauth.modules.pam_permit import PamPermit\n", "it defines 0 modules"),
        (SOURCE + "class Second(Vacation):\n    pass\n", "it defines 2 modules instead of one"),
        (SOURCE.replace("    options_type = Options\n", ""), "has no options_type"),
        ("\0", "cannot be loaded"),
    ],
)
def test_a_file_that_is_no_module_is_refused_with_the_reason(
    text: str,
    reason: str,
    write: Write,
) -> None:
    path = write(text=text)
    before = set(sys.modules)

    assert reason in refused(ModuleRegistry(), str(path))
    assert str(path) in refused(ModuleRegistry([str(path.parent)]), "vacation")
    left = {name for name in set(sys.modules) - before if name.startswith("ualauth_module")}
    assert left == set() or "has no options_type" in reason or "defines" in reason


def test_a_file_that_was_mended_is_found(write: Write) -> None:
    path = write(text="raise ValueError\n")
    registry = ModuleRegistry()
    refused(registry, str(path))
    # Another size and time, so that no cached byte code is taken for it.
    write(text=SOURCE)
    os.utime(path, ns=(10**18, 10**18))

    assert registry.find(str(path)).__name__ == "Vacation"


def test_only_allowed_modules_are_found(write: Write) -> None:
    path = write()
    registry = ModuleRegistry([str(path.parent)], ["pam_permit.so", "vacation"])

    assert registry.names() == ["pam_permit", "vacation"]
    assert registry.find("/lib/security/pam_permit.so") is PamPermit
    assert registry.find("vacation").__name__ == "Vacation"
    assert refused(registry, "pam_deny") == "module 'pam_deny' is not among [modules] allow"
    assert "not among [modules] allow" in refused(registry, str(write("other.py")))


@pytest.mark.parametrize(
    ("written", "plain"),
    [("a", "a"), ("a.so", "a"), ("a.py", "a"), ("/x/a.so", "a"), ("a.so.so", "a.so"), ("", "")],
)
def test_a_plain_name(written: str, plain: str) -> None:
    assert plain_name(written) == plain


def test_a_file_whose_name_is_no_utf_8_does_not_harm_a_service(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.py"
    Path(os.fsdecode(path)).write_text(SOURCE)
    (tmp_path / "test").write_bytes(b"auth required " + path + b"\n")

    registry = ModuleRegistry()
    service = compile_service("test", ServiceFolder(tmp_path), registry.find, LINUX_PAM)

    for problem in service.problems:
        str(problem).encode()


def test_many_threads_find_one_class(write: Write) -> None:
    path = write()
    registry = ModuleRegistry()
    classes: list[type] = []
    threads = [
        threading.Thread(target=lambda: classes.append(registry.find(str(path)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(classes) == 8
    assert len(set(classes)) == 1


def test_an_allowed_name_does_not_allow_a_file_of_that_name(write: Write) -> None:
    path = str(write("om_auth.py"))
    assert "not among [modules] allow" in refused(ModuleRegistry(allow=["om_auth"]), path)
    assert ModuleRegistry(allow=[path]).find(path)
