"""Passwords: nowhere but where they are compared."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import Password, PasswordChange
from ualauth.errors import AuthenticationError
from ualauth.messages import Question
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

if TYPE_CHECKING:
    from tests.conftest import Way

CANARY = "canary-Pa55word"
NEW = "canary-N3wword"


class Careless(Module[Options]):
    """Do all that a module may do with a password, and fail with it in the end."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        password = await attempt.get_authtok()
        await attempt.ask(Question("again? "))
        await attempt.offload(len, password)
        attempt.set_item(Item.OLDAUTHTOK, password)
        attempt.set_data("careless", password, self._cleanup)
        attempt.remark("it is wrong")
        if attempt.user == "mallory":
            raise ValueError(f"wrong password {password}")
        if attempt.user == "trudy":
            await attempt.offload(self._fail, password)
        return ReturnCode.AUTH_ERR

    acct_mgmt = chauthtok = setcred = authenticate

    @staticmethod
    def _fail(password: str) -> None:
        raise OSError(password)

    @staticmethod
    def _cleanup(value: object, status: int) -> None:
        raise ValueError(value, status)


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Hear everything that any logger says."""
    with caplog.at_level(logging.DEBUG):
        for name in list(logging.root.manager.loggerDict):
            caplog.set_level(logging.DEBUG, name)
        yield caplog


def assert_silent(heard: pytest.LogCaptureFixture, *values: object) -> None:
    """Neither the logs nor these values show a password."""
    formatter = logging.Formatter("%(name)s %(message)s %(args)s")
    texts = [formatter.format(record) for record in heard.records]
    texts += [repr(record.args) for record in heard.records]
    for value in values:
        texts += [repr(value), str(value)]
        if isinstance(value, BaseException):
            texts += traceback.format_exception(value)
            texts += [repr(vars(value)), repr(value.__cause__), repr(value.__context__)]
    for secret in (CANARY, NEW):
        assert not [text for text in texts if secret in text]


@pytest.mark.parametrize("user", ["jsmith", "mallory", "trudy"])
def test_a_login_that_fails_shows_no_password(
    user: str,
    folder: ConfigFolder,
    way: Way,
    heard: pytest.LogCaptureFixture,
) -> None:
    folder.module("careless", Careless)
    folder.service("test", "auth required careless\npassword required careless\n")

    with pytest.raises(AuthenticationError) as login:
        way.login(folder.config(), "test", user, CANARY, rhost="192.0.2.7")
    with pytest.raises(AuthenticationError) as change:
        way.change(folder.config(), "test", user, CANARY, NEW)

    assert heard.records
    assert_silent(heard, login.value, change.value)


@pytest.mark.parametrize("user", ["jsmith", "mallory", "trudy"])
def test_a_transaction_shows_no_password(
    user: str,
    folder: ConfigFolder,
    way: Way,
    heard: pytest.LogCaptureFixture,
) -> None:
    folder.module("careless", Careless)
    text = "{0} required careless\n"
    folder.service("test", "".join(text.format(each) for each in ("auth", "account", "password")))
    conversation = ScriptedConversation(*[CANARY] * 20)
    authenticator = way.authenticator(folder.config())
    handle = authenticator.transaction("test", user, conversation)
    for operation in (Operation.AUTHENTICATE, Operation.ACCT_MGMT, Operation.CHAUTHTOK):
        way.perform(handle, operation)
    inner = handle._handle
    everything = [handle, handle.trace, handle.messages, inner, inner.attempt, inner.runs,
                  conversation, authenticator, authenticator.config]  # fmt: skip
    handle.close()

    assert heard.records
    assert_silent(heard, *everything)


def test_a_wrong_password_of_the_userlist_shows_nowhere(
    folder: ConfigFolder,
    way: Way,
    heard: pytest.LogCaptureFixture,
) -> None:
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", NEW)
    folder.settings("[password]\nargon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8\n")
    folder.service("test", "auth required om_auth\naccount required om_auth\n")
    try:
        with pytest.raises(AuthenticationError) as wrong:
            way.login(folder.config(), "test", "jsmith", CANARY)
        with pytest.raises(AuthenticationError) as unknown:
            way.login(folder.config(), "test", "nobody", CANARY)
        identity = way.login(folder.config(), "test", "jsmith", NEW)
    finally:
        userlist.close()

    stored = userlist.store.get("jsmith").password or ""
    userlist.close()
    assert stored
    # SQLAlchemy shows rows at DEBUG: hashes, but never what was typed.
    own = [record.getMessage() for record in heard.records if record.name.startswith("ualauth")]
    assert not [text for text in own if stored in text]
    assert_silent(heard, wrong.value, unknown.value, identity, userlist)
    assert str(wrong.value) == str(unknown.value) == "Authentication failed"


def test_credentials_do_not_show_themselves() -> None:
    for each in (Password(CANARY), PasswordChange(CANARY, NEW)):
        assert "canary" not in repr(each)
        assert "canary" not in str(each)
        assert "canary" not in f"{each}"


def test_a_conversation_that_raises_with_the_answer_in_its_text_shows_nothing(
    folder: ConfigFolder,
    way: Way,
    heard: pytest.LogCaptureFixture,
) -> None:
    folder.module("careless", Careless)
    folder.service("test", "auth required careless\n")
    conversation = ScriptedConversation(ValueError(f"cannot send {CANARY}"))
    with way.begin(folder.config(), "test", "jsmith", conversation) as handle:
        way.perform(handle, Operation.AUTHENTICATE)
        assert_silent(heard, handle.trace)
    assert "ValueError" in heard.text


def all_passwords() -> list[Password]:
    gc.collect()
    # Not isinstance: it asks lazy objects of others for what they stand for.
    return [each for each in gc.get_objects() if type(each) is Password]


def test_after_a_login_no_object_holds_the_password(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", "auth required pam_permit\naccount required pam_permit\n")
    authenticator = way.authenticator(folder.config())
    # Other tests may have left some, in exceptions that were kept.
    before = all_passwords()
    identity = way.run(authenticator.authenticate("test", "jsmith", CANARY[:1] + CANARY[1:]))
    assert [each for each in all_passwords() if not any(each is old for old in before)] == []
    assert CANARY not in repr(identity)


@pytest.mark.parametrize(
    "name",
    ["x\r\nroot: granted", "\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}x", "é" * 500],
    ids=["line end", "escape", "direction", "long"],
)
def test_a_name_cannot_forge_a_line_of_the_log(
    name: str,
    folder: ConfigFolder,
    way: Way,
    heard: pytest.LogCaptureFixture,
) -> None:
    folder.service("test", "auth required pam_deny\n")
    with pytest.raises(AuthenticationError):
        way.login(folder.config(), "test", name, CANARY, rhost=name)

    for record in heard.records:
        assert record.getMessage().isprintable()
        assert record.getMessage().isascii()
        assert len(record.getMessage()) < 2000


def test_a_cancelled_login_shows_no_password(
    folder: ConfigFolder,
    heard: pytest.LogCaptureFixture,
) -> None:
    from ualauth import AsyncAuthenticator

    folder.module("careless", Careless)
    folder.service("test", "auth required careless\n")

    async def never(_messages: Any) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def run() -> BaseException:
        handle = AsyncAuthenticator(folder.config()).transaction("test", "jsmith", never)
        handle._handle.items.password = Password(CANARY)
        task = asyncio.create_task(handle.authenticate())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    assert_silent(heard, asyncio.run(run()))
