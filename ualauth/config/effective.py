"""Every setting of a configuration as it is in effect, and where that was said.

A value that may be a secret, or have a password in it, is never part of this.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ualauth.config.config import FILE_NAME, Config
from ualauth.config.listen import ListenSettings
from ualauth.milter.settings import MilterSettings
from ualauth.sasl.settings import WITHOUT_TYPED
from ualauth.sources.files import FileRules, Text
from ualauth.sources.opening import look
from ualauth.text.dataclass import dataclass
from ualauth.virus.settings import ScannerSettings

Value = bool | int | float | str | tuple[str, ...] | None
_BARE = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that TOML takes without quotes."""
_SECRET = re.compile(r"(?i)(password|secret|token|key)$")
ARRAYS = ("listen", "milter", "scanner")
"""Tables of which there may be several."""
_MOST_STATEMENTS = 2_000
"""Lines that say something; of a longer file it is not said where each setting stands."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `value` and `default` are `None` if they are not to be shown.

    `line` is where `file` sets it, 0 if it does not; `differs` is whether that is something else
    than the default. `company` is the hosted company that has a value of its own.
    """

    file: str
    section: str
    name: str
    value: Value
    default: Value
    line: int = 0
    differs: bool = False
    secret: bool = False
    company: str = ""

    @property
    def is_set(self) -> bool:
        """Whether a file says it."""
        return self.line > 0

    @property
    def heading(self) -> str:
        """What stands above the table in the file."""
        name = self.section.partition(".")[0]
        return f"[[{name}]]" if name in ARRAYS else f"[{self.section}]"


def effective_settings(config: Config) -> Iterator[Setting]:
    """Yield the settings of `ualauth.toml`, table by table."""
    path = config.directory / FILE_NAME
    _, file = look(str(path), FileRules(missing=()), str(config.directory))
    places = places_in(file.text) if isinstance(file, Text) else {}
    for table in dataclasses.fields(Config):
        settings = getattr(config, table.name)
        if table.name not in ("directory", "service", *ARRAYS):
            yield from _of_table(config, table.name, settings, places)
    for listener in config.listen:
        yield from _of_listener(listener)
    for milter in config.milter:
        yield from _of_filter(milter, f'milter."{milter.address}"')
    for scanner in config.scanner:
        yield from _of_filter(scanner, f'scanner."{scanner.name}"')
    for name in dict.fromkeys([*config.service, *sorted(WITHOUT_TYPED)]):
        allowed, usual = config.offer_rules(name).allowed, _usual_mechanisms(config, name)
        own = places.get(("service", name), 0)
        section = f'service."{name}"'
        yield Setting(FILE_NAME, section, "mechanisms", allowed, usual, own, allowed != usual)


def settings_for(
    settings: Iterable[Setting], company: str, own: Mapping[str, Value]
) -> Iterator[Setting]:
    """Yield settings as they are for the users of a company, whose own values come first."""
    for each in settings:
        if each.file != FILE_NAME or each.section not in _OF_COMPANIES or each.name not in own:
            yield each
            continue
        value = own[each.name]
        differs = value != each.default
        yield dataclasses.replace(each, value=value, differs=differs, company=company)


_OF_COMPANIES = ("password", "account", "lockout")
"""Tables that a company may have own values of (`ualauth.userlist.policy`)."""


def _of_table(
    config: Config,
    table: str,
    settings: Any,  # noqa: ANN401 - any table
    places: Mapping[tuple[str, str], int],
) -> Iterator[Setting]:
    defaults = type(settings)()
    derived: dict[tuple[str, str], Value] = {
        ("userlist", "url"): config.userlist_url,
        ("sasl", "mechanisms"): config.sasl.allowed,
    }
    for field in dataclasses.fields(settings):
        place = table, field.name
        value, default = getattr(settings, field.name), getattr(defaults, field.name)
        differs = value != default
        line = places.get(place, 0)
        if not differs:
            default = derived.get(place, default)
        value = derived.get(place, value)
        # What no representation shows may be a secret.
        secret = not field.repr and bool(value)
        if secret and place == ("userlist", "url"):
            value = without_password(str(value))
            secret = value is None
        if not field.repr and differs:
            default = None
        shown = None if secret else value
        yield Setting(FILE_NAME, table, field.name, shown, default, line, differs, secret)


