"""What an error of libkrb5 amounts to: a return code, and what to do about it.

Whatever is not in the table could not be checked: an error that no author thought
of is no wrong password. RFC 4120, section 7.5.9 numbers the KDC's errors, and
krb5.h adds the library's own to the same base.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Mapping
from typing import Protocol

from ualauth.codes import ReturnCode
from ualauth.errors import UalauthError
from ualauth.reasons import ReasonCode
from ualauth.system.circuit_breaker import CircuitBreaker

BASE = -1765328384
"""ERROR_TABLE_BASE_krb5; an error of a KDC is its number in RFC 4120 above this."""

CLIENT_UNKNOWN = BASE + 6
SERVER_UNKNOWN = BASE + 7
PASSWORD_EXPIRED = BASE + 23
BAD_INTEGRITY = BASE + 31
REPEAT = BASE + 34
SKEW = BASE + 37
KDC_UNREACHABLE = BASE + 156
KEYTAB_NOT_FOUND = BASE + 181
KEYTAB_END = BASE + 182

KPASSWD_UNREACHABLE = -1
"""The server that changes passwords says nothing; libkrb5 has no number of its own for it."""

UNREACHABLE = frozenset({KDC_UNREACHABLE, KPASSWD_UNREACHABLE, errno.ETIMEDOUT})
"""No KDC answered, or `timeout` was over before one was asked."""


_MOST = 500
"""Letters of a text that is for the log or a person."""


def plain(text: str) -> str:
    """Return what a KDC said, or a client typed as a name, as one line that fits a log."""
    line = " ".join(text[: 2 * _MOST].split())
    return "".join(letter for letter in line if letter.isprintable())[:_MOST]


class KerberosFault(UalauthError):
    """libkrb5 says no; `number` is its error, the text is its own, and has no secrets."""

    def __init__(self, number: int, text: str) -> None:
        """Keep both; the text may repeat names, and what a KDC says."""
        super().__init__(plain(text))
        self.number = number

    @property
    def code(self) -> ReturnCode:
        """What that amounts to where a password was to be verified."""
        return CODES.get(self.number, ReturnCode.AUTHINFO_UNAVAIL)

    def __str__(self) -> str:
        """Return libkrb5's text, and the cure if one is known."""
        cure = CURES.get(self.number)
        return f"{self.args[0]}; {cure}" if cure else str(self.args[0])


class NotTheUser(KerberosFault):
    """What failed has nothing to do with who logs in: the service's own key, or the KDC."""

    @property
    def code(self) -> ReturnCode:
        """What that amounts to: it could not be checked."""
        return ReturnCode.AUTHINFO_UNAVAIL


class Unverified(NotTheUser):
    """The KDC gave a ticket for a password, and could not prove that it is the real one."""

    def __str__(self) -> str:
        """Return what happened, and the cure."""
        return (
            f"the KDC cannot be verified with the keytab: {self.args[0]}; "
            "is the keytab of this realm, and as new as the KDC's key? if so, this KDC is false"
        )


class NoKeytab(UalauthError):
    """There is no keytab that a KDC could be verified with; the text says why, and the cure."""

    code = ReturnCode.AUTHINFO_UNAVAIL


CODES: Mapping[int, ReturnCode] = {
    BASE + 1: ReturnCode.ACCT_EXPIRED,  # KDC_ERR_NAME_EXP
    CLIENT_UNKNOWN: ReturnCode.USER_UNKNOWN,
    BASE + 8: ReturnCode.USER_UNKNOWN,  # KDC_ERR_PRINCIPAL_NOT_UNIQUE
    BASE + 12: ReturnCode.PERM_DENIED,  # KDC_ERR_POLICY
    BASE + 18: ReturnCode.ACCT_EXPIRED,  # KDC_ERR_CLIENT_REVOKED
    BASE + 21: ReturnCode.ACCT_EXPIRED,  # KDC_ERR_CLIENT_NOTYET
    PASSWORD_EXPIRED: ReturnCode.NEW_AUTHTOK_REQD,
    BASE + 24: ReturnCode.AUTH_ERR,  # KDC_ERR_PREAUTH_FAILED
    # Without pre-authentication, the reply cannot be decrypted with the password.
    BAD_INTEGRITY: ReturnCode.AUTH_ERR,
    BASE + 130: ReturnCode.AUTH_ERR,  # KRB5_LIBOS_CANTREADPWD: no password
    BASE + 133: ReturnCode.USER_UNKNOWN,  # KRB5_PARSE_ILLCHAR
    BASE + 134: ReturnCode.USER_UNKNOWN,  # KRB5_PARSE_MALFORMED
}

