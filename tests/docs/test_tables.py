"""Tables of the documentation say what the code says."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pytest

from tests.docs.pages import ROOT, blocks, prose, table, tables
from ualauth import errors
from ualauth.adapters import http_replies, imap_replies, smtp_replies
from ualauth.adapters.sasl_lines import NeedsTls
from ualauth.adapters.twisted.pop3 import REPLIES as POP3_REPLIES
from ualauth.cli.application import COMMANDS
from ualauth.cli.exits import ExitStatus
from ualauth.codes import MODULE_TYPE, UNCHECKED, ModuleType, Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.judgement import Judgement
from ualauth.contract.options import describe
from ualauth.identity import Identity
from ualauth.import_export.closing import REASONS
from ualauth.import_export.directory_limits import RULES, SHADOW
from ualauth.import_export.formats import FORMATS
from ualauth.ldap.config.keywords import KEYWORDS as KEYWORDS_OF_LDAP
from ualauth.ldap.config.variables import ATTEMPT, WHO
from ualauth.ldap.rules import (
    access,
    active_directory,
    answers,
    authenticator,
    cures,
    locks,
    search,
    texts,
)
from ualauth.module import Attempt
from ualauth.passwords.formats import BY_BEGINNING, BY_IDENT, BY_LIBPASS_NAME, BY_NAME
from ualauth.passwords.making import MAKERS
from ualauth.runtime.outcome import EXCEPTIONS, Outcome, outcome_of, outcome_of_exception
from ualauth.runtime.peer import Peer
from ualauth.runtime.trace import TraceStep
from ualauth.runtime.transaction import BaseTransaction
from ualauth.stack.control import KEYWORDS, ControlAction
from ualauth.stack.dialect import DEBIAN, LINUX_PAM
from ualauth.stack.registry import ModuleRegistry
from ualauth.text.language import MAX_LANGUAGE
from ualauth.userlist import checks
from ualauth.userlist.record import User

Reply = TypeVar("Reply")
DOCS = ROOT / "docs"
ADMINISTRATORS = DOCS / "administrators"
APPLICATIONS = DOCS / "applications"
MODULES = ADMINISTRATORS / "modules"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_IN = sorted(PROJECT["project"]["entry-points"]["ualauth.modules"])


def words(cell: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(rows: Iterable[list[str]]) -> list[str]:
    return [word for row in rows for word in words(row[0])]


# Modules


@pytest.mark.parametrize("name", BUILT_IN)
def test_options_are_those_of_the_module(name: str) -> None:
    options = describe(ModuleRegistry().find(name).options_type)
    page = MODULES / f"{name}.md"
    if not options:
        assert "It takes none." in prose(page)
        return
    expected = [
        [f"`{option.usage}`", f"`{option.default}`" if option.default else "", option.text]
        for option in options
    ]
    assert table(page, "option", "default", "meaning") == expected


def test_keywords_of_om_ldap_are_those_that_are_read() -> None:
    rows = table(MODULES / "om_ldap.md", "keyword", "default", "meaning")
    assert rows == [
        [f"`{name} {each.usage}`", f"`{each.default}`" if each.default else "", each.help]
        for name, each in KEYWORDS_OF_LDAP.items()
    ]


def test_places_for_values_in_om_ldap_are_all_there() -> None:
    rows = table(MODULES / "om_ldap.md", "place", "is", "where")
    assert {words(row[0])[0]: row[1] for row in rows} == {
        f"{{{name}}}": text for name, text in {**WHO, **ATTEMPT}.items()
    }


def test_every_message_of_om_ldap_is_explained() -> None:
    page = prose(ADMINISTRATORS / "ldap-trouble.md")
    rooms = (access, active_directory, answers, search, locks, authenticator, texts)
    said = {
        each.log
        for room in rooms
        for value in vars(room).values()
        for each in (value.values() if isinstance(value, dict) else [value])
        if isinstance(each, Judgement)
    }
    granted = {"password verified by the directory", "the account may be used"}
    told = [text.removesuffix(" ...") for text in words(page)]
    missing = {text for text in said - granted if not any(text.startswith(each) for each in told)}
    assert not missing


def test_every_code_that_has_a_cure_is_explained() -> None:
    told = words(prose(ADMINISTRATORS / "ldap-trouble.md"))
    for code in cures.OF_CODE:
        wanted = f"result code {code}"
        assert any(each == wanted or each.startswith(f"{wanted}:") for each in told), code


def test_attributes_that_lock_are_all_named() -> None:
    page = prose(MODULES / "om_ldap.md")
    assert not [name for name in locks.NAMES if f"`{name}`" not in page]


def test_every_module_has_its_page_and_its_row() -> None:
    rows = table(ADMINISTRATORS / "modules.md", "module", "types", "for")
    assert sorted(first_words(rows)) == BUILT_IN == sorted(page.stem for page in MODULES.iterdir())
    for row in rows:
        kind = ModuleRegistry().find(words(row[0])[0])
        served = [
            each for operation, each in MODULE_TYPE.items() if hasattr(kind, operation.method)
        ]
        assert row[1] == ", ".join(dict.fromkeys(map(str, served)))


@pytest.mark.parametrize("name", BUILT_IN)
def test_answers_are_return_codes(name: str) -> None:
    page = MODULES / f"{name}.md"
    for rows in tables(page):
        if "code" in rows[0]:
            column = rows[0].index("code")
            answers = {word for row in rows[1:] for word in words(row[column])}
            assert answers - {"onerr=succeed"} <= {str(code) for code in ReturnCode}


# Codes and controls


def test_return_codes_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "modules.md", "code", "number", "means")
    assert [row[:2] for row in rows] == [[f"`{code}`", str(int(code))] for code in ReturnCode]


@pytest.mark.parametrize(
    ("page", "begin", "end"),
    [
        (ADMINISTRATORS / "modules.md", "Codes that say nothing about the person", "."),
        (APPLICATIONS / "exceptions.md", "* an entry that was asked, or", ";"),
        (DOCS / "decisions" / "0007-could-not-check.md", "All of them:", ","),
    ],
    ids=["modules", "exceptions", "decision"],
)
def test_codes_of_what_could_not_be_checked(page: Path, begin: str, end: str) -> None:
    text = prose(page)
    after = text[text.index(begin) :]
    stop = after.index(f"{end}\n") if end != "," else after.index(", and every entry")
    assert {word.lower() for word in words(after[:stop])} == {str(code) for code in UNCHECKED}


def test_control_words_stand_for_what_the_code_says() -> None:
    rows = table(ADMINISTRATORS / "service-files.md", "word", "stands for")
    assert {words(word)[0]: words(meaning)[0] for word, meaning in rows} == {
        word: f"[{meaning}]" for word, meaning in KEYWORDS.items()
    }


def test_actions_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "service-files.md", "action", "does")
    assert [row[0] for row in rows] == [*(f"`{action}`" for action in ControlAction), "a number"]


def test_types_have_their_operations() -> None:
    rows = table(ADMINISTRATORS / "service-files.md", "type", "operations", "asks")
    assert {words(row[0])[0]: words(row[1]) for row in rows} == {
        str(kind): [str(each) for each, serving in MODULE_TYPE.items() if serving is kind]
        for kind in ModuleType
    }


def test_limits_of_includes_are_the_dialects() -> None:
    text = prose(ADMINISTRATORS / "service-files.md")
    upstream, debian = LINUX_PAM.include_limit - 1, DEBIAN.include_limit - 1
    assert f"include each other {upstream} deep" in text
    assert f"({debian} in the `debian` dialect" in text
    row = ["files included in each other", str(upstream), str(debian)]
    assert row in tables(ADMINISTRATORS / "service-files.md")[-1]


# Settings and the USERLIST


def test_settings_have_their_defaults() -> None:
    expected = []
    for name, kind in get_type_hints(Config).items():
        if dataclasses.is_dataclass(kind):
            defaults = dataclasses.asdict(kind())  # type: ignore[operator]  # a class
            expected += [
                [f"`[{name}] {key}`", f"`{json.dumps(value)}`"] for key, value in defaults.items()
            ]
    rows = table(ADMINISTRATORS / "configuration.md", "key", "default", "meaning")
    assert [row[:2] for row in rows] == expected


def test_schemes_of_new_passwords_are_all_named() -> None:
    rows = table(ADMINISTRATORS / "configuration.md", "key", "default", "meaning")
    (meaning,) = [row[2] for row in rows if row[0] == "`[password] scheme`"]
    assert words(meaning) == list(MAKERS)


def test_fields_of_a_user_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "userlist.md", "field", "holds", "at most")
    assert sorted(first_words(rows)) == sorted(field.name for field in dataclasses.fields(User))
    limits = {words(row[0])[0]: re.findall(r"\d[\d,]*\d", row[2]) for row in rows}
    assert limits["authid"] == [str(checks.MAX_AUTHID)]
    assert limits["addresses"] == [
        f"{checks.MAX_ADDRESSES:,}",
        str(checks.MAX_ADDRESS),
        str(checks.MAX_LOCAL_PART),
    ]
    assert limits["password"] == [str(checks.MAX_PASSWORD)]
    assert limits["unix_uid"] == [str(checks.MAX_UNIX_UID)]
    assert limits["language"] == [str(MAX_LANGUAGE)]
    assert limits["mailbox_limit"] == [str(checks.MAX_MAILBOX_LIMIT)]


def test_what_an_export_does_with_each_reason_is_what_it_does() -> None:
    rows = table(ADMINISTRATORS / "userlist.md", "reason", *(f"`{kind}`" for kind in FORMATS))
    assert rows == [
        [name, *(reason.cells[kind].value for kind in FORMATS)] for name, reason in REASONS.items()
    ]


def test_attributes_that_restrict_are_those_that_are_read() -> None:
    rows = table(ADMINISTRATORS / "userlist.md", "from", "read as")
    said = {word.lower() for row in rows for word in words(row[1]) if "..." not in word}
    assert said == RULES.keys() | SHADOW.keys()


def test_stored_passwords_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "userlist.md", "written as", "schemes")[:4]
    assert [words(row[1]) for row in rows] == [
        [f"{{{name}}}" for name in BY_NAME],
        [ident for ident, _ in BY_IDENT],
        [beginning for beginning, _ in BY_BEGINNING],
        [f"{{{name}}}" for name in BY_LIBPASS_NAME],
    ]


# The command line and the log


def test_exit_statuses_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "command-line.md", "status", "means")
    assert [row[0] for row in rows] == [str(int(status)) for status in ExitStatus]


def test_commands_are_all_there() -> None:
    text = prose(ADMINISTRATORS / "command-line.md")
    assert sorted(re.findall(r"(?m)^## ualauth (.*)$", text)) == sorted(COMMANDS)


def test_loggers_are_all_there() -> None:
    rows = table(ADMINISTRATORS / "logging.md", "logger", "level", "says")
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "ualauth").rglob("*.py")]
    used = {
        name for text in sources for name in re.findall(r'= logging\.getLogger\("(.*)"\)', text)
    }
    assert set(first_words(rows)) == used


# The interface for applications and modules


def test_exceptions_are_drawn_as_they_are() -> None:
    (drawn,) = [
        block.text
        for block in blocks(APPLICATIONS / "exceptions.md")
        if block.text.startswith("UalauthError")
    ]
    path = ["UalauthError"]
    for line in drawn.splitlines()[1:]:
        match = re.match(r"[│ ]*[├└]── (\w+)", line)
        assert match is not None
        depth = match.start(1) // 4
        path[depth:] = [match[1]]
        kind = getattr(errors, match[1])
        assert kind.__base__.__name__ == path[depth - 1]
    kinds = vars(errors).values()
    names = {
        kind.__name__
        for kind in kinds
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert set(re.findall(r"\w+", drawn)) >= names


def test_codes_become_the_exceptions_that_the_table_says() -> None:
    rows = table(APPLICATIONS / "exceptions.md", "operation", "code", "exception")
    said: dict[str, dict[str, str]] = {}
    operation = ""
    for row in rows[:-1]:
        operation = words(row[0])[0] if row[0] else operation
        for word in words(row[1]) or ["any other"]:
            said.setdefault(operation, {})[word] = words(row[2])[0]
    for name, codes in said.items():
        for code in set(ReturnCode) - UNCHECKED - {ReturnCode.SUCCESS, ReturnCode.INCOMPLETE}:
            outcome = outcome_of(Operation[name.upper()], code, could_not_check=False)
            expected = codes.get(str(code), codes["any other"])
            assert EXCEPTIONS[outcome].__name__ == expected, f"{name}: {code}"


def test_every_outcome_has_its_row_and_the_replies_of_the_adapters() -> None:
    headings = ("outcome", "exception", "when", *REPLIES_OF)
    said = {
        words(row[0])[0]: (
            words(row[1]) or [row[1]],
            [words(cell) for cell in row[3:]],
        )
        for row in table(APPLICATIONS / "exceptions.md", *headings)
    }
    expected = {"granted": (["none"], [["235 2.7.0"], ["OK"], ["+OK"], ["200"]])}
    for outcome, kind in EXCEPTIONS.items():
        replies = [[]] * 4 if outcome is Outcome.UNSUITABLE else replies_to(kind)
        expected[str(outcome)] = ([kind.__name__], replies)
    assert said == expected
    assert list(said) == [str(outcome) for outcome in Outcome]
    assert smtp_replies.SUCCESS[1].startswith("2.7.0")


def test_what_has_no_outcome_has_the_replies_of_the_adapters() -> None:
    rows = table(APPLICATIONS / "exceptions.md", "exception", "SMTP", "IMAP", "POP3", "HTTP")
    assert {words(row[0])[0]: [words(cell) for cell in row[1:]] for row in rows} == {
        "ConfigurationError": replies_to(errors.ConfigurationError),
        "UnsteadyFile": replies_to(errors.UnsteadyFile),
        "MechanismUnavailable": replies_to(errors.MechanismUnavailable),
        "needs_tls": replies_to(NeedsTls),
    }


def test_every_authentication_error_is_one_outcome() -> None:
    kinds = set(errors.AuthenticationError.__subclasses__())
    assert set(EXCEPTIONS.values()) == kinds
    assert EXCEPTIONS.keys() == set(Outcome) - {Outcome.GRANTED}
    for outcome, kind in EXCEPTIONS.items():
        assert outcome_of_exception(kind(ReturnCode.AUTH_ERR)) is outcome


REPLIES_OF = (
    "SMTP (RFC 4954)",
    "IMAP (RFC 9051, RFC 5530)",
    "POP3 (RFC 2449, RFC 3206)",
    "HTTP (RFC 9110)",
)


def replies_to(kind: type[Exception]) -> list[list[str]]:
    """Return what SMTP, IMAP, POP3 and HTTP servers reply, as the page writes it."""
    number, text = reply_to_kind(smtp_replies.REPLIES, kind)
    imap = reply_to_kind(imap_replies.REPLIES, kind)
    pop3 = reply_to_kind(POP3_REPLIES, kind).decode()
    code = f" [{imap.code.decode()}]" if imap.code else ""
    return [
        [f"{number} {text.split()[0]}"],
        [f"{imap.condition.decode()}{code}"],
        [f"-ERR {pop3[: pop3.index(']') + 1]}" if pop3.startswith("[") else "-ERR"],
        [str(reply_to_kind(http_replies.REPLIES, kind).status)],
    ]


def reply_to_kind(replies: Mapping[type[Exception], Reply], kind: type[Exception]) -> Reply:
    return next(replies[each] for each in kind.__mro__ if each in replies)


def test_settings_of_django_have_their_defaults() -> None:
    # To import it, Django has to be set up.
    tree = ast.parse((ROOT / "ualauth/adapters/django/settings.py").read_text(encoding="utf-8"))
    (kind,) = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    fields = [each for each in kind.body if isinstance(each, ast.AnnAssign)]
    rows = table(APPLICATIONS / "web.md", "key of `UALAUTH`", "default", "means")
    assert [[words(cell)[0].replace("'", '"') for cell in row[:2]] for row in rows] == [
        [ast.unparse(each.target).upper(), ast.unparse(each.value or each).replace("'", '"')]
        for each in fields
    ]


def test_the_peer_has_these_keywords() -> None:
    rows = table(APPLICATIONS / "blocking.md", "keyword", "is", "who uses it")
    assert first_words(rows) == list(Peer.__annotations__)


def test_an_identity_has_these_attributes() -> None:
    rows = table(APPLICATIONS / "blocking.md", "attribute", "is")
    fields = {field.name for field in dataclasses.fields(Identity)}
    assert set(first_words(rows)) == fields | {"authid", "addresses"}


def test_operations_are_those_of_a_transaction() -> None:
    rows = table(APPLICATIONS / "transactions.md", "method", "stack", "PAM's function")
    assert [word.partition("(")[0] for word in first_words(rows)] == list(map(str, Operation))


def test_methods_of_a_transaction_exist() -> None:
    rows = table(APPLICATIONS / "transactions.md", "method", "does", "PAM's function")
    for word in first_words(rows):
        name, _, arguments = word.rstrip(")").partition("(")
        signature = inspect.signature(getattr(BaseTransaction, name))
        assert list(signature.parameters)[1:] == [each for each in arguments.split(", ") if each]


def test_a_step_of_the_trace_has_these_attributes() -> None:
    rows = table(APPLICATIONS / "transactions.md", "attribute", "is")
    assert first_words(rows)[:11] == [field.name for field in dataclasses.fields(TraceStep)]


def test_an_attempt_offers_all_that_the_table_says() -> None:
    rows = table(DOCS / "module-authors" / "contract.md", "name", "is, or does")
    said = {re.sub(r"await |\(.*", "", word) for word in first_words(rows)}
    assert said == {name for name in vars(Attempt) | Attempt.__annotations__ if name[0] != "_"}


# The architecture


def test_layers_are_those_that_are_enforced() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    enforced = [sorted(layer.replace("ualauth.", "").split(" | ")) for layer in layers]
    rows = table(DOCS / "architecture.md", "layer", "what lives there")
    assert [sorted(words(row[0])) for row in rows] == enforced


def test_every_room_is_in_a_layer() -> None:
    rows = table(DOCS / "architecture.md", "layer", "what lives there")
    rooms = {path.stem for path in (ROOT / "ualauth").iterdir() if path.name[0] not in "_."}
    assert set(first_words(rows)) == rooms - {"py"}


def test_rooms_of_the_stack_are_all_there() -> None:
    rows = table(DOCS / "architecture.md", "room", "what lives there")
    files = (ROOT / "ualauth" / "stack").glob("[!_]*.py")
    assert sorted(first_words(rows)) == sorted(file.stem for file in files)


def test_dependencies_are_those_of_the_project() -> None:
    headings = ("library", "needed", "newest when looked at", "for", "maker", "licence")
    rows = table(DOCS / "decisions" / "0001-dependencies.md", *headings)
    assert sorted(words(row[1])[0] for row in rows) == PROJECT["project"]["dependencies"]
