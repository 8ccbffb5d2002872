"""GNU SASL as an independent client of both mechanisms, talking base64 over pipes."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.tickets import cache_of
from tests.kerberos import Realm
from ualauth import AuthenticationFailed


@pytest.mark.parametrize("wanted", ["jsmith", "other"])
@pytest.mark.parametrize("mechanism", ["GSSAPI", "GS2-KRB5"])
def test_gsasl_comes_in_with_a_ticket(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, mechanism: str, wanted: str
) -> None:
    cache = cache_of(kdc, tmp_path / "tickets")
    exchange = way.authenticator(mail(kdc).config()).sasl("mail", mechanism)
    client = subprocess.Popen(
        [
            "gsasl", "--client", "--quiet", f"--mechanism={mechanism}", "--service=imap",
            "--hostname=mail.ual.test", f"--authorization-id={wanted}",
            "--authentication-id=jsmith", "--no-cb", "--realm=UAL.TEST",
        ],
        env={**kdc.environment, "KRB5CCNAME": cache},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        if wanted == "jsmith":
            _converse(way, exchange, client)
            assert exchange.identity.user == "jsmith"
        else:
            with pytest.raises(AuthenticationFailed):
                _converse(way, exchange, client)
    finally:
        client.stdin.close()
        client.stdout.close()
        assert client.stderr is not None
        client.stderr.close()
        client.kill()
        client.wait()


def _converse(way: Way, exchange: Any, client: subprocess.Popen[str]) -> None:
    assert client.stdin is not None
    assert client.stdout is not None
    assert client.stdout.readline() == f"{exchange.mechanism}\n"
    for line in client.stdout:
        challenge = way.run(exchange.step(base64.b64decode(line)))
        if challenge is None:
            return
        client.stdin.write(f"{base64.b64encode(challenge).decode()}\n")
        client.stdin.flush()
    raise AssertionError(client.stderr.read() if client.stderr else "")
