"""Who a client's certificate is of: the rules of `[sasl] certificate_names`.

A rule is `FIELD: PATTERN -> NAME`, such as

    email: *@example.com -> {1}           john@example.com becomes john
    cn: * -> {0}                          the common name as it is
    fingerprint: 5d41... -> backup        one certificate (SHA-256)

`*` is any text; `{0}` stands for the whole value, `{1}` for what the first `*`
is, and so on. The first rule that fits some value decides. Case does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ualauth.credentials import NameKind

_RULE = re.compile(r"\s*(?P<field>\w+)\s*:\s*(?P<pattern>.+?)\s*->\s*(?P<name>.+?)\s*")
_PLACE = re.compile(r"\{(\d)\}")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the TLS library has verified.

    `subject` has the attributes of its name in their order, such as
    `("commonName", "John Smith")`; `fingerprint` is SHA-256 in hexadecimal digits.
    """

    subject: tuple[tuple[str, str], ...] = ()
    emails: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    fingerprint: str = ""

    @classmethod
    def from_peercert(cls, found: Mapping[str, Any], fingerprint: str = "") -> Self:
        """Read what `ssl.SSLSocket.getpeercert()` returns of a certificate that was verified."""
        subject = tuple((key, value) for part in found.get("subject", ()) for key, value in part)
        others = found.get("subjectAltName", ())
        return cls(
            subject,
            tuple(value for kind, value in others if kind == "email"),
            tuple(value for kind, value in others if kind == "DNS"),
            fingerprint,
        )

    def values(self, field: str) -> Iterator[str]:
        """Yield what a rule may look at."""
        yield from _FIELDS[field](self)


def _of_subject(*keys: str) -> Callable[[ClientCertificate], Iterator[str]]:
    return lambda each: (value for key, value in each.subject if key in keys)


# An address in the subject is what RFC 5280, section 4.1.2.6 calls a legacy.
_ADDRESS = _of_subject("emailAddress")
_FIELDS: Mapping[str, Callable[[ClientCertificate], Iterator[str]]] = {
    "email": lambda each: iter((*each.emails, *_ADDRESS(each))),
    "dns": lambda each: iter(each.dns_names),
    "cn": _of_subject("commonName"),
    "uid": _of_subject("userId", "UID"),
    "subject": lambda each: iter(
        [",".join(f"{key}={value}" for key, value in each.subject)] if each.subject else [],
    ),
    "fingerprint": lambda each: iter([each.fingerprint] if each.fingerprint else []),
}


def name_of(certificate: ClientCertificate, rules: Sequence[str]) -> str:
    """Return the login name of a certificate's owner, empty if no rule fits."""
    return owner_of(certificate, rules)[0]


def owner_of(certificate: ClientCertificate, rules: Sequence[str]) -> tuple[str, NameKind]:
    """Return the login name of a certificate's owner, empty if no rule fits; and its kind.

    It is an authid; what a rule for e-mail addresses makes of one, and has an `@`, may
    also be an address of the USERLIST.
    """
    for rule in rules:
        found = _RULE.fullmatch(rule)
        if found is None:
            continue
        pattern = _compiled(found["pattern"])
        for value in certificate.values(found["field"]):
            if matched := pattern.fullmatch(value):
                groups = (value, *matched.groups())
                name = _PLACE.sub(lambda place: groups[int(place[1])], found["name"])  # noqa: B023 - used at once
                is_address = found["field"] == "email" and "@" in name
                return name, NameKind.ADDRESS if is_address else NameKind.AUTHID
    return "", NameKind.AUTHID


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern that takes a time in proportion to what it is compared with.

    Where a part was found first, none of the later ones needs it elsewhere: the
    search for it is not taken up again (an atomic group).
    """
    first, *parts = map(re.escape, pattern.split("*"))
    last = f"(.*?){parts.pop()}" if parts else ""
    middle = (f"(?>(.*?){part})" for part in parts)
    return re.compile("".join((first, *middle, last)), re.IGNORECASE | re.DOTALL)


def mistakes(rules: Sequence[str]) -> list[str]:
    """Return what is wrong with rules, each as `certificate_names: ...`."""
    return [f"certificate_names: {rule!r} {why}" for rule in rules if (why := _mistake(rule))]


def _mistake(rule: str) -> str:
    found = _RULE.fullmatch(rule)
    if found is None:
        return 'must be like "FIELD: PATTERN -> NAME", such as "email: * -> {0}"'
    if found["field"] not in _FIELDS:
        return f"begins with none of {', '.join(_FIELDS)}"
    places = [int(place) for place in _PLACE.findall(found["name"])]
    if any(place > found["pattern"].count("*") for place in places):
        return "has more {places} than its pattern has *"
    return ""
