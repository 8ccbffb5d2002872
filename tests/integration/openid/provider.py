"""A real OpenID provider (oidc-provider, in Node.js) on loopback, and tokens of its users."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from joserfc.jwk import ECKey, KeyParameters, RSAKey

from tests.machine import patience

ROOT = Path(__file__).parents[3]
CLIENT, SECRET = "urn:mail", "a b%41:+&"
"""Such that a header has both wrong unless they are encoded first."""
JWT, OPAQUE = "urn:jwt:mail", "urn:opaque:mail"
USER = "jsmith@example.com"


def key(name: str, algorithm: str = "RS256") -> dict[str, Any]:
    """Return a new private key for signatures."""
    parameters: KeyParameters = {"kid": name, "use": "sig", "alg": algorithm}
    if algorithm.startswith("ES"):
        curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
        return dict(ECKey.generate_key(curve, parameters).as_dict(private=True))
    return dict(RSAKey.generate_key(2048, parameters).as_dict(private=True))


class Provider:
    """One run of it."""

    def __init__(
        self,
        folder: str,
        keys: list[dict[str, Any]],
        *,
        port: int = 0,
        lifetime: int = 600,
        algorithm: str = "RS256",
        auth: str = "client_secret_basic",
    ) -> None:
        self._process = subprocess.Popen(
            ["node", f"{folder}/provider.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        client = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "grant_types": ["client_credentials", "urn:test:user"],
            "redirect_uris": [],
            "response_types": [],
            "token_endpoint_auth_method": auth,
        }
        # One client that asks for tokens, whatever the other one does.
        app = client | {"client_id": "app", "token_endpoint_auth_method": "client_secret_basic"}
        settings = {
            "clients": [client, app],
            "keys": {"keys": keys},
            "port": port,
            "lifetime": lifetime,
            "algorithm": algorithm,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(settings) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('{"issuer"'):
                self.url: str = json.loads(line)["issuer"]
                break
        else:
            raise AssertionError("the provider did not start")
        self.port = int(self.url.rpartition(":")[2])

    def tokens(self, target: str = "", subject: str = "42") -> dict[str, str]:
        """Return an access token and an ID token of a user."""
        form = {"grant_type": "urn:test:user", "subject": subject}
        if target:
            form["target"] = target
        credentials = b64encode(f"app:{quote_plus(SECRET)}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/token",
            data=urlencode(form).encode(),
            headers={"Authorization": f"Basic {credentials}"},
        )
        with urllib.request.urlopen(request, timeout=patience(30)) as answer:
            tokens: dict[str, str] = json.load(answer)
        return tokens

    def revoke(self, token: str) -> None:
        """End a token before its time."""
        credentials = b64encode(f"app:{quote_plus(SECRET)}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/token/revocation",
            data=urlencode({"token": token}).encode(),
            headers={"Authorization": f"Basic {credentials}"},
        )
        urllib.request.urlopen(request, timeout=patience(30)).close()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def provider(folder: str, keys: list[dict[str, Any]], **settings: Any) -> Iterator[Provider]:
    """Run one."""
    running = Provider(folder, keys, **settings)
    try:
        yield running
    finally:
        running.stop()
