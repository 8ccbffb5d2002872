"""The module om_oauth: OAuth 2 tokens in the place of passwords (OAUTHBEARER, XOAUTH2).

A token is either a signed JSON Web Token, checked with the issuer's keys
(RFC 7519, RFC 8725), or one about which the issuer is asked (RFC 7662).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL, CredentialKind, NameKind
from ualauth.contract.judgement import not_judged
from ualauth.module import (
    Abort,
    Attempt,
    Files,
    Module,
    Simulated,
    Situation,
    missing_libraries,
)
from ualauth.oauth.addresses import is_url, mistake_in
from ualauth.oauth.claims import ADDRESS, issuer_of
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.introspection import ClientAuth, Introspection
from ualauth.oauth.key_rings import KeyRings
from ualauth.oauth.keys import KeyRing
from ualauth.oauth.refusing import Refused
from ualauth.oauth.report import TokenReport
from ualauth.oauth.rules import Rules, claimed, not_of
from ualauth.oauth.signature import verified
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sasl.mechanism import Wire
from ualauth.sasl.oauth import TokenExchange
from ualauth.sasl.preparation import vouched_name
from ualauth.sources.problem import Problem
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES, begin_elsewhere, end_elsewhere

# RFC 7518, section 3.1 and RFC 9864: those with a public key. With the others,
# a server that can check a token can make one.
_ALGORITHMS = re.compile(r"(RS|PS|ES)(256|384|512)|EdDSA|Ed25519|Ed448")
_DEFAULT = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    issuer: Annotated[str, "Who must have issued a token (its claim `iss`)."]
    audience: Annotated[str, "For whom it must be (its claim `aud`)."] = ""
    any_audience: Annotated[bool, "Take tokens that were issued for others, too."] = False
    clients: Annotated[
        str, "The clients (`azp`, `client_id`) whose tokens to take, with commas; all if none."
    ] = ""
    accept_id_tokens: Annotated[bool, "Take ID tokens, too, which are meant for clients."] = False
    keys: Annotated[str, "The issuer's keys: a file or an https URL with a JWK set."] = ""
    algorithms: Annotated[str, "Signatures to take, with commas between them."] = _DEFAULT
    introspection: Annotated[str, "Ask this https URL about each token instead."] = ""
    client_id: Annotated[str, "As whom to ask there."] = ""
    client_secret_file: Annotated[str, "A file with the secret of that client."] = ""
    client_auth: Annotated[
        ClientAuth, "How to send both: in a header (`basic`), or in the form (`post`)."
    ] = ClientAuth.BASIC
    claim: Annotated[str, "The claim that is the login name."] = "email"
    assume_email_verified: Annotated[
        bool, "DANGEROUS: take addresses of which the issuer does not say that it verified them."
    ] = False
    scope: Annotated[str, "The scopes that a token must have, with commas between them."] = ""
    configuration: Annotated[str, "The URL of the issuer's OpenID configuration, for clients."] = ""
    authorities: Annotated[
        str, "A file of certificates to trust for https; the host's if none."
    ] = ""
    leeway: Annotated[int, "By how many seconds clocks may differ."] = 60
    timeout: Annotated[float, "Seconds to wait for the issuer."] = 5.0

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        wrong = {
            "give one of 'keys' and 'introspection'": bool(self.keys) == bool(self.introspection),
            "give one of 'audience' and 'any_audience'": bool(self.audience) == self.any_audience,
            "'client_id' and 'client_secret_file' go together": (
                bool(self.client_id) != bool(self.client_secret_file)
            ),
            f"'assume_email_verified' is for claim={ADDRESS}": (
                self.assume_email_verified and self.claim != ADDRESS
            ),
            "'clients' must be names with one comma between two": (
                bool(self.clients) and not all(self.clients.split(","))
            ),
            "'leeway' must be from 0 to 600, 'timeout' more than 0, at most 60": not (
                0 <= self.leeway <= 600 and 0 < self.timeout <= 60
            ),
        }
        for mistake in (text for text, is_so in wrong.items() if is_so):
            raise ValueError(mistake)
        for name in ("keys", "introspection"):
            place = getattr(self, name)
            if is_url(place) and (mistake := mistake_in(place)):
                raise ValueError(f"{name!r} {mistake}")
        if self.introspection and not is_url(self.introspection):
            raise ValueError("'introspection' must be a URL")
        for each in self.algorithms.split(","):
            if not _ALGORITHMS.fullmatch(each):
                raise ValueError(f"'algorithms': {each[:16]!r} is no signature with a public key")


class OmOauth(Module[Options]):
    """Let people in by a token of an OAuth 2 issuer; others go on by password."""

    options_type = Options
    may_ignore = False
    verifies = frozenset({CredentialKind.TOKEN})
    libraries = ("httpx", "joserfc")
    reasons: ClassVar[Reasons] = {
        **REASONS_OF_GUESSES,
        # No other module counts tokens.
        ReasonCode.LOCKED_OUT: (ReturnCode.PERM_DENIED,),
        ReasonCode.TOKEN_REFUSED: (ReturnCode.AUTH_ERR,),
        ReasonCode.TOKEN_EXPIRED: (ReturnCode.AUTH_ERR,),
        ReasonCode.TOKEN_NOT_FOR_US: (ReturnCode.AUTH_ERR,),
        ReasonCode.WRONG_USER: (ReturnCode.AUTH_ERR,),
        ReasonCode.ISSUER_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
        ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    }

    def __init__(self, options: Options) -> None:
        """Prepare what does not depend on a token."""
        super().__init__(options)
        asks = bool(options.introspection) or is_url(options.keys)
        needed = (*(["joserfc"] if options.keys else ()), *(["httpx"] if asks else ()))
        self.lacks = missing_libraries("module om_oauth", *needed)
        if self.lacks:
            self.verifies = NO_CREDENTIAL
        self.name_kind = NameKind.ADDRESS if options.claim == ADDRESS else NameKind.AUTHID
        self._keys = KeyRing(options.keys, options.timeout, options.authorities)
        self._introspection = Introspection(
            options.introspection,
            options.timeout,
            client=(options.client_id, options.client_secret_file) if options.client_id else None,
            client_auth=options.client_auth,
            authorities=options.authorities,
        )
        self._rules = Rules(
            issuer=options.issuer,
            audience=options.audience,
            clients=frozenset(options.clients.split(",")) - {""},
            algorithms=tuple(options.algorithms.split(",")),
            claim=options.claim,
            scope=frozenset(options.scope.split(",")) - {""},
            leeway=options.leeway,
            accept_id_tokens=options.accept_id_tokens,
            assume_email_verified=options.assume_email_verified,
        )

    def configure(self, files: Files) -> Sequence[Problem]:
        """Have the keys, the secret and the authorities looked at that are in files."""
        (self._introspection if self.options.introspection else self._keys).configure(files)
        return ()

    def report(self) -> TokenReport:
        """Return what tells of a token how it is judged (`ualauth oauth test`)."""
        asks = bool(self.options.introspection)
        return TokenReport(
            self._rules, None if asks else self._keys, self._introspection if asks else None
        )

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Succeed if the token is good, and the user's."""
        exchange = attempt.exchange
        if not isinstance(exchange, TokenExchange):
            for each in self.lacks:
                attempt.remark(f"{each.text}; {each.cure}")
            return not_judged(attempt, exchange)
        self.describe_needs(exchange)
        # Whom the USERLIST knows is counted as that user, whatever is at hand.
        await attempt.get_record(needed=False)
        guess = await begin_elsewhere(attempt, exchange.name, exchange)
        try:
            name = vouched_name(await self._name(attempt, exchange))
        except Refused as refused:
            attempt.explain(refused.reason, f"the token is refused: {refused}")
            if not refused.signed:
                await end_elsewhere(attempt, guess, ReturnCode.AUTH_ERR)
            return ReturnCode.AUTH_ERR
        except Unavailable as error:
            attempt.explain(ReasonCode.ISSUER_UNAVAILABLE, str(error))
            return ReturnCode.AUTHINFO_UNAVAIL
        if name != exchange.name:
            # Another module has named the person, by another claim.
            attempt.explain(ReasonCode.WRONG_USER, "the token is another's")
            return ReturnCode.AUTH_ERR
        await attempt.get_user()
        attempt.remark("token verified")
        await end_elsewhere(attempt, guess, ReturnCode.SUCCESS)
        exchange.accept()
        return ReturnCode.SUCCESS

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        """Say who is locked out; what the issuer would say is not known."""
        from ualauth.userlist.login.supposed import suppose_locked  # noqa: PLC0415 - no login needs it

        exchange = attempt.exchange
        asks = exchange is not None and exchange.credential_kind in self.verifies
        if attempt.operation is not Operation.AUTHENTICATE or not asks:
            return None
        return await suppose_locked(attempt, situation, attempt.user or "")

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: there are no credentials to establish."""
        return ReturnCode.SUCCESS

    def describe_needs(self, exchange: TokenExchange) -> None:
        """See `TokenIssuer.describe_needs`."""
        exchange.scope = " ".join(self.options.scope.split(","))
        exchange.configuration = self.options.configuration

    async def name_in(self, wire: Wire, exchange: TokenExchange) -> str:
        """See `TokenVerifier.name_in`."""
        try:
            if self.options.introspection:
                answer = await self._answer(wire.offload, exchange)
                name = self._rules.named_in(answer, narrow=exchange.is_narrow)
            else:
                name = claimed(exchange.token, self._rules, narrow=exchange.is_narrow)
        except Refused:
            return ""
        except Unavailable as error:
            reason = ReasonCode.ISSUER_UNAVAILABLE
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), reason) from None
        return name

    async def _name(self, attempt: Attempt, exchange: TokenExchange) -> str:
        """Return whose token it is, which is certain then."""
        if self.options.introspection:
            answer = await self._answer(attempt.offload, exchange)
            return self._rules.check(answer, introspected=True)
        keys = attempt.resource(KeyRings).shared(self._keys)
        return await attempt.offload(verified, exchange.token, self._rules, keys)

    async def _answer(
        self,
        offload: Callable[..., Awaitable[Any]],
        exchange: TokenExchange,
    ) -> dict[str, Any]:
        """Return what the issuer says of its own token, asked once in an exchange.

        A token that says it is another issuer's is not shown to this one. What
        is null in the answer is not said.

        Raises:
            Refused: if it is not active, or not of this issuer.
            Unavailable: if the issuer cannot be asked.

        """
        issuer = issuer_of(exchange.token)
        if issuer and issuer != self.options.issuer:
            raise Refused(not_of(self.options.issuer, issuer))
        if self not in exchange.found:
            exchange.found[self] = await offload(self._introspection.ask, exchange.token)
        response: dict[str, Any] = exchange.found[self]
        if response.get("active") is not True:
            raise Refused("the issuer says that it is not active")
        answer = {name: value for name, value in response.items() if value is not None}
        if answer.get("iss", self.options.issuer) != self.options.issuer:
            raise Refused(not_of(self.options.issuer, answer["iss"]))
        return answer
