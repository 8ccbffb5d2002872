"""`[ldap_server]`: the directory that `ualauth serve` shows over LDAP."""

from __future__ import annotations

from ualauth.sources.values import out_of_bounds
from ualauth.text.dataclass import dataclass

_BOUNDS: dict[str, tuple[float, float]] = {
    "size_limit": (1, 1_000_000),
    "time_limit": (1, 3600),
}


@dataclass(frozen=True, slots=True)
class LdapServerSettings:
    """`[ldap_server]`: `suffix` is the name of the whole directory, as in `dc=example,dc=com`.

    `attributes` is the file that says which attributes entries have, in the configuration folder
    unless the path is whole. A search that is no administrator's finds `size_limit` entries at
    most, and takes `time_limit` seconds at most. `own_attributes` are
    those that users may change of their own entries.
    """

    suffix: str = ""
    attributes: str = "ldap.attribs"
    size_limit: int = 500
    time_limit: float = 30.0
    own_attributes: tuple[str, ...] = ("preferredLanguage",)

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = out_of_bounds(self, _BOUNDS)
        if not self.attributes:
            mistakes.append("attributes must be the name of a file")
        return mistakes
