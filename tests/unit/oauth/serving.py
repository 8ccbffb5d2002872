"""A service for tokens of one issuer, and why it refuses some."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import CLIENT, Issuer
from ualauth import AuthenticationFailed, Identity
from ualauth.audit import AuditRecord
from ualauth.testing.folder import ConfigFolder


class Server:
    """A service for tokens; no USERLIST, so that what the issuer says is all there is."""

    def __init__(
        self, way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Make the service with the usual options."""
        self._way, self._folder, self._issuer, self._log = way, folder, issuer, caplog
        self._keys = folder.path / "keys.json"
        self._keys.write_text(json.dumps(issuer.key_set))
        caplog.set_level(logging.INFO, "ualauth.audit")
        folder.settings("[stack]\nfail_delay = false\n")
        self.options()

    def options(self, *options: str, keys: str = "") -> None:
        """Make the service anew; `keys` is where the issuer's keys are, if not in a file."""
        words = f"issuer={self._issuer.url}", "audience=mail", f"keys={keys or self._keys}"
        self.lines(" ".join((*words, *options)))

    def introspection(self, secret: Path, *options: str, audience: str = "audience=mail") -> None:
        """Make the service anew, with an issuer that is asked about each token."""
        secret.write_text(CLIENT[1])
        words = (
            f"issuer={self._issuer.url}",
            audience,
            f"introspection={self._issuer.url}/introspect",
            f"client_id={CLIENT[0]}",
            f"client_secret_file={secret}",
            *options,
        )
        self.lines(" ".join(words))

    def lines(self, *lines: str) -> None:
        """Make the service of these lines of om_oauth."""
        auth = [f"auth sufficient om_oauth {line}" for line in lines]
        self._folder.service(
            "imap", "\n".join((*auth, "auth required pam_deny", "account required pam_permit", ""))
        )
        self._auth = self._way.authenticator(self._folder.config())

    def log_in(self, token: str, user: str = "jsmith@example.com") -> Identity:
        """Return the identity by XOAUTH2."""
        self._log.clear()
        exchange = self._auth.sasl("imap", "XOAUTH2", tls=True)
        message = f"user={user}\1auth=Bearer {token}\1\1"
        if self._way.run(exchange.step(message.encode())) is not None:
            self._way.run(exchange.step(b""))
        return exchange.identity

    def refusal(self, token: str, user: str = "jsmith@example.com") -> str:
        """Return why a token is refused, as the log says it."""
        with pytest.raises(AuthenticationFailed):
            self.log_in(token, user)
        assert token not in self._log.text
        why: str
        (why,) = set(re.findall(r"the token is (?:refused: )?([^,;\]\n]*)", said(self._log)))
        return why

    def both(self, secret: Path, **claims: Any) -> list[str]:
        """Return why a token is refused by keys, and why by introspection."""
        self.options()
        refusals = [self.refusal(self._issuer.token(**claims))]
        self.introspection(secret)
        answer = {
            "active": True,
            "aud": "mail",
            "email": "jsmith@example.com",
            "email_verified": True,
        }
        self._issuer.opaque["opaque"] = answer
        assert self.log_in("opaque").user == "jsmith@example.com"
        self._issuer.opaque["opaque"] = answer | claims
        return [*refusals, self.refusal("opaque")]


def said(log: pytest.LogCaptureFixture) -> str:
    """Return all that entries said, a line for each, and what else was logged."""
    lines: list[str] = []
    for record in log.records:
        audit = getattr(record, "audit", None)
        if isinstance(audit, AuditRecord):
            lines += [audit.remark, *(text for _, text in audit.remarks)]
        else:
            lines.append(record.getMessage())
    return "\n".join(lines)
