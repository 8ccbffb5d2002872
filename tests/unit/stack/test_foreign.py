"""Modules of other PAMs: what `ualauth check` advises, and what it never guesses."""

from __future__ import annotations

import pytest

from tests.unit.stack.conftest import Compile
from ualauth.stack.foreign import FOREIGN, Equal, advice
from ualauth.stack.registry import ModuleRegistry

KNOWN = sorted(name for name, each in FOREIGN.items() if each.equal is not Equal.SAME)


def cure(compile_files: Compile, module: str) -> tuple[str, str]:
    (problem,) = compile_files(f"auth required {module}\n").problems
    return problem.text, problem.cure


@pytest.mark.parametrize("name", [*KNOWN, "pam_stack"])
def test_each_known_module_has_advice_and_no_guess(compile_files: Compile, name: str) -> None:
    for written in (name, f"{name}.so", f"/lib/security/{name}.so"):
        text, told = cure(compile_files, written)
        assert text == f"there is no module {name!r}"
        assert told == advice(name)


@pytest.mark.parametrize(
    ("name", "advised"),
    [
        ("pam_unix", "write om_auth: "),
        ("pam_sss", "write om_ldap: "),
        ("pam_krb5", "write om_krb5: "),
        ("pam_env", "remove the line: "),
        ("pam_faillock", "[lockout]"),
        ("pam_pwquality", "[password]"),
        ("pam_duo", "pam_linux"),
        ("pam_access", "pam_if rhost="),
        ("pam_stack", "auth include SERVICE"),
        ("pam_exec", "pam_linux service=NAME"),
        ("pam_radius_auth", "examples/radius"),
        ("pam_oath", "om_oauth, or hand the login to the host: pam_linux service=NAME"),
        ("pam_ssh_agent_auth", "or leave it to the host: pam_linux service=NAME"),
    ],
)
def test_advice_says_what_to_write(name: str, advised: str) -> None:
    assert advised in (advice(name) or "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("om_auht", "om_auth"),
        ("pam_listfle", "pam_listfile"),
        ("pam_permitt", "pam_permit"),
        ("pam_ldp", "om_ldap"),
        ("om_ladp", "om_ldap"),
        ("pam_fingers", None),
        ("pam_abc", None),
        ("pam_dny", "pam_deny"),
    ],
)
def test_a_slip_of_the_pen_is_guessed_and_nothing_else(
    compile_files: Compile, name: str, meant: str | None
) -> None:
    text, _ = cure(compile_files, name)
    guess = f"; did you mean {meant!r}?" if meant else ""
    assert text == f"there is no module {name!r}{guess}"


def test_no_module_of_ours_is_foreign() -> None:
    assert not set(ModuleRegistry().names()) & set(KNOWN)


def test_at_least_a_hundred_modules_of_other_pams_have_advice() -> None:
    assert len(KNOWN) >= 100


def test_a_module_that_no_table_has_may_be_one_of_the_host(compile_files: Compile) -> None:
    text, told = cure(compile_files, "pam_of_a_vendor")
    assert (text, "pam_linux service=NAME" in told) == (
        "there is no module 'pam_of_a_vendor'",
        True,
    )


@pytest.mark.parametrize(
    ("word", "advised"),
    [
        ("shadow", "remove it: the USERLIST stands for passwd and shadow"),
        ("sha512", "[password] scheme"),
        ("rounds=5000", "[password] scheme"),
        ("minlen=8", "[password] minimum_length"),
        ("remember=5", "[password] history"),
        ("obscure", "[password]"),
        ("nullok_secure", "write nullok, if "),
        ("unlock_time=600", "[lockout]"),
        ("debug", "remove it"),
    ],
)
def test_a_word_that_other_modules_take_has_advice_and_no_guess(
    compile_files: Compile, word: str, advised: str
) -> None:
    (problem,) = compile_files(f"auth required om_auth try_first_pass {word}\n").problems
    assert problem.text == f"unknown option {word.partition('=')[0]!r}"
    assert advised in problem.cure
    assert not problem.warning
