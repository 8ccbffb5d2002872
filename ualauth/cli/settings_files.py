"""The settings of the files of modules: om_ldap.conf, om_sql.conf and om_krb5.conf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ualauth.config.config import Config
from ualauth.config.effective import Setting
from ualauth.sources.files import FileRules, Text
from ualauth.sources.keywords import Keyword, lines
from ualauth.sources.opening import look

_HIDDEN = ("password", "bindpw", "rootpwmodpw", "connect")
"""Keywords whose values may be secrets, ours and those of others."""


def settings_of_files(config: Config) -> Iterator[Setting]:
    """Yield the settings of each file of a module that is there, and can be read."""
    for name, read in FILES.items():
        path = str(config.directory / name)
        _, file = look(path, FileRules(), str(config.directory))
        if isinstance(file, Text):
            yield from read(name, file.text)


def _ldap(name: str, text: str) -> Iterator[Setting]:
    from ualauth.ldap.config.keywords import KEYWORDS  # noqa: PLC0415 - where there is such a file

    return _of_keywords(name, text, KEYWORDS)


def _sql(name: str, text: str) -> Iterator[Setting]:
    from ualauth.sql.config.keywords import KEYWORDS  # noqa: PLC0415 - likewise

    return _of_keywords(name, text, KEYWORDS)


def _of_keywords(name: str, text: str, keywords: Mapping[str, Keyword]) -> Iterator[Setting]:
    """Yield each keyword with what the lines say; its default is in words."""
    said = list(lines(text, keywords))
    for keyword, known in keywords.items():
        own = [each for each in said if each.name == keyword]
        written = [" ".join(each.value.text.split()) for each in own]
        values = written if known.many else written[:1]
        value = ", ".join(values) if own else known.default
        secret = bool(own) and (keyword in _HIDDEN or _has_password(value))
        line = own[0].keyword.line if own else 0
        shown = None if secret else value
        differs = bool(own) and value != known.default
        yield Setting(name, name, keyword, shown, known.default, line, differs, secret)


def _has_password(value: str) -> bool:
    """Return whether a value may be a URL with a password in it."""
    return "://" in value and "@" in value and ":" in value.partition("://")[2].partition("@")[0]


def _krb5(name: str, text: str) -> Iterator[Setting]:
    from ualauth.contract.options import describe  # noqa: PLC0415 - where there is such a file
    from ualauth.kerberos.settings import (  # noqa: PLC0415 - likewise
        KerberosSettings,
        arguments_in,
    )

    said: dict[str, tuple[int, str]] = {}
    for line, argument in arguments_in(Text(name, text))[0]:
        word, equals, value = argument.partition("=")
        said.setdefault(word, (line, value if equals else "yes"))
    for option in describe(KerberosSettings):
        word, equals, _ = option.usage.partition("=")
        default = option.default or ("" if equals else "no")
        line, value = said.get(word, (0, default))
        yield Setting(name, name, word, value, default, line, value != default)


FILES: Mapping[str, Callable[[str, str], Iterator[Setting]]] = {
    "om_ldap.conf": _ldap,
    "om_sql.conf": _sql,
    "om_krb5.conf": _krb5,
}
"""The files of modules, by the names that they have unless a stack line says otherwise."""
