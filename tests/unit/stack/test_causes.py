"""What editors, web pages and other PAMs do to files is told once, by its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.stack.conftest import Compile
from ualauth.codes import ModuleType
from ualauth.errors import ServiceFileError
from ualauth.sources.problem import Problem
from ualauth.stack import line as line_of_file

GOOD = "auth required pam_permit\naccount required pam_permit\n"


def told(compile_files: Compile, text: str | bytes, **files: str | bytes) -> list[Problem]:
    try:
        problems = compile_files(text, **files).problems
    except ServiceFileError as error:
        problems = tuple(each for each in error.problems if isinstance(each, Problem))
    return [each for each in problems if not each.name]


@pytest.mark.parametrize(
    ("text", "line", "column", "why", "cure"),
    [
        (GOOD.replace("\n", "\r\n"), 1, 15, "CR LF", r"sed -i 's/\r$//' "),
        (f"{GOOD}session required pam_permit\r\n", 3, 18, "CR LF", r"sed -i 's/\r$//' "),
        ("# of Windows\r\n\r\n" + GOOD, 2, 1, "CR LF", "sed"),
        (f"\ufeff#%PAM-1.0\n{GOOD}", 1, 1, "byte order mark", r"1s/^\xef\xbb\xbf//"),
        (f"\ufeff{GOOD}", 1, 1, "byte order mark", "sed"),
        (GOOD.encode("utf-16"), 1, 1, "NUL characters", "iconv -f UTF-16 -t UTF-8 "),
        (GOOD.encode("utf-16-le"), 1, 1, "NUL characters", "iconv"),
        ("auth\xa0required\xa0pam_permit\n", 1, 5, "no-break space (U+00A0)", "write a space"),
        ("auth required\u2003pam_permit\n", 1, 14, "em space (U+2003)", "write a space"),
        ("auth required \u200bpam_permit\n", 1, 15, "zero width space (U+200B)", "remove it"),
        ("auth required \\\n# which\npam_permit\n", 2, 1, "line 1 goes on here", "above both"),
        ("au\xadth required pam_permit\n", 1, 3, "soft hyphen (U+00AD) is not seen", "remove it"),
        ("auth \u201crequired\u201d pam_permit\n", 1, 6, "(U+201C) is part of the word", "remove"),
        ("\u2013auth required pam_permit\n", 1, 1, "en dash (U+2013) is no hyphen", "write -"),
        ("auth required\vpam_permit\n", 1, 14, "(U+000B) separates no words", "write a space"),
        ("auth required pam_permit\raccount required pam_permit\r", 1, 25, "(CR)", "tr '\\r'"),
        (
            "auth required pam_listfile item=user \\\n# which\nsense=deny file=/x\n",
            2,
            1,
            "line 1 goes on here, and this comment ends it",
            "above both lines",
        ),
        ("auth required pam_permit\u2028\n", 1, 25, "line separator (U+2028)", "space"),
        (f"pop3 {GOOD}", 1, 1, "form of /etc/pam.conf", "remove 'pop3'"),
        ("OTHER -auth required pam_permit\n", 1, 1, "form of /etc/pam.conf", "remove 'OTHER'"),
        ("include common\n", 1, 1, "include stands after a type", "write @include common, or auth"),
        ("substack common\n", 1, 1, "substack stands after a type", "or auth substack common"),
        ("auth [success=ok default=die pam_permit\n", 1, 6, "the bracket is not closed", "add ]"),
        ("auth binding pam_permit\n", 1, 6, "a control of another PAM", "write [success=done new_"),
        ("auth Definitive pam_permit\n", 1, 6, "a control of another PAM", "default=die]"),
        ("acct required pam_permit\n", 1, 1, "no module type", "did you mean 'account'?"),
        ("accounts required pam_permit\n", 1, 1, "no module type", "did you mean 'account'?"),
        ("passwd required pam_permit\n", 1, 1, "no module type", "did you mean 'password'?"),
        ("auht required pam_permit\n", 1, 1, "no module type", "did you mean 'auth'?"),
        ("auth [succes=ok default=die] pam_permit\n", 1, 7, "cannot read", "mean 'success'?"),
        ("auth [success=dye default=die] pam_permit\n", 1, 7, "cannot read", "success=die?"),
        ("auth [success=ok foo=bar] pam_permit\n", 1, 18, "cannot read 'foo=bar'", "value=action"),
        ("auth [success=ok default] pam_permit\n", 1, 18, "cannot read 'default'", "default=bad"),
        ("auth [success=ok,default=die] pam_permit\n", 1, 17, "cannot read", "blank in place of"),
        ("auth [success=OK\tdefault=die] pam_permit\n", 1, 7, "cannot read", "success=ok?"),
        ("auth [success=ok \\\n   default=0] pam_permit\n", 2, 4, "0 is no jump", "1 to"),
        ("auth \\\n [default=bad \\\n x=1 \\\n] pam_permit\n", 3, 2, "cannot read 'x=1'", ""),
        ("auth [ab\\]c=ok success=o] pam_permit\n", 1, 6, "cannot read 'ab]c=ok'", ""),
        ("auth [Success=ok default=die] pam_permit\n", 1, 7, "cannot read", "mean 'success'?"),
        ("auth required pam_linux service=/etc/pam.d/Dovecot\n", 1, 25, "service=dovecot", ""),
        ("auth required pam_if rhost=192.0.2.\n", 1, 22, "write 192.0.2.0/24", ""),
        ("auth required pam_if rhost=10.\n", 1, 22, "write 10.0.0.0/8", ""),
    ],
)
def test_a_cause_is_told_in_place_of_what_comes_of_it(
    compile_files: Compile, text: str | bytes, line: int, column: int, why: str, cure: str
) -> None:
    (problem,) = told(compile_files, text, other="auth required pam_deny\n")
    assert (problem.source.line, problem.source.column) == (line, column)
    assert why in problem.text
    assert cure in problem.cure
    assert not problem.warning


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("auth required pam_debug auth=success#no\n", 1, 37, "also within a word"),
        ("auth required pam_permit# all\n", 1, 25, "also within a word"),
    ],
)
def test_a_comment_that_takes_more_than_it_seems_is_a_warning(
    compile_files: Compile, text: str, line: int, column: int, why: str
) -> None:
    problems = [each for each in told(compile_files, text) if each.warning]
    (problem,) = (each for each in problems if why in each.text)
    assert (problem.source.line, problem.source.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        f"# \xa0 a comment\r\n{GOOD}",
        f"# auth\xa0required\n#\ufeff\n{GOOD}",
        "auth required pam_listfile item=user sense=deny onerr=fail [file=/srv/our\xa0list]\n",
        f"{GOOD}session required pam_permit # ours\n# pop3 auth required\n",
        "auth required \\\n  pam_permit # a comment\n",
    ],
)
def test_what_does_no_harm_is_not_told(compile_files: Compile, text: str) -> None:
    problems = told(compile_files, text)
    assert not [each for each in problems if "no such list" not in each.text]


def test_the_cause_in_an_included_file_is_told_there(compile_files: Compile) -> None:
    common = "auth required pam_permit\r\naccount required pam_permit\r\n"
    text = "auth include common\naccount include common\nauth requird pam_permit\n"
    problems = told(compile_files, text, common=common)
    assert [(each.source.file.rpartition("/")[2], each.source.line) for each in problems] == [
        ("common", 1),
        ("test", 3),
    ]


def test_what_a_file_means_is_not_changed(compile_files: Compile) -> None:
    service = compile_files("pop3 auth required pam_permit\nauth\xa0required pam_permit\n")
    kinds = [entry.kind.value for entry in service.stacks[ModuleType.AUTH]]
    assert kinds == ["must fail"] * 2


@pytest.mark.parametrize("present", [False, True])
def test_a_file_that_the_host_has_is_no_file_here(
    compile_files: Compile,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    present: bool,
) -> None:
    host: Path = tmp_path_factory.mktemp("host")
    if present:
        (host / "common-auth").write_text("auth required pam_unix.so\n")
    monkeypatch.setattr(line_of_file, "HOST_FOLDER", str(host))
    for text in ("@include common-auth\n", "auth include common-auth\n"):
        (problem,) = told(compile_files, text)
        copied = f"copy {host}/common-auth here, or leave it to the host: pam_linux service=NAME"
        assert problem.cure == (copied if present else "name a readable file that compiles")
