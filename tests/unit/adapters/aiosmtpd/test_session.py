"""What handlers find, what is offered, and what must not get past."""

from __future__ import annotations

import shutil
import socket
import ssl
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.machine import patience
from tests.unit.adapters.aiosmtpd.conftest import Connect
from tests.unit.adapters.aiosmtpd.serving import AiosmtpdServers, Handler
from tests.unit.adapters.aiosmtpd.test_replies import GOOD, initial
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.talk import Smtp
from tests.unit.sasl.clients import scram
from ualauth import AsyncAuthenticator
from ualauth.adapters.aiosmtpd import SMTP
from ualauth.sasl.channel_binding import channel_bindings, server_end_point


def send(talk: Smtp, *, parameters: str = "") -> None:
    for command in (f"MAIL FROM:<js@example.com>{parameters}", "RCPT TO:<ann@example.com>"):
        assert talk.command(command) == ["250 OK"]
    talk.command("DATA")
    assert talk.command("Subject: hello\r\n\r\nhi\r\n.") == ["250 OK"]


def test_handler_learns_who_is_there(talk: Smtp, aiosmtpd_servers: AiosmtpdServers) -> None:
    assert talk.command(f"AUTH PLAIN {initial('JSmith@Example.com', PASSWORD)}")[0][:3] == "235"
    send(talk)
    session, _ = aiosmtpd_servers.handler.came[-1]
    assert session.ualauth_identity is not None
    assert session.ualauth_identity.authid == "jsmith"
    assert session.ualauth_identity.login_name == "JSmith@Example.com"
    assert session.authenticated is True
    assert not session.ualauth_failed
    assert session.auth_data.login == b"jsmith"
    assert session.auth_data.password == b""
    assert session.login_data == b"jsmith"
    assert PASSWORD not in repr(vars(session))


def test_handler_learns_that_a_client_failed(
    connect: Connect, aiosmtpd_servers: AiosmtpdServers
) -> None:
    talk = connect()
    talk.command("EHLO me")
    send(talk)
    assert not aiosmtpd_servers.handler.came[-1][0].ualauth_failed
    talk.command(f"AUTH PLAIN {initial('outage', PASSWORD)}")
    assert not aiosmtpd_servers.handler.came[-1][0].ualauth_failed
    talk.command(f"AUTH PLAIN {initial('jsmith', 'wrong')}")
    send(talk)
    session, _ = aiosmtpd_servers.handler.came[-1]
    assert session.ualauth_failed
    assert session.ualauth_identity is None
    assert not session.authenticated


# MAIL's parameters -> the submitter, before and after jsmith is let in (RFC 4954, section 5).
SUBMITTERS = [
    ("", None, None),
    (" AUTH=<>", "", ""),
    (" auth=jsmith@example.com", "", "jsmith@example.com"),
    (" SIZE=100 AUTH=+6Asmith@example.com BODY=8BITMIME", "", "jsmith@example.com"),
    (" AUTH=boss@example.com SIZE=100", "", ""),
]


@pytest.mark.parametrize(("parameters", "unknown", "known"), SUBMITTERS)
def test_submitter_is_taken_for_a_user_only_by_their_own_login(
    talk: Smtp,
    aiosmtpd_servers: AiosmtpdServers,
    parameters: str,
    unknown: str | None,
    known: str | None,
) -> None:
    send(talk, parameters=parameters)
    session, envelope = aiosmtpd_servers.handler.came[-1]
    assert envelope.ualauth_submitter == unknown
    assert envelope.mail_from == "js@example.com"
    assert talk.command(f"AUTH PLAIN {GOOD}")[0][:3] == "235"
    send(talk, parameters=parameters)
    session, envelope = aiosmtpd_servers.handler.came[-1]
    assert session.ualauth_identity is not None
    assert envelope.ualauth_submitter == known


@pytest.mark.parametrize(
    "parameters", ["AUTH=", "AUTH=a+b", "AUTH=a=b", "AUTH=+0a", "AUTH=<> AUTH=<>"]
)
def test_submitter_is_xtext(talk: Smtp, parameters: str) -> None:
    refused = talk.command(f"MAIL FROM:<js@example.com> {parameters}")
    assert refused == ["501 5.5.4 Syntax: AUTH=address, in xtext"]
    assert talk.command("MAIL FROM:<js@example.com> AUTH=<>") == ["250 OK"]


def test_mail_may_be_longer_by_a_submitter(talk: Smtp) -> None:
    assert talk.command(f"MAIL FROM:<js@example.com> AUTH={'a' * 460}@example.com") == ["250 OK"]


def test_unknown_parameters_are_refused_still(talk: Smtp) -> None:
    assert talk.command("MAIL FROM:<js@example.com> NONSENSE=1")[0].startswith("555")


def test_lines_of_messages_are_bounded_still(talk: Smtp) -> None:
    for command in ("MAIL FROM:<js@example.com>", "RCPT TO:<ann@example.com>", "DATA"):
        talk.command(command)
    assert talk.command("x" * 2000 + "\r\n.")[0].startswith("500 Line too long")