REASONS: Mapping[ReturnCode, ReasonCode] = {
    ReturnCode.ACCT_EXPIRED: ReasonCode.ACCOUNT_EXPIRED,
    ReturnCode.USER_UNKNOWN: ReasonCode.USER_UNKNOWN,
    ReturnCode.PERM_DENIED: ReasonCode.NOT_ALLOWED,
    ReturnCode.NEW_AUTHTOK_REQD: ReasonCode.PASSWORD_EXPIRED,
    ReturnCode.AUTH_ERR: ReasonCode.WRONG_PASSWORD,
    ReturnCode.AUTHTOK_ERR: ReasonCode.PASSWORD_UNSUITABLE,
    ReturnCode.CRED_UNAVAIL: ReasonCode.TICKET_REFUSED,
    ReturnCode.CRED_ERR: ReasonCode.NOT_ALLOWED,
    ReturnCode.AUTHINFO_UNAVAIL: ReasonCode.KDC_UNAVAILABLE,
}
"""What an answer of a KDC stands for where nothing better is known."""

CURES: Mapping[int, str] = {
    SERVER_UNKNOWN: "is the service's principal in the KDC's database?",
    BASE + 14: "the KDC and this host share no encryption type: look at permitted_enctypes",
    SKEW: "set the clocks of this host and of the KDC: run NTP on both",
    BASE + 148: "set the clocks of this host and of the KDC: run NTP on both",  # KDCREP_SKEW
    BASE + 154: "name the KDCs in krb5.conf, or in DNS as _kerberos._udp",  # REALM_UNKNOWN
    KDC_UNREACHABLE: "does the KDC run, and does a firewall let port 88 through?",
    KPASSWD_UNREACHABLE: "does kadmind run, and does a firewall let port 464 through?",
    BASE + 220: "name the KDCs in krb5.conf, or in DNS as _kerberos._udp",  # REALM_CANT_RESOLVE
    BASE + 224: "set default_realm in krb5.conf, or realm=",  # CONFIG_NODEFREALM
}


class Waiting:
    """What a question waits for: whose answer, so that who gives it up can say so.

    One thread asks; another one reads this when the time is up.
    """

    __slots__ = ("_context", "_sent", "began", "in_vain", "is_given_up", "number", "server")

    def __init__(self) -> None:
        """Wait for no server."""
        self.server = ""
        self.number = errno.ETIMEDOUT
        """The error that its silence is."""
        self.began = 0.0
        self.in_vain = False
        """Whether a server was asked that did not answer."""
        self.is_given_up = False
        """Whether its time was up, and its caller went on."""
        self._context: Sender | None = None
        self._sent = 0

    def begin(self, server: str, number: int, began: float, context: Sender | None) -> None:
        """Wait for a server, whose silence is that error."""
        self.number, self.began, self._context = number, began, context
        self._sent = context.sent if context is not None else 0
        self.in_vain = False
        self.server = server

    @property
    def is_answered(self) -> bool:
        """Whether the server answered something: no other request is sent before."""
        return self._context is not None and self._context.sent > self._sent + 1


class Sender(Protocol):
    """What counts its requests: a `Context`."""

    @property
    def sent(self) -> int:
        """How many requests there were."""
        ...


@contextlib.contextmanager
def watched(
    breaker: CircuitBreaker,
    server: str,
    waiting: Waiting | None = None,
    context: Sender | None = None,
    number: int = KDC_UNREACHABLE,
) -> Iterator[None]:
    """Ask servers within; while they say nothing, not every login waits for them.

    `server` is what they are called in a sentence, and `number` the error if they say
    nothing. Those that refuse connections answer
    at once by themselves, and are asked every time.

    Raises:
        KerberosFault: if they kept silent a moment ago.

    """
    began = breaker.begin(server)
    if began is None:
        raise KerberosFault(number, f"no {server} answered a moment ago")
    waiting = waiting or Waiting()
    waiting.begin(server, number, began, context)
    answered = True
    try:
        yield
    except KerberosFault as error:
        answered = error.number not in UNREACHABLE
        raise
    finally:
        waiting.in_vain = not answered
        waiting.server = ""
        # Who gave it up has said so already; that was long ago.
        if answered or not waiting.is_given_up:
            breaker.end(server, began, answered=answered)
