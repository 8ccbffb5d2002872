"""Logins at the real Postfix and Exim, which ask `dovecot-auth`: what their clients are told."""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon.postfix import OWNER, folder_for_postfix, postfix
from tests.integration.daemon.unpacked import unpacked
from tests.integration.daemon.users_of_mail_servers import (
    SETTINGS,
    free_ports,
    listens,
    with_folder,
)
from tests.machine import patience
from tests.unit.daemon.conftest import EXPIRED, OM_AUTH
from tests.unit.daemon.serving import served
from tests.unit.sasl import clients
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SERVICES = ("submission", "outage", "expired")
EXIM = """\
exim_path = {program}
keep_environment =
exim_user = mail
exim_group = mail
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%s.log
primary_hostname = mx.example.com
local_interfaces = 127.0.0.1
auth_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
begin authenticators
{authenticators}
"""
DOVECOT = """\
plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = {folder}/ualauth/{service}
  server_set_id = $auth1
login:
  driver = dovecot
  public_name = LOGIN
  server_socket = {folder}/ualauth/{service}
  server_set_id = $auth1
cram:
  driver = dovecot
  public_name = CRAM-MD5
  server_socket = {folder}/ualauth/{service}
  server_set_id = $auth1
scram:
  driver = dovecot
  public_name = SCRAM-SHA-256
  server_socket = {folder}/ualauth/{service}
  server_set_id = $auth1
"""
SASLAUTHD = """\
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if saslauthd{{{{$auth2}}{{$auth3}}{{{service}}}{{}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if saslauthd{{{{$auth1}}{{$auth2}}{{{service}}}{{}}}}}}
  server_set_id = $auth1
"""


@contextmanager
def exim(
    folder: Path, service: str, authenticators: str = DOVECOT, launcher: Sequence[str] = ()
) -> Iterator[int]:
    """Run Exim while the block runs; yield its port. A launcher is a command that becomes it."""
    home = folder / f"exim-{service}{len(launcher)}"
    (home / "spool").mkdir(parents=True)
    for path in (home, home / "spool"):
        path.chmod(0o755)
        shutil.chown(path, OWNER)
    (home / "ualauth").symlink_to(folder / "ualauth")
    settings = home / "exim.conf"
    libraries = unpacked("libspf2-2") / "usr/lib/x86_64-linux-gnu"
    program = unpacked("exim4-daemon-heavy") / "usr/sbin/exim4"
    blocks = authenticators.format(folder=home, service=service)
    settings.write_text(EXIM.format(folder=home, program=program, authenticators=blocks))
    for _ in range(5):
        (port,) = free_ports(1)
        with (home / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [*launcher, program, "-C", settings, "-oX", str(port), "-oP", home / "pid", "-bdf"],
                env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(libraries)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        try:
            if listens(port, process):
                yield port
                return
        finally:
            process.terminate()
            process.wait(patience(60))
    raise AssertionError((home / "errors").read_text())


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[tuple[str, str], int]]:
    with ExitStack() as running:
        folder = running.enter_context(folder_for_postfix())
        home = folder / "etc-ualauth"
        home.mkdir()
        config = ConfigFolder(home)
        config.service("submission", OM_AUTH)
        config.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
        config.service("expired", OM_AUTH.replace("account", "#") + EXPIRED)
        userlist = Userlist.create(home)
        running.callback(userlist.close)
        userlist.add("jane", "secret")
        userlist.add("joe", "secret", locked=True)
        tables = (
            f'[[listen]]\nprotocol = "dovecot-auth"\nmode = "0666"\nservice = "{name}"\n'
            f'path = "{folder}/ualauth/{name}"\n'
            for name in SERVICES
        )
        mux = f'[[listen]]\nprotocol = "saslauthd"\nmode = "0666"\npath = "{folder}/ualauth/mux"\n'
        config.settings("\n".join([SETTINGS, *tables, mux]))
        running.enter_context(served(config))
        services = {name: [f"smtpd_sasl_path = {folder}/ualauth/{name}"] for name in SERVICES}
        instance = running.enter_context(postfix(folder, 9, services))
        ports = {("postfix", name): port for name, port in instance.ports.items()}
        for name in SERVICES:
            ports["exim", name] = running.enter_context(exim(folder, name))
            # The path of the socket is compiled in.
            launcher = with_folder(folder / "ualauth", "/run/saslauthd")
            asking = exim(folder, name, SASLAUTHD, launcher)
            ports["exim saslauthd", name] = running.enter_context(asking)
        yield ports


CASES = (
    ("jane", "secret", "submission", 235, 235),
    ("jane", "wrong", "submission", 535, 535),
    ("unknown", "secret", "submission", 535, 535),
    ("joe", "secret", "submission", 535, 535),
    ("jane", "secret", "expired", 535, 535),
    ("jane", "secret", "outage", 454, 435),
)
"""User, password, service, and the replies of Postfix and of Exim."""
TYPED = ("PLAIN", "LOGIN")
RESPONSES: Mapping[str, Callable[[str, str], clients.Client]] = {
    "PLAIN": clients.plain,
    "LOGIN": clients.login,
    "CRAM-MD5": clients.cram_md5,
    "SCRAM-SHA-256": partial(clients.scram, "SCRAM-SHA-256"),
}


@pytest.mark.parametrize("mechanism", RESPONSES)
@pytest.mark.parametrize(("user", "password", "service", "by_postfix", "by_exim"), CASES)
def test_what_a_client_is_told(
    ports: dict[tuple[str, str], int],
    mechanism: str,
    user: str,
    password: str,
    service: str,
    by_postfix: int,
    by_exim: int,
) -> None:
    codes = {"postfix": by_postfix, "exim": by_exim}
    if mechanism in TYPED:
        # A user whom saslauthd does not let in is refused: it has no word for "not now".
        codes["exim saslauthd"] = 235 if by_exim == 235 else 535
    for server, code in codes.items():
        with smtplib.SMTP("127.0.0.1", ports[server, service], timeout=patience(60)) as client:
            client.ehlo("pc.example.com")
            offered = client.esmtp_features["auth"].split()
            # A service that keeps no secrets offers none but typed passwords.
            is_offered = mechanism in TYPED or service != "outage"
            assert (mechanism in offered) == (is_offered or server != "postfix"), server
            if is_offered:
                assert told(client, mechanism, user, password) == code, server


def told(client: smtplib.SMTP, mechanism: str, user: str, password: str) -> int:
    """Return the code of the last reply to an AUTH."""
    steps = RESPONSES[mechanism](user, password)
    initial = next(steps)

    def respond(challenge: bytes | None = None, /) -> Any:
        if challenge is None:
            return None if initial is None else initial.decode()
        try:
            response = steps.send(challenge)
        except StopIteration:
            response = b""
        return (response or b"").decode()

    try:
        answer: Any = respond
        return client.auth(mechanism, answer, initial_response_ok=initial is not None)[0]
    except smtplib.SMTPAuthenticationError as error:
        return error.smtp_code
