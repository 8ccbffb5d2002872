"""What Django's settings say of ualauth, in `UALAUTH`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ualauth.authenticator import Authenticator

_FLAGS = {"is_staff", "is_superuser"}


@dataclass(frozen=True, slots=True)
class Settings:
    """`UALAUTH`, whose keys are these names in capitals."""

    config_dir: str | None = None
    """The configuration folder; without it, `UALAUTH_CONFIG_DIR` or `/etc/ualauth`."""
    service: str = "ual.remote"
    administrator_flags: tuple[str, ...] | None = ("is_staff",)
    """What an administrator of ualauth is in Django: no other user who logs in is any of
    `is_staff` and `is_superuser`. `None` leaves both to Django."""
    map_existing: bool = False
    """Whether a user of Django with a password there may be the user of that authid here."""


def read_settings() -> Settings:
    """Return the settings as they are now.

    Raises:
        ImproperlyConfigured: for a key or a flag that there is not.

    """
    values: Mapping[str, object] = getattr(settings, "UALAUTH", {})
    known = {name.upper(): name for name in Settings.__dataclass_fields__}
    if unknown := sorted(values.keys() - known.keys()):
        raise ImproperlyConfigured(f"UALAUTH has no {unknown[0]!r}; it has {', '.join(known)}")
    chosen = Settings(**{known[key]: value for key, value in values.items()})  # type: ignore[arg-type]
    flags = chosen.administrator_flags
    if isinstance(flags, str) or not set(flags or ()) <= _FLAGS:
        raise ImproperlyConfigured("UALAUTH: ADMINISTRATOR_FLAGS lists is_staff, is_superuser")
    return chosen


@lru_cache(maxsize=8)
def authenticator_of(config_dir: str | None) -> Authenticator:
    """Return the authenticator of this process for a configuration folder.

    Raises:
        ConfigurationError: if the folder cannot be used.

    """
    return Authenticator(config_dir)