def _of_filter(settings: MilterSettings | ScannerSettings, section: str) -> Iterator[Setting]:
    """Yield the settings of a milter or a scanner."""
    usual = type(settings)()
    for field in dataclasses.fields(settings):
        value, default = getattr(settings, field.name), getattr(usual, field.name)
        if field.name == "line":
            continue
        if isinstance(value, Mapping):
            for name, each in _flat(value, f"{field.name}."):
                yield Setting(FILE_NAME, section, name, each, None, settings.line, differs=True)
            continue
        line = settings.line if value != default else 0
        yield Setting(FILE_NAME, section, field.name, value, default, line, value != default)


def _of_listener(listener: ListenSettings) -> Iterator[Setting]:
    """Yield the settings of a socket; its table is named by the place, which no other one has."""
    usual = ListenSettings()
    section = f'listen."{listener.place}"'
    for field in dataclasses.fields(ListenSettings):
        value, default = getattr(listener, field.name), getattr(usual, field.name)
        if field.name == "line":
            continue
        if field.name == "own" or isinstance(value, Mapping):
            prefix = "" if field.name == "own" else f"{field.name}."
            for name, each in _flat(value, prefix):
                # What a protocol of others has of its own may be one.
                secret = _SECRET.search(name) is not None
                shown = None if secret else each
                yield Setting(
                    FILE_NAME,
                    section,
                    name,
                    shown,
                    None,
                    listener.line,
                    differs=True,
                    secret=secret,
                )
            continue
        differs = value != default
        shown = None if isinstance(default, Mapping) else default
        line = listener.line if differs else 0
        yield Setting(FILE_NAME, section, field.name, value, shown, line, differs)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Value]]:
    """Yield the keys of a table, those of tables within with dots, and their values."""
    for key, value in values.items():
        name = prefix + (key if _BARE.fullmatch(key) else json.dumps(key))
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            # TOML has dates, too.
            is_plain = isinstance(value, bool | int | float | str)
            yield name, value if is_plain else _text_of(value)


def _text_of(value: object) -> Value:
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def _usual_mechanisms(config: Config, name: str) -> tuple[str, ...]:
    """Return the mechanisms of a service that has no table of its own."""
    return config.sasl.of_service(name, None).allowed


def without_password(url: str) -> str | None:
    """Return a URL without the password in it; `None` if it cannot be told which that is."""
    if "@" not in url and "?" not in url:
        return url
    from sqlalchemy import make_url  # noqa: PLC0415 - few need it
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - likewise

    try:
        # Drivers take passwords among the parameters, too.
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return None


def places_in(text: str) -> dict[tuple[str, str], int]:
    """Return the line that sets each key of each table; empty if the text is too long.

    The TOML library knows no lines. A text up to a line is TOML only where no statement goes on
    behind it: what is new in it was said by the lines since the one before that was.
    """
    places: dict[tuple[str, str], int] = {}
    lines = text.replace("\r\n", "\n").split("\n")
    told = sum(1 for line in lines if (stripped := line.strip()) and not stripped.startswith("#"))
    if told > _MOST_STATEMENTS:
        return places
    begun = 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if begun == 0 and (not stripped or stripped.startswith("#")):
            continue
        begun = begun or number
        try:
            tables = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        for table, values in tables.items():
            for key in _keys(table, values):
                places.setdefault(key, begun)
        begun = 0
    return places


def _keys(table: str, values: object) -> Iterator[tuple[str, str]]:
    """Yield the keys of a table; of `[service]`, the names of those that have a setting."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if table == "service":
            if isinstance(value, dict) and value:
                yield table, key.lower()
        else:
            yield table, key
