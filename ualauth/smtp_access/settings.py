"""`[smtp_access]` of `ualauth.toml`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmtpAccessSettings:
    """`[smtp_access]`: how the rules of `smtpd.cfg` are applied.

    `own_host` has further names and addresses of the host that the server runs
    on. With `compare_from`, AUTH_MISMATCH looks at the From: header as well as
    the envelope. A look-up of the client's name may take `lookup_timeout`
    seconds.
    """

    own_host: tuple[str, ...] = ()
    compare_from: bool = False
    lookup_timeout: float = 5.0

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        found = [] if self.lookup_timeout > 0 else ["lookup_timeout must be more than 0"]
        # A pattern would let more than this host relay.
        wrong = [each for each in self.own_host if not each or set(each) & set("*?/@ ")]
        return found + [f"own_host must be names and addresses, not {each!r}" for each in wrong]
