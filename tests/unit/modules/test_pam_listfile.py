import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.modules.conftest import Ask, FakeAttempt
from ualauth.codes import Operation, ReturnCode
from ualauth.modules.pam_listfile import Misread, OnError, Options, PamListfile, Sense, Subject

Check = Callable[..., ReturnCode]
MakeList = Callable[..., Path]
AUTH_ERR, IGNORE = ReturnCode.AUTH_ERR, ReturnCode.IGNORE
SERVICE_ERR, SUCCESS = ReturnCode.SERVICE_ERR, ReturnCode.SUCCESS


@pytest.fixture
def list_of(tmp_path: Path) -> MakeList:
    """Return a maker of list files."""

    def make(content: bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "list"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return make


@pytest.fixture
def check(ask: Ask, attempt: type[FakeAttempt]) -> Check:
    """Return a function that answers `authenticate` for an argument string."""

    def answer(
        arguments: Any,
        user: str | None = "jo",
        operation: Operation = Operation.AUTHENTICATE,
        **items: Any,
    ) -> ReturnCode:
        return ask(PamListfile, arguments.split(), operation, attempt(user, **items))

    return answer


# Linux-PAM, modules/pam_listfile/tst-pam_listfile-retval.c.
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("", SERVICE_ERR),
        ("onerr", SERVICE_ERR),
        ("onerr=", SERVICE_ERR),
        ("onerr=0", SERVICE_ERR),
        ("one=1", SERVICE_ERR),
        ("one=1 onerr=succeed", SERVICE_ERR),
        ("onerr=succeed one=1", SUCCESS),
        ("onerr=succeed", SUCCESS),
        ("onerr=succeed item=bad", SUCCESS),
        ("onerr=succeed sense=bad onerr=fail", SUCCESS),
        ("item=rhost file=. sense=allow apply=:", IGNORE),
        ("item=rhost file=. sense=allow apply=jo", AUTH_ERR),
        ("item=ruser file=. sense=deny", SUCCESS),
        ("item=user file= sense=allow", SERVICE_ERR),
        ("item=user file=. sense=allow onerr=succeed", AUTH_ERR),
        ("item=user file=/ sense=allow onerr=succeed", AUTH_ERR),
        ("item=user file=/dev/null sense=allow onerr=succeed", AUTH_ERR),
        ("item=user file=/nowhere sense=allow onerr=succeed", SUCCESS),
        ("item=user file=/nowhere sense=deny", SERVICE_ERR),
    ],
)
def test_arguments_answer_as_in_linux_pams_own_test(
    check: Check, arguments: Any, code: ReturnCode
) -> None:
    for operation in Operation:
        expected = SUCCESS if operation is Operation.SETCRED else code
        assert check(arguments, operation=operation) is expected


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("sense", ["allow", "deny"])
def test_sense_says_whom_the_list_lets_in(
    check: Check, list_of: MakeList, listed: bool, sense: str
) -> None:
    path = list_of(b"ann\njo\n" if listed else b"ann\n")
    code = check(f"item=user sense={sense} file={path}")
    assert code is (SUCCESS if listed is (sense == "allow") else AUTH_ERR)


@pytest.mark.parametrize(
    ("content", "listed"),
    [
        (b"", False),
        (b"jo", True),
        (b"jo\r\n", True),
        (b"\n\r\n\njo\n", True),
        (b"jo\rann\n", True),
        (b"ann\rjo\n", False),
        (b"jo\0ann\n", True),
        (b"JO\n", False),
        (b" jo\njo \n#jo\n", False),
        (b"joe\nj\n", False),
    ],
)
def test_a_line_is_one_value_and_compared_as_it_is(
    check: Check, list_of: MakeList, content: bytes, listed: bool
) -> None:
    code = check(f"item=user sense=allow file={list_of(content)}")
    assert code is (SUCCESS if listed else AUTH_ERR)


@pytest.mark.parametrize("onerr", ["succeed", "fail"])
def test_a_file_that_every_account_may_write_refuses(
    check: Check, list_of: MakeList, onerr: str
) -> None:
    path = list_of(b"jo\n", 0o606)
    assert check(f"item=user sense=allow file={path} onerr={onerr}") is AUTH_ERR


@pytest.mark.parametrize("target", ["list", "nowhere"])
def test_a_link_refuses_even_if_errors_succeed(
    check: Check, list_of: MakeList, tmp_path: Path, target: str
) -> None:
    list_of(b"jo\n")
    (tmp_path / "link").symlink_to(tmp_path / target)
    assert check(f"item=user sense=allow file={tmp_path}/link onerr=succeed") is AUTH_ERR


