"""What `ualauth oauth test` finds out: what a token says, and what a line wants of it.

The judgement is that of a login; each check of it is shown, and not only the first that fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ualauth.contract.attempt import Abort
from ualauth.oauth.claims import claims_of, header_of, issuer_of, named
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.introspection import Introspection
from ualauth.oauth.purpose import check_header
from ualauth.oauth.refusing import Refused, shown
from ualauth.oauth.rules import Rules, not_of
from ualauth.oauth.signature import check_algorithm, signed_claims
from ualauth.sasl.preparation import vouched_name

if TYPE_CHECKING:
    from ualauth.oauth.keys import KeyRing

_SHOWN = (
    *("iss", "sub", "aud", "azp", "client_id", "cid", "appid", "scope", "scp", "typ"),
    *("token_use", "token_type", "iat", "nbf", "exp", "email", "email_verified"),
)
"""Claims whose values are shown; of the others, the names."""


@dataclass(slots=True)
class TokenStep:
    """One step: whether it went well, and what was found; `certain` is whether that is known."""

    name: str
    lines: list[str] = field(default_factory=list)
    passed: bool = True
    certain: bool = True
    seconds: float = 0.0


@runtime_checkable
class TakesTokens(Protocol):
    """A module that can say what it makes of a token."""

    def report(self) -> TokenReport:
        """Return what does."""
        ...


def what_it_says(token: str, claim: str = "") -> TokenStep:
    """Return what a token says of itself, which nothing has checked.

    `claim` is one more claim whose value is shown.
    """
    step = TokenStep("token")
    try:
        header, claims = header_of(token), claims_of(token)
    except Refused:
        step.lines.append("opaque, or encrypted: only its issuer knows what it says")
        return step
    step.lines += [f"header {name}: {shown(value)}" for name, value in header.items()]
    names = [*_SHOWN, claim] if claim not in _SHOWN else [*_SHOWN]
    step.lines += _values(claims, names)
    others = sorted(claims.keys() - {*names})
    if others:
        step.lines.append(f"other claims: {', '.join(shown(each)[1:-1] for each in others)}")
    return step


class TokenReport:
    """The steps for one line of a service; one of `keys` and `introspection`."""

    def __init__(
        self, rules: Rules, keys: KeyRing | None, introspection: Introspection | None
    ) -> None:
        """Ask no issuer yet."""
        self.rules = rules
        self._keys = keys
        self._introspection = introspection

    def steps(self, token: str) -> Iterator[TokenStep]:
        """Yield the steps as they are done; without a token, only whether there are keys."""
        yield _timed("issuer", self._issuer)
        if not token:
            return
        claims: dict[str, Any] = {}
        step = _timed(
            "signature" if self._keys else "answer", lambda it: self._read(it, token, claims)
        )
        yield step
        if not step.certain:
            return
        if not step.passed:
            # What it says itself is still worth a look: several things may be wrong.
            try:
                claims |= claims_of(token)
            except Refused:
                return
        for name, check in self.rules.checks.items():

            def look(it: TokenStep, check: Any = check) -> None:  # noqa: ANN401 - one of `checks`
                check(self.rules, claims, introspected=self._introspection is not None)
                it.lines += _values(claims, _CLAIMS_OF.get(it.name, (self.rules.claim,)))

            yield _timed(name, look)
        yield _timed("user", lambda it: self._user(it, claims))

    def _issuer(self, step: TokenStep) -> None:
        step.lines.append(f"issuer: {self.rules.issuer}")
        if self._keys is None:
            step.lines.append("asked about each token")
            return
        step.lines += [
            f"key {shown(each.kid)}, {each.key_type}" for each in self._keys.candidates(None)
        ]

    def _user(self, step: TokenStep, claims: Mapping[str, Any]) -> None:
        name = named(claims, self.rules.claim)
        try:
            step.lines.append(f"user: {vouched_name(name)}")
        except Abort as abort:
            raise Refused(f"the name is no login name: {abort.why}") from None

    def _read(self, step: TokenStep, token: str, claims: dict[str, Any]) -> None:
        if self._introspection is None:
            assert self._keys is not None  # noqa: S101 - one of them is there
            header = header_of(token)
            check_header(header)
            check_algorithm(header, self.rules.algorithms)
            claims |= signed_claims(token, self.rules, self._keys)
            step.lines.append("signed by a key of the issuer")
            return
        issuer = issuer_of(token)
        if issuer and issuer != self.rules.issuer:
            raise Refused(not_of(self.rules.issuer, issuer))
        answer = self._introspection.ask(token)
        step.lines.append(f"active: {shown(answer.get('active'))}")
        if answer.get("active") is not True:
            raise Refused("the issuer says that it is not active: expired, revoked or not its own")
        claims |= {name: value for name, value in answer.items() if value is not None}
        step.lines += _values(claims, _SHOWN)


_CLAIMS_OF: Mapping[str, tuple[str, ...]] = {
    "issuer": ("iss",),
    "times": ("iat", "nbf", "exp"),
    "audience": ("aud",),
    "use": ("typ", "token_use", "token_type"),
    "client": ("azp", "client_id", "cid", "appid"),
    "scope": ("scope", "scp"),
}
"""Check -> the claims that it looks at; by default the one with the name."""


def _values(claims: Mapping[str, Any], names: tuple[str, ...] | list[str]) -> list[str]:
    return [f"{name}: {shown(claims[name])}" for name in names if name in claims]


def _timed(name: str, work: Callable[[TokenStep], None]) -> TokenStep:
    step = TokenStep(name)
    started = time.perf_counter()
    try:
        work(step)
    except Refused as refused:
        step.passed = False
        step.lines.append(str(refused))
    except Unavailable as error:
        step.passed = step.certain = False
        step.lines.append(str(error))
    step.seconds = time.perf_counter() - started
    return step
