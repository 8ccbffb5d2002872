"""Our engine against libpam: measured vectors, and random cases on the machine's own."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import libpam, ours
from tests.oracle.case import FOLDER, Case, Outcome
from tests.oracle.fuzz import Fuzzer, say
from tests.oracle.generator import random_case
from tests.seeds import SEED, rounds
from ualauth.stack.dialect import DEBIAN, LINUX_PAM

CASES = rounds(2000)
VECTORS = json.loads(Path(__file__).with_name("libpam.json").read_text(encoding="utf-8"))["cases"]
# Upstream has no @include; we take it in every dialect, unless told not to.
UPSTREAM = dataclasses.replace(LINUX_PAM, at_include=False)


def is_representative(vector: dict[str, Any]) -> bool:
    """Return whether libpam survives, and no file is named that it seeks in /etc/pam.d."""
    words = [word for text in vector["files"].values() for word in text.split()]
    includes = ("include", "substack", "@include")
    pairs = itertools.pairwise(words)
    relative = any(word in includes and not name.startswith(FOLDER) for word, name in pairs)
    return not relative and not Outcome.from_json(vector["debian_1_5_2_confdir"]).crashed


def named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Run a test with each of these vectors."""
    return pytest.mark.parametrize("vector", vectors, ids=[each["name"] for each in vectors])


needs_libpam = pytest.mark.servers


@named(VECTORS)
def test_vectors_of_upstream(vector: dict[str, Any]) -> None:
    expected = Outcome.from_json(vector["linux_pam_head"])
    assert ours.run_case(Case.from_json(vector), UPSTREAM) == expected


@named([vector for vector in VECTORS if is_representative(vector)])
def test_vectors_of_debian(vector: dict[str, Any]) -> None:
    expected = Outcome.from_json(vector["debian_1_5_2_confdir"])
    assert ours.run_case(Case.from_json(vector), DEBIAN) == expected


