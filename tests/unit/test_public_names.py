"""What others build on: it changes only on purpose."""

from __future__ import annotations

import subprocess
import sys

import ualauth
from ualauth import ReturnCode
from ualauth.codes import TOKENS, Flag, Item, Operation

NAMES = """
    AccountRestricted Answer Answers AsyncAuthenticator AsyncConversation AsyncSaslExchange
    AsyncTransaction AuthenticationError AuthenticationFailed Authenticator Challenge Config
    ConfigurationError ConnectionInfo Conversation
    ConversationAgain Error Flag Identity Info Item MechanismUnavailable Message
    ModuleType ModuleUnavailable Operation PasswordExpired PasswordRefused Peer PeerUnknown
    Person Question ReturnCode SaslExchange Service ServiceFileError StoreError TemporaryFailure
    TextMessage TraceStep Transaction UalauthError UnknownService __version__ peer_uid
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
    assert ReturnCode.AUTH_ERR == 7
    assert str(ReturnCode.AUTH_ERR) == f"{ReturnCode.AUTH_ERR}" == "auth_err"
    assert ReturnCode.AUTHTOK_RECOVERY_ERR is ReturnCode.AUTHTOK_RECOVER_ERR


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
