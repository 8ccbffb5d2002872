"""How `ualauth check` tells of findings, and how comments allow them."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import OM_AUTH, Program

REST = "account required om_auth\npassword required om_auth\n"
OPEN = "auth optional pam_permit"


def test_a_finding_is_a_warning_with_line_caret_witness_and_cure(program: Program) -> None:
    path = program.folder.service("pop3", f"auth sufficient om_auth\n  {OPEN}  # ours\n{REST}")
    told = program.succeed("check", "pop3")
    assert told == (
        f"{path}:2:3: warning: this lets in without proof of who it is: no entry has verified a "
        "password [UA101]\n"
        f"      {OPEN}  # ours\n"
        f"      {'^' * len(OPEN)}\n"
        "    when: om_auth (pop3:1) auth_err, pam_permit (pop3:2) success\n"
        "    cure: write pam_deny in its place, or make an entry required that verifies\n"
        "1 service, 1 warning\n"
    )
    assert program.run("check", "pop3", "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("comment", "allowed"),
    [
        ("# ualauth: allow UA101 because it is for tests", True),
        ("# for tests; ualauth: allow UA101 because they need it", True),
        ("# ualauth: allow UA103 UA101 because they need it", True),
        ("# ualauth: allow UA103, UA101 because they need it", True),
        ("# ualauth: allow UA101", False),
        ("# ualauth: allow UA101 because", False),
        ("# ualauth: allow UA102 because it is for tests", False),
        ("# ualauth: allow UA1011 because it is for tests", False),
        ("# allow UA101 because it is for tests", False),
    ],
)
@pytest.mark.parametrize("folded", [False, True])
def test_a_comment_with_a_reason_allows_a_finding(
    program: Program, comment: str, *, allowed: bool, folded: bool
) -> None:
    line = OPEN.replace(" pam", " \\\n  pam") if folded else OPEN
    program.folder.service("pop3", f"auth sufficient om_auth\n{line}  {comment}\n{REST}")
    told = program.succeed("check", "pop3")
    assert ("[UA101]" not in told) is allowed
    asks_for_reason = "say why it is allowed: # ualauth: allow UA101 because ..." in told
    assert asks_for_reason is (
        comment in {f"# ualauth: allow UA101{each}" for each in ("", " because")}
    )


def test_a_comment_allows_what_compiling_tells_of_too(program: Program) -> None:
    jump = "auth [success=9 default=bad] om_auth"
    text = f"auth sufficient om_auth\n{jump}  # ualauth: allow UA109 because it refuses\n{REST}"
    program.folder.service("pop3", text)
    assert program.succeed("check", "pop3") == "1 service, no problems\n"
    program.folder.service("pop3", text.replace("allow UA109", "allow UA101"))
    told = program.succeed("check", "pop3")
    assert "a jump over 9 entries, and only 0 follow: this refuses [UA109]" in told
    assert f"    {'^' * len(jump)}\n    cure: write ok or ignore in its place\n" in told


def test_missing_lines_are_allowed_by_a_line_of_its_own(program: Program) -> None:
    text = "auth required om_auth\naccount required om_auth\n"
    program.folder.service("pop3", text)
    assert "the service has no password lines: these are refused [UA107]" in program.succeed(
        "check"
    )
    program.folder.service(
        "pop3", f"{text}# ualauth: allow UA107 because nothing is changed here\n"
    )
    assert program.succeed("check") == "1 service, no problems\n"


FRAGMENT = "auth [success=1 default=ignore] pam_if rhost=192.0.2.0/24\n"


def test_a_part_of_a_service_is_judged_where_it_is_included(program: Program) -> None:
    program.folder.service("imap", f"auth include part\n{OM_AUTH}")
    program.folder.service("part", FRAGMENT)
    program.folder.service("other", "auth required pam_deny\naccount required pam_deny\n")
    assert program.succeed("check", "--strict", "imap") == "1 service, no problems\n"
    assert program.succeed("check", "--strict") == "3 services, no problems\n"
    # By its name, it is taken for a service.
    assert "a jump over 1 entries, and only 0 follow" in program.succeed("check", "part")


def test_a_part_that_is_wrong_where_it_is_included_is_told_of_once(program: Program) -> None:
    for name in ("imap", "pop3"):
        program.folder.service(name, f"auth substack part\n{OM_AUTH}")
    program.folder.service("part", FRAGMENT)
    told = program.succeed("check")
    assert told.count("a jump over 1 entries, and only 0 follow") == 1
    assert f"{program.folder.services}/part:1:1" in told


def test_a_whole_service_that_others_include_is_judged(program: Program) -> None:
    program.folder.service("imap", f"auth sufficient om_auth\n{OPEN}\n{REST}")
    program.folder.service(
        "pop3", "auth include imap\naccount include imap\npassword include imap\n"
    )
    told = program.succeed("check")
    assert told.count("[UA101]") == 1


def test_of_a_service_with_mistakes_only_these_are_told(program: Program) -> None:
    program.folder.service("pop3", f"auth requird om_auth\n{OPEN}\n{REST}")
    result = program.run("check", "pop3")
    assert result.exit_code == 1
    assert "UA" not in result.stdout
