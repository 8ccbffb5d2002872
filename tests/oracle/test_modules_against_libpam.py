"""Our pam_listfile, pam_succeed_if, pam_debug, pam_permit and pam_deny against the machine's.

Each case is a stack of one module with ``[default=ok]``, so that libpam returns
what the module answered. Left out is where Linux-PAM 1.5 differs from its
present source, or is at fault: a CR within a line of a list; an `apply=` that is
not the last argument of pam_listfile, which 1.5 loses; and a user whose name is an
attribute's, which pam_succeed_if takes for the attribute.
"""

from __future__ import annotations

import ctypes
import grp
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.case import Case
from tests.oracle.libpam import run_case
from tests.seeds import SEED, rounds
from tests.unit.modules.conftest import FakeAttempt, run
from ualauth.codes import MODULE_TYPE, Flag, Operation, ReturnCode
from ualauth.module import Abort, Module
from ualauth.modules.pam_debug import PamDebug
from ualauth.modules.pam_deny import PamDeny
from ualauth.modules.pam_listfile import PamListfile
from ualauth.modules.pam_permit import PamPermit
from ualauth.modules.pam_succeed_if import PamSucceedIf

RANDOM_CASES = rounds(500)
FOLDERS = ("/lib/x86_64-linux-gnu/security", "/lib/security", "/usr/lib64/security")
MODULES: dict[str, type[Module[Any]]] = {
    "pam_debug": PamDebug,
    "pam_deny": PamDeny,
    "pam_listfile": PamListfile,
    "pam_permit": PamPermit,
    "pam_succeed_if": PamSucceedIf,
}
GROUPS = [*(entry.gr_name for entry in grp.getgrall() if entry.gr_mem), "root", "daemon", "nogroup"]
MEMBERS = sorted({member for entry in grp.getgrall() for member in entry.gr_mem})
# Addresses only: libpam looks names up, for the kernel's audit log.
HOSTS = ["192.0.2.7", "192.0.2.77", "2001:db8::1", "::1"]
USERS = [None, "", "root", "daemon", "nobody", "nosuchuser", "b:c", *MEMBERS[:2]]


def _folder() -> Path | None:
    """Return the folder of libpam's modules, or `None` if this machine has none."""
    try:
        ctypes.CDLL("libpam.so.0")
    except OSError:
        return None
    folders = [Path(name) for name in FOLDERS] + sorted(Path("/lib").glob("*/security"))
    return next((path for path in folders if (path / "pam_succeed_if.so").exists()), None)


FOLDER = _folder()

pytestmark = pytest.mark.servers


def libpam_answers(
    name: str,
    arguments: Any,
    operation: Operation,
    *,
    user: str | None,
    items: Mapping[str, str | None],
) -> tuple[str, tuple[str, ...]]:
    kind = MODULE_TYPE[operation].value
    words = " ".join(_quoted(argument) for argument in arguments)
    outcome = run_case(
        Case(
            files={"t": f"{kind} [default=ok] {FOLDER}/{name}.so {words}\n"},
            user=user,
            ops=((operation.method, 0),),
            items={item: value for item, value in items.items() if value is not None},
        ),
    )
    return outcome.results[-1][1].lower(), outcome.debug_trace[1:]


def we_answer(
    name: str,
    arguments: Any,
    operation: Operation,
    *,
    user: str | None,
    items: Mapping[str, str | None],
) -> tuple[str, tuple[str, ...]]:
    module = MODULES[name]
    options, _ = module.options_type.from_arguments(arguments)
    method = getattr(module(options), operation.method)
    told = []
    code = None
    passes = (Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK) if operation.method == "chauthtok" else (0,)
    for flags in passes:
        attempt = FakeAttempt(user, service="t", operation=operation, flags=flags)
        for item, value in items.items():
            setattr(attempt, item, value)
        try:
            code = run(method(attempt))
        except Abort as abort:
            code = abort.code
        told += [message.text for message in attempt.told]
        if code is not ReturnCode.SUCCESS:
            break
    return str(code), tuple(told)


def _quoted(argument: str) -> str:
    """Write an argument so that libpam reads just that (pam.conf(5))."""
    if argument.startswith("[") or " " in argument or not argument:
        return "[" + argument.replace("]", "\\]") + "]"
    return argument


