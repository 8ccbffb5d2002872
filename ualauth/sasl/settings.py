"""The table `[sasl]` of `ualauth.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from ualauth.sasl.certificate import mistakes
from ualauth.sasl.offer import DEFAULT, MECHANISMS
from ualauth.settings import hint


@dataclass(frozen=True, slots=True)
class SaslSettings:
    """`[sasl]`: which `mechanisms` may be offered, where a service's modules can judge them.

    Empty is all but CRAM-MD5. A mechanism is named without -PLUS, which goes with
    it. Those that show a password or a token to whoever listens are offered under
    TLS only, unless `plaintext_without_tls` says otherwise. `certificate_names` says
    which name in a client's certificate is the login name of EXTERNAL (see
    `ualauth.sasl.certificate`).
    """

    mechanisms: tuple[str, ...] = ()
    plaintext_without_tls: bool = False
    certificate_names: tuple[str, ...] = ("email: * -> {0}",)

    @property
    def allowed(self) -> tuple[str, ...]:
        """The names of all mechanisms that may be offered, without -PLUS."""
        return self.mechanisms or DEFAULT

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        known = [name for name in MECHANISMS if not name.endswith("-PLUS")]
        return [
            f"mechanisms: {name!r} is no mechanism; {hint(name, known)}"
            for name in self.mechanisms
            if name not in known
        ] + mistakes(self.certificate_names)
