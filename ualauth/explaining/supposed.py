"""What an explanation supposes of a login, in the shape in which a login has it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from ualauth.contract.credentials import (
    ANONYMOUS,
    Challenges,
    Credential,
    CredentialKind,
    Exchange,
    NameKind,
    Password,
)
from ualauth.contract.module import Module
from ualauth.sasl.anonymous import AnonymousExchange
from ualauth.sasl.external import CertificateExchange
from ualauth.sasl.mechanism import Claim, Mechanism, Wire
from ualauth.sasl.preparation import prepare_name, prepare_query, vouched_name
from ualauth.text.dataclass import dataclass


class GivenPassword(enum.Enum):
    """Whether the password, proof, token or ticket of the login is the right one."""

    RIGHT = "right"
    WRONG = "wrong"
    EITHER = "either"
    """Not known: both ways are followed, for each entry that knows a password of its own."""


@dataclass(frozen=True, slots=True)
class Suppositions:
    """What is supposed of a login but for service, user and peer; `moment` is in UTC.

    `known` says whether the password is right of those who know it (`Situation.is_right`), where
    that is not what `password` says.
    """

    password: GivenPassword
    moment: datetime
    known: Mapping[object, bool] = field(default_factory=dict)


STAND_IN = Password("the password")
"""Stands where a typed password has to: no module that is simulated compares it."""

_PREPARED: dict[CredentialKind | str, Callable[[str], str]] = {
    CredentialKind.SCRAM: prepare_query,
    CredentialKind.CRAM_MD5: prepare_query,
    CredentialKind.TOKEN: vouched_name,
    CredentialKind.CERTIFICATE: vouched_name,
    CredentialKind.KERBEROS: vouched_name,
}
"""What a mechanism makes of a name."""
_TYPED = (CredentialKind.SCRAM, CredentialKind.CRAM_MD5)


class SupposedExchange(Exchange):
    """A proof, token or ticket that modules take for right or wrong as they are told."""

    def __init__(self, kind: type[Mechanism], name_kind: NameKind) -> None:
        """Stand for what a mechanism has of the client."""
        self.mechanism = kind.name
        self.credential_kind = kind.credential_kind  # type: ignore[assignment]  # or of a package
        self.name_kind = name_kind

    async def mock(self, attempt: Challenges) -> None:
        """Do nothing: there is no client that could tell."""


class SupposedMechanism(Mechanism):
    """A mechanism by which the client has said its name."""

    credential_kind = CredentialKind.PASSWORD

    def __init__(
        self, kind: type[Mechanism], user: str, verifiers: tuple[Module[Any], ...]
    ) -> None:
        """Stand for a mechanism; `verifiers` are the modules that can judge it."""
        self.name = kind.name  # type: ignore[misc]  # of the class in mechanisms
        self._kind = kind
        self._user = user
        self._verifiers = verifiers

    async def begin(self, wire: Wire) -> Claim:  # noqa: ARG002 - there is no client
        """See `Mechanism.begin`."""
        kind = self._kind.credential_kind
        if kind is CredentialKind.NOTHING:
            return Claim(ANONYMOUS, AnonymousExchange(""))
        name = _PREPARED.get(kind, prepare_name)(self._user)
        return Claim(name, self._credential(name, kind))

    def _credential(self, name: str, kind: CredentialKind | str) -> Credential:
        if kind is CredentialKind.PASSWORD:
            return STAND_IN
        name_kind = NameKind.TYPED if kind in _TYPED else NameKind.AUTHID
        if kind is CredentialKind.TOKEN:
            known = (getattr(each, "name_kind", None) for each in self._verifiers)
            name_kind = next((each for each in known if isinstance(each, NameKind)), name_kind)
        elif kind not in _TYPED and "@" in name:
            name_kind = NameKind.ADDRESS
        if kind is CredentialKind.CERTIFICATE:
            exchange: Exchange = CertificateExchange()
            exchange.name_kind = name_kind
            return exchange
        return SupposedExchange(self._kind, name_kind)
