"""E-mail addresses: which texts are some (RFC 5321, RFC 6531), and which are the same one.

    address    = local "@" domain
    local      = atom *("." atom) / quoted
    domain     = label *("." label) / "[" IP address "]"

A quoted local part may hold what an atom may not, but no white space: lists of addresses are
separated by that. A label has letters, digits and inner hyphens; one with other letters is what
IDNA 2008 makes of it (RFC 5891, and UTS 46 for what people type). Its two spellings, `bücher` and
`xn--bcher-kva`, are the same label (RFC 5890, section 2.3.2.4).
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from ualauth.stack.control import ascii_lower
from ualauth.text.folding import fold
from ualauth.text.lazy_pattern import lazy_pattern

# All but blanks, control characters and specials (RFC 5322, section 3.2.3): a set that names
# the many letters which it has takes `re` a hundred times as long to compile.
_ATOM = r'[^\0- \x7f()<>@,;:\\".\[\]]+'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# What nearly all addresses look like.
_SIMPLE = r"[A-Za-z0-9!#$&'+/=?^_`{|}~-]+"
_USUAL = lazy_pattern(rf"{_SIMPLE}(?:\.{_SIMPLE})*@{_LABEL}(?:\.{_LABEL})*")
_LOCAL = lazy_pattern(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\s]|\\\S)+"')
_DOMAIN = lazy_pattern(rf"{_LABEL}(?:\.{_LABEL})*")
_PREFIX = lazy_pattern(r"[A-Za-z][A-Za-z0-9.+-]*:(?=.+@)")
_BRACKETS = lazy_pattern(r".*<([^<>]*@[^<>]*)>.*")
_NOT_ONE = "is not of the form local-part@domain"
_WHITE_SPACE = lazy_pattern(r"\s")


def problem_of(text: str) -> str:
    """Return why a text is no address, after the text itself; empty if it is one."""
    if _USUAL.fullmatch(text):
        return ""
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        return _NOT_ONE
    return _other_problem(text, local, domain) or _local_problem(local) or _domain_problem(domain)


def _other_problem(text: str, local: str, domain: str) -> str:
    """Return what else it is, which other systems keep among addresses."""
    if prefix := _PREFIX.match(text):
        return f"has a prefix: the address is {text[prefix.end() :]!r}"
    if match := _BRACKETS.fullmatch(text):
        return f"has more than an address, which is {match[1]!r}"
    if any(sign in domain for sign in ",;") or ("@" in local and not local.startswith('"')):
        return f"{_NOT_ONE}: it looks like several addresses"
    return "is a pattern, and no address" if "*" in local or local == "%" else ""


def _local_problem(local: str) -> str:
    if _WHITE_SPACE.search(local):
        return f"{_NOT_ONE}: it has white space"
    if _LOCAL.fullmatch(local):
        return ""
    return (
        f"{_NOT_ONE}: before the @, dots stand between letters, digits and signs, "
        'and other signs in quotes ("")'
    )


def _domain_problem(domain: str) -> str:
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        version_six = literal[:5].lower() == "ipv6:"
        kind = ipaddress.IPv6Address if version_six else ipaddress.IPv4Address
        try:
            kind(literal[5:] if version_six else literal)
        except ValueError:
            return "has no IP address in its brackets"
        return ""
    if _DOMAIN.fullmatch(_to_ascii(domain) if not domain.isascii() else domain):
        return ""
    return f"{_NOT_ONE}: a domain has letters, digits and inner hyphens between its dots"


def address_key(address: str) -> str:
    """Return what two spellings of one address have in common, for comparing."""
    return fold(exact(address))


def login_keys(name: str) -> tuple[str, ...]:
    """Return what a name is found by: folded, and in each spelling of its domain."""
    key = fold(name)
    if "@" not in key or (name.isascii() and "xn--" not in key):
        return (key,)
    # Folding makes another domain of straße.example, so it comes last.
    local, _, domain = name.rpartition("@")
    encoded = _to_ascii(domain)
    if not encoded:
        return (key,)
    return tuple(
        dict.fromkeys((key, fold(f"{local}@{encoded}"), fold(f"{local}@{_to_unicode(encoded)}")))
    )


def keys_of(names: Iterable[str]) -> list[str]:
    """Return what names are found by, each key once."""
    keys: dict[str, None] = {}
    for name in names:
        if name.isascii() and "xn--" not in name.lower():
            # As `login_keys` has it, which many users of an import need not call.
            keys[fold(name)] = None
        else:
            keys |= dict.fromkeys(login_keys(name))
    return list(keys)


def exact(address: str) -> str:
    """Return an address with its domain in ASCII; only the case of ASCII letters is folded."""
    if address.isascii():
        return ascii_lower(address)
    local, at, domain = address.rpartition("@")
    return f"{ascii_lower(local)}{at}{_to_ascii(domain) or domain}"


def ascii_domain(domain: str) -> str:
    """Return a domain in A-labels and in lower case; empty for what is none."""
    return _to_ascii(domain)


@functools.lru_cache(1024)
def _to_ascii(domain: str) -> str:
    """Return a domain in A-labels and lower case; empty for what is none."""
    if domain.isascii():
        return domain.lower()
    import idna  # noqa: PLC0415 - few domains need it

    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return ""


@functools.lru_cache(1024)
def _to_unicode(domain: str) -> str:
    """Return a domain in A-labels with those that have a U-label as that."""
    import idna  # noqa: PLC0415 - as above

    labels = []
    for label in domain.split("."):
        try:
            labels.append(idna.decode(label) if label.startswith("xn--") else label)
        except (idna.IDNAError, UnicodeError):
            # Of older rules: such as those of IDNA 2003.
            labels.append(label)
    return ".".join(labels)
