"""`ualauth show` and `ualauth modules`."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Program
from ualauth.stack.control import KEYWORDS, expand, parse_control


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if ":" in line]


def test_every_entry_is_shown_with_its_place(program: Program) -> None:
    program.folder.service("pop3", "auth required om_auth nullok\naccount sufficient pam_permit\n")
    program.folder.service("other", "password required pam_deny")
    rows = _rows(program.succeed("show", "pop3"))
    assert ["pop3:1", "required", "om_auth", "nullok"] in rows
    assert ["pop3:2", "sufficient", "pam_permit"] in rows
    assert ["other:1", "required", "pam_deny"] in rows
    assert any(row[0] == "session:" for row in rows)


def test_a_substack_is_indented(program: Program) -> None:
    program.folder.service("pop3", "auth required om_auth")
    program.folder.service("imap", "auth substack pop3\nauth required pam_permit")
    text = program.succeed("show", "imap")
    starts = ("imap:1", "pop3:1", "imap:2")
    marker, inner, outer = (
        next(line for line in text.splitlines() if line.startswith(start)) for start in starts
    )
    assert marker.split() == ["imap:1", "substack", "pop3"]
    assert inner.index("om_auth") == outer.index("pam_permit") + 2 == marker.index("pop3") + 2


def test_controls_are_expanded_on_demand(program: Program) -> None:
    program.folder.service("pop3", "auth [success=1 default=die] pam_permit\nauth optional om_auth")
    text = program.succeed("show", "pop3")
    assert "[success=1 default=die]" in text
    assert "optional" in text
    text = " ".join(program.succeed("show", "pop3", "--expand").split())
    assert "new_authtok_reqd=ok" in text
    assert "optional" not in text


def test_expanded_controls_read_to_the_same_table() -> None:
    texts = [*KEYWORDS, "success=3 auth_err=die", "default=ignore", "ignore=reset default=done"]
    for text in texts:
        table = parse_control(text).table
        again = parse_control(expand(table)[1:-1])
        assert again.table == table
        assert not again.mistake


def test_arguments_keep_their_brackets(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_debug [auth=auth_err x] [/bold]")
    assert "[auth=auth_err x] /bold" in program.succeed("show", "pop3")


def test_a_line_without_sense_always_refuses(program: Program) -> None:
    program.folder.service("pop3", "auth required")
    result = program.run("show", "pop3")
    assert "nothing (always refuses)" in result.stdout
    assert "see them with: ualauth check pop3" in result.stderr


def test_a_service_without_a_file_is_pointed_out(program: Program) -> None:
    program.folder.service("other", "auth required pam_deny")
    result = program.run("show", "pop33")
    assert result.exit_code == 0
    assert result.stderr == "There is no service file 'pop33': other decides.\n"


def test_a_service_that_cannot_be_used_prints_its_problems(program: Program) -> None:
    program.folder.service("pop3", "auth required om_auth \\")
    result = program.run("show", "pop3")
    assert result.exit_code == 2
    assert "cure: remove the backslash" in result.stderr


def test_an_unknown_service_is_one_line(program: Program) -> None:
    result = program.run("show", "pop3")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: there is no service 'pop3'")


def test_modules_are_listed_with_what_they_do(program: Program) -> None:
    text = program.succeed("modules")
    for name in ("om_auth", "pam_permit", "pam_deny", "pam_listfile", "pam_succeed_if"):
        assert name in text
    assert "Check people against the" in text


def test_a_module_that_cannot_be_loaded_is_listed_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "broken.py").write_text("import no_such_library\n")
    program.folder.settings(f'[modules]\npath = ["{tmp_path}/extra"]\n')
    text = " ".join(program.succeed("modules").split())
    assert "broken" in text
    assert "cannot be loaded" in text


def test_a_module_is_explained_with_its_options(program: Program) -> None:
    text = program.succeed("modules", "om_auth")
    assert text.startswith("om_auth: auth, account, session, password\n")
    assert "nullok" in text
    assert "Let users without a password in" in text
    assert "item=user|tty" in program.succeed("modules", "pam_listfile").replace("\n", "")


def test_a_module_without_options_says_so(program: Program) -> None:
    assert "It takes no options." in program.succeed("modules", "pam_deny")


def test_an_unknown_module_is_one_line(program: Program) -> None:
    result = program.run("modules", "om_nothing")
    assert result.exit_code == 2
    assert result.stderr == "Error: there is no module 'om_nothing'\n"


def test_the_stack_that_an_entry_may_run_is_shown_below_it(program: Program) -> None:
    program.folder.service("imap", "auth required pam_if tls stack=pop3\nauth required pam_permit")
    program.folder.service("pop3", "auth required om_auth")
    text = program.succeed("show", "imap")
    assert [row[0] for row in _rows(text) if row[0][:4] in {"imap", "pop3"}] == [
        "imap:1",
        "pop3:1",
        "imap:2",
    ]
    lines = {line.split()[0]: line for line in text.splitlines() if ":" in line}
    assert lines["pop3:1"].index("om_auth") == lines["imap:1"].index("pam_if") + 2
