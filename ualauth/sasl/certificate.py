"""Who a client's certificate is of: the rules of `[sasl] certificate_names`.

A rule is `FIELD: PATTERN -> NAME`, such as

    email: *@example.com -> {1}           john@example.com becomes john
    cn: * -> {0}                          the common name as it is
    fingerprint: 5d41... -> backup        one certificate (SHA-256)

    subject: *,OU=Admins,CN=* -> {2}      of the attributes of the subject

`*` is any text; `{0}` stands for the whole value, `{1}` for what the first `*`
is, and so on. The first rule that fits some value decides. The case of ASCII letters
does not count, and nothing else is folded. What a value says never becomes part of the
pattern, of another value or of the subject's structure (`ualauth.sasl.subject`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from ualauth.contract.credentials import NameKind
from ualauth.sasl.patterns import compiled
from ualauth.sasl.subject import Attribute, SubjectPattern, written
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

_RULE = lazy_pattern(r"\s*(?P<field>\w+)\s*:\s*(?P<pattern>.+?)\s*->\s*(?P<name>.+?)\s*")
_PLACE = lazy_pattern(r"\{(\d)\}")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the TLS library has verified.

    `subject` has the attributes of its name in their order, such as
    `("commonName", "John Smith")`; where a relative distinguished name has several, the
    types of all but the first begin with `+`. `fingerprint` is SHA-256 in hexadecimal
    digits.
    """

    subject: tuple[Attribute, ...] = ()
    emails: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    fingerprint: str = ""

    @classmethod
    def from_peercert(cls, peercert: Mapping[str, Any], fingerprint: str = "") -> Self:
        """Read what `ssl.SSLSocket.getpeercert()` returns of a certificate that was verified.

        It does not say what the certificate is for: `read_certificate` looks at that, too.
        """
        subject = tuple(
            (f"+{key}" if index else key, value)
            for part in peercert.get("subject", ())
            for index, (key, value) in enumerate(part)
        )
        others = peercert.get("subjectAltName", ())
        return cls(
            subject,
            tuple(value for kind, value in others if kind == "email"),
            tuple(value for kind, value in others if kind == "DNS"),
            fingerprint,
        )

    def values(self, field: str) -> Iterator[str]:
        """Yield what a rule for one value may look at: nothing with NUL or control characters."""
        return filter(str.isprintable, _FIELDS[field](self))


def _all_of(*types: str) -> Callable[[ClientCertificate], list[str]]:
    return lambda each: [value for key, value in each.subject if key.removeprefix("+") in types]


def _one_of(*types: str) -> Callable[[ClientCertificate], list[str]]:
    """Look at an attribute of the subject, unless it is there twice: which one is meant?"""
    every = _all_of(*types)
    return lambda each: values if len(values := every(each)) == 1 else []


# An address in the subject is what RFC 5280, section 4.1.2.6 calls a legacy.
_ADDRESS = _all_of("emailAddress")
_SUBJECT = "subject"
_FIELDS: Mapping[str, Callable[[ClientCertificate], Iterable[str]]] = {
    "email": lambda each: (*each.emails, *_ADDRESS(each)),
    "dns": lambda each: each.dns_names,
    "cn": _one_of("commonName"),
    "uid": _one_of("userId", "UID"),
    _SUBJECT: lambda each: [written(each.subject)] if each.subject else [],
    "fingerprint": lambda each: [each.fingerprint] if each.fingerprint else [],
}


class Owner(NamedTuple):
    """The login name of a certificate's owner, empty if no rule fits.

    `kind` is `ADDRESS` if the rule makes it an e-mail address: it hands on an `email`
    whole, or has an at sign itself. A common name with one is a name.
    """

    name: str = ""
    kind: NameKind = NameKind.AUTHID


def owner_of(certificate: ClientCertificate, rules: Sequence[str]) -> Owner:
    """Return the owner of a certificate by the first rule that fits."""
    for rule in rules:
        match = _RULE.fullmatch(rule)
        if match is None:
            continue
        for groups in _fitting(certificate, match["field"], match["pattern"]):
            name = _PLACE.sub(lambda place: groups[int(place[1])], match["name"])  # noqa: B023 - used at once
            names_address = match["field"] == "email" and "{0}" in match["name"]
            is_address = "@" in name and (names_address or "@" in match["name"])
            return Owner(name, NameKind.ADDRESS if is_address else NameKind.AUTHID)
    return Owner()


def name_of(certificate: ClientCertificate, rules: Sequence[str]) -> str:
    """Return the login name of a certificate's owner, empty if no rule fits."""
    return owner_of(certificate, rules).name


def _fitting(certificate: ClientCertificate, field: str, text: str) -> Iterator[tuple[str, ...]]:
    """Yield each value that fits, followed by what each `*` is in it."""
    if field == _SUBJECT:
        subject = SubjectPattern.read(text)
        for value in certificate.values(field):
            if (groups := subject.groups_in(certificate.subject)) is not None:
                yield value, *groups
    else:
        pattern = compiled(text.split("*"))
        for value in certificate.values(field):
            if matched := pattern.fullmatch(value):
                yield value, *matched.groups()


def mistakes(rules: Sequence[str]) -> list[str]:
    """Return what is wrong with rules, each as `certificate_names: ...`."""
    return [f"certificate_names: {rule!r} {why}" for rule in rules if (why := _mistake(rule))]


def _mistake(rule: str) -> str:
    match = _RULE.fullmatch(rule)
    if match is None:
        return 'must be like "FIELD: PATTERN -> NAME", such as "email: * -> {0}"'
    field = match["field"]
    if field not in _FIELDS:
        return f"begins with none of {', '.join(_FIELDS)}"
    pattern = match["pattern"]
    try:
        stars = SubjectPattern.read(pattern).stars if field == _SUBJECT else pattern.count("*")
    except ValueError as error:
        return str(error)
    if any(int(place) > stars for place in _PLACE.findall(match["name"])):
        return "has more {places} than its pattern has *"
    return ""
