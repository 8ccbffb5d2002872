"""Logins at the real nginx: its mail proxy asks `auth-http`, its web server `forward-auth`."""

from __future__ import annotations

import imaplib
import os
import poplib
import smtplib
import socketserver
import subprocess
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.daemon.unpacked import unpacked
from tests.integration.daemon.users_of_mail_servers import (
    LOGINS,
    SERVICES,
    SETTINGS,
    config_folder,
    free_ports,
    listens,
)
from tests.machine import patience
from tests.unit.daemon.serving import served

PROTOCOLS = ("imap", "pop3", "smtp")
MAIN = """\
{user}
daemon off;
worker_processes 1;
load_module {module};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
mail {{
  server_name mx.example.com;
  proxy_smtp_auth off;
  auth_http_header X-Auth-Key "the secret";
{mail}
}}
http {{
  access_log off;
  client_body_temp_path {folder}/temporary;
  proxy_temp_path {folder}/temporary;
  fastcgi_temp_path {folder}/temporary;
  uwsgi_temp_path {folder}/temporary;
  scgi_temp_path {folder}/temporary;
{web}
}}
"""
MAIL = """\
  server {{
    listen 127.0.0.1:{port};
    protocol {protocol};
    auth_http {where};
    imap_auth plain login;
    pop3_auth plain;
    smtp_auth plain login;
  }}
"""
WEB = """\
  server {{
    listen 127.0.0.1:{port};
    location /page {{
      auth_request /auth;
      auth_request_set $user $upstream_http_remote_user;
      add_header X-User $user;
      alias {folder}/page;
    }}
    location = /auth {{
      internal;
      proxy_pass http://unix:{folder}/web-{service}:/;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}
"""


class Backend(socketserver.StreamRequestHandler):
    """A mail server behind nginx: it says in its answer who was logged in."""

    greeting = b"* OK ready"

    def handle(self) -> None:
        self.say(self.greeting)
        line = self.line()
        if line.startswith(b"EHLO"):
            self.say(b"250 mx.example.com")
            # Of SMTP, nginx tells it nothing but the commands that follow.
            while line := self.line():
                self.say(b"221 2.0.0 bye" if line == b"QUIT" else b"250 2.0.0 behind")
        elif line.startswith(b"USER "):
            self.say(b"+OK")
            self.line()
            self.say(b"+OK behind " + line.removeprefix(b"USER "))
        else:
            tag = line.split()[0]
            self.say(b"+ go on")
            user = self.line().rpartition(b" {")[0]
            self.say(b"+ go on")
            self.line()
            self.say(tag + b" OK behind " + user)

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def line(self) -> bytes:
        return self.rfile.readline().rstrip(b"\r\n")


class Pop3Backend(Backend):
    greeting = b"+OK ready"


class SmtpBackend(Backend):
    greeting = b"220 mx.example.com"


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def backends() -> Iterator[dict[str, str]]:
    """Run the servers behind nginx; yield their places."""
    with ExitStack() as running:
        places = {}
        for name, handler in zip(PROTOCOLS, (Backend, Pop3Backend, SmtpBackend), strict=True):
            server = running.enter_context(Threads(("127.0.0.1", 0), handler))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            places[name] = f"127.0.0.1:{server.server_address[1]}"
        yield places


@contextmanager
def nginx(folder: Path, wheres: dict[str, str]) -> Iterator[dict[tuple[str, str], int]]:
    """Run it; yield the ports by protocol and service."""
    names = [(protocol, service) for protocol in (*PROTOCOLS, "web") for service in SERVICES]
    for _ in range(5):
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        mail = "".join(
            MAIL.format(port=port, protocol=protocol, where=wheres[service])
            for (protocol, service), port in ports.items()
            if protocol != "web"
        )
        web = "".join(
            WEB.format(port=ports["web", service], folder=folder, service=service)
            for service in SERVICES
        )
        module = unpacked("libnginx-mod-mail") / "usr/lib/nginx/modules/ngx_mail_module.so"
        user = "user root;" if os.getuid() == 0 else ""
        settings = folder / "nginx.conf"
        settings.write_text(
            MAIN.format(user=user, folder=folder, module=module, mail=mail, web=web)
        )
        program = unpacked("nginx") / "usr/sbin/nginx"
        with (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [program, "-p", folder, "-c", settings, "-e", folder / "error.log"],
                stdout=errors,
                stderr=errors,
            )
        try:
            if all(listens(port, process) for port in ports.values()):
                yield ports
                return
        finally:
            process.terminate()
            process.wait(patience(60))
    raise AssertionError((folder / "errors").read_text())


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[tuple[str, str], int]]:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="ualauth-nginx-")))
        config = running.enter_context(config_folder(folder))
        (folder / "secret").write_text("the secret\n")
        (folder / "page").write_text("the page")
        places = running.enter_context(backends())
        tables = [SETTINGS]
        hosts = dict(zip(SERVICES, ("127.0.0.1", "127.0.0.2", "127.0.0.3"), strict=True))
        for service, host in hosts.items():
            backend = ", ".join(f'{name} = "{place}"' for name, place in places.items())
            tables.append(
                f'[[listen]]\nprotocol = "auth-http"\naddress = "{host}:0"\nwait = 1\n'
                f'secret_file = "{folder}/secret"\nservice = "{service}"\n'
                f"backends = {{{backend}}}\n"
                f'[[listen]]\nprotocol = "forward-auth"\npath = "{folder}/web-{service}"\n'
                f'service = "{service}"\n'
            )
        config.settings("\n".join(tables))
        daemon = running.enter_context(served(config))
        addresses = daemon.call(lambda: daemon.daemon.addresses)
        wheres = {
            service: "http://{}:{}/".format(*addresses[f"{host}:0"])
            for service, host in hosts.items()
        }
        yield running.enter_context(nginx(folder, wheres))