def assert_same(
    name: str,
    arguments: Any,
    operation: Operation,
    *,
    user: str | None,
    items: Mapping[str, str | None],
) -> None:
    theirs = libpam_answers(name, arguments, operation, user=user, items=items)
    ours = we_answer(name, arguments, operation, user=user, items=items)
    assert ours == theirs, (
        f"{name} {arguments} {operation} user={user!r} {items}: UALAUTH_SEED={SEED}, "
        f"libpam {theirs}, ualauth {ours}"
    )


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the paths of list files of every kind."""
    folder = tmp_path_factory.mktemp("lists")
    entries = {
        "users": b"root\ndaemon\nnobody\n",
        "no_final_newline": b"daemon\nroot",
        "crlf": b"root\r\nnobody\r\n",
        "empty_lines": b"\n\n\nroot\n\r\n\nnobody\n",
        "spaces": b" root\nroot \n#root\nROOT\n",
        "empty": b"",
        "groups": "\n".join(GROUPS).encode() + b"\n",
        "one_group": b"nosuchgroup\ndaemon\n",
        "ttys": b"tty1\n/dev/tty2\n/dev/\n",
        "hosts": b"192.0.2.7\n::1\n",
        "shells": b"/bin/bash\n/bin/sh\n/usr/sbin/nologin\n",
        "nul": b"root\0x\nnobody\n",
        "world_writable": b"root\n",
        "utf8": "jürgen\n".encode(),
    }
    for name, content in entries.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    (folder / "world_writable").chmod(0o606)
    (folder / "link").symlink_to(folder / "users")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    names = [*entries, "link", "dangling", "loop", "folder", "fifo", "missing", "users/below"]
    return [*(str(folder / name) for name in names), f"{folder}/loop/x", "/dev/null", "/", ".", ""]


def _items(rng: random.Random) -> dict[str, str | None]:
    return {
        "ruser": rng.choice([None, "", "root", "nobody", "nosuchuser"]),
        "rhost": rng.choice([None, "", *HOSTS]),
        "tty": rng.choice([None, "", "tty1", "/dev/tty1", "/dev/tty2", "tty2", "/dev/", ":0"]),
    }


def _listfile_arguments(rng: random.Random, lists: list[str]) -> list[str]:
    likely = [
        f"item={rng.choice(['user', 'tty', 'rhost', 'ruser', 'group', 'shell'])}",
        f"sense={rng.choice(['allow', 'deny'])}",
        f"file={rng.choice(lists)}",
    ]
    extra = [
        "onerr=succeed",
        "onerr=fail",
        "quiet",
    ]
    apply = [f"apply={rng.choice(USERS[2:])}", f"apply=@{rng.choice([*GROUPS, 'nosuchgroup'])}"]
    apply += ["apply=", "apply=@"]
    rare = ["item=bad", "sense=bad", "onerr=bad", "one=1", "quiet=1", "word"]
    rare += ["onerr", "item=", "sense=", "onerr=", "=x", "file=.", "item=USER"]
    chosen = [argument for argument in likely if rng.random() < 0.95]
    chosen += [argument for argument in extra if rng.random() < 0.25]
    if rng.random() < 0.25:
        chosen.append(rng.choice(rare))
    rng.shuffle(chosen)
    if rng.random() < 0.4:
        chosen.append(rng.choices(apply, (8, 8, 1, 1))[0])
    return chosen


ATTRIBUTES = ["user", "login", "name", "uid", "gid", "shell", "home", "dir", "homedir", "ruser"]
ATTRIBUTES += ["rhost", "tty", "service", "UID", "User"]
NUMERIC = ["<", "lt", "<=", "le", ">", "gt", ">=", "ge", "eq", "ne", "LT"]
TEXTUAL = ["=", "!=", "=~", "!~", "glob", "noglob", "in", "notin", "Glob"]
MEMBERSHIP = ["ingroup", "notingroup", "innetgr", "notinnetgr"]
NUMBERS = ["0", "1", "01", "010", "08", "0x1", "0X0", "0x", "-1", "+1", "1000", "65534", "9" * 19]
NUMBERS += ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "x", "1x", ""]
NUMBERS += [" 1", "1 ", "0xfffe", "0177776", "--1", "-0x1", "-", "+"]
TEXTS = ["root", "t", "/bin/bash", "/root", "", "tty1", "192.0.2.7", "/usr/sbin/nologin"]
GLOBS = ["*", "r*", "?oot", "[a-r]oot", "[!a]*", "[^a]*", "ro\\ot", "[[:alpha:]]*", "/bin/*sh"]
GLOBS += ["*/nologin", "[", "roo[", "192.0.2.*", "192.0.2.?", "", "n[n-p]body", "[]r]*"]
LISTS = ["root:daemon", ":root", "root:", "xroot:root", "rootx:root", "", ":", "a:b:c", "b", "::"]
LISTS += ["2001:db8::1", "x:2001:db8::1:y", "ab:c:b:c", "t:u", "T", "/bin/sh:/bin/bash"]


def _condition(rng: random.Random) -> list[str]:
    kind = rng.random()
    if kind < 0.35:
        attribute = rng.choice(["uid", "gid"]) if rng.random() < 0.8 else rng.choice(ATTRIBUTES)
        return [attribute, rng.choice(NUMERIC), rng.choice(NUMBERS)]
    attribute = rng.choice(ATTRIBUTES)
    if kind < 0.8:
        qualifier = rng.choice(TEXTUAL)
        values = GLOBS if "~" in qualifier or "glob" in qualifier.lower() else TEXTS
        return [attribute, qualifier, rng.choice(LISTS if "in" in qualifier else values)]
    if kind < 0.95:
        groups = rng.sample([*GROUPS, "nosuchgroup", ""], 2)
        return [attribute, rng.choice(MEMBERSHIP), ":".join(groups[: rng.randint(1, 2)])]
    return [rng.choice(["bogus", "uid"]), rng.choice(["~", "=", "==", "is"]), "0"]


def _succeed_if_arguments(rng: random.Random) -> list[str]:
    words = [word for _ in range(rng.choice([0, 1, 1, 1, 2, 3])) for word in _condition(rng)]
    if words and rng.random() < 0.1:
        words.pop(rng.randrange(len(words)))
    for word in ("debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit"):
        if rng.random() < 0.1:
            words.insert(rng.randint(0, len(words)), word)
    return words


def test_listfile_answers_as_libpam_does(lists: list[str]) -> None:
    rng = random.Random(SEED)
    for _ in range(RANDOM_CASES):
        arguments = _listfile_arguments(rng, lists)
        operation = rng.choice([*Operation, Operation.AUTHENTICATE])
        user, items = rng.choice(USERS), _items(rng)
        assert_same("pam_listfile", arguments, operation, user=user, items=items)


@pytest.mark.parametrize("item", ["user", "tty", "rhost", "ruser", "group", "shell"])
@pytest.mark.parametrize("sense", ["allow", "deny"])
@pytest.mark.parametrize("onerr", ["succeed", "fail"])
def test_listfile_reads_every_file_as_libpam_does(
    lists: list[str], item: Any, sense: str, onerr: str
) -> None:
    items = {"ruser": "root", "rhost": "192.0.2.7", "tty": "/dev/tty2"}
    for file in lists:
        arguments = [f"item={item}", f"sense={sense}", f"onerr={onerr}", f"file={file}"]
        assert_same("pam_listfile", arguments, Operation.AUTHENTICATE, user="root", items=items)


def test_succeed_if_answers_as_libpam_does() -> None:
    rng = random.Random(SEED)
    for _ in range(RANDOM_CASES):
        arguments = _succeed_if_arguments(rng)
        operation = rng.choice([*Operation, Operation.AUTHENTICATE])
        user, items = rng.choice(USERS), _items(rng)
        assert_same("pam_succeed_if", arguments, operation, user=user, items=items)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("comparison", ["eq", "lt"])
def test_succeed_if_reads_numbers_as_libpam_does(number: str, comparison: str) -> None:
    arguments = ["uid", comparison, number]
    for user in ("root", "daemon", "nobody"):
        assert_same("pam_succeed_if", arguments, Operation.AUTHENTICATE, user=user, items={})


@pytest.mark.parametrize("pattern", GLOBS)
def test_succeed_if_matches_patterns_as_libpam_does(pattern: str) -> None:
    for user in ("root", "nobody", "[", "]", "\\"):
        arguments = ["user", "=~", pattern]
        assert_same("pam_succeed_if", arguments, Operation.AUTHENTICATE, user=user, items={})


@pytest.mark.parametrize("listing", LISTS)
@pytest.mark.parametrize("attribute", ["user", "tty"])
def test_succeed_if_reads_lists_as_libpam_does(listing: str, attribute: str) -> None:
    for value in ("root", "b", "b:c", "a:a:", "", "2001:db8::1", "::"):
        for text in (listing, "a:a:a:"):
            arguments = [attribute, "in", text]
            items = {"tty": value}
            assert_same("pam_succeed_if", arguments, Operation.ACCT_MGMT, user=value, items=items)


@pytest.mark.parametrize("name", ["pam_debug", "pam_permit", "pam_deny"])
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("user", [None, "", "root"])
def test_small_modules_answer_as_libpam_does(
    name: str, operation: Operation, user: str | None
) -> None:
    keys = ["auth", "cred", "acct", "prechauthtok", "chauthtok", "open_session", "close_session"]
    for arguments in (
        [],
        ["word"],
        ["bad=auth_err"],
        *([f"{key}={code}"] for key in keys for code in ReturnCode),
        *([f"{key}=auth_err", f"{key}=ignore"] for key in keys),
        *([f"{key}=bogus", f"{key}=ignore"] for key in keys),
        *([f"{key}=", key, f"{key}=ignore"] for key in keys),
        *([key, f"{key}=ignore"] for key in keys),
        *([f"{key}=AUTH_ERR"] for key in keys),
    ):
        assert_same(name, arguments, operation, user=user, items={})
