"""`ualauth diff`: what two service files or folders mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import OM_AUTH, Program
from ualauth.testing.folder import ConfigFolder

REST = "account required om_auth\npassword required om_auth\n"
OTHER = "auth required pam_deny\naccount required pam_deny\npassword required pam_deny\n"
LIST = "pam_listfile item=user file=/etc/list sense=allow onerr=fail"


@pytest.fixture
def beside(program: Program, tmp_path_factory: pytest.TempPathFactory) -> ConfigFolder:
    """Return another configuration folder, which says the same as that of the program."""
    other = ConfigFolder(tmp_path_factory.mktemp("new"))
    for folder in (program.folder, other):
        folder.service("pop3", OM_AUTH)
        folder.service("other", OTHER)
    other.settings((program.folder.path / "ualauth.toml").read_text())
    return other


@pytest.mark.parametrize(
    "text",
    [
        OM_AUTH,
        OM_AUTH.replace(" ", "\t\t").replace("om_auth", "/lib/security/om_auth.so # why"),
        OM_AUTH.replace("required", "[success=ok new_authtok_reqd=ok ignore=ignore default=bad]"),
        f"auth substack inner\n{OM_AUTH.partition(chr(10))[2]}",
        f"auth required om_auth\nauth optional pam_deny\n{OM_AUTH.partition(chr(10))[2]}",
    ],
)
def test_nothing_is_printed_if_only_the_text_differs(
    program: Program, beside: ConfigFolder, text: str
) -> None:
    program.folder.service("inner", "auth required om_auth\n")
    file = beside.path / "pop3"
    file.write_text(text)
    result = program.run("diff", "pop3", str(file))
    assert (result.exit_code, result.output) == (0, "")


def test_a_login_that_is_let_in_now_is_marked(program: Program, beside: ConfigFolder) -> None:
    program.folder.service("pop3", f"auth required om_auth\nauth required {LIST}\n{REST}")
    beside.service("pop3", f"auth sufficient om_auth\nauth sufficient {LIST}\n{REST}")
    result = program.run("diff", "pop3", f"{beside.services}/pop3")
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "refused before, let in now (the most important)" in text
    assert ("refused -> granted om_auth answers success (pop3:1)") in text
    assert "before: refused by pam_listfile (pop3:2) now: granted by om_auth (pop3:1)" in (text)
    assert "let in before, refused now" not in text
    backwards = program.run("diff", f"{beside.services}/pop3", "pop3")
    assert "let in before, refused now" in backwards.stdout
    assert "refused before, let in now" not in backwards.stdout


def test_all_classes_are_shown_on_demand(program: Program, beside: ConfigFolder) -> None:
    beside.service("imap", f"auth requisite pam_deny\n{REST}")
    short = program.run("diff", "pop3", f"{beside.services}/imap").stdout
    assert "more: --all shows them" in short
    full = program.run("diff", "pop3", f"{beside.services}/imap", "--all").stdout
    assert "more: --all" not in full
    assert len(full) > len(short)


def test_json_has_all_of_it(program: Program, beside: ConfigFolder) -> None:
    file = beside.path / "pop3.new"
    file.write_text(f"auth sufficient om_auth\nauth optional pam_permit\n{REST}")
    result = program.run("diff", "pop3", str(file), "pop3", "--json")
    assert result.exit_code == 1
    value = json.loads(result.stdout)
    assert (value["old"], value["new"], value["same"]) == ("pop3", str(file), False)
    (service,) = value["services"]
    granted = next(
        each for each in service["changes"] if each["group"] == "refused before, let in now"
    )
    assert granted["new"]["deciding"] == [{"module": "pam_permit", "entry": "pop3.new:2"}]
    assert granted["old"]["outcome"] == "refused"
    assert granted["when"][0] == {
        "operation": "authenticate",
        "module": "om_auth",
        "arguments": [],
        "code": "auth_err",
        "again": False,
        "old": "pop3:1",
        "new": "pop3.new:1",
    }


def test_folders_are_compared_with_their_settings_and_files(
    program: Program, beside: ConfigFolder
) -> None:
    old, new = str(program.folder.path), str(beside.path)
    assert program.succeed("diff", old, new) == ""
    beside.service("imap", "# nothing\nauth required om_auth\n")
    beside.settings('[stack]\ntimeout = 10\n[audit]\ndigest_key = "0123456789abcdef"\n')
    for folder, name in ((program.folder, "a"), (beside, "b")):
        folder.service("smtp", f"auth required om_krb5\n{REST}")
        (folder.path / "om_krb5.conf").write_text(f"realm {name}\n")
    result = program.run("diff", old, new)
    assert result.exit_code == 1
    assert f"imap: only in {new}" in result.stdout.replace("\n", "")
    assert "  [stack] timeout: 30.0 -> 10.0\n" in result.stdout
    assert '  [audit] digest_key: "" -> set, not shown\n' in result.stdout
    assert "0123456789abcdef" not in result.stdout
    assert result.stdout.endswith("files that services read, and that differ\n  om_krb5.conf\n")
    assert "smtp:" not in result.stdout
    (service,) = json.loads(program.run("diff", old, new, "--json").stdout)["services"]
    assert (service["service"], service["only_in"]) == ("imap", new)
    assert program.run("diff", old, new, "smtp").exit_code == 0
    (beside.path / "om_krb5.conf").write_text("# ours\n\n  realm a\n")
    assert "om_krb5.conf" not in program.run("diff", old, new).stdout


def test_a_folder_of_service_files_alone_is_one_too(program: Program, beside: ConfigFolder) -> None:
    assert program.succeed("diff", str(program.folder.services), f"{beside.services}/") == ""
    beside.service("pop3", OM_AUTH.replace("auth required om_auth", "auth required pam_permit", 1))
    result = program.run("diff", str(program.folder.services), f"{beside.services}/", "pop3")
    assert result.exit_code == 1
    assert program.run("diff", "pop3", f"{beside.services}/", "pop3").stdout == result.stdout


def test_parts_are_compared_where_they_are_included(program: Program, beside: ConfigFolder) -> None:
    for folder in (program.folder, beside):
        folder.service("common", "auth required om_auth\n")
        folder.service("imap", f"auth include common\n{REST}")
    beside.service("common", "auth required om_auth\nauth required pam_deny\n")
    result = program.run("diff", str(program.folder.path), str(beside.path))
    assert result.exit_code == 1
    assert "imap: " in result.stdout
    assert "common: " not in result.stdout
    assert "pam_deny (common:2)" in result.stdout


def test_standard_input_is_one_side(program: Program, beside: ConfigFolder) -> None:
    assert beside.path.is_dir()
    assert program.run("diff", "-", "pop3", answers=OM_AUTH).exit_code == 0
    result = program.run("diff", "pop3", "-", answers=OM_AUTH + "account requisite pam_deny\n")
    assert result.exit_code == 1
    assert "now: restricted by pam_deny (-:5)" in result.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("pop", "pop3"), "there is no service file 'pop'"),
        (("pop3", "./none"), "there is no file none"),
        (("pop3", "{new}"), "name the SERVICE of the folder"),
        (("pop3", "other", "pop3"), "SERVICE is for files and folders"),
        (("-", "-"), "only one of OLD and NEW"),
        (("{new}", "{new}/modules"), "there is no file"),
        (("{new}", "{new}", "smtp"), "there is no service file 'smtp'"),
        (("pop3", "{new}/pam.d/broken"), "cure: remove the backslash"),
        (("{new}", "{new}"), "cure: remove the backslash"),
        (("pop3", "{new}/pam.d/broken", "../x"), "is not a service name"),
    ],
)
def test_trouble_is_no_difference(
    program: Program, beside: ConfigFolder, words: tuple[str, ...], complaint: str
) -> None:
    beside.service("broken", "auth required om_auth \\")
    result = program.run("diff", *(word.format(new=beside.path) for word in words))
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_what_is_too_much_is_given_up(program: Program, beside: ConfigFolder) -> None:
    many = "".join(f"auth optional pam_if user=u{number}\n" for number in range(250))
    program.folder.service("pop3", f"{many}{OM_AUTH}")
    beside.service("pop3", f"{many}auth required pam_deny\n{OM_AUTH}")
    result = program.run("diff", "pop3", f"{beside.services}/pop3")
    assert result.exit_code == 2
    assert "more ways through their stacks than can be followed" in result.stderr
    # The same text needs no ways at all.
    program.folder.service("pop3", f"{many}auth required pam_deny\n{OM_AUTH}")
    assert program.run("diff", "pop3", f"{beside.services}/pop3").exit_code == 0


def test_stacks_that_conditions_run_within_each_other_are_compared(
    program: Program, beside: ConfigFolder
) -> None:
    levels = 5
    for folder, control in ((program.folder, "required"), (beside, "sufficient")):
        folder.service("inner0", f"auth {control} om_auth\nauth required om_krb5\n{REST}")
        for level in range(1, levels + 1):
            text = f"auth required {LIST}\nauth required pam_if user=a* stack=inner{level - 1}\n"
            text += f"auth sufficient om_auth\nauth required om_krb5\n{REST}"
            folder.service(f"inner{level}", text)
    last = f"inner{levels}"
    result = program.run("diff", str(program.folder.path), str(beside.path), last)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "refused before, let in now" in result.stdout
    assert program.run("diff", last, f"{program.folder.services}/{last}").exit_code == 0


def test_names_in_files_cannot_forge_lines(program: Program, beside: ConfigFolder) -> None:
    file: Path = beside.path / "pop3"
    file.write_text(f"auth sufficient om_auth\nauth sufficient pam_if user=\x1b[31mx\x9b\n{REST}")
    result = program.run("diff", "pop3", str(file))
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\\x1b[31mx" in result.stdout
