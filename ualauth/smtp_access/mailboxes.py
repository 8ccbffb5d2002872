"""E-mail addresses of envelopes, read into the form in which they are compared.

The reader is the standard library's, the same that aiosmtpd uses: two readers
could take one address for two. Most addresses need none: they are atoms.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from email import _header_value_parser as parser
from email.errors import HeaderParseError, NonASCIILocalPartDefect

from ualauth.smtp_access.domains import MAX_DOMAIN, domain_form
from ualauth.system.networks import Address, read_address

MAX_MAILBOX = 320
"""The most octets of an address: 64 before the @ and 255 after it (RFC 5321, section 4.5.3.1)."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# The same and all beyond ASCII, which `re` compiles quickly when said in this way.
_WIDE_ATOM = r'[^\0- \x7f()<>@,;:\\".\[\]]+'
_LABEL = "[A-Za-z0-9_-]{1,63}"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")
_UNQUOTED = re.compile(rf"{_WIDE_ATOM}(?:\.{_WIDE_ATOM})*")
_ROUTE = re.compile(r"@[^\s:\"<>]*:")
_ROUTING = re.compile("[@%!]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address: what is before the @, without quotes, and the domain's form.

    Both are empty for the null sender `<>`; only the domain is for `postmaster`.
    """

    local: str
    domain: str

    def __str__(self) -> str:
        """Return the address as it is written; quoted where it has to be."""
        if not self.domain:
            return self.local or "<>"
        plain = _UNQUOTED.fullmatch(self.local) is not None
        return f"{self.local if plain else parser.quote_string(self.local)}@{self.domain}"

    @property
    def address(self) -> Address | None:
        """The address of the host, if the domain is one in brackets."""
        if not self.domain.startswith("["):
            return None
        return read_address(self.domain[1:-1].removeprefix("ipv6:"))

    @property
    def routes(self) -> bool:
        """Whether the part before the @ may name another host: `user%host`, `host!user`."""
        return _ROUTING.search(self.local) is not None


NULL_SENDER = Mailbox("", "")
POSTMASTER = "postmaster"


def read_sender(text: str) -> Mailbox:
    """Return the sender of a MAIL command; `<>` or nothing is the null sender.

    Raises:
        ValueError: for what is no address, with the reason.

    """
    return NULL_SENDER if text in {"", "<>"} else read_mailbox(text)


def read_recipient(text: str) -> Mailbox:
    """Return the recipient of a RCPT command.

    Raises:
        ValueError: for what is no address, with the reason.

    """
    # RFC 5321, section 4.1.1.3: the only one that needs no domain.
    bare = text.removeprefix("<").removesuffix(">")
    return Mailbox(POSTMASTER, "") if bare.lower() == POSTMASTER else read_mailbox(text)


def read_mailbox(text: str) -> Mailbox:
    """Return an address; brackets around it, and a source route, do not count.

    Raises:
        ValueError: for what is no address, with the reason.

    """
    if len(text) > MAX_MAILBOX:
        raise ValueError(f"it has more than {MAX_MAILBOX} characters")
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    # A source route says nothing about where the message goes (RFC 5321, appendix F.2).
    text = _ROUTE.sub("", text, count=1) if text.startswith("@") else text
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(plain[2]) <= MAX_DOMAIN:
        # That is all that `domain_form` does to a domain like this.
        return Mailbox(plain[1], plain[2].lower())
    return read_with_library(text)


def read_with_library(text: str) -> Mailbox:
    """Return the address as the library reads it.

    Raises:
        ValueError: for what is no address, and for comments and blanks around its parts.

    """
    try:
        text.encode()
        spec, rest = parser.get_addr_spec(text)
        all_defects, local, domain = spec.all_defects, spec.local_part, spec.domain
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None
    except (HeaderParseError, LookupError, AttributeError, TypeError, RecursionError):
        # The library stumbles over some of what strangers write, such as `a@[`.
        raise ValueError("it is no address") from None
    defects = [each for each in all_defects if not isinstance(each, NonASCIILocalPartDefect)]
    if rest or defects or not local or not domain:
        raise ValueError("it is no address")
    written_local, _, written_domain = text.rpartition("@")
    quoted = len(written_local) > 1 and written_local[0] == written_local[-1] == '"'
    # What may stand around them in a header stands nowhere in an envelope.
    if written_domain != domain or not (quoted or written_local == local):
        raise ValueError("it has a comment or blanks")
    local = unicodedata.normalize("NFC", local)
    if not local.isprintable():
        raise ValueError("it has characters that cannot be shown")
    return Mailbox(local, _literal_form(domain) if domain[0] == "[" else domain_form(domain))


def _literal_form(text: str) -> str:
    """Return an address literal as compared: `[192.0.2.1]`, `[ipv6:2001:db8::1]`."""
    inside = text[1:-1]
    tagged = inside[:5].lower() == "ipv6:"
    address = read_address(inside[5:] if tagged else inside)
    if address is None or "%" in inside or tagged is not (":" in inside[tagged * 5 :]):
        raise ValueError("it has no address in its brackets")
    return literal(address)


def literal(address: Address) -> str:
    """Return the form of an address in brackets (RFC 5321, section 4.1.3)."""
    return f"[{'ipv6:' if address.version == 6 else ''}{address}]"
