"""An agreement: what is synchronized from one directory into the USERLIST, and how."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from ualauth.errors import InvalidValue
from ualauth.ldap.client import dn, filters
from ualauth.ldap.client.settings import Uri
from ualauth.sync.mapping import check_mapping
from ualauth.sync.products import Product
from ualauth.text.lazy_pattern import lazy_pattern
from ualauth.userlist.names import parse_units

_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Source(Enum):
    """How entries are asked for."""

    FULL = "full"
    """All of them each time, page by page."""
    SYNCREPL = "syncrepl"
    """Those that changed, by RFC 4533; OpenLDAP with its overlay syncprov."""
    AD_DIRSYNC = "ad-dirsync"
    """Those that changed, as a domain controller tells who may replicate changes."""
    AD_USN = "ad-usn"
    """Those that changed, by the numbers of changes of one domain controller."""


_PRODUCTS = {
    Source.SYNCREPL: Product.OPENLDAP,
    Source.AD_DIRSYNC: Product.ACTIVE_DIRECTORY,
    Source.AD_USN: Product.ACTIVE_DIRECTORY,
}
"""Source -> the only product that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One agreement, as an administrator wrote it.

    `mapping` are field -> attribute in place of the usual ones; an empty attribute takes nothing.
    Groups are taken if there is a `group_base`. A daemon runs it each `interval` seconds; 0 is
    never. `max_deletes` and `max_share`, in percent of the users of the agreement, are what a
    run may lock without being confirmed. `keep_days` is how long users stay whose entries are
    gone.

    Raises:
        InvalidValue: for a value that does not do.

    """

    name: str
    product: Product
    uris: tuple[str, ...]
    base: str
    source: Source = Source.FULL
    filter_text: str = ""
    group_base: str = ""
    group_filter: str = ""
    bind_dn: str = ""
    password_file: str = ""
    tls: bool = True
    ca_file: str = ""
    mail_node: str = ""
    scalix: bool = False
    mapping: Mapping[str, str] = dataclasses.field(default_factory=dict)
    max_deletes: int = 50
    max_share: int = 10
    keep_days: int = 30
    interval: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not _NAME.fullmatch(self.name):
            raise InvalidValue(
                "name of an agreement: takes up to 64 letters, digits, dots, hyphens, underscores"
            )
        if not self.uris:
            raise InvalidValue("uri: an agreement needs at least one server")
        if bool(self.bind_dn) != bool(self.password_file):
            raise InvalidValue("bind DN: needs a file with its password, and the file a bind DN")
        for what in (self.password_file, self.ca_file):
            if what and not PurePosixPath(what).is_absolute():
                raise InvalidValue(f"{what!r} could be anywhere: write the whole path")
        if self.mail_node:
            parse_units(self.mail_node)
        self._check_directory()
        _check_limits(self)

    def _check_directory(self) -> None:
        try:
            for uri in self.uris:
                Uri.parse(uri)
            for base in filter(None, (self.base, self.group_base)):
                dn.check(base)
            for text in filter(None, (self.filter_text, self.group_filter)):
                filters.check(text)
        except ValueError as error:
            raise InvalidValue(str(error)) from None
        check_mapping(self.mapping)
        product = _PRODUCTS.get(self.source, self.product)
        if product is not self.product:
            raise InvalidValue(f"source {self.source.value}: is there with {product.value} alone")
        if self.group_filter and not self.group_base:
            raise InvalidValue("group filter: needs a base of groups")

    @property
    def contract(self) -> str:
        """What has to be the same for what changed to be of any use; else all is read."""
        contents = dataclasses.replace(
            self,
            name="any",
            uris=("ldap://localhost",),
            # What a server shows depends on who asks.
            password_file="/any" if self.bind_dn else "",
            ca_file="",
            tls=True,
            max_deletes=0,
            max_share=0,
            keep_days=0,
            interval=0,
        )
        return hashlib.sha256(contents.to_json().encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Return it as the database keeps it."""
        values = dataclasses.asdict(self)
        values |= {"product": self.product.value, "source": self.source.value}
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Agreement:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["product"] = Product(values["product"])
        values["source"] = Source(values["source"])
        values["uris"] = tuple(values["uris"])
        return cls(**values)


def _check_limits(agreement: Agreement) -> None:
    limits = (
        agreement.max_deletes,
        agreement.max_share,
        agreement.keep_days,
        agreement.interval,
    )
    if min(limits) < 0 or agreement.max_share > 100:
        raise InvalidValue("limits: a share is 0 to 100 percent, and no number is below 0")
