"""A mail site in a folder: Postfix and Dovecot, whose users are those of a USERLIST alone.

usage: .venv/bin/python examples/mail_demo.py          (`make demo-mail` installs what it needs)

`ualauth serve` answers both of them. swaks sends a message from one user to another, through
Postfix and by LMTP into a mailbox of Dovecot, and curl reads it there; what must not be let in,
is not. All listen on high ports of 127.0.0.1, in a folder that is gone at the end. Without root,
they run in a user namespace (unshare(1), the packages util-linux and uidmap).

Exits with 1 if anything ends otherwise than it should.

Most of its length are the configurations of three servers, whole, to be read beside each other.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

PASSWORD = "correct horse"
GREETING = "Hello from john"
PATIENCE = 120.0
"""Seconds for which something is waited for."""
QUEUE_OWNER, MAILBOX_OWNER = "mail", "dovecot"
QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace",
)  # fmt: skip

UALAUTH = """
[serve]
workers = 1

# Nothing here is encrypted, and all of it stays on this host.
[sasl]
plaintext_without_tls = true

[service."smtpd.auth"]
mechanisms = ["SCRAM-SHA-256", "PLAIN", "LOGIN"]

[[listen]]
protocol = "dovecot-auth"
path = "{folder}/sockets/submission"
mode = "0666"
service = "smtpd.auth"

[[listen]]
protocol = "socketmap"
path = "{folder}/sockets/map"
mode = "0666"

[[listen]]
protocol = "dovecot-auth"
path = "{folder}/sockets/logins"
mode = "0666"
service = "imap"

[[listen]]
protocol = "dovecot-master"
path = "{folder}/sockets/users"
mode = "0666"
peers = ["{owner}"]

[listen.fields]
uid = "{owner}"
gid = "{owner}"
home = "{folder}/mail/{{user}}"
mail = "maildir:~/Maildir"
"""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
shlib_directory = {tree}/usr/lib/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
export_environment = PATH LD_LIBRARY_PATH
mail_owner = mail
setgid_group = staff
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = mail.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/sockets/submission
smtpd_sender_login_maps = socketmap:unix:{folder}/sockets/map:logins
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unlisted_recipient
virtual_mailbox_domains = example.com
virtual_mailbox_maps = socketmap:unix:{folder}/sockets/map:mailboxes
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
"""

MASTER_CF = """\
127.0.0.1:{smtp} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
default_internal_user = {owner}
default_login_user = {owner}
auth_socket_path = {folder}/sockets/users
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  executable = imap-login {folder}/sockets/logins
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  executable = imap -a {folder}/sockets/users
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""


def main() -> int:
    """Run the demonstration, and return the exit status."""
    if os.geteuid() != 0:
        # Postfix and Dovecot change between users: here, between those of a namespace.
        unshare = ["unshare", "--user", "--map-root-user", "--map-auto"]
        os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])  # noqa: S606 - no shell
    with tempfile.TemporaryDirectory(prefix="mail-") as name, ExitStack() as running:
        folder = Path(name)
        folder.chmod(0o755)
        smtp, imap, lmtp = free_ports(3)
        configure(folder)
        running.enter_context(serving(folder))
        running.enter_context(postfix(folder, smtp, lmtp))
        running.enter_context(dovecot(folder, imap, lmtp))
        print(f"Postfix at 127.0.0.1:{smtp}, Dovecot at 127.0.0.1:{imap}; ualauth answers both.")
        return 0 if all(list(steps(folder, smtp, imap))) else 1


def configure(folder: Path) -> None:
    """Make the configuration of ualauth, with two users."""
    ualauth = Path(sys.executable).with_name("ualauth")
    etc = folder / "ualauth"
    run(ualauth, "--config-dir", etc, "init")
    for name in ("sockets", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "mail", MAILBOX_OWNER)
    text = UALAUTH.format(folder=folder, owner=MAILBOX_OWNER)
    (etc / "ualauth.toml").write_text(text, encoding="utf-8")
    for user in ("ann", "john"):
        command = ["user", "add", user, "--name", f"{user.title()} Example/ny", "--password-stdin"]
        address = f"{user}@example.com"
        run(ualauth, "--config-dir", etc, *command, "--address", address, text=PASSWORD)


def steps(folder: Path, smtp: int, imap: int) -> Iterator[bool]:
    """Send and read; yield whether each step ends as it should."""
    yield say("john sends to ann, by swaks", send(smtp, "john", "john", PASSWORD) == 0)
    yield say("a wrong password sends nothing", send(smtp, "john", "john", "wrong") == 28)
    yield say("ann sends as john: refused", send(smtp, "ann", "john", PASSWORD) == 24)
    until = time.monotonic() + PATIENCE
    while GREETING not in (message := read(imap, "ann", PASSWORD)):
        if time.monotonic() > until:
            print((folder / "mail.log").read_text(), (folder / "dovecot.log").read_text())
            break
        time.sleep(0.2)
    yield say("ann reads it, by curl", GREETING in message)
    yield say("a wrong password reads nothing", not read(imap, "ann", "wrong"))
    yield say("john has no message", not read(imap, "john", PASSWORD))


def send(port: int, user: str, sender: str, password: str) -> int:
    """Return the exit status of swaks; 24 is a refused envelope, 28 a refused login."""
    login = ("--auth", "PLAIN", "--auth-user", user, "--auth-password", password)
    message = ("--from", f"{sender}@example.com", "--to", "ann@example.com", "--body", GREETING)
    where = ("--server", f"127.0.0.1:{port}", "--silent", "3")
    return ended("swaks", *where, *login, *message).returncode


def read(port: int, user: str, password: str) -> str:
    """Return the first message of a mailbox, as curl reads it; empty if there is none."""
    url = f"imap://127.0.0.1:{port}/INBOX;MAILINDEX=1"
    return ended("curl", "--silent", "--user", f"{user}:{password}", url).stdout


def say(what: str, is_so: bool) -> bool:  # noqa: FBT001 - what it is about
    """Print a step, and whether it ended as it should."""
    print(f"  {'ok' if is_so else 'NOT SO'}  {what}")
    return is_so


# The servers


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Run `ualauth serve`."""
    ualauth = Path(sys.executable).with_name("ualauth")
    command = (ualauth, "--config-dir", folder / "ualauth", "serve")
    with started(command, stderr=subprocess.PIPE) as process:
        if process.stderr is None or process.stderr.readline() != b"serving\n":
            raise SystemExit("ualauth serve does not start")
        yield


