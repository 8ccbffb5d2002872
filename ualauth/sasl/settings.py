"""The tables `[sasl]` and `[service."NAME"]` of `ualauth.toml`, and what a service may offer."""

from __future__ import annotations

from ualauth.sasl.certificate import mistakes
from ualauth.sasl.registry import BUILT_IN, DEFAULT, PLUS, added
from ualauth.sources.values import hint
from ualauth.text.dataclass import dataclass

TYPED = ("PLAIN", "LOGIN")
"""The mechanisms that carry a password as it was typed."""
WITHOUT_TYPED = frozenset({"smtpd.auth"})
"""The services that take no typed password unless their table says so. The mail system that
they come from never took one for SMTP."""


@dataclass(frozen=True, slots=True)
class SaslSettings:
    """`[sasl]`: which `mechanisms` may be offered, where a service's modules can judge them.

    Empty is all but CRAM-MD5. A mechanism is named without -PLUS, which goes with
    it. Those that show a password or a token to an eavesdropper are offered under
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

    @property
    def others(self) -> bool:
        """Whether those may be offered that other packages add."""
        return not self.mechanisms

    @property
    def takes_passwords(self) -> bool:
        """Whether a password may be taken as it was typed."""
        return not set(TYPED).isdisjoint(self.allowed)

    @property
    def setting(self) -> str:
        """Where an administrator says what is allowed."""
        return "[sasl] mechanisms"

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return unknown_mechanisms("mechanisms", self.mechanisms) + mistakes(self.certificate_names)

    def of_service(self, name: str, own: ServiceSettings | None) -> OfferRules:
        """Return the rules of a service, whose name is in lower case; `own` is its table."""
        setting = f'[service."{name}"] mechanisms'
        if own is not None and own.mechanisms:
            return OfferRules(own.mechanisms, self.plaintext_without_tls, setting)
        if name in WITHOUT_TYPED:
            allowed = tuple(each for each in self.allowed if each not in TYPED)
        else:
            allowed, setting = self.allowed, self.setting
        return OfferRules(allowed, self.plaintext_without_tls, setting, self.others)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """`[service."NAME"]`: the SASL `mechanisms` of one service, in the place of those of `[sasl]`.

    Empty is none of its own. A service without PLAIN and LOGIN takes no typed
    password in any other way either.
    """

    mechanisms: tuple[str, ...] = ()

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return unknown_mechanisms("mechanisms", self.mechanisms)


@dataclass(frozen=True, slots=True)
class OfferRules:
    """What one service may offer, where its modules can judge it.

    `allowed` has names without -PLUS; `setting` is where an administrator says so.
    """

    allowed: tuple[str, ...]
    plaintext_without_tls: bool
    setting: str
    others: bool = False
    """Whether those may be offered, too, that other packages add."""

    @property
    def takes_passwords(self) -> bool:
        """Whether it takes a password as it was typed."""
        return not set(TYPED).isdisjoint(self.allowed)


def unknown_mechanisms(key: str, names: tuple[str, ...]) -> list[str]:
    """Return what cannot be in a list of mechanisms, as `key: ...`; empty if all is well."""
    known = [name for name in BUILT_IN if not name.endswith(PLUS)]
    if not set(names) <= set(known):
        known += [name for name in added() if not name.endswith(PLUS)]
    return [
        f"{key}: {name!r} is no mechanism; {hint(name, known)}"
        for name in names
        if name not in known
    ]
