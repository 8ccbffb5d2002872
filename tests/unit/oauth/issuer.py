"""An issuer of tokens on loopback: its keys, its introspection, and how it can fail."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.machine import patience

CLIENT = "mail", "s3cret"


class Null:
    """A value that JSON writes as null."""

    def __repr__(self) -> str:
        return "null"


NULL = Null()
"""A claim that is there, with the value null."""


class Quiet(ThreadingHTTPServer):
    """Says nothing when a client does not wait."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class Issuer:
    """Serves `/keys` and `/introspect`; `fault` is what it does instead."""

    def __init__(self) -> None:  # noqa: C901 - a server in one place
        """Begin with one key, and listen."""
        self.keys: list[Any] = [ECKey.generate_key("P-256", {"kid": "first"})]
        self.opaque: dict[str, dict[str, Any]] = {}
        self.fault = ""
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                self._answer(issuer.key_set)

            def do_POST(self) -> None:
                issuer.asked.append(self.path)
                length = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(length).decode())
                wanted = "Basic " + b64encode(":".join(CLIENT).encode()).decode()
                if self.headers.get("Authorization") != wanted:
                    self.send_error(401)
                    return
                self._answer(issuer.opaque.get(form["token"][0], {"active": False}))

            def _answer(self, value: object) -> None:
                body = json.dumps(value).encode()
                match issuer.fault:
                    case "hang":
                        time.sleep(patience(1.5))
                    case "slow":
                        time.sleep(0.3)
                    case "drip":
                        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                        for _ in range(30):
                            self.wfile.write(b"X-Wait: longer\r\n")
                            time.sleep(0.2)
                        return
                    case "garbage":
                        body = b"<html>"
                    case "list":
                        body = b"[]"
                    case "huge":
                        body = b" " * (2 << 20)
                    case "error":
                        self.send_error(500)
                        return
                    case "elsewhere":
                        self.send_response(302)
                        self.send_header("Location", f"{issuer.url}/keys")
                        self.end_headers()
                        return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def key_set(self) -> dict[str, Any]:
        """The keys as JSON has them; those without a name stay without."""
        return {"keys": [each.as_dict(private=False) for each in self.keys]}

    def token(
        self,
        key: Any = None,
        algorithm: str = "ES256",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed token; a claim that is `None` is left out, one that is `NULL` is null.

        A claim that is a `timedelta` is a moment: that long from the making of the token.
        `header` is what else the header has; a parameter that is `None` is left out.
        """
        all_claims = {
            "iss": self.url,
            "aud": "mail",
            "exp": timedelta(minutes=5),
            "email": "jsmith@example.com",
            "email_verified": True,
            "scope": "openid mail",
            **claims,
        }
        key = key or self.keys[0]
        parameters = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        return signed(_present(parameters), _present(all_claims), key)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return int(time.time() + value.total_seconds())
    return None if value is NULL else value


def signed(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    """Return a token with exactly this header and these claims (RFC 7515, section 5.1).

    A library would look at them first.
    """
    parts = [urlsafe(json.dumps(each).encode()) for each in (header, claims)]
    algorithm = JWSRegistry.algorithms[header["alg"]]
    signature = algorithm.sign(".".join(parts).encode(), key)
    return ".".join((*parts, urlsafe(signature)))


def urlsafe(data: bytes) -> str:
    """Return octets as base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def other_keys() -> dict[str, Any]:
    """Return a key for each algorithm."""
    return {
        "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
        "PS256": RSAKey.generate_key(2048, {"kid": "pss"}),
        "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
        "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    }


def secret_key(text: bytes) -> OctKey:
    """Return a shared secret as a key."""
    return OctKey.import_key(text, {"kid": "first"})