def test_both_runtimes_end_alike() -> None:
    for index in range(CASES // 10):
        case = random_case(f"{SEED}/{index}")
        with_asyncio = asyncio.run(ours.run_case_with_asyncio(case, DEBIAN))
        assert with_asyncio == ours.run_case(case, DEBIAN), f"seed {SEED}, case {index}"


@needs_libpam
@named(VECTORS)
def test_the_binding_repeats_the_vectors(vector: dict[str, Any]) -> None:
    expected = Outcome.from_json(vector["debian_1_5_2_confdir"])
    assert libpam.run_case(Case.from_json(vector)) == expected


@needs_libpam
def test_a_crash_of_libpam_is_an_outcome_and_the_next_case_runs() -> None:
    crash = Case(files={"t": "auth include\n"})
    fine = Case(files={"t": "auth required pam_permit.so\n"})
    outcomes = [libpam.run_case(case) for case in (crash, fine)]
    assert [outcome.crashed for outcome in outcomes] == [True, False]


ASK = f"pam_localuser.so file={FOLDER}/users"
LOOKED_UP = {
    "an empty name": ("file=", "nobody"),
    "no file": ("file=@DIR@/missing", "nobody"),
    "below a file": ("file=@DIR@/users/below", "nobody"),
    "a folder": ("file=@DIR@", "nobody"),
    "a device": ("file=/dev/null", "nobody"),
    "the last file that is named": ("file= file=@DIR@/users", "nobody"),
    "the usual file": ("", "nobody"),
    "not the usual file": ("", "somebody-else"),
    "a line of this name": ("file=@DIR@/users", "nobody"),
    "no line of this name": ("file=@DIR@/users", "stranger"),
    "a line behind a form feed": ("file=@DIR@/users", "behind"),
    "a line behind a carriage return": ("file=@DIR@/users", "return"),
    "a line that is not UTF-8": ("file=@DIR@/users", "f\udcfcr"),
    "a line behind a long one": ("file=@DIR@/users", "last"),
    "a name in the middle of a long line": ("file=@DIR@/users", "middle"),
    "a name behind a NUL in a long line": ("file=@DIR@/users", "hidden"),
    "an empty user": ("file=@DIR@/users", ""),
    "a colon in the user": ("file=@DIR@/users", "nobody:x"),
    "a colon in the user, and no file": ("file=", "nobody:x"),
    "the longest user": ("file=@DIR@/users", "u" * 8190),
    "a user that is too long": ("file=@DIR@/users", "u" * 8191),
}
USERS = (
    "nobody:x\x0cbehind:\rreturn:\nf\udcfcr:\n"
    + ("x" * 8191 + "middle:\n" + "x" * 20000 + "\n")
    + ("\0" + "x" * 8190 + "hidden:\nlast:")
)


@needs_libpam
@pytest.mark.parametrize("operation", ["authenticate", "chauthtok"])
@pytest.mark.parametrize("sentence", LOOKED_UP)
def test_the_module_of_comparisons_answers_as_libpam_does(sentence: str, operation: str) -> None:
    """pam_localuser.so is ours in one of the two: it must not differ."""
    arguments, user = LOOKED_UP[sentence]
    kind = {"authenticate": "auth", "chauthtok": "password"}[operation]
    line = f"{kind} required pam_localuser.so {arguments}\n"
    case = Case(files={"t": line, "users": USERS}, user=user, ops=((operation, 0),))
    outcome = libpam.run_case(case)
    assert not outcome.crashed
    assert ours.run_case(case, DEBIAN) == outcome


INTERRUPTED = {
    "reset goes back to the state before the substack": (
        ["auth required pam_debug.so auth=success", "auth substack @DIR@/a"],
        [
            "auth required pam_debug.so auth=maxtries",
            f"auth optional {ASK}",
            "auth [success=reset] pam_debug.so auth=success",
        ],
        ("authenticate", "authenticate", "setcred"),
    ),
    "a jump counts from where the walk goes on": (
        [f"session [success=1] {ASK}", "session include @DIR@/a"],
        [
            "session required pam_deny.so",
            "session required pam_debug.so open_session=success close_session=session_err",
        ],
        ("open_session", "open_session", "close_session"),
    ),
    "chauthtok goes on in its first pass": (
        ["password required pam_debug.so prechauthtok=success", f"password required {ASK}"],
        [],
        ("chauthtok", "chauthtok", "chauthtok"),
    ),
    "another operation is refused in between": (
        [f"auth required {ASK}", "account required pam_permit.so"],
        [],
        ("authenticate", "acct_mgmt", "authenticate", "acct_mgmt"),
    ),
}


@needs_libpam
@pytest.mark.parametrize("sentence", INTERRUPTED)
def test_interrupted_walks_go_on_alike(sentence: str) -> None:
    service, included, names = INTERRUPTED[sentence]
    files = {"t": service, "a": included, "users": ["somebody:"]}
    case = Case(
        files={name: "".join(f"{line}\n" for line in lines) for name, lines in files.items()},
        user=None,
        ops=tuple((name, 0) for name in names),
        answers=(None, "somebody"),
    )
    outcome = libpam.run_case(case)
    assert outcome.results[1][1] == "INCOMPLETE"
    assert outcome.results[-1][1] != "INCOMPLETE"
    assert ours.run_case(case, DEBIAN) == outcome


@needs_libpam
def test_random_cases_end_alike(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        say(f"\nUALAUTH_SEED={SEED}, {CASES} cases")
    fuzzer = Fuzzer(SEED)
    with libpam.Libpam() as machine:
        for difference in fuzzer.differences(CASES, machine):
            assert difference is None, f"seed {SEED}, case {fuzzer.compared}:\n{difference}"
    with capsys.disabled():
        say(fuzzer.distribution())


@needs_libpam
def test_the_program_compares_alike_with_an_empty_file_too() -> None:
    # Among these cases are some with an empty service file.
    program = [sys.executable, "-m", "tests.oracle.fuzz", "--seed", "80b119a8", "--cases", "30"]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "30 cases" in done.stdout
