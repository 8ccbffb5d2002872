"""What a stack can come to that was surely not meant, each shown by answers that lead there."""

from __future__ import annotations

import pytest

from ualauth import Authenticator
from ualauth.codes import MODULE_TYPE, ReturnCode
from ualauth.stack.analysis.answers import Step
from ualauth.stack.analysis.finding import Finding
from ualauth.stack.analysis.findings import findings_of
from ualauth.stack.analysis.walks import Walks, Ways
from ualauth.stack.engine import evaluate
from ualauth.stack.model import Service, Stack
from ualauth.testing.folder import ConfigFolder

OTHER = """\
auth required pam_deny
account required pam_deny
password required pam_deny
session required pam_deny
"""
REST = "account required om_auth\npassword required om_auth\n"
LIST = "pam_listfile item=user file=/etc/no/list onerr=fail"


def compiled(folder: ConfigFolder, text: str, **files: str) -> Service:
    folder.service("other", OTHER)
    for name, content in files.items():
        folder.service(name, content)
    folder.service("mail", text)
    return Authenticator(folder.config()).load("mail")


def found(folder: ConfigFolder, text: str, **files: str) -> list[Finding]:
    """Return the findings; each witness is played, and has to end as the finding says."""
    service = compiled(folder, text, **files)
    findings = list(findings_of(service))
    for finding in findings:
        if finding.witness:
            granted = finding.name != "UA102"
            stack = service.stacks[MODULE_TYPE[finding.operation]]
            assert (verdict_of(stack, finding.witness) is ReturnCode.SUCCESS) is granted, finding
    return findings


def verdict_of(stack: Stack, witness: tuple[Step, ...]) -> ReturnCode:
    """Play answers through the engine, also those of stacks that entries run themselves."""
    engine = evaluate(stack, [None] * len(stack))
    try:
        entry = next(engine)
        for step in witness:
            assert entry is step.entry
            if step.answer.within:
                assert verdict_of(entry.nested, step.answer.within) is step.answer.code
            entry = engine.send(step.answer.code)
    except StopIteration as stop:
        code: ReturnCode = stop.value.code
        return code
    raise AssertionError("the witness ends before the walk")


GRANTS = [
    ("auth [success=1 default=1] om_auth\nauth requisite pam_deny\nauth required pam_permit\n", 3),
    (f"auth sufficient {LIST} sense=allow\nauth required om_auth\n", 1),
    ("auth substack empty\nauth optional pam_permit\n", 2),
    ("auth sufficient pam_debug\nauth required om_auth\n", 1),
    ("auth sufficient om_auth\nauth optional pam_permit\n", 2),
    ("auth optional om_auth\nauth required pam_if tls\n", 2),
    ("auth required om_ldap ignore_unknown_user\nauth required pam_permit\n", 2),
    ("auth sufficient om_auth\nauth sufficient om_anonymous\n", 2),
    ("auth [default=ignore] om_auth\nauth include permitting\n", None),
    (("auth [success=2 default=ignore] pam_if rhost=192.0.2.0/24\n"
     "auth requisite om_auth\nauth optional pam_if tls\nauth required pam_permit\n"), 4),
    ("auth sufficient pam_if user=boss stack=permitting\nauth required om_auth\n", None),
    ("auth required om_auth\nauth [default=reset] pam_if tls\nauth required pam_permit\n", 3),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "line"), GRANTS)
def test_a_grant_without_proof(folder: ConfigFolder, lines: str, line: int | None) -> None:
    (folder.path / "om_ldap.conf").write_text("uri ldaps://127.0.0.1\nbase dc=example\n")
    files = {"empty": "# nothing\n", "permitting": "auth required pam_permit\n"}
    told = [each for each in found(folder, lines + REST, **files) if each.name == "UA101"]
    (finding,) = told
    file = "mail" if line else "permitting"
    assert finding.source.file == str(folder.services / file)
    assert finding.source.line == (line or 1)
    assert finding.witness


