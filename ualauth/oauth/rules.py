"""What a token has to say to be trusted (RFC 7519, RFC 8725, RFC 9068).

Each refusal says what was wanted and what came: an administrator reads it in the log, and in
what `ualauth oauth test` shows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

from ualauth.oauth.claims import ADDRESS, claims_of, named, scopes_of
from ualauth.oauth.purpose import check_client, check_use, says_use
from ualauth.oauth.refusing import Refused, shown, shown_all
from ualauth.reasons import ReasonCode


class Check(Protocol):
    """One thing to look at; raises `Refused`."""

    def __call__(self, rules: Rules, claims: Mapping[str, Any], /, *, introspected: bool) -> None:
        """Look at it."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a token; an empty `audience`, `clients` or `scope` is not asked for.

    `claim` is the one with the login name; `leeway` is by how many seconds clocks
    may differ. `assume_email_verified` takes an address of which the issuer does not say
    whether it was verified.
    """

    issuer: str
    audience: str
    clients: frozenset[str]
    algorithms: tuple[str, ...]
    claim: str
    scope: frozenset[str]
    leeway: int
    accept_id_tokens: bool
    assume_email_verified: bool

    def check(self, claims: Mapping[str, Any], *, introspected: bool = False) -> str:
        """Return the login name of a token with these claims, which its issuer vouches for.

        Who is asked for each token may leave out what it has checked itself
        (RFC 7662, section 2.2: only `active` is required).

        Raises:
            Refused: if something is wrong.

        """
        for check in self.checks.values():
            check(self, claims, introspected=introspected)
        return named(claims, self.claim)

    def named_in(self, claims: Mapping[str, Any], *, narrow: bool) -> str:
        """Return the login name in claims that nothing has checked.

        It is empty if there is none, or with `narrow` if the token is for another audience or
        client: tokens of one issuer for several of them may have a line each.
        """
        try:
            if narrow:
                self._check_audience(claims, introspected=True)
                check_client(claims, self.clients)
            return named(claims, self.claim)
        except Refused:
            return ""

    def _check_issuer(self, claims: Mapping[str, Any], *, introspected: bool) -> None:
        issuer = claims.get("iss")
        if issuer != self.issuer and not (introspected and "iss" not in claims):
            raise Refused(not_of(self.issuer, issuer))

    def _check_times(self, claims: Mapping[str, Any], *, introspected: bool) -> None:
        from joserfc.errors import JoseError  # noqa: PLC0415 - loaded when first needed
        from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415 - likewise

        # Other claims of RFC 7519 have a type as well, which is looked at here.
        looked_at = {name: value for name, value in claims.items() if name != "aud"}
        registry = JWTClaimsRegistry(leeway=self.leeway, exp={"essential": not introspected})
        try:
            registry.validate(looked_at)
        except JoseError as error:
            name = str(getattr(error, "claim", "")).partition(",")[0]
            late = name in {"exp", "nbf", "iat"} and claims.get(name) is not None
            reason = ReasonCode.TOKEN_EXPIRED if late else None
            raise Refused(self._explained(name, claims), reason) from None

    def _explained(self, name: str, claims: Mapping[str, Any]) -> str:
        """Return what is wrong with a claim of RFC 7519: what was wanted, and what came."""
        value = claims.get(name)
        if name not in {"exp", "nbf", "iat"}:
            return f"its claim {name!r} is no text; came {shown(value)}"
        if value is None:
            return f"it does not say when it expires ({name})"
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_date(value):
            return f"its time is no number ({name}); came {shown(value)}"
        then = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        seconds = int(abs(value - time.time()))
        if name == "exp":
            return f"it expired {seconds} seconds ago (exp); that was at {then}"
        return (
            f"it is valid in {seconds} seconds only ({name}); look at the clocks of this host and "
            f"of the issuer: it says {then}"
        )

    def _check_audience(self, claims: Mapping[str, Any], *, introspected: bool) -> None:  # noqa: ARG002 - as the others
        # Not left to the issuer: it says whether a token is good, not for what.
        audience = claims.get("aud")
        values = audience if isinstance(audience, list) else [audience]
        if "aud" in claims and not all(isinstance(each, str) for each in values):
            raise Refused(f"its audience is no text (aud); came {shown(audience)}")
        if not self.audience or self.audience in values:
            return
        wanted = f"wanted {shown(self.audience)}"
        if "aud" not in claims:
            raise Refused(f"it does not say for whom it is (aud); {wanted}")
        raise Refused(
            f"it is for another service (aud); {wanted}, came {shown(audience)}: have the issuer "
            "write that audience into its access tokens"
        )

    def _check_use(self, claims: Mapping[str, Any], *, introspected: bool) -> None:
        check_use(claims, accept_id_tokens=self.accept_id_tokens)
        if introspected and not self.audience and not says_use(claims):
            # Only access tokens have an audience; without one, something else has to tell.
            raise Refused("the issuer does not say that it is an access token (token_type)")

    def _check_client(self, claims: Mapping[str, Any], *, introspected: bool) -> None:  # noqa: ARG002 - as the others
        check_client(claims, self.clients)

    def _check_scope(self, claims: Mapping[str, Any], *, introspected: bool) -> None:  # noqa: ARG002 - as the others
        scopes = scopes_of(claims)
        if missing := self.scope - scopes:
            raise Refused(
                "it has not the scope that is needed; "
                f"wanted {shown_all(sorted(self.scope))}, came {shown_all(sorted(scopes))}, "
                f"so {shown_all(sorted(missing))} is missing"
            )

    def _check_name(self, claims: Mapping[str, Any], *, introspected: bool) -> None:  # noqa: ARG002 - as the others
        named(claims, self.claim)
        if self.claim == ADDRESS:
            self._check_verified(claims)

    checks: ClassVar[Mapping[str, Check]] = {
        "issuer": _check_issuer,
        "times": _check_times,
        "audience": _check_audience,
        "use": _check_use,
        "client": _check_client,
        "scope": _check_scope,
        "name": _check_name,
    }
    """What is looked at, in this order; each raises `Refused`."""

    def _check_verified(self, claims: Mapping[str, Any]) -> None:
        # OpenID Connect Core, section 5.1: true or false; Apple and Cognito write them as texts.
        # Nothing said means nothing: where users set their address, any user may have this one.
        email_verified = claims.get("email_verified")
        if email_verified is True or email_verified == "true":
            return
        if "email_verified" in claims:
            came = shown(email_verified)
            raise Refused(f"its address was not verified (email_verified); came {came}")
        if not self.assume_email_verified:
            raise Refused("it does not say that its address was verified (email_verified)")


def claimed(token: str, rules: Rules, *, narrow: bool) -> str:
    """Return the login name that a JSON Web Token of the issuer claims, unchecked.

    See `Rules.named_in`; it is empty for other issuers' tokens, too.
    """
    try:
        claims = claims_of(token)
    except Refused:
        return ""
    return rules.named_in(claims, narrow=narrow) if claims.get("iss") == rules.issuer else ""


def not_of(issuer: str, came: object) -> str:
    """Return why a token of another issuer is refused."""
    if came is None:
        return f"not of this issuer; wanted {shown(issuer)}, and it names none (iss)"
    return f"not of this issuer; wanted {shown(issuer)}, came {shown(came)} (iss)"


def _is_date(value: float) -> bool:
    try:
        datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return True
