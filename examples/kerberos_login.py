"""Log in by Kerberos, with a password and with a ticket; and meet a KDC that is false.

usage: .venv/bin/python examples/kerberos_login.py

It makes a realm in a temporary folder, and starts its KDC on a free port of
loopback; both are gone at the end. Needs Debian's krb5-kdc and krb5-user, and
`pip install 'ualauth[krb5]'`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gssapi

from ualauth import AuthenticationError, Authenticator

REALM = "EXAMPLE.ORG"
SERVICE = "imap/mail.example.org"
PASSWORD = "correct horse"
CHOSEN = "what the attacker likes"


def main() -> None:
    """Show all of it."""
    with tempfile.TemporaryDirectory() as name, realm(Path(name), PASSWORD) as real:
        etc = real / "etc"
        (etc / "pam.d").mkdir(parents=True)
        line = "required  om_krb5\n"
        (etc / "pam.d" / "imap").write_text(f"auth     {line}account  {line}")
        settings = f"krb5_conf  {real}/krb5.conf\nkeytab     {real}/imap.keytab\n"
        (etc / "om_krb5.conf").write_text(settings)

        print("The real KDC:")
        with Authenticator(etc) as auth:
            say("right password", lambda: auth.authenticate("imap", "jsmith", PASSWORD).user)
            say("wrong password", lambda: auth.authenticate("imap", "jsmith", "wrong").user)
            say("ticket", lambda: with_ticket(auth, real))

        print("A false KDC, which knows the realm's name and any password that it likes:")
        (real / "false").mkdir()
        with realm(real / "false", CHOSEN) as false:
            lies = settings.replace(f"{real}/krb5.conf", f"{false}/krb5.conf")
            (etc / "om_krb5.conf").write_text(lies)
            with Authenticator(etc) as auth:
                say("its password", lambda: auth.authenticate("imap", "jsmith", CHOSEN).user)
            trusting = f"krb5_conf {false}/krb5.conf\nkeytab /none\nallow_unverified_kdc\n"
            (etc / "om_krb5.conf").write_text(trusting)
            with Authenticator(etc) as auth:
                say("unverified", lambda: auth.authenticate("imap", "jsmith", CHOSEN).user)


def say(what: str, log_in: Callable[[], object]) -> None:
    """Print what comes of a login."""
    try:
        outcome = f"let in as {log_in()}"
    except AuthenticationError as error:
        outcome = f"{type(error).__name__} ({error.code})"
    print(f"  {what:15} {outcome}")


def with_ticket(auth: Authenticator, folder: Path) -> str:
    """Log in by GSSAPI, as a mail client of a user with a ticket does (RFC 4752)."""
    cache = f"FILE:{folder}/tickets"
    run(folder, "kinit", "-c", cache, "jsmith", text=f"{PASSWORD}\n")
    run(folder, "kvno", "-c", cache, SERVICE)
    name = gssapi.Name(f"{SERVICE}@{REALM}", gssapi.NameType.kerberos_principal)
    credentials = gssapi.Credentials(usage="initiate", store={"ccache": cache})
    client = gssapi.SecurityContext(name=name, creds=credentials, usage="initiate")

    exchange = auth.sasl("imap", "GSSAPI")
    offer = exchange.step(client.step())
    while not client.complete:
        offer = exchange.step(client.step(offer) or b"")
    client.unwrap(offer or b"")
    exchange.step(client.wrap(b"\1\0\0\0", encrypt=False).message)
    return exchange.identity.user


@contextlib.contextmanager
def realm(folder: Path, password: str) -> Iterator[Path]:
    """Make a realm with one user and one service, and run its KDC."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "krb5.conf").write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_canonicalize_hostname = false\n"
        f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
    )
    (folder / "kdc.conf").write_text(
        f"[realms]\n {REALM} = {{\n  kdc_listen = 127.0.0.1:{port}\n"
        f"  kdc_tcp_listen = 127.0.0.1:{port}\n  database_name = {folder}/db\n"
        f"  key_stash_file = {folder}/stash\n }}\n[logging]\n kdc = FILE:{folder}/log\n"
    )
    run(folder, "kdb5_util", "create", "-s", "-P", "master")
    commands = (
        f'addprinc -pw "{password}" +requires_preauth jsmith',
        f"addprinc -randkey {SERVICE}",
        f"ktadd -k {folder}/imap.keytab {SERVICE}",
    )
    run(folder, "kadmin.local", text="".join(f"{each}\n" for each in commands))
    kdc = subprocess.Popen(  # noqa: S603 - MIT's
        ["krb5kdc", "-n", "-P", folder / "pid"],  # noqa: S607 - found in PATH
        env=environment(folder),
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield folder
    finally:
        kdc.terminate()
        kdc.wait()


def environment(folder: Path) -> dict[str, str]:
    """Return what MIT's programs need to find the realm in a folder."""
    return {
        "PATH": f"/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}",
        "KRB5_CONFIG": f"{folder}/krb5.conf",
        "KRB5_KDC_PROFILE": f"{folder}/kdc.conf",
    }


def run(folder: Path, *command: str, text: str = "") -> None:
    """Run one of MIT's programs."""
    subprocess.run(  # noqa: S603 - MIT's
        command, env=environment(folder), input=text, text=True, check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
