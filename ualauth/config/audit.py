"""`[audit]`: what audit records show, and which file they are written to."""

from __future__ import annotations

from dataclasses import field

from ualauth.text.dataclass import dataclass

SHOWN, DIGEST = "shown", "digest"
JSON, TEXT = "json", "text"
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`[audit]`: what audit records show, and which file they are written to.

    `file` is where one line a record is written, whatever the logger `ualauth.audit` does with
    it; a relative one is in the configuration folder, and without one, no file is written. Its
    `form` is `json` or `text`.

    `login_names` is `shown`, or `digest`: then names as they were typed, which may be
    passwords typed a field too early, are HMAC-SHA-256 with `digest_key`, a text of at least
    16 characters that only the administrators know.
    """

    login_names: str = SHOWN
    digest_key: str = field(default="", repr=False)
    file: str = ""
    form: str = JSON

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
        if self.form not in (JSON, TEXT):
            mistakes.append(f"form {self.form!r} is none of {JSON}, {TEXT}")
        if not self.file.isprintable():
            mistakes.append("file must be a path that can be printed")
        return mistakes
