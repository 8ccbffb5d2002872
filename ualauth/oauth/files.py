"""The files of an issuer: its keys, the secret of a client, the authorities of its certificates."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ualauth.contract.module import Files
from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.key_set import keys_of
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Parse, Watched, read_secret
from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem, Source

if TYPE_CHECKING:
    from joserfc.jwk import Key

T = TypeVar("T")

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class IssuerFile(Generic[T]):
    """One file, followed; for one thread or many. Both methods may block."""

    def __init__(self, path: str, parse: Parse[T], rules: FileRules) -> None:
        """Remember it; opens nothing."""
        self._watched = Watched(path, parse, rules)

    def configure(self, files: Files) -> None:
        """Find it from the configuration folder, and have it looked at."""
        file = self._watched
        self._watched = files.watch(file.path, file.parse, file.rules)

    def read(self) -> T:
        """Return what it says.

        Raises:
            Unavailable: if it is not there, or cannot be used.

        """
        try:
            content = self._watched.current()
        except (UnusableFile, UnsteadyFile) as error:
            raise Unavailable(str(error)) from None
        if content is None:
            raise Unavailable(f"{self._watched.path}: there is no such file")
        return content


def key_file(path: str) -> IssuerFile[tuple[Key, ...]]:
    """Return a file with a JWK set."""
    return IssuerFile(path, _keys, FileRules(comments=False, utf8=True))


def secret_file(path: str) -> IssuerFile[str]:
    """Return a file with the secret of a client."""
    return IssuerFile(path, read_secret, FileRules(comments=False, utf8=True, secret=True))


def authorities_file(path: str) -> IssuerFile[str]:
    """Return a file of certificates to trust."""
    return IssuerFile(path, _authorities, FileRules(max_bytes=16 << 20))


def _keys(file: Text) -> tuple[tuple[Key, ...], Sequence[Problem]]:
    try:
        key_set: Any = json.loads(file.text)
    except json.JSONDecodeError as error:
        at = Token("", error.lineno, error.colno)
        text = f"this is no JSON: {error.msg}"
        return (), (Page(file.path, file.text).problem(at, text, "write a JWK set (RFC 7517)"),)
    except RecursionError:
        return (), (_wrong(file, "this is no set of keys", "write a JWK set (RFC 7517)"),)
    try:
        return keys_of(key_set), ()
    except Unavailable as error:
        return (), (_wrong(file, str(error), "write a JWK set with public keys (RFC 7517)"),)
    except ImportError as error:
        return (), (_wrong(file, str(error), "pip install 'ualauth[oauth]'"),)


def _authorities(file: Text) -> tuple[str, Sequence[Problem]]:
    import ssl  # noqa: PLC0415 - loaded when first needed: it takes longer than a login

    certificates = "\n".join(_CERTIFICATE.findall(file.text))
    try:
        ssl.create_default_context(cadata=certificates or None)
    except (ssl.SSLError, ValueError) as error:
        text = f"a certificate in it cannot be read: {error}"
        return "", (_wrong(file, text, "write certificates in PEM"),)
    if not certificates:
        return "", (_wrong(file, "there is no certificate in it", "write certificates in PEM"),)
    return certificates, ()


def _wrong(file: Text, text: str, cure: str) -> Problem:
    return Problem(Source(file.path, 1, 1), text, cure)