def test_offer_depends_on_the_connection(connect: Connect, certificates: Certificates) -> None:
    talk = connect(tls=False)
    before = talk.command("EHLO me")
    assert "250-STARTTLS" in before
    assert not {"PLAIN", "LOGIN"} & talk.mechanisms()
    talk.begin_tls(certificates.client_context())
    assert talk.command(f"AUTH PLAIN {GOOD}")[0][:3] == "503"
    after = talk.command("EHLO me")
    assert "250-STARTTLS" not in after
    offered = next(line for line in after if line.startswith("250-AUTH")).split()[1:]
    assert offered == [
        "SCRAM-SHA-512",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
        "ANONYMOUS",
    ]


def test_plaintext_without_tls_is_offered_where_it_is_allowed(
    etc: Path, tmp_path: Path, certificates: Certificates
) -> None:
    folder = tmp_path / "etc"
    shutil.copytree(etc, folder)
    settings = (folder / "ualauth.toml").read_text()
    allowed = settings.replace("[sasl]\n", "[sasl]\nplaintext_without_tls = true\n")
    (folder / "ualauth.toml").write_text(allowed)
    servers = AiosmtpdServers(folder, certificates)
    try:
        with Smtp(servers.listen("smtp", "smtpd.auth")) as talk:
            assert {"PLAIN", "LOGIN"} <= talk.mechanisms()
            assert talk.command(f"AUTH PLAIN {GOOD}")[0][:3] == "235"
    finally:
        servers.close()


def test_what_is_sent_behind_starttls_is_forgotten(
    connect: Connect, aiosmtpd_servers: AiosmtpdServers, certificates: Certificates
) -> None:
    talk = connect(tls=False)
    talk.command("EHLO me")
    ahead = f"EHLO mallory\r\nAUTH PLAIN {GOOD}\r\nMAIL FROM:<mallory@example.com>\r\n"
    talk.socket.sendall(f"STARTTLS\r\n{ahead}".encode())
    assert talk.read()[:3] == "220"
    talk.wrap(certificates.client_context())
    assert talk.command("NOOP") == ["250 OK"]
    assert talk.command("MAIL FROM:<js@example.com>")[0].startswith("503")
    talk.command("EHLO me")
    send(talk)
    session, envelope = aiosmtpd_servers.handler.came[-1]
    assert session.ualauth_identity is None
    assert envelope.mail_from == "js@example.com"


def test_starttls_forgets_who_was_there(connect: Connect, certificates: Certificates) -> None:
    talk = connect(tls=False, auth_required=True)
    reply = talk.log_in("SCRAM-SHA-256", scram("SCRAM-SHA-256", "jsmith", PASSWORD))
    assert reply.startswith("235")
    talk.begin_tls(certificates.client_context())
    talk.command("EHLO me")
    assert talk.command("MAIL FROM:<js@example.com>") == ["530 5.7.0 Authentication required"]


@pytest.mark.parametrize("bound", [True, False])
def test_client_binds_to_tls_1_2(
    connect: Connect, certificates: Certificates, *, bound: bool
) -> None:
    talk = connect(tls=False)
    context = certificates.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    talk.begin_tls(context)
    data = channel_bindings(talk.socket)["tls-unique"]
    mechanism = "SCRAM-SHA-256-PLUS"
    assert mechanism in talk.mechanisms()
    binding = ("tls-unique", data if bound else data[::-1])
    reply = talk.log_in(mechanism, scram(mechanism, "jsmith", PASSWORD, binding=binding))
    assert reply[:3] == ("235" if bound else "535")


def test_client_that_was_told_of_no_binding_is_refused(
    connect: Connect, certificates: Certificates
) -> None:
    talk = connect(tls=False)
    context = certificates.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    talk.begin_tls(context)
    client = scram("SCRAM-SHA-256", "jsmith", PASSWORD, flag="y")
    assert talk.log_in("SCRAM-SHA-256", client).startswith("535")


def test_under_tls_1_3_nothing_binds_that_ssl_has(talk: Smtp) -> None:
    assert isinstance(talk.socket, ssl.SSLSocket)
    assert talk.socket.version() == "TLSv1.3"
    assert not {name for name in talk.mechanisms() if name.endswith("-PLUS")}
    client = scram("SCRAM-SHA-256", "jsmith", PASSWORD, flag="y")
    assert talk.log_in("SCRAM-SHA-256", client).startswith("235")


def test_under_tls_1_3_the_certificate_binds_if_it_is_given(
    connect: Connect, certificates: Certificates
) -> None:
    talk = connect(certificate=certificates.server_der)
    mechanism = "SCRAM-SHA-512-PLUS"
    assert mechanism in talk.mechanisms()
    digest = server_end_point(certificates.server_der)
    assert digest is not None
    client = scram(mechanism, "jsmith", PASSWORD, binding=("tls-server-end-point", digest))
    assert talk.log_in(mechanism, client).startswith("235")


class Asking:
    """A handler with a hook of EHLO, which sees what is offered."""

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-X-SEEN", responses[-1]]


