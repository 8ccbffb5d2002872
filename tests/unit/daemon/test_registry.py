"""Protocols by their names: ours, and those of other packages."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from tests.docs.pages import ROOT
from tests.unit.daemon.driven import Driven
from ualauth.config.listen import ListenSettings
from ualauth.daemon.protocol import Answer, Protocol, Tag
from ualauth.daemon.protocols import registry
from ualauth.errors import ConfigurationError


@dataclass(frozen=True)
class EchoSettings:
    ending: str = ""
    count: int = 1

    def mistakes(self) -> list[tuple[str, str]]:
        return [] if self.count > 0 else [("count", "must be more than 0")]


class Echo(Protocol):
    name = "echo"
    settings_type = EchoSettings

    def received(self, data: bytes) -> None:
        if data == b"bug":
            raise ValueError("secret")
        self.send(data * self.endpoint.own.count + self.endpoint.own.ending.encode())

    def answered(self, tag: Tag, answer: Answer) -> None:
        raise NotImplementedError

    def give_up(self) -> None:
        self.send(b"not now")


class Abstract(Protocol):
    name = "abstract"


Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(**places: str | list[str]) -> None:
        points = [
            EntryPoint(name, place, registry.GROUP)
            for name, value in places.items()
            for place in ([value] if isinstance(value, str) else value)
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)

    return install


HERE = f"{__name__}:"


def test_the_table_is_that_of_the_entry_points() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"][registry.GROUP] == registry.BUILT_IN
    for name in registry.BUILT_IN:
        kind = registry.protocol(name)
        assert kind.name == name


def test_a_protocol_of_another_package(install: Install) -> None:
    install(echo=f"{HERE}Echo")
    assert "echo" in registry.names()
    client = Driven("echo", own={"ending": "!", "count": 2})
    assert client.send(b"a") == b"aa!"


def test_a_bug_says_not_now_and_ends_the_connection(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(echo=f"{HERE}Echo")
    client = Driven("echo")
    assert client.send(b"bug") == b"not now"
    assert client.closes
    assert "echo: raised ValueError at " in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "own", "told"),
    [
        ("echoo", {}, "there is no protocol 'echoo'; did you mean 'echo'?"),
        ("echo", {"cuont": 1}, "unknown key 'cuont'; did you mean 'count'?"),
        ("echo", {"count": "1"}, "count must be of type int"),
        ("echo", {"count": 0}, "count must be more than 0"),
        ("abstract", {}, "is no subclass of ualauth.daemon.protocol.Protocol"),
        ("none", {}, "cannot be loaded"),
        ("several", {}, "is claimed by a:B, c:D; remove all but one"),
    ],
)
def test_mistakes(install: Install, name: str, own: dict[str, object], told: str) -> None:
    install(
        echo=f"{HERE}Echo", abstract=f"{HERE}Abstract", none="no.such:Thing", several=["a:B", "c:D"]
    )
    listen = ListenSettings(protocol=name, path="/x", own=own, line=7)
    with pytest.raises(ConfigurationError) as caught:
        registry.settings_of(listen)
    assert told in str(caught.value)
    assert [(each.line, each.text) for each in registry.mistakes_in((listen,))] == [
        (7, str(caught.value))
    ]


def test_what_another_package_registers_under_our_name_is_passed_over(install: Install) -> None:
    install(**{"dovecot-auth": f"{HERE}Echo"})
    assert registry.protocol("dovecot-auth").__module__.startswith("ualauth.")


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"tempfail": "never"}, "tempfail must be auto, fail or disconnect"),
        ({"handshake": "slow"}, "handshake must be eager or lazy"),
        ({"tempfial": "fail"}, "unknown key 'tempfial'; did you mean 'tempfail'?"),
    ],
)
def test_settings_of_dovecot_auth(own: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told.replace("?", r"\?")):
        registry.settings_of(ListenSettings(protocol="dovecot-auth", path="/x", own=own))


def test_a_secret_is_for_protocols_that_read_one() -> None:
    listen = ListenSettings(protocol="saslauthd", path="/x", secret_file="/s")
    with pytest.raises(ConfigurationError, match="secret_file means nothing to saslauthd"):
        registry.settings_of(listen)
