"""The real Postfix asks `socketmap`: who may send as an address, and which addresses there are."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from tests.integration.daemon.postfix import Postfix, folder_for_postfix, postfix
from tests.integration.daemon.test_access_rules import SASL
from tests.machine import patience
from tests.smtp_access.servers import Recorder, Server
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.serving import served
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = """\
virtual_mailbox_domains = example.com
virtual_mailbox_maps = {map}:mailboxes
virtual_alias_maps = {map}:aliases
virtual_transport = smtp:[127.0.0.1]:{sink}
smtpd_sender_login_maps = {map}:logins
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_recipient_restrictions = reject_unlisted_recipient
"""


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[Postfix, Path]]:
    with folder_for_postfix() as folder:
        home = folder / "etc-ualauth"
        home.mkdir()
        config = ConfigFolder(home)
        config.service("submission", OM_AUTH)
        (home / "smtpd.cfg").write_text("DELEGATE ann office@example.com\n")
        userlist = Userlist.create(home)
        userlist.add("jane", "secret", addresses=("jane@example.com", "j@example.com"))
        userlist.add("ann", "secret", addresses=("ann@example.com",))
        userlist.add("office", "secret", addresses=("office@example.com",))
        tables = (
            f'[[listen]]\nprotocol = "{name}"\nmode = "0666"\n{more}\n'
            f'path = "{folder}/ualauth/{name}"\n'
            for name, more in (("dovecot-auth", 'service = "submission"'), ("socketmap", ""))
        )
        config.settings("\n".join([SASL, *tables]))
        server = Server(Recorder(), SMTP)  # type: ignore[arg-type]  # a handler of any kind
        server.start()
        socket = f"socketmap:unix:{folder}/ualauth/socketmap"
        more = SETTINGS.format(map=socket, sink=server.port)
        try:
            with served(config), postfix(folder, server.port, {"mail": ()}, more) as instance:
                yield instance, home / "userlist.db"
        finally:
            server.stop()
            userlist.close()


def reply(mail: tuple[Postfix, Path], user: str, sender: str, recipient: str) -> str:
    """Return the last reply to an envelope."""
    with smtplib.SMTP("127.0.0.1", mail[0].ports["mail"], timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        if user:
            client.login(user, "secret")
        code, text = client.mail(sender)
        if code == 250:
            code, text = client.rcpt(recipient)
        return f"{code} {text.decode()}"


@pytest.mark.parametrize(
    ("user", "sender", "recipient", "said"),
    [
        ("jane", "jane@example.com", "ann@example.com", "250 2.1.5"),
        ("jane", "J@Example.COM", "ann@example.com", "250 2.1.5"),
        ("jane", "ann@example.com", "ann@example.com", "553 5.7.1"),
        ("jane", "nobody@example.com", "ann@example.com", "553 5.7.1"),
        ("ann", "office@example.com", "jane@example.com", "250 2.1.5"),
        ("jane", "office@example.com", "ann@example.com", "553 5.7.1"),
        ("", "jane@example.com", "ann@example.com", "553 5.7.1"),
        ("", "x@other.example", "j@example.com", "250 2.1.5"),
        ("", "x@other.example", "nobody@example.com", "550 5.1.1"),
    ],
)
def test_postfix(
    mail: tuple[Postfix, Path], user: str, sender: str, recipient: str, said: str
) -> None:
    assert reply(mail, user, sender, recipient).startswith(said)


def test_what_cannot_be_looked_up_is_put_off(mail: tuple[Postfix, Path]) -> None:
    path = mail[1]
    moved = path.rename(path.with_name("away.db"))
    try:
        assert reply(mail, "", "x@other.example", "ann@example.com").startswith("451 4.3.0")
    finally:
        moved.rename(path)