def test_handler_may_have_a_hook_of_ehlo(connect: Connect) -> None:
    talk = connect(handler=Asking())
    reply = talk.command("EHLO me")
    assert reply[-2:] == ["250-X-SEEN", "250 HELP"]
    assert any(line.startswith("250-AUTH ") for line in reply)
    assert talk.command(f"AUTH PLAIN {GOOD}")[0][:3] == "235"


class Passing:
    """A handler that would let every client in by itself."""

    async def handle_AUTH(self, *_: object) -> str:  # noqa: N802
        return "235 come in"


class Mechanism:
    """Another one."""

    async def auth_PLAIN(self, *_: object) -> str:  # noqa: N802
        return "come in"


class Old:
    """A handler with the hook of EHLO that aiosmtpd gives up."""

    async def handle_EHLO(self, *_: object) -> str:  # noqa: N802
        return "250 hello"


@pytest.mark.parametrize("handler", [Passing(), Mechanism()])
def test_no_client_is_let_in_past_the_service(folder: Any, handler: object) -> None:
    with pytest.raises(TypeError, match="of the handler is not used"):
        SMTP(handler, AsyncAuthenticator(folder.config()), loop=SimpleNamespace())


def test_ways_of_aiosmtpd_are_refused(folder: Any) -> None:
    with pytest.raises(TypeError, match="takes an AsyncAuthenticator"):
        SMTP(object(), lambda *_: None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(TypeError, match="auth_callback= is not used"):
        SMTP(object(), AsyncAuthenticator(folder.config()), auth_callback=lambda *_: True)


def refused_behind_a_proxy(
    servers: AiosmtpdServers, caplog: pytest.LogCaptureFixture, header: bytes
) -> str:
    """Return what is logged of a refused login behind a proxy that says `header`."""

    class Trusting(Handler):
        async def handle_PROXY(self, *_: object) -> bool:  # noqa: N802
            return True

    port = servers.listen(
        "smtp", "smtpd.auth", handler=Trusting(), proxy_protocol_timeout=patience(30)
    )

    class Behind(Smtp):
        def read(self) -> str:
            if not hasattr(self, "greeting"):
                self.greeting = "soon"
                self.socket.sendall(header)
            return super().read()

    with caplog.at_level("INFO", "ualauth"), Behind(port) as talk:
        client = scram("SCRAM-SHA-256", "jsmith", "wrong")
        assert talk.log_in("SCRAM-SHA-256", client).startswith("535")
    return caplog.text


def test_address_behind_a_proxy_is_the_clients(
    aiosmtpd_servers: AiosmtpdServers, caplog: pytest.LogCaptureFixture
) -> None:
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
    text = refused_behind_a_proxy(aiosmtpd_servers, caplog, header)
    assert "192.0.2.7" in text
    assert "127.0.0.1" not in text


def test_unix_socket_behind_a_proxy_is_no_address(
    aiosmtpd_servers: AiosmtpdServers, caplog: pytest.LogCaptureFixture
) -> None:
    # Version 2, PROXY, AF_UNIX and STREAM (proxy-protocol.txt, section 2.2).
    ends = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x31" + len(ends).to_bytes(2) + ends
    text = refused_behind_a_proxy(aiosmtpd_servers, caplog, header)
    assert "user='jsmith'" in text
    assert text.rstrip().endswith("rhost=-")
    assert "/run/client" not in text


def test_client_that_says_nothing_is_hung_up_on(connect: Connect) -> None:
    talk = connect(timeout=patience(1.5))
    talk.command("EHLO me")
    assert talk.command("AUTH PLAIN") == ["334 "]
    assert talk.read() == ""


class Threaded(Controller):
    """aiosmtpd's server in a thread, with this protocol."""

    def factory(self) -> SMTP:
        return SMTP(self.handler, **self.SMTP_kwargs)


def test_controller_of_aiosmtpd_can_be_used(etc: Path, certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    controller = Threaded(
        Handler(),
        "127.0.0.1",
        port,
        authenticator=AsyncAuthenticator(etc),
        tls_context=certificates.server_context(),
        server_hostname="me",
    )
    controller.start()
    try:
        with Smtp(port) as talk:
            talk.begin_tls(certificates.client_context())
            assert talk.password("jsmith", PASSWORD).startswith("235")
    finally:
        controller.stop()


def test_no_secret_is_logged(talk: Smtp, caplog: pytest.LogCaptureFixture) -> None:
    secret = "xyzzy-secret"
    encoded = b64encode(secret.encode()).decode()
    with caplog.at_level("DEBUG"):
        talk.command(f"AUTH PLAIN {initial('jsmith', secret)}")
        talk.command("AUTH LOGIN anNtaXRo")
        talk.command(encoded)
        talk.command("AUTH PLAIN")
        talk.command(f"{encoded}!")
        talk.command(f"AUTH PLAIN {encoded} {encoded}")
    assert "AUTH" in caplog.text
    assert secret not in caplog.text
    assert encoded not in caplog.text
    assert initial("jsmith", secret) not in caplog.text