def test_a_file_that_becomes_a_link_while_it_is_opened_refuses(
    check: Check, list_of: MakeList, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = list_of(b"jo\n")
    real = os.lstat(path)
    path.rename(path.with_name("other"))
    path.symlink_to("other")
    with monkeypatch.context() as patch:
        patch.setattr("ualauth.modules.pam_listfile.os.lstat", lambda _: real)
        assert check(f"item=user sense=allow file={path} onerr=succeed") is AUTH_ERR


def test_a_fifo_refuses_without_waiting(check: Check, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert check(f"item=user sense=allow file={tmp_path}/fifo") is AUTH_ERR


@pytest.mark.parametrize(("tty", "listed"), [("tty1", True), ("/dev/tty2", True), ("tty3", False)])
def test_terminals_are_compared_without_dev(
    check: Check, list_of: MakeList, tty: str, listed: bool
) -> None:
    path = list_of(b"/dev/tty1\ntty2\n")
    code = check(f"item=tty sense=allow file={path}", tty=tty)
    assert code is (SUCCESS if listed else AUTH_ERR)


@pytest.mark.parametrize("rhost", [None, ""])
@pytest.mark.parametrize(("sense", "code"), [("allow", AUTH_ERR), ("deny", SUCCESS)])
def test_an_item_that_is_not_set_is_not_listed_and_no_file_is_read(
    check: Check, sense: str, code: ReturnCode, rhost: str | None
) -> None:
    assert check(f"item=rhost sense={sense} file=/nowhere", rhost=rhost) is code


def test_groups_are_those_of_the_host(check: Check, list_of: MakeList) -> None:
    path = list_of(b"nosuchgroup\nroot\n")
    assert check(f"item=group sense=allow file={path}", user="root") is SUCCESS
    assert check(f"item=group sense=allow file={path}", user="nosuchuser") is AUTH_ERR


def test_the_shell_of_a_user_the_host_does_not_know_is_an_error(
    check: Check, list_of: MakeList
) -> None:
    path = list_of(b"/bin/sh\n/bin/bash\n")
    assert check(f"item=shell sense=allow file={path}", user="root") is SUCCESS
    assert check(f"item=shell sense=allow file={path}", user="nosuchuser") is SERVICE_ERR
    assert check(f"item=shell sense=deny file={path} onerr=succeed", user="nosuchuser") is SUCCESS


@pytest.mark.parametrize("item", ["user", "group", "shell"])
def test_a_user_who_cannot_be_asked_for_is_an_error(check: Check, item: Any) -> None:
    assert check(f"item={item} sense=deny file=/nowhere onerr=succeed", user=None) is SERVICE_ERR


def test_apply_limits_the_list_to_a_user_or_a_group(check: Check, list_of: MakeList) -> None:
    line = f"item=rhost sense=allow file={list_of(b'192.0.2.7')}"
    assert check(f"{line} apply=ann", rhost="192.0.2.7") is IGNORE
    assert check(f"{line} apply=jo", rhost="192.0.2.7") is SUCCESS
    assert check(f"{line} apply=@root", user="root", rhost="192.0.2.7") is SUCCESS
    assert check(f"{line} apply=@nosuchgroup", user="root", rhost="192.0.2.7") is IGNORE
    assert check(f"{line} apply=ann", user=None, rhost="192.0.2.7") is SUCCESS


@pytest.mark.parametrize("item", ["user", "ruser", "group", "shell"])
def test_apply_means_nothing_where_the_item_is_of_the_user(item: Any) -> None:
    arguments = [f"item={item}", "sense=allow", "file=/x", "apply=ann"]
    options, problems = Options.from_arguments(arguments)
    assert options == Options(item=Subject(item), sense=Sense.ALLOW, file="/x")
    assert [problem.fatal for problem in problems] == [False]


def test_mistakes_are_all_reported_and_the_first_one_decides() -> None:
    arguments = ["word", "sense=x", "onerr=succeed", "bad=1", "onerr=x", "item=y"]
    options, problems = Options.from_arguments(arguments)
    assert options == Misread(SERVICE_ERR, "unknown sense 'x'")
    assert [problem.index for problem in problems] == [0, 1, 3, 4, 5, 6, 6, 6]
    assert not any(problem.fatal for problem in problems)


def test_the_last_of_an_option_counts() -> None:
    arguments = "item=tty item=user sense=deny sense=allow file=/a file=/b onerr=succeed quiet"
    options, problems = Options.from_arguments(arguments.split())
    assert options == Options(
        item=Subject.USER,
        sense=Sense.ALLOW,
        file="/b",
        onerr=OnError.SUCCEED,
        quiet=True,
    )
    assert not problems


@pytest.mark.parametrize("quiet", ["", "quiet"])
def test_a_refusal_is_remarked_also_if_quiet(
    ask: Ask, attempt: type[FakeAttempt], list_of: MakeList, quiet: str
) -> None:
    fake = attempt("jo")
    arguments = f"item=user sense=deny file={list_of(b'jo')} {quiet}".split()
    assert ask(PamListfile, arguments, Operation.AUTHENTICATE, fake) is AUTH_ERR
    assert [f"user 'jo' is listed in {list_of(b'jo')}"] == fake.remarks
    assert fake.offloads == 1