def test_each_line_that_grants_without_proof_is_told(folder: ConfigFolder) -> None:
    lines = "auth sufficient pam_debug auth=user_unknown\nauth sufficient pam_if tls\n"
    more = f"auth sufficient {LIST} sense=allow\nauth sufficient pam_permit\n"
    told = [each for each in found(folder, lines + more + REST) if each.name == "UA101"]
    assert sorted(each.source.line for each in told) == [2, 3, 4]


NEVER = [
    "auth [success=1 default=ignore] om_auth\nauth required pam_permit\nauth requisite pam_deny\n",
    (
        f"auth [success=1 default=ignore] om_auth\nauth optional {LIST} sense=deny\n"
        "auth requisite pam_deny\nauth required pam_permit\n"
    ),
    "auth [success=1 default=bad] om_auth\nauth optional pam_permit\n",
    "auth required om_auth\nauth required pam_debug auth=auth_err\n",
    "auth [success=ignore default=bad] om_auth\n",
    "auth substack inner\nauth requisite pam_deny\n",
]


@pytest.mark.parametrize("lines", NEVER)
def test_the_right_password_is_refused_for_ever(folder: ConfigFolder, lines: str) -> None:
    findings = found(folder, lines + REST, inner="auth sufficient om_auth\n")
    assert [each.operation.method for each in findings if each.name == "UA102"] == ["authenticate"]
    assert not [each for each in findings if each.name == "UA101"]


def test_accounts_that_are_all_refused(folder: ConfigFolder) -> None:
    lines = "auth required om_auth\naccount [success=ignore default=bad] om_auth\n"
    told = found(folder, f"{lines}password required om_auth\n")
    assert [(each.name, each.operation.method) for each in told] == [("UA102", "acct_mgmt")]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (("auth required om_auth\nauth [default=1] pam_permit\nauth required om_krb5\n"
         "auth required pam_permit\n"), 3),
        ("auth requisite pam_deny\nauth required om_auth\n", 2),
        ("auth [default=done] om_auth\nauth required pam_permit\n", 2),
    ],
)  # fmt: skip
def test_an_entry_that_is_never_asked(folder: ConfigFolder, lines: str, line: int) -> None:
    told = [each for each in found(folder, lines + REST) if each.name == "UA103"]
    assert [each.source.line for each in told] == [line]


def test_a_net_that_only_refuses_may_lie_idle(folder: ConfigFolder) -> None:
    lines = (
        "auth [success=1 default=die] om_auth\nauth requisite pam_deny\nauth required pam_permit\n"
    )
    assert found(folder, lines + REST) == []


@pytest.mark.parametrize(
    "lines",
    [
        "auth required om_auth\nauth [default=reset] pam_if tls\nauth sufficient om_krb5\n",
        (
            "auth required om_auth\nauth [success=reset default=ignore] pam_permit\n"
            "auth required om_krb5\n"
        ),
    ],
)
def test_a_refusal_that_is_taken_back(folder: ConfigFolder, lines: str) -> None:
    told = [each for each in found(folder, lines + REST) if each.name == "UA104"]
    assert [each.source.line for each in told] == [2]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (f"auth sufficient om_auth\nauth requisite {LIST} sense=deny\nauth required om_krb5\n", 2),
        ((f"auth [success=1 default=die] om_auth\nauth required {LIST} sense=deny\n"
         "auth required pam_permit\n"), 2),
        (("auth sufficient om_auth\nauth [success=ignore default=bad] pam_if tls\n"
         "auth required om_krb5\n"), 2),
    ],
)  # fmt: skip
def test_a_limit_that_a_proof_passes(folder: ConfigFolder, lines: str, line: int) -> None:
    told = [each for each in found(folder, lines + REST) if each.name == "UA105"]
    assert [each.source.line for each in told] == [line]


@pytest.mark.parametrize(
    "lines",
    [
        f"auth required {LIST} sense=deny\nauth sufficient om_auth\nauth required om_krb5\n",
        # A condition jumps over it: that is what conditions are for.
        (
            f"auth required om_auth\nauth [success=1 default=ignore] pam_if rhost=192.0.2.0/24\n"
            f"auth required {LIST} sense=deny\n"
        ),
    ],
)
def test_a_limit_that_is_asked_or_left_out_on_purpose(folder: ConfigFolder, lines: str) -> None:
    assert not [each for each in found(folder, lines + REST) if each.name == "UA105"]


