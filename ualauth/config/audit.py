"""`[audit]`: what the records of the logger `ualauth.audit` show."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Self

from ualauth.text.dataclass import dataclass

if TYPE_CHECKING:
    from ualauth.contract.resources import Resources

SHOWN, DIGEST = "shown", "digest"
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`[audit]`: what the records of the logger `ualauth.audit` show.

    `login_names` is `shown`, or `digest`: then names as they were typed, which may be
    passwords typed a field too early, are HMAC-SHA-256 with `digest_key`, a text of at least
    16 characters that only the administrators know.
    """

    login_names: str = SHOWN
    digest_key: str = field(default="", repr=False)

    @property
    def digests(self) -> bool:
        """Whether typed names are not shown."""
        return self.login_names == DIGEST

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = []
        if self.login_names not in (SHOWN, DIGEST):
            mistakes.append(f"login_names {self.login_names!r} is none of {SHOWN}, {DIGEST}")
        if self.digests and len(self.digest_key) < _SHORTEST_KEY:
            mistakes.append(f"digest_key must have {_SHORTEST_KEY} characters or more")
        return mistakes

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """Return those of the configuration; see `ualauth.contract.resources`."""
        settings: Self = resources.config.audit
        return settings
