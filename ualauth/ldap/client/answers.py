"""What a result code amounts to: the one table of them (RFC 4511, section 4.1.9)."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.ldap.client.connection import Reply
from ualauth.ldap.client.controls import read_policy
from ualauth.ldap.client.faults import Unanswered
from ualauth.ldap.client.password_change import generated
from ualauth.ldap.client.values import Answer, Kind

SUCCESS = 0
SIZE_LIMIT = 4
COMPARE_FALSE = 5
COMPARE_TRUE = 6
NO_SUCH_ATTRIBUTE = 16
NO_SUCH_OBJECT = 32
_LONGEST_TEXT = 500
"""Characters of a server's text that go to the log."""
ELSEWHERE = frozenset({51, 52})
"""busy, unavailable: another server may know better."""

BIND: Mapping[int, Kind] = {
    SUCCESS: Kind.OK,
    19: Kind.REFUSED,  # constraintViolation: 389-DS's "Exceed password retry limit"
    NO_SUCH_OBJECT: Kind.NO_SUCH_OBJECT,
    34: Kind.NO_SUCH_OBJECT,  # invalidDNSyntax: no name that a user could have
    48: Kind.WRONG_PASSWORD,  # inappropriateAuthentication: an entry without a password
    49: Kind.WRONG_PASSWORD,
    50: Kind.REFUSED,  # insufficientAccessRights
    53: Kind.REFUSED,  # unwillingToPerform: 389-DS's "Account inactivated"
}
CHANGE: Mapping[int, Kind] = {
    SUCCESS: Kind.OK,
    NO_SUCH_ATTRIBUTE: Kind.REFUSED,
    17: Kind.REFUSED,  # undefinedAttributeType
    18: Kind.REFUSED,  # inappropriateMatching
    19: Kind.REFUSED,  # constraintViolation
    20: Kind.REFUSED,  # attributeOrValueExists
    21: Kind.REFUSED,  # invalidAttributeSyntax
    NO_SUCH_OBJECT: Kind.NO_SUCH_OBJECT,
    49: Kind.WRONG_PASSWORD,
    50: Kind.REFUSED,  # insufficientAccessRights
    53: Kind.REFUSED,  # unwillingToPerform
    65: Kind.REFUSED,  # objectClassViolation
    67: Kind.REFUSED,  # notAllowedOnRDN
    69: Kind.REFUSED,  # objectClassModsProhibited
}


def answer(reply: Reply, kinds: Mapping[int, Kind], server: str) -> Answer:
    """Return the answer to a bind or a change.

    Raises:
        Unanswered: if the code decides nothing.

    """
    kind = kinds.get(reply.code)
    if kind is None:
        raise unanswered(reply, server)
    policy = read_policy(reply.controls, accepted=kind is Kind.OK)
    text = _legible(reply.text)
    return Answer(kind, reply.code, text, policy, generated(reply.value), server)


def unanswered(reply: Reply, server: str) -> Unanswered:
    """Return the fault for a code that decides nothing."""
    text, said = f"result code {reply.code}", _legible(reply.text)
    return Unanswered(f"{text}: {said}" if said else text, reply.code, server)


def _legible(text: str) -> str:
    """Return what the server says, without the NUL or line feed at the end that some send."""
    return text.rstrip("\0\r\n ")[:_LONGEST_TEXT]
