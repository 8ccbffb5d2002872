"""Security contexts accepted with a keytab, through python-gssapi (RFC 2743, RFC 4121).

What a client sends wrong is `Malformed`, with a text for the log that says what
an administrator has to know: replays and clocks above all.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.kerberos.failures import BASE, REPEAT, SKEW, plain
from ualauth.kerberos.keytab import Keytab
from ualauth.reasons import ReasonCode
from ualauth.sasl.mechanism import Malformed

_KRB5 = "1.2.840.113554.1.2.2"
_REASONS: Mapping[int, str] = {
    REPEAT: "a replay: this token was used before",
    BASE + 163: "a replay: this token was used before",  # KRB5_RC_REPLAY
    SKEW: "clock skew: the clocks of the client and of this host differ too much",
    BASE + 32: "the ticket has expired",
    BASE + 33: "the ticket is not valid yet: look at the clocks",
    BASE + 35: "the ticket is for another service",
    BASE + 144: "the ticket is for another service",  # KRB5KRB_AP_WRONG_PRINC
    BASE + 181: "the keytab has no key for this ticket",
    BASE + 230: "the keytab has no key of this version: export the service's key anew",
}
_OURS = frozenset(BASE + each for each in (*range(159, 173), 184, 211)) - {BASE + 163} | frozenset(
    errno.errorcode
) - {errno.EINVAL}
"""KRB5_RC_*, KRB5_KT_IOERR and errors of the system, but for the one that a token may cause:
the replay cache or the keytab cannot be used, for any client."""


class AcceptedContext:
    """The acceptor's end of a context; see `ualauth.sasl.gss_exchange.SecurityContext`."""

    def __init__(self, keytab: Keytab, principal: str | None, bindings: bytes | None) -> None:
        """Take the keys of a keytab, or of one principal in it; blocks.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if there are none.

        """
        self.keytab = keytab.origin
        self.complete = self.mutual = self.bound = False
        self.principal = ""
        self._gssapi = _library()
        self._context: Any = None
        self._bindings = None if bindings is None else self._channel(bindings)
        raw = self._gssapi.raw
        self._mechanism = raw.OID.from_int_seq(_KRB5)
        try:
            name = None
            if principal is not None:
                kind = self._gssapi.NameType.kerberos_principal
                name = raw.import_name(principal.encode(), kind)
            self._keys = raw.acquire_cred_from(
                {b"keytab": keytab.name.encode(errors="surrogateescape")},
                name,
                None,
                [self._mechanism],
                "accept",
            ).creds
        except raw.GSSError as error:
            why = f"the keytab {keytab.origin} cannot be used: {_text(error)}"
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.KDC_UNAVAILABLE) from None

    def _channel(self, bindings: bytes) -> Any:  # noqa: ANN401 - python-gssapi's
        return self._gssapi.raw.ChannelBindings(application_data=bindings)

    def step(self, token: bytes) -> bytes:
        """See `SecurityContext.step`."""
        raw = self._gssapi.raw
        try:
            result = raw.accept_sec_context(token, self._keys, self._context, self._bindings)
            self._context = result.context
            if not result.more_steps:
                self._finish(result)
        except raw.GSSError as error:
            raise _refusal(error) from None
        return result.token or b""

    def _finish(self, result: Any) -> None:  # noqa: ANN401 - python-gssapi's
        flag = self._gssapi.RequirementFlag
        if result.mech != self._mechanism:
            raise Malformed("a mechanism that is not Kerberos")
        if flag.anonymity in result.flags:
            raise Malformed("an anonymous ticket", ReasonCode.TICKET_REFUSED)
        shown = self._gssapi.raw.display_name(result.initiator_name, name_type=False)
        self.principal = shown.name.decode(errors="replace")
        self.mutual = flag.mutual_authentication in result.flags
        self.bound = flag.channel_bound in result.flags
        self.complete = True

    def wrap(self, data: bytes) -> bytes:
        """See `SecurityContext.wrap`."""
        raw = self._gssapi.raw
        try:
            wrapped: bytes = raw.wrap(self._context, data, confidential=False).message
        except raw.GSSError as error:
            raise _refusal(error) from None
        return wrapped

    def unwrap(self, data: bytes) -> bytes:
        """See `SecurityContext.unwrap`."""
        raw = self._gssapi.raw
        try:
            unwrapped: bytes = raw.unwrap(self._context, data).message
        except raw.GSSError as error:
            raise _refusal(error) from None
        return unwrapped


def _library() -> Any:  # noqa: ANN401 - a module, which is loaded when it is first used
    try:
        import gssapi  # noqa: PLC0415 - it takes its time, and needs its extra
    except ImportError as error:
        why = f"{error}; try pip install 'ualauth[krb5]'"
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.MODULE_MISSING) from error
    return gssapi


def _refusal(error: Any) -> Abort:  # noqa: ANN401 - python-gssapi's
    # A status without its sign.
    minor = (error.min_code + 2**31) % 2**32 - 2**31
    if minor in _OURS:
        return Abort(ReturnCode.AUTHINFO_UNAVAIL, _text(error), ReasonCode.KDC_UNAVAILABLE)
    reason = _REASONS.get(minor)
    return Malformed(
        f"{reason} ({_text(error)})" if reason else _text(error), ReasonCode.TICKET_REFUSED
    )


def _text(error: Any) -> str:  # noqa: ANN401 - likewise
    return plain(str(error.gen_message()))