@contextmanager
def postfix(folder: Path, smtp: int, lmtp: int) -> Iterator[None]:
    """Run Postfix: that of the system, or its package, unpacked."""
    tree = Path("/")
    if not Path("/usr/lib/postfix/sbin/master").exists():
        tree = folder / "postfix"
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "postfix", cwd=folder)
        run("dpkg", "-x", next(folder.glob("postfix_*.deb")), tree)
    for name in ("etc", "queue/pid", "data", *(f"queue/{each}" for each in QUEUES)):
        (folder / name).mkdir(parents=True)
        if name != "etc":
            shutil.chown(folder / name, QUEUE_OWNER)
    etc, root = folder / "etc", "" if tree == Path("/") else tree
    (etc / "main.cf").write_text(MAIN_CF.format(folder=folder, tree=root, lmtp=lmtp))
    (etc / "master.cf").write_text(MASTER_CF.format(smtp=smtp))
    (etc / "dynamicmaps.cf").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "MAIL_CONFIG": str(etc),
        "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix",
    }
    command = (f"{root}/usr/lib/postfix/sbin/master", "-c", etc, "-d")
    with started(command, env=environment, start_new_session=True) as process:
        wait_for(smtp, process, folder / "mail.log")
        yield


@contextmanager
def dovecot(folder: Path, imap: int, lmtp: int) -> Iterator[None]:
    """Run Dovecot, which has neither a passdb nor a userdb of its own."""
    settings = folder / "dovecot.conf"
    settings.write_text(DOVECOT.format(folder=folder, owner=MAILBOX_OWNER, imap=imap, lmtp=lmtp))
    with started(["dovecot", "-F", "-c", settings]) as process:
        for port in (imap, lmtp):
            wait_for(port, process, folder / "dovecot.log")
        yield


@contextmanager
def started(command: Sequence[str | Path], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs."""
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server listens."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(log.read_text() if log.exists() else "a server does not start")


def free_ports(number: int) -> list[int]:
    """Return ports that no process listens at."""
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [each.getsockname()[1] for each in listeners]


def run(*command: str | Path, cwd: Path | None = None, text: str = "") -> None:
    """Run a program that has to end well; `text` is what it reads."""
    if (process := ended(*command, cwd=cwd, text=text)).returncode != 0:
        raise SystemExit(process.stderr)


def ended(
    *command: str | Path, cwd: Path | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(  # noqa: S603 - no shell
        command, check=False, cwd=cwd, input=text, capture_output=True, text=True
    )


if __name__ == "__main__":
    sys.exit(main())
