"""What `ualauth check` says of the tables `[[listen]]`: all that would keep the daemon down."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ualauth.config.config import FILE_NAME, Config
from ualauth.config.listen import ListenSettings
from ualauth.daemon.listener import Plan
from ualauth.daemon.sockets import gid_of, uid_of
from ualauth.errors import ConfigurationError, UnknownService
from ualauth.sources.following import Watched
from ualauth.sources.problem import Problem, Source
from ualauth.stack.folder import service_name


def problems_of_sockets(config: Config, has_file: Callable[[str], bool]) -> Iterator[Problem]:
    """Yield what is wrong; `has_file` is whether a service has a file of its own."""
    path = str(config.directory / FILE_NAME)
    for listen in config.listen:
        source = Source(path, listen.line, 1)
        for text in _mistakes(config, listen):
            what, _, cure = text.partition("; ")
            yield Problem(source, f"[[listen]] {what}", cure or "correct it")
        for service in _services(listen):
            try:
                present = has_file(service_name(service, config.dialect))
            except UnknownService as error:
                yield Problem(source, f"[[listen]] service: {error}", "correct the name")
                continue
            if not present:
                text = f"[[listen]] there is no service file {service!r}: it is left to 'other'"
                yield Problem(source, text, "correct the name, or write the file", warning=True)


def problems_of_directory(config: Config) -> Iterator[Problem]:
    """Yield what is wrong with `ldap.attribs`, if the USERLIST is served over LDAP."""
    if not any(listen.protocol == "ldap" for listen in config.listen):
        return
    from ualauth.ldap.server.attributes import parse  # noqa: PLC0415 - few need it
    from ualauth.ldap.server.lookup import ATTRIBUTE_RULES  # noqa: PLC0415 - likewise

    path, home = config.ldap_attributes_path, str(config.directory)
    yield from Watched(path, parse, ATTRIBUTE_RULES, home=home).check()[1]


def _mistakes(config: Config, listen: ListenSettings) -> Iterator[str]:
    try:
        plan = Plan(listen, str(config.directory))
        plan.kind.check(config, plan.own)
    except ConfigurationError as error:
        yield from (line.removeprefix(f"[[listen]] {listen.place}: ") for line in _lines(error))
    if listen.path:
        yield from _missing("owner", listen.owner, uid_of)
        yield from _missing("group", listen.group, gid_of)


def _missing(key: str, name: str, number_of: Callable[[str], int]) -> Iterator[str]:
    try:
        if name:
            number_of(name)
    except ConfigurationError as error:
        yield f"{key}: {error}"


def _lines(error: ConfigurationError) -> list[str]:
    return str(error).split("\n")


def _services(listen: ListenSettings) -> list[str]:
    names = [listen.service] if isinstance(listen.service, str) else listen.service.values()
    return list(dict.fromkeys(names))
