"""An agreement: what is synchronized from one directory into the USERLIST, and how."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from ualauth.errors import InvalidValue
from ualauth.ldap.client import dn, filters
from ualauth.ldap.client.settings import Uri
from ualauth.sync.mapping import Product, check_mapping
from ualauth.text.lazy_pattern import lazy_pattern
from ualauth.userlist.names import parse_units

_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Source(Enum):
    """How entries are asked for."""

    FULL = "full"
    """All of them each time, page by page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One agreement, as an administrator wrote it.

    `mapping` are field -> attribute in place of the usual ones; an empty attribute takes nothing.
    `max_deletes` and `max_share`, in percent of the users of the agreement, are what a run may
    lock without being confirmed. `keep_days` is how long users stay whose entries are gone.

    Raises:
        InvalidValue: for a value that does not do.

    """

    name: str
    product: Product
    uris: tuple[str, ...]
    base: str
    source: Source = Source.FULL
    filter_text: str = ""
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
        try:
            for uri in self.uris:
                Uri.parse(uri)
            dn.check(self.base)
            if self.filter_text:
                filters.check(self.filter_text)
        except ValueError as error:
            raise InvalidValue(str(error)) from None
        check_mapping(self.mapping)
        _check_limits(self)

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
    limits = (agreement.max_deletes, agreement.max_share, agreement.keep_days)
    if min(limits) < 0 or agreement.max_share > 100:
        raise InvalidValue("limits: a share is 0 to 100 percent, and no number is below 0")
