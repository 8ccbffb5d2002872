"""`[service."NAME"] mechanisms`: what a service offers, and whether it takes typed passwords."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Way
from ualauth import Authenticator
from ualauth.codes import Item, ReturnCode
from ualauth.config.config import Config
from ualauth.config.install import default_settings
from ualauth.errors import (
    AuthenticationError,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
)
from ualauth.messages import Question, TextMessage
from ualauth.sasl.settings import ServiceSettings
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

STACK = "auth required om_auth\naccount required om_auth\npassword required om_auth\n"
SCRAM = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]
RIGHT, NEW = "s3cret", "a new and longer one"
QUICK = "[stack]\nfail_delay = false\n[password]\nargon2_memory = 8192\nargon2_passes = 1\n"


@pytest.fixture
def people(folder: ConfigFolder) -> Userlist:
    """Return a USERLIST with ann, and services."""
    for name in ("smtpd.auth", "pop3", "imap"):
        folder.service(name, STACK)
    people = Userlist.create(folder.path)
    people.add("ann", RIGHT)
    folder.settings(QUICK)
    return people


def outcome(way: Way, folder: ConfigFolder, service: str, user: str, password: str) -> Any:
    """Return who was let in, or the error."""
    try:
        return way.login(Config.load(folder.path), service, user, password, tls=True).user
    except AuthenticationError as error:
        return type(error), error.code, str(error)


REFUSED = (AuthenticationFailed, ReturnCode.PERM_DENIED, "Authentication failed")


# smtpd.auth


@pytest.mark.parametrize("settings", [None, "", QUICK, '[service."smtpd.auth"]\n'])
@pytest.mark.parametrize("service", ["smtpd.auth", "SMTPD.Auth"])
def test_smtpd_auth_takes_no_typed_password(
    way: Way, folder: ConfigFolder, people: Userlist, service: str, settings: str | None
) -> None:
    if settings is None:
        (folder.path / "ualauth.toml").unlink()
    else:
        folder.settings(settings)
    auth: Any = way.authenticator(Config.load(folder.path))
    assert way.run(auth.mechanisms(service, tls=True)) == SCRAM
    for user, password in (("ann", RIGHT), ("ann", "wrong"), ("nobody", RIGHT), ("", "")):
        assert outcome(way, folder, service, user, password) == REFUSED
    assert outcome(way, folder, "pop3", "ann", RIGHT) == "ann"


def test_no_module_sees_a_password_that_is_not_taken(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.service("smtpd.auth", "auth required pam_permit\naccount required pam_permit\n")
    assert outcome(way, folder, "smtpd.auth", "ann", RIGHT) == REFUSED
    assert re.search(
        r"WARNING .*smtpd.auth: refused mechanism_not_offered: operation=authenticate "
        r"code=perm_denied login_name='ann' .* remark='this service takes no typed password",
        caplog.text,
    )
    assert RIGHT not in caplog.text


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "plain"])
def test_no_exchange_that_carries_one_begins(
    folder: ConfigFolder, people: Userlist, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Authenticator(Config.load(folder.path)) as auth:
        for tls in (True, False):
            with pytest.raises(MechanismUnavailable) as raised:
                auth.sasl("smtpd.auth", mechanism, tls=tls, rhost="192.0.2.7\n")
            assert not raised.value.needs_tls, "TLS would change nothing"
    text = f"smtpd.auth: {mechanism.upper()} is refused from '192.0.2.7\\n'"
    assert caplog.text.count(text) == 2
    assert 'it is not in [service."smtpd.auth"] mechanisms' in caplog.text


def test_the_line_that_init_writes_brings_them_back(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    text = default_settings()
    (line,) = re.findall(r'^\[service\."smtpd\.auth"\]\n#(mechanisms.*)$', text, re.MULTILINE)
    folder.settings(
        text.replace(f"#{line}", line).replace("# fail_delay = true", "fail_delay = false")
    )
    auth: Any = way.authenticator(Config.load(folder.path))
    assert way.run(auth.mechanisms("smtpd.auth", tls=True)) == [*SCRAM, "PLAIN", "LOGIN"]
    assert way.run(auth.mechanisms("smtpd.auth", tls=False)) == SCRAM
    assert outcome(way, folder, "smtpd.auth", "ann", RIGHT) == "ann"
    assert outcome(way, folder, "smtpd.auth", "ann", "wrong")[:2] == (
        AuthenticationFailed,
        ReturnCode.AUTH_ERR,
    )


# The rule for all services


def test_a_service_may_have_mechanisms_of_its_own(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings(
        f"{QUICK}[service.POP3]\nmechanisms = ['CRAM-MD5', 'SCRAM-SHA-1']\n"
        "[sasl]\nmechanisms = ['PLAIN', 'SCRAM-SHA-256']\n"
    )
    config = Config.load(folder.path)
    people.add("cram", None)
    auth: Any = way.authenticator(config)
    assert way.run(auth.mechanisms("pop3", tls=True)) == ["SCRAM-SHA-1", "CRAM-MD5"]
    assert way.run(auth.mechanisms("imap", tls=True)) == ["SCRAM-SHA-256", "PLAIN"]
    assert way.run(auth.mechanisms("smtpd.auth", tls=True)) == ["SCRAM-SHA-256"]
    assert outcome(way, folder, "pop3", "ann", RIGHT) == REFUSED
    assert outcome(way, folder, "imap", "ann", RIGHT) == "ann"
    # A new password gets a secret for every mechanism that some service has.
    assert set(config.stored_mechanisms) == {"PLAIN", "SCRAM-SHA-256", "CRAM-MD5", "SCRAM-SHA-1"}


def test_a_configuration_made_by_a_program_knows_no_case(folder: ConfigFolder) -> None:
    config = Config(folder.path, service={"POP3": ServiceSettings(("GSSAPI",))})
    assert config.offer_rules("pop3").allowed == ("GSSAPI",)
    assert hash(config) == hash(config)


def test_sasl_without_them_takes_none_anywhere(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings(f"{QUICK}[sasl]\nmechanisms = ['SCRAM-SHA-256']\n")
    assert outcome(way, folder, "pop3", "ann", RIGHT) == REFUSED
    folder.settings(f"{QUICK}[sasl]\nmechanisms = ['LOGIN']\n")
    assert outcome(way, folder, "pop3", "ann", RIGHT) == "ann"


def test_what_sasl_leaves_out_comes_not_back_by_the_default(
    folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings("[sasl]\nmechanisms = ['PLAIN', 'LOGIN']\n")
    with Authenticator(Config.load(folder.path)) as auth:
        assert auth.mechanisms("smtpd.auth", tls=True) == []


def test_no_password_is_changed_by_typing_it(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    config = Config.load(folder.path)
    for old in (RIGHT, "wrong"):
        with pytest.raises(AuthenticationFailed) as raised:
            way.change(config, "smtpd.auth", "ann", old, NEW)
        assert raised.value.code is ReturnCode.PERM_DENIED
    assert outcome(way, folder, "pop3", "ann", RIGHT) == "ann"
    way.change(config, "pop3", "ann", RIGHT, NEW)
    assert outcome(way, folder, "pop3", "ann", NEW) == "ann"


# Transactions


Answers = Callable[[list[TextMessage]], Any]


def conversation(way: Way, shown: list[str]) -> Answers:
    def answer(messages: list[TextMessage]) -> list[str | None]:
        shown.extend(each.text for each in messages)
        return [
            ("ann" if each.echo else RIGHT) if isinstance(each, Question) else None
            for each in messages
        ]

    async def later(messages: list[TextMessage]) -> list[str | None]:
        return answer(messages)

    return later if way.asynchronous else answer


def test_a_conversation_is_not_asked_for_a_password(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    shown: list[str] = []
    config = Config.load(folder.path)
    with way.begin(config, "smtpd.auth", None, conversation(way, shown)) as handle:
        assert way.run(handle.authenticate()) is ReturnCode.PERM_DENIED
        assert not handle.could_not_check
        assert shown == ["login:"]
        assert way.run(handle.chauthtok()) is ReturnCode.PERM_DENIED
        assert any("takes no typed password" in step.remark for step in handle.trace)
        assert way.run(handle.acct_mgmt()) is ReturnCode.SUCCESS


def test_the_rule_is_that_of_the_service_that_is_asked(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    config = Config.load(folder.path)
    with way.begin(config, "pop3", "ann", conversation(way, [])) as handle:
        assert way.run(handle.authenticate()) is ReturnCode.SUCCESS
        handle.set_item(Item.SERVICE, "SMTPD.auth")
        assert way.run(handle.authenticate()) is ReturnCode.PERM_DENIED
        handle.set_item(Item.SERVICE, "pop3")
        assert way.run(handle.authenticate()) is ReturnCode.SUCCESS


def test_a_stack_that_needs_no_password_goes_on_without(way: Way, folder: ConfigFolder) -> None:
    folder.service("smtpd.auth", "auth required pam_permit\naccount required pam_permit\n")
    with way.begin(folder.config(), "smtpd.auth", "ann", conversation(way, [])) as handle:
        assert way.run(handle.authenticate()) is ReturnCode.SUCCESS


# Mistakes

MISTAKES = {
    "[service.pop3]\nmechanisms = ['SCRAM']\n": "'SCRAM' is no mechanism; did you mean",
    "[service.pop3]\nmechanism = []\n": "unknown key 'mechanism' in [service.\"pop3\"]",
    "[service.pop3]\nmechanisms = 'PLAIN'\n": "mechanisms must be a list of strings",
    "[service.pop3]\nmechanisms = []\n": "mechanisms must name one",
    "[service.smtpd.auth]\nmechanisms = ['PLAIN']\n": 'write [service."smtpd.auth"]',
    "[service.pop3]\n[service.POP3]\nmechanisms=['PLAIN']\n[service.Pop3]\nmechanisms=['PLAIN']\n":
        "is there twice",
    "[service]\npop3 = 'PLAIN'\n": "'pop3' must be a table",
    "service = 5\n": "service must be a table",
    "[service.'a/b']\nmechanisms = ['PLAIN']\n": "is not a service name",
    "[services.pop3]\nmechanisms = ['PLAIN']\n": "did you mean 'service'?",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_told(folder: ConfigFolder, text: str) -> None:
    folder.settings(text)
    with pytest.raises(ConfigurationError) as raised:
        Config.load(folder.path)
    assert MISTAKES[text] in str(raised.value)


def test_all_mistakes_are_told_at_once(folder: ConfigFolder) -> None:
    folder.settings("[service.pop3]\nmechanisms = ['X']\nmore = 1\n[stack]\ntimeout = 0\n")
    with pytest.raises(ConfigurationError) as raised:
        Config.load(folder.path)
    assert len(str(raised.value).splitlines()) == 3


def test_secrets_are_kept_apart_from_what_is_logged(
    folder: ConfigFolder, people: Userlist, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), Authenticator(Config.load(folder.path)) as auth:
        with pytest.raises(AuthenticationFailed):
            auth.authenticate("smtpd.auth", "ann", RIGHT)
        with pytest.raises(MechanismUnavailable):
            auth.sasl("smtpd.auth", "PLAIN")
    assert RIGHT not in caplog.text
