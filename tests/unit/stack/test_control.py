"""Controls: every form, and the table that it becomes."""

from __future__ import annotations

import pytest

from ualauth.codes import TOKENS, ReturnCode
from ualauth.stack.control import ALL_BAD, KEYWORDS, ControlAction, action_text, parse_control

BAD = ControlAction.BAD


def table(default: int, **actions: int) -> tuple[int, ...]:
    """Return a table of `default`, but for the codes named."""
    numbers = [int(default)] * len(ReturnCode)
    for word, action in actions.items():
        numbers[TOKENS[word]] = int(action)
    return tuple(numbers)


# pam.conf(5), and _pam_parse_control in Linux-PAM's pam_handlers.c.
FORMS = {
    "required": table(BAD, success=-1, new_authtok_reqd=-1, ignore=0),
    "requisite": table(ControlAction.DIE, success=-1, new_authtok_reqd=-1, ignore=0),
    "sufficient": table(ControlAction.IGNORE, success=-2, new_authtok_reqd=-2),
    "optional": table(ControlAction.IGNORE, success=-1, new_authtok_reqd=-1),
    "REQUIRED": table(BAD, success=-1, new_authtok_reqd=-1, ignore=0),
    "success=ok": table(BAD, success=-1),
    "success=ok auth_err=die": table(BAD, success=-1, auth_err=-4),
    "default=ignore": table(0),
    "default=reset": table(-5),
    "success=done default=3": table(3, success=-2),
    "default=die success=ok": table(-4, success=-1),
    "default=ok default=bad": table(-1),
    "success=bad success=ok": table(BAD, success=-1),
    "success=ok default=ignore success=7": table(0, success=7),
    "success=okdefault=bad": table(BAD, success=-1),
    "success=1default=ignore": table(0, success=1),
    "success=12345default=ignore": table(0, success=12345),
    " \t\n\v\f\rsuccess\n=\vok\r": table(BAD, success=-1),
    "success=2147483647": table(BAD, success=2147483647),
    "success=007": table(BAD, success=7),
    "authtok_recover_err=ok": table(BAD, authtok_recover_err=-1),
    "incomplete=ok conv_again=1": table(BAD, incomplete=-1, conv_again=1),
    # `auth_err` is no prefix of it: the longer word has to win.
    "authtok_expired=ok authtok_err=die": table(BAD, authtok_expired=-1, authtok_err=-4),
    "cred_unavail=1 cred_err=2 cred_expired=3 cred_insufficient=4": table(
        BAD,
        cred_unavail=1,
        cred_err=2,
        cred_expired=3,
        cred_insufficient=4,
    ),
}


@pytest.mark.parametrize(("text", "expected"), FORMS.items(), ids=FORMS)
def test_a_control_becomes_a_table(text: str, expected: tuple[int, ...]) -> None:
    control = parse_control(text)

    assert control.table == expected
    assert control.mistake == control.cure == ""
    assert control.text == text


@pytest.mark.parametrize("code", ReturnCode, ids=str)
@pytest.mark.parametrize("action", ControlAction, ids=str)
def test_every_code_may_have_every_action(code: ReturnCode, action: ControlAction) -> None:
    default = "ok" if action is not ControlAction.OK else "die"
    control = parse_control(f"{code}={action} default={default}")

    expected = [int(ControlAction[default.upper()])] * len(ReturnCode)
    expected[code] = int(action)
    assert control.table == tuple(expected)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "the control is empty; every result of the module counts as bad"),
        ("  ", "the control is empty; every result of the module counts as bad"),
        ("mandatory", "unknown control 'mandatory'"),
        ("SUCCESS=ok", "cannot read 'SUCCESS=ok'"),
        ("success=OK", "cannot read 'success=OK'"),
        ("success=okay", "cannot read 'success=okay'"),
        ("success=ok,auth_err=die", "cannot read ',auth_err=die'"),
        ("success=", "cannot read 'success='"),
        ("success", "unknown control 'success'"),
        ("=ok", "cannot read '=ok'"),
        ("success=-1", "cannot read 'success=-1'"),
        ("success=+1", "cannot read 'success=+1'"),
        ("success=0", "0 is no jump"),
        ("success=000", "000 is no jump"),
        ("success=2147483648", "2147483648 is no jump"),
        ("success=" + "9" * 5000, "is no jump"),
        ("success=٣", "cannot read 'success=٣'"),
        ("success=ok\u00a0default=bad", "cannot read"),
        ("success=ok required", "cannot read 'required'"),
        ("authtok_recovery_err=ok", "cannot read 'authtok_recovery_err=ok'"),
        ("open_er=ok", "cannot read 'open_er=ok'"),
        ("include ", "unknown control 'include '"),
    ],
)
def test_a_mistake_makes_everything_bad(text: str, mistake: str) -> None:
    control = parse_control(text)

    assert control.table == ALL_BAD == (ControlAction.BAD,) * 32
    assert mistake in control.mistake
    assert control.cure


@pytest.mark.parametrize(
    ("text", "meant"),
    [("requierd", "required"), ("suficient", "sufficient"), ("inclde", "include")],
)
def test_a_misspelt_word_is_recognized(text: str, meant: str) -> None:
    assert parse_control(text).cure == f"did you mean {meant!r}?"


def test_a_table_has_plain_integers() -> None:
    for text in (*KEYWORDS, *FORMS, "nonsense"):
        assert {type(action) for action in parse_control(text).table} == {int}


def test_actions_print_as_in_service_files() -> None:
    assert [action_text(each) for each in (0, -1, -2, -3, -4, -5, 1, 42)] == [
        "ignore",
        "ok",
        "done",
        "bad",
        "die",
        "reset",
        "1",
        "42",
    ]


@pytest.mark.timeout(10)
def test_a_control_of_a_mebibyte_is_read_at_once() -> None:
    text = "success=ok " * 95_000

    assert parse_control(text).table == table(BAD, success=-1)
