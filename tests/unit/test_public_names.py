"""What others build on: it changes only on purpose."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ualauth
from tests.docs.pages import PAGES, ROOT, blocks, name_of, table
from ualauth import ReturnCode
from ualauth.codes import TOKENS, Flag, Item, Operation

NAMES = """
    AccountRestricted Answer Answers AsyncAuthenticator AsyncConversation AsyncSaslExchange
    AsyncTransaction AuthenticationError AuthenticationFailed Authenticator Challenge Config
    ConfigurationError ConnectionInfo Conversation ConversationAgain Error Explanation Flag
    Identity Info Item MechanismUnavailable Message ModuleType ModuleUnavailable Operation Outcome
    PasswordExpired PasswordRefused Peer PeerUnknown Person Question ReturnCode SaslExchange
    Service ServiceFileError StoreError TemporaryFailure TextMessage TraceStep Transaction
    UalauthError UnknownService __version__ explain outcome_of_exception peer_uid
"""
# _pam_types.h, in the order of its numbers.
CODES = """
    success open_err symbol_err service_err system_err buf_err perm_denied auth_err
    cred_insufficient authinfo_unavail user_unknown maxtries new_authtok_reqd acct_expired
    session_err cred_unavail cred_expired cred_err no_module_data conv_err authtok_err
    authtok_recover_err authtok_lock_busy authtok_disable_aging try_again ignore abort
    authtok_expired module_unknown bad_item conv_again incomplete
"""


def test_the_public_names() -> None:
    assert sorted(ualauth.__all__) == sorted(NAMES.split())
    assert all(getattr(ualauth, name) is not None for name in ualauth.__all__)
    assert set(ualauth.__all__) <= set(dir(ualauth))


def test_return_codes_are_linux_pams() -> None:
    assert list(TOKENS) == CODES.split()
    assert [int(code) for code in TOKENS.values()] == list(range(32))
    assert TOKENS["auth_err"] == 7
    assert str(ReturnCode.AUTH_ERR) == f"{ReturnCode.AUTH_ERR}" == "auth_err"
    aliases: list[ReturnCode] = [ReturnCode.AUTHTOK_RECOVERY_ERR, ReturnCode.AUTHTOK_RECOVER_ERR]
    assert aliases[0] is aliases[1]


def test_flags_and_items_are_linux_pams() -> None:
    assert (Flag.SILENT, Flag.DISALLOW_NULL_AUTHTOK) == (0x8000, 1)
    assert (Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK) == (0x4000, 0x2000)
    assert (Item.SERVICE, Item.USER, Item.AUTHTOK_TYPE) == (1, 2, 13)
    assert [str(operation) for operation in Operation] == [
        "authenticate",
        "setcred",
        "acct_mgmt",
        "open_session",
        "close_session",
        "chauthtok",
    ]


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, ualauth; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"asyncio", "sqlalchemy", "passlib", "argon2", "click", "rich", "alembic"}
    assert not heavy & set(loaded)
    assert "ualauth.authenticator" not in loaded


# Packages and modules

PACKAGE = Path(ualauth.__file__).parent
PAGE = ROOT / "docs" / "applications" / "public.md"
PUBLIC = """
    ualauth ualauth.errors ualauth.codes ualauth.messages ualauth.identity ualauth.module
    ualauth.mechanism ualauth.adapters.* ualauth.passwords.* ualauth.smtp_access.* ualauth.testing.*
    ualauth.sasl.certificate ualauth.sasl.certificate_reading ualauth.sasl.channel_binding
    ualauth.audit ualauth.reasons ualauth.metrics ualauth.tracing
"""
NOT_YET = """
    ualauth.config.install.install
    ualauth.stack.registry.ModuleRegistry
    ualauth.userlist.names.ORName
    ualauth.userlist.names.parse
    ualauth.userlist.policy.LockoutRules
    ualauth.userlist.record.NewUser
    ualauth.userlist.store.UserStore
"""
"""What documents and examples use without a public path: the list only gets shorter."""


def is_public(path: str) -> bool:
    """Return whether an import path is one of those that stay."""
    return any(
        f"{path}.".startswith(public[:-1]) if public.endswith("*") else path == public
        for public in PUBLIC.split()
    )


def may_be_imported(name: str) -> bool:
    """Return whether a name, with its path, is public or in a module that is."""
    module, _, attribute = name.rpartition(".")
    if module == "ualauth" and attribute in ualauth.__all__:
        return True
    return is_public(name) or (module != "ualauth" and is_public(module))


def rooms() -> Iterator[tuple[str, Path]]:
    """Return the import paths and files of all packages, and of the modules beside them."""
    for file in PACKAGE.rglob("*.py"):
        if file.name == "__init__.py" or file.parent == PACKAGE:
            parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), file


ROOMS = sorted(rooms())


def imported(text: str) -> Iterator[str]:
    """Return all that a program imports from ualauth, with its path."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def programs() -> Iterator[tuple[str, str]]:
    """Return the programs in the documents and examples, and where they stand."""
    for page in PAGES:
        yield from (
            (str(block), block.text) for block in blocks(page) if block.language == "python"
        )
    for file in (ROOT / "examples").rglob("*.py"):
        yield name_of(file), file.read_text(encoding="utf-8")


def internal_uses() -> set[tuple[str, str]]:
    """Return what programs in documents and examples import that is not public, and where."""
    return {
        (name, where)
        for where, text in programs()
        for name in imported(text)
        if name.partition(".")[0] == "ualauth" and not may_be_imported(name)
    }


def test_the_page_names_the_public_paths() -> None:
    rows = table(PAGE, "import path", "for", "is")
    assert sorted(row[0].strip("`") for row in rows) == sorted(PUBLIC.split())
    rows = table(PAGE, "name", "is for")
    assert sorted(row[0].strip("`") for row in rows) == NOT_YET.split()


@pytest.mark.parametrize(("path", "file"), ROOMS, ids=[path for path, _ in ROOMS])
def test_every_package_is_public_or_says_that_it_is_internal(path: str, file: Path) -> None:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentences = [line for line in text.split("\n") if line.startswith("Internal: ")]
    assert len(sentences) == (0 if is_public(path) else 1)


def test_there_is_a_file_for_every_public_path() -> None:
    for path in PUBLIC.split():
        place = PACKAGE.parent.joinpath(*path.removesuffix(".*").split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file()
    assert not is_public("ualauth.sasl")
    assert not is_public("ualauth.sasl.scram")
    assert not is_public("ualauth.passwords_of_others")
    assert not may_be_imported("ualauth.aio")
    assert not may_be_imported("ualauth.authenticator.SaslExchange")
    assert may_be_imported("ualauth.passwords.schemes.PasswordHasher")


def test_documents_and_examples_import_what_is_public() -> None:
    allowed = NOT_YET.split()
    assert not {use for use in internal_uses() if use[0] not in allowed}


def test_what_is_not_public_yet_is_still_used_and_exists() -> None:
    used = {name for name, _ in internal_uses()}
    for name in NOT_YET.split():
        assert name in used
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)