IMAP = {
    "right": "OK behind jane",
    "wrong": "NO [AUTHENTICATIONFAILED] Authentication failed",
    "locked": "NO [CONTACTADMIN] This account may not be used",
    "expired": "NO [EXPIRED] The password has expired",
    "outage": "NO [UNAVAILABLE] Temporary authentication failure",
}
POP3 = {
    "right": "+OK behind jane",
    "wrong": "-ERR [AUTH] Authentication failed",
    "locked": "-ERR [AUTH] This account may not be used",
    "expired": "-ERR [AUTH] The password has expired",
    "outage": "-ERR [SYS/TEMP] Temporary authentication failure",
}
SMTP = {
    "right": "235 2.0.0 OK",
    "wrong": "535 5.7.8 Authentication credentials invalid",
    "locked": "535 5.7.13 This account may not be used",
    "expired": "432 4.7.12 A password transition is needed",
    "outage": "454 4.7.0 Temporary authentication failure",
}
WEB_STATUS = {"right": 200, "wrong": 401, "locked": 403, "expired": 403, "outage": 500}


@pytest.mark.parametrize("outcome", LOGINS)
def test_imap(ports: dict[tuple[str, str], int], outcome: str) -> None:
    user, password, service = LOGINS[outcome]
    response = b64encode(f"\0{user}\0{password}".encode()).decode()
    for command in (f'LOGIN {user} "{password}"', f"AUTHENTICATE PLAIN {response}"):
        client = imaplib.IMAP4("127.0.0.1", ports["imap", service], patience(60))
        # Not by `login`, which shows no response code.
        client.send(f"x {command}\r\n".encode())
        while not (line := client.readline()).startswith(b"x "):
            assert line
        client.shutdown()
        expected = IMAP["wrong" if outcome == "unknown" else outcome]
        assert line.decode() == f"x {expected}\r\n", command


@pytest.mark.parametrize("outcome", LOGINS)
def test_pop3(ports: dict[tuple[str, str], int], outcome: str) -> None:
    user, password, service = LOGINS[outcome]
    client = poplib.POP3("127.0.0.1", ports["pop3", service], patience(60))
    client.user(user)
    try:
        said = client.pass_(password)
    except poplib.error_proto as error:
        said = error.args[0]
    client.close()
    assert said.decode() == POP3["wrong" if outcome == "unknown" else outcome]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("outcome", LOGINS)
def test_smtp(ports: dict[tuple[str, str], int], outcome: str, mechanism: str) -> None:
    user, password, service = LOGINS[outcome]
    with smtplib.SMTP("127.0.0.1", ports["smtp", service], timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        client.user, client.password = user, password
        answer = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        try:
            code, text = client.auth(mechanism, answer)
        except smtplib.SMTPAuthenticationError as error:
            code, text = error.smtp_code, bytes(error.smtp_error)  # type: ignore[arg-type]
        said = f"{code} {text.decode()}"
    assert said == SMTP["wrong" if outcome == "unknown" else outcome]


@pytest.mark.parametrize("outcome", LOGINS)
def test_web(ports: dict[tuple[str, str], int], outcome: str) -> None:
    user, password, service = LOGINS[outcome]
    basic = b64encode(f"{user}:{password}".encode()).decode()
    client = HTTPConnection("127.0.0.1", ports["web", service], timeout=patience(60))
    client.request("GET", "/page", headers={"Authorization": f"Basic {basic}"})
    answer = client.getresponse()
    body = answer.read()
    client.close()
    expected = WEB_STATUS["wrong" if outcome == "unknown" else outcome]
    assert answer.status == expected
    # nginx passes nothing of the page on to a client that is refused.
    assert (body == b"the page") == (expected == 200)
    assert answer.getheader("X-User") == ("jane" if expected == 200 else None)
