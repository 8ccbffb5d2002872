"""`[smtp_access]` of `ualauth.toml`."""

from __future__ import annotations

from ualauth.text.dataclass import dataclass

HEADER_SIZE_LIMIT = 102400
"""The most octets of a header that is read: Postfix's header_size_limit (postconf(5))."""


@dataclass(frozen=True, slots=True)
class SmtpAccessSettings:
    """`[smtp_access]`: how the rules of `smtpd.cfg` are applied.

    `own_host` has further names and addresses of the host that the server runs
    on. With `compare_from`, AUTH_MISMATCH looks at the From: header as well as
    the envelope; with `compare_sender` at Sender:, with `compare_resent_from` at
    Resent-From: and Resent-Sender:. A header has at most `header_size_limit`
    octets. A look-up of the client's name may take `lookup_timeout` seconds.
    """

    own_host: tuple[str, ...] = ()
    compare_from: bool = False
    compare_sender: bool = False
    compare_resent_from: bool = False
    header_size_limit: int = HEADER_SIZE_LIMIT
    lookup_timeout: float = 5.0

    @property
    def compared(self) -> tuple[str, ...]:
        """The headers that are compared wherever AUTH_MISMATCH is."""
        asked = {
            "From": self.compare_from,
            "Sender": self.compare_sender,
            "Resent-From": self.compare_resent_from,
            "Resent-Sender": self.compare_resent_from,
        }
        return tuple(name for name, compared in asked.items() if compared)

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = [
            f"{name} must be more than 0"
            for name in ("lookup_timeout", "header_size_limit")
            if getattr(self, name) <= 0
        ]
        # A pattern would let more than this host relay.
        wrong = [each for each in self.own_host if not each or set(each) & set("*?/@ ")]
        return mistakes + [f"own_host must be names and addresses, not {each!r}" for each in wrong]
