"""Random service files of a host, migrated: never more open than they were.

Both stacks are walked by the engine, with answers that the modules of the host may give. What
became a module of ours answers as the old one did, and what refuses refuses.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.seeds import SEED, rounds
from ualauth.cli.migrate.outcome import Fate, LineFate
from ualauth.cli.migrate.stacks import HostService
from ualauth.codes import ModuleType, ReturnCode
from ualauth.errors import ModuleUnavailable, ServiceFileError
from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import DEBIAN, LINUX_PAM, Dialect
from ualauth.stack.engine import evaluate
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.model import Stack

SUCCESS, AUTH_ERR = ReturnCode.SUCCESS, ReturnCode.AUTH_ERR
ANY = (SUCCESS, AUTH_ERR, ReturnCode.USER_UNKNOWN, ReturnCode.AUTHINFO_UNAVAIL, ReturnCode.IGNORE)
DENIES = (AUTH_ERR,)
PASSWORD = (*ANY, ReturnCode.NEW_AUTHTOK_REQD)
MODULES: dict[str, tuple[ReturnCode, ...]] = {
    "pam_unix.so nullok": PASSWORD,
    "pam_unix.so use_first_pass": PASSWORD,
    "pam_sss.so use_first_pass": PASSWORD,
    "pam_permit.so": (SUCCESS,),
    "pam_deny.so": (AUTH_ERR,),
    "pam_listfile.so item=user sense=allow file=/x onerr=fail": (SUCCESS, AUTH_ERR),
    "pam_env.so": (SUCCESS,),
    "pam_cap.so": (SUCCESS, ReturnCode.IGNORE),
    "pam_faillock.so preauth": (SUCCESS,),
    "pam_faillock.so authfail": (AUTH_ERR,),
    "pam_faillock.so authsucc": (SUCCESS,),
    "pam_nologin.so": ANY,
    "pam_localuser.so": ANY,
    "pam_unheard_of.so": PASSWORD,
}
"""Module and arguments -> what it may answer."""
WORDS = ("success", "auth_err", "user_unknown", "authinfo_unavail", "ignore", "new_authtok_reqd")
ACTIONS = ("ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3")
KEYWORDS = ("required", "requisite", "sufficient", "optional")


def a_control(choose: random.Random) -> str:
    if choose.random() < 0.5:
        return choose.choice(KEYWORDS)
    words = choose.sample(WORDS, choose.randint(0, 3))
    pairs = [f"{word}={choose.choice(ACTIONS)}" for word in words]
    return f"[{' '.join([*pairs, f'default={choose.choice(ACTIONS)}'])}]"


SHELL = ("pam_env.so", "pam_cap.so")
EQUAL = ("pam_unix.so nullok", "pam_permit.so", "pam_deny.so", *SHELL)


def an_entry(choose: random.Random, *, equal: bool) -> tuple[str, str]:
    """Return a control and a module; with `equal`, they are such that nothing has to refuse."""
    module = choose.choice(EQUAL if equal else list(MODULES))
    usual = equal and module in SHELL
    return choose.choice(KEYWORDS) if usual else a_control(choose), module


def a_file(choose: random.Random, others: tuple[str, ...], *, equal: bool) -> str:
    lines = []
    for _ in range(choose.randint(1, 7)):
        kind = choose.choice(("auth", "auth", "account"))
        roll = choose.random()
        if others and roll < 0.12:
            lines.append(f"{kind} {choose.choice(('include', 'substack'))} {choose.choice(others)}")
        elif others and roll < 0.16:
            lines.append(f"@include {choose.choice(others)}")
        elif roll < 0.2:
            wrong = "# a comment" if equal else f"{kind} requird pam_unix.so"
            lines.append(choose.choice(("# a comment", "", wrong)))
        else:
            glue = choose.choice((" ", "\t", " \\\n  "))
            control, module = an_entry(choose, equal=equal)
            lines.append(f"{kind} {control}{glue}{module}")
    return "\n".join(lines) + "\n"


def no_module(name: str) -> type:
    raise ModuleUnavailable(name)


def stacks_of(folder: Path, dialect: Dialect) -> dict[ModuleType, Stack]:
    """Return the stacks of the service `mail`; none if the file is refused as a whole."""
    try:
        service = compile_service("mail", ServiceFolder(folder), no_module, dialect)
    except ServiceFileError:
        return {}
    return dict(service.stacks)


def conclusion(stack: Stack, answers: dict[tuple[str, int], ReturnCode]) -> ReturnCode:
    """Return what a stack amounts to; the answers are those of lines."""
    walk = evaluate(stack, [None] * len(stack))
    try:
        entry = next(walk)
        while True:
            entry = walk.send(answers[entry.source.file, entry.source.line])
    except StopIteration as stop:
        code: ReturnCode = stop.value.code
    return code


def answer_of(text: str, choose: random.Random) -> ReturnCode:
    """Return what the module of an old line answers this time."""
    codes = next((codes for module, codes in MODULES.items() if text.endswith(module)), DENIES)
    if text.startswith("auth") and codes is PASSWORD:
        # That a password has expired is told to the account stack.
        codes = ANY
    return choose.choice(codes)


def new_answers(
    folder: Path, fates: list[LineFate], old: dict[tuple[str, int], ReturnCode]
) -> dict[tuple[str, int], ReturnCode]:
    """Return what the new lines answer: as the old ones, or no."""
    answers = {}
    for fate in fates:
        if fate.number:
            denies = fate.fate is Fate.REFUSES or " pam_deny" in fate.written
            place = str(folder.parent / fate.target), fate.number
            answers[place] = AUTH_ERR if denies else old[fate.source, fate.line]
    return answers


@pytest.mark.parametrize("dialect", [LINUX_PAM, DEBIAN], ids=lambda each: each.name)
def test_a_migrated_stack_lets_in_no_user_whom_the_old_one_kept_out(
    tmp_path: Path, dialect: Dialect
) -> None:
    choose = random.Random(f"{SEED} {dialect.name}")
    granted = compared = same = 0
    for number in range(rounds(100)):
        old, new = tmp_path / f"old{number}", tmp_path / f"etc{number}" / "pam.d"
        old.mkdir()
        new.mkdir(parents=True)
        for name, others in (("inner", ()), ("part", ("inner",)), ("mail", ("part", "inner"))):
            (old / name).write_text(a_file(choose, others, equal=number % 2 == 0))
        files = choose.choice(((), ("om_ldap.conf",)))
        migrating = HostService(dialect, files, lambda _module: True)
        migration = migrating.migrate(old / "mail", "mail", (old / "mail").read_text())
        for target, text in migration.files.items():
            (new.parent / target).write_text(text)
        before, after = stacks_of(old, dialect), stacks_of(new, dialect)
        assert after
        refused = any(fate.fate is Fate.REFUSES for fate in migration.fates)
        for _ in range(12):
            old_answers = {
                (fate.source, fate.line): answer_of(fate.text, choose) for fate in migration.fates
            }
            answers = new_answers(new, migration.fates, old_answers)
            for kind in (ModuleType.AUTH, ModuleType.ACCOUNT):
                if not after.get(kind):
                    continue
                compared += 1
                lines = {
                    (each.source.file, each.source.line): AUTH_ERR for each in after[kind]
                } | answers
                if conclusion(after[kind], lines) is SUCCESS:
                    granted += 1
                    assert conclusion(before[kind], old_answers) is SUCCESS, (
                        (old / "mail").read_text(),
                        migration.files["pam.d/mail"],
                        old_answers,
                    )
                if refused or not before.get(kind):
                    continue
                # Where what has gone would have left the decision to others, nothing has changed.
                left_out = {
                    (fate.source, fate.line): ReturnCode.IGNORE
                    for fate in migration.fates
                    if fate.fate is Fate.LEFT_OUT
                }
                expected = conclusion(before[kind], old_answers | left_out) is SUCCESS
                assert (conclusion(after[kind], lines) is SUCCESS) == expected
                same += 1
    assert compared > granted > compared // 50
    assert same > compared // 20
