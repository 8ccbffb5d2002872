"""Dovecot's IMAP, POP3 and LMTP servers and doveadm, whose users are those of the daemon alone."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import shutil
import smtplib
import socket
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import dovecot
from tests.integration.daemon.dovecot import ACCOUNT, Dovecot
from tests.integration.daemon.test_programs import program
from tests.machine import patience
from tests.unit.daemon.conftest import EXPIRED, OM_AUTH
from tests.unit.daemon.serving import PLAIN_SETTINGS
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = f"""
[[listen]]
protocol = "dovecot-auth"
path = "{{folder}}/dovecot-auth"
mode = "0666"

[[listen]]
protocol = "dovecot-master"
path = "{{folder}}/dovecot-master"
mode = "0666"
peers = ["{ACCOUNT.pw_uid}"]

[listen.fields]
uid = "{ACCOUNT.pw_uid}"
gid = "{ACCOUNT.pw_gid}"
home = "{{folder}}/mail/{{{{user}}}}"
mail = "maildir:~/Maildir"
quota_rule = "*:storage={{{{mailbox_limit}}}}M"
"""
OUTCOMES = f"""
auth required pam_if user=otto stack=outage
{OM_AUTH}
account required pam_if user=eve stack=expired
"""
SAID = {
    ("jane", "wrong"): ("NO [AUTHENTICATIONFAILED] Authentication failed.", "-ERR [AUTH] "),
    ("unknown", "secret"): ("NO [AUTHENTICATIONFAILED] Authentication failed.", "-ERR [AUTH] "),
    ("joe", "secret"): ("NO [ALERT] This account may not be used", "-ERR [AUTH] This account"),
    ("eve", "secret"): ("NO [EXPIRED] ", "-ERR [AUTH] "),
    ("otto", "secret"): ("NO [UNAVAILABLE] ", "-ERR [SYS/TEMP] "),
}
"""User and password -> the beginning of what IMAP and POP3 say."""
MESSAGE = b"From: jane@example.com\r\nTo: john@example.com\r\nSubject: hello\r\n\r\nHello.\r\n"


class Site:
    """A daemon's folder, and the Dovecot that asks there."""

    def __init__(self, folder: ConfigFolder, userlist: Userlist, server: Dovecot) -> None:
        self.folder = folder
        self.userlist = userlist
        self.server = server

    def imap(self) -> imaplib.IMAP4:
        return imaplib.IMAP4("127.0.0.1", self.server.imap, patience(60))

    def pop3(self) -> poplib.POP3:
        return poplib.POP3("127.0.0.1", self.server.pop3, patience(60))

    def lmtp(self) -> smtplib.LMTP:
        return smtplib.LMTP("127.0.0.1", self.server.lmtp)

    def doveadm(self, *command: str) -> tuple[int, str]:
        ended = subprocess.run(
            ("doveadm", "-c", str(self.server.settings), *command),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(120),
        )
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture(scope="module", params=[1, 100])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Processes of Dovecot that serve one client each, or a hundred."""
    path = Path(tempfile.mkdtemp(prefix="serve", dir="/tmp"))
    path.chmod(0o755)
    folder = ConfigFolder(path)
    for service in ("imap", "pop3", "doveadm"):
        folder.service(service, OUTCOMES)
    folder.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
    folder.service("expired", EXPIRED)
    folder.settings(PLAIN_SETTINGS + SETTINGS.format(folder=path))
    (path / "mail").mkdir()
    shutil.chown(path / "mail", ACCOUNT.pw_uid, ACCOUNT.pw_gid)
    (path / "base").mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, path, ignore_errors=True)
        userlist = Userlist.create(path)
        stack.callback(userlist.close)
        userlist.add("jane", "secret", addresses=("jane@example.com",), mailbox_limit=7)
        userlist.add("john", "secret", addresses=("john@example.com",))
        userlist.add("joe", "secret", locked=True)
        userlist.add("eve", "secret")
        userlist.add("otto", "secret")
        userlist.add("../jane", "secret", addresses=("jack@example.com",))
        stack.enter_context(program(folder))
        server = stack.enter_context(dovecot.running(path / "base", path, request.param))
        yield Site(folder, userlist, server)


def test_imap(site: Site) -> None:
    for name in ("jane", "jane@example.com", "jane"):
        client = site.imap()
        client.login(name, "secret")
        assert client.select()[0] == "OK"
        client.logout()
    client = site.imap()
    client.login("jane", "secret")
    assert client.getquotaroot("INBOX")[1][1] == [b'"" (STORAGE 0 7168)']
    client.logout()
    assert (site.folder.path / "mail" / "jane" / "Maildir" / "cur").is_dir()


@pytest.mark.parametrize(("user", "password"), SAID)
@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_imap_and_pop3_refuse(site: Site, user: str, password: str, mechanism: str) -> None:
    by_imap, by_pop3 = SAID[user, password]
    response = f"\0{user}\0{password}".encode()
    client = site.imap()
    # Not by `login`, which shows no response code.
    if mechanism == "LOGIN":
        client.send(f"x LOGIN {user} {password}\r\n".encode())
    else:
        client.send(b"x AUTHENTICATE PLAIN " + b64encode(response) + b"\r\n")
    while not (line := client.readline()).startswith(b"x "):
        assert line
    client.shutdown()
    assert line.decode().startswith(f"x {by_imap}")
    with socket.create_connection(("127.0.0.1", site.server.pop3), patience(60)) as connection:
        lines = connection.makefile("rb")
        lines.readline()
        if mechanism == "LOGIN":
            connection.sendall(f"USER {user}\r\n".encode())
            lines.readline()
            connection.sendall(f"PASS {password}\r\n".encode())
        else:
            connection.sendall(b"AUTH PLAIN " + b64encode(response) + b"\r\n")
        assert lines.readline().decode().startswith(by_pop3)


def selected(client: imaplib.IMAP4, user: str) -> None:
    client.login(user, "secret")
    client.select()


def test_a_name_that_is_no_folder_has_no_mailbox(site: Site) -> None:
    client = site.imap()
    with pytest.raises((imaplib.IMAP4.error, OSError)):
        selected(client, "../jane")
    client.shutdown()
    assert site.doveadm("user", "../jane")[0] == 75
    assert not (site.folder.path / "jane").exists()


def test_mail_is_delivered_and_read(site: Site) -> None:
    for recipient, code in (
        ("john@example.com", 250),
        # A locked user gets mail.
        ("joe", 250),
        ("unknown@example.com", 550),
        ("jack@example.com", 451),
    ):
        with site.lmtp() as lmtp:
            lmtp.mail("jane@example.com")
            assert lmtp.rcpt(recipient)[0] == code
            if code == 250:
                assert lmtp.data(MESSAGE)[0] == 250
    client = site.pop3()
    client.user("john@example.com")
    client.pass_("secret")
    assert client.stat()[0] == 1
    assert b"Hello." in client.retr(1)[1]
    client.dele(1)
    client.quit()
    client = site.pop3()
    client.user("john")
    with pytest.raises(poplib.error_proto, match="AUTH"):
        client.pass_("wrong")
    client.close()


def test_doveadm(site: Site) -> None:
    code, said = site.doveadm("user", "jane@example.com")
    assert code == 0
    assert f"home\t{site.folder.path}/mail/jane" in said
    assert f"uid\t{ACCOUNT.pw_uid}" in said
    assert site.doveadm("user", "unknown")[0] == 67
    code, said = site.doveadm("user", "*")
    assert (code, said.split()) == (0, ["../jane", "eve", "jane", "joe", "john", "otto"])
    code, said = site.doveadm("user", "j?e")
    assert (code, said.split()) == (0, ["joe"])
    master = f"{site.folder.path}/dovecot-master"
    code, said = site.doveadm("auth", "lookup", "-a", master, "jane")
    assert (code, said.split()) == (0, ["passdb:", "jane", "user", ":", "jane"])
    code, said = site.doveadm("auth", "cache", "flush", "-a", master)
    assert (code, "cache entries flushed" in said) == (0, True), said
    sockets = ("-a", f"{site.folder.path}/dovecot-auth", "-m", master)
    code, said = site.doveadm("auth", "login", *sockets, "-x", "secured", "jane", "secret")
    assert (code, "home" in said) == (0, True), said


def test_nothing_of_dovecots_own_was_asked(site: Site) -> None:
    assert "passdb" not in site.server.log.read_text()