@pytest.mark.parametrize(
    ("control", "passes"),
    [
        ("[auth_err=die default=ignore]", True),
        ("[success=ok service_err=ignore default=die]", True),
        ("[success=ok authinfo_unavail=ignore default=die]", True),
        ("[success=ok default=die]", False),
        ("required", False),
        ("optional", False),
    ],
)
@pytest.mark.parametrize("kind", ["auth", "account"])
def test_a_limit_that_lets_in_where_it_cannot_tell(
    folder: ConfigFolder, control: str, kind: str, *, passes: bool
) -> None:
    line = f"{kind} {control} {LIST} sense=deny\n"
    told = found(folder, f"auth required om_auth\naccount required om_auth\n{line}{REST}")
    assert bool([each for each in told if each.name == "UA106"]) is passes


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("auth required om_auth\n", "no account and no password lines"),
        (f"{REST}", "no auth lines"),
        ("auth required om_auth\naccount required om_auth\n", "no password lines"),
        (f"auth include post\n{REST}", "no auth lines"),
        (f"auth required om_auth\n{REST}", ""),
        ("auth required pam_deny\n", ""),
    ],
)
def test_types_that_are_missing(folder: ConfigFolder, text: str, missing: str) -> None:
    told = list(found(folder, text, post="session required om_auth\n"))
    texts = [each.text for each in told if each.name == "UA107"]
    assert [missing in each for each in texts] == [True] * bool(missing)


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("auth required om_auth use_first_pass\n", 1),
        ("auth required pam_permit\nauth required om_auth use_first_pass\n", 2),
        ("auth required om_auth\nauth required om_krb5 use_first_pass\n", None),
        ("auth required om_auth try_first_pass\n", None),
        ("auth required pam_if tls stack=inner\nauth required om_auth use_first_pass\n", None),
    ],
)
def test_a_password_for_which_no_entry_asks(
    folder: ConfigFolder, lines: str, line: int | None
) -> None:
    told = found(folder, lines + REST, inner="auth required om_krb5\n")
    assert [each.source.line for each in told if each.name == "UA111"] == [line] * bool(line)


LEARNING = "auth [success=done ignore=ignore default=die] om_auth learn\n"
KERBEROS = "auth required om_krb5 use_first_pass\n"


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (LEARNING + KERBEROS, None),
        (f"{LEARNING}auth substack inner\n", None),
        (f"{LEARNING}auth required pam_if tls stack=inner\n", None),
        (f"auth required om_krb5\n{LEARNING}", None),
        (LEARNING, 1),
        (f"auth required pam_permit\n{LEARNING}auth required pam_permit\n", 2),
        (f"auth sufficient om_krb5\n{LEARNING}auth required pam_deny\n", 2),
        (f"{LEARNING}auth required om_auth use_first_pass\n", 1),
        (f"auth required om_auth\n{KERBEROS}", None),
    ],
)
def test_learning_where_no_entry_proves_a_password(
    folder: ConfigFolder, lines: str, line: int | None
) -> None:
    told = found(folder, lines + REST, inner="auth required om_krb5\n")
    assert [each.source.line for each in told if each.name == "UA112"] == [line] * bool(line)


@pytest.mark.parametrize(
    ("accounts", "line"),
    [
        ("account sufficient om_auth\naccount required pam_permit\n", 2),
        ("account optional om_auth\naccount required pam_permit\n", 2),
        ("account [success=1 default=ignore] om_auth\naccount required pam_permit\n", 2),
        ("account required pam_permit\naccount [default=ignore] om_auth\n", 3),
        ("account [authinfo_unavail=ignore default=bad] om_auth\naccount required pam_permit\n", 2),
        ("account [user_unknown=ignore default=bad] om_auth\naccount required pam_permit\n", None),
        ("account sufficient om_krb5\naccount required om_auth\n", None),
        ("account required pam_permit\n", None),
        ("account required pam_permit\naccount required om_auth\n", None),
    ],
)
def test_an_account_that_is_refused_and_let_in(
    folder: ConfigFolder, accounts: str, line: int | None
) -> None:
    told = found(folder, f"auth required om_auth\n{accounts}password required om_auth\n")
    assert [each.source.line for each in told if each.name == "UA113"] == [line] * bool(line)


