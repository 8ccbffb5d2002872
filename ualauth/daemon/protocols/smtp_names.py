"""Hosts and addresses as mail servers tell them on their sockets."""

from __future__ import annotations

import re
from email import _header_value_parser as parser

from ualauth.smtp_access.domains import MAX_DOMAIN
from ualauth.smtp_access.hosts import Host
from ualauth.system.networks import read_address

_ATOMS = re.compile(r'[^\0- \x7f()<>@,;:\\".\[\]]+(?:\.[^\0- \x7f()<>@,;:\\".\[\]]+)*')
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def client_host(address: str, name: str, own_address: str = "") -> Host:
    """Return the client; `name` is one that a look-up has confirmed, or none, such as `unknown`.

    `own_address` is the one that the client has connected to.
    """
    known = read_address(address)
    bare = name.lower().removesuffix(".")
    # A name of one label, such as `unknown`, says nothing.
    is_name = "." in bare and len(bare) <= MAX_DOMAIN and _NAME.fullmatch(bare)
    is_address = read_address(bare) is not None
    names = (bare,) if is_name and not is_address else ()
    same = known is not None and known == read_address(own_address)
    return Host(known, names, own=same)


def as_written(address: str) -> str:
    """Return an address as a command of SMTP has it: Postfix tells it without its quotes."""
    local, at, domain = address.rpartition("@")
    if not at or _ATOMS.fullmatch(local):
        return address
    return f"{parser.quote_string(local)}@{domain}"