def test_a_fault_of_the_store_that_lets_an_account_in_is_no_refusal(folder: ConfigFolder) -> None:
    control = "[success=ok authinfo_unavail=ignore system_err=ignore default=bad]"
    lines = f"auth required om_auth\naccount {control} om_auth\naccount required pam_permit\n"
    (told,) = (each for each in found(folder, lines) if each.name == "UA113")
    assert "that om_auth cannot judge is let in" in told.text


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (f"auth required om_auth\nauth optional {LIST} sense=deny\n", 2),
        (f"auth optional {LIST} sense=deny\nauth required om_auth\n", 1),
        (f"auth required om_auth\nauth sufficient {LIST} sense=deny\n", 2),
        (f"auth [default=ignore] {LIST} sense=deny\nauth required om_auth\n", 1),
        (f"auth required {LIST} sense=deny\nauth required om_auth\n", None),
        (("auth [success=1 default=ignore] pam_if tls\nauth requisite pam_deny\n"
         "auth required om_auth\n"), None),
        (("auth [success=1 default=ignore] pam_if tls\nauth required om_krb5\n"
         "auth required om_auth\n"), None),
        ("auth required om_auth\nauth optional pam_if tls stack=inner\n", None),
        ("auth required om_auth\nauth [default=reset] pam_if tls\nauth sufficient om_krb5\n", None),
    ],
)  # fmt: skip
def test_a_limit_that_decides_nothing(folder: ConfigFolder, lines: str, line: int | None) -> None:
    told = found(folder, lines + REST, inner="auth required om_krb5\n")
    assert [each.source.line for each in told if each.name == "UA114"] == [line] * bool(line)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("auth required pam_succeed_if uid >= 1000\nauth required om_auth\n", True),
        ("auth requisite pam_succeed_if user != x shell notin /bin/false\nauth required om_krb5\n",
         True),
        ("auth required pam_succeed_if user != boss\nauth required om_auth\n", False),
        ("auth required pam_succeed_if use_uid uid >= 1000\nauth required om_auth\n", False),
        ("auth required pam_succeed_if uid > 999\nauth required pam_linux service=login\n", False),
        (("auth [success=1 default=ignore] pam_succeed_if uid >= 1000\nauth required om_krb5\n"
         "auth required om_auth\n"), False),
    ],
)  # fmt: skip
def test_a_condition_on_accounts_of_the_host_before_users_of_others(
    folder: ConfigFolder, lines: str, *, told: bool
) -> None:
    findings = [each for each in found(folder, lines + REST) if each.name == "UA115"]
    assert [each.source.line for each in findings] == [1] * told


def test_sixty_entries_with_jumps_are_not_too_much(folder: ConfigFolder) -> None:
    lines = "".join(
        f"auth [success={1 + number % 4} user_unknown=ignore default=bad] om_auth\n"
        f"auth [success=ok auth_err=reset default=ignore] {LIST} sense=allow\n"
        f"auth optional pam_if tls\n"
        for number in range(20)
    )
    names = {each.name for each in found(folder, f"{lines}{REST}")}
    assert "UA101" in names
    assert "UA100" not in names


def test_what_is_too_much_is_given_up_and_told(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ualauth.stack.analysis.walks.MOST_PLACES", 3)
    told = found(folder, f"auth required om_auth\nauth required om_krb5\n{REST}")
    assert "UA100" in {each.name for each in told}


def test_conclusions_of_an_empty_stack() -> None:
    operation = next(iter(MODULE_TYPE))
    assert [end.code for end in Walks(Ways((), operation)).ends] == [ReturnCode.PERM_DENIED]
