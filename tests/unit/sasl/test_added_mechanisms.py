"""Mechanisms of other packages: offered like ours; a wrong one is passed over with a word."""

from __future__ import annotations

import hmac
import importlib
import importlib.util
import logging
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ualauth import AuthenticationFailed, MechanismUnavailable
from ualauth.errors import ConfigurationError
from ualauth.sasl import registry
from ualauth.system import extras
from ualauth.testing.compliance import ModuleCompliance
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

if TYPE_CHECKING:
    from tests.conftest import Way

SOURCE = '''
from ualauth.mechanism import (
    Claim, CredentialKind, Malformed, Mechanism, Password, prepare_name, text_of,
)

class Shout(Mechanism):
    """The name and the password."""

    name = "X-SHOUT"
    credential_kind = CredentialKind.PASSWORD
    plaintext = True

    async def begin(self, wire):
        name, space, password = text_of(await wire.first()).partition(" ")
        if not space:
            raise Malformed("no blank")
        return Claim(prepare_name(name.lower()), Password(password.lower()))
'''
Install = Callable[..., None]
PROJECT = Path(__file__).parents[3] / "pyproject.toml"
HEAD = "[stack]\nfail_delay = false\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a package with a mechanism."""
    registry.added.cache_clear()
    extras._tell.cache_clear()
    packages = []

    def run(
        *, package: str = "shout", point: str = "X-SHOUT", old: str = "\0", new: str = ""
    ) -> None:
        folder = tmp_path / package
        about = folder / f"{package}-1.0.dist-info"
        about.mkdir(parents=True)
        (folder / f"{package}.py").write_text(SOURCE.replace(old, new), encoding="utf-8")
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8"
        )
        (about / "entry_points.txt").write_text(
            f"[{registry.GROUP}]\n{point} = {package}:Shout\n", encoding="utf-8"
        )
        monkeypatch.syspath_prepend(str(folder))
        packages.append(package)

    yield run
    for each in packages:
        sys.modules.pop(each, None)
    registry.added.cache_clear()
    extras._tell.cache_clear()


@pytest.fixture
def people(folder: ConfigFolder) -> ConfigFolder:
    folder.settings(HEAD)
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    folder.service("smtpd.auth", "auth required om_auth\naccount required om_auth\n")
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "s3cret")
    userlist.close()
    return folder


def offered(
    way: Way, folder: ConfigFolder, service: str = "mail", *, tls: bool = True
) -> list[str]:
    names = way.run(way.authenticator(folder.config()).mechanisms(service, tls=tls))
    return list(names)


def begun(way: Way, folder: ConfigFolder, name: str) -> Any:
    return way.authenticator(folder.config()).sasl("mail", name, tls=True)


def test_the_table_says_what_is_registered() -> None:
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups[registry.GROUP] == registry.BUILT_IN


def test_a_mechanism_of_another_package_lets_in_and_refuses(
    way: Way, people: ConfigFolder, install: Install
) -> None:
    install()
    names = offered(way, people)
    assert names[-1] == "X-SHOUT"
    assert "X-SHOUT" not in offered(way, people, tls=False)
    exchange = begun(way, people, "x-shout")
    assert way.run(exchange.step(b"JSMITH S3CRET")) is None
    assert exchange.identity.user == "jsmith"
    for wrong in (b"JSMITH WRONG", b"JSMITH", b"\xff S3CRET"):
        with pytest.raises(AuthenticationFailed):
            way.run(begun(way, people, "X-SHOUT").step(wrong))


def test_it_carries_no_typed_password_to_a_service_that_takes_none(
    way: Way, people: ConfigFolder, install: Install
) -> None:
    install()
    assert "X-SHOUT" not in offered(way, people, "smtpd.auth")


def test_where_mechanisms_are_named_it_has_to_be_named(
    way: Way, people: ConfigFolder, install: Install
) -> None:
    install()
    people.settings(HEAD + '[sasl]\nmechanisms = ["PLAIN"]\n')
    assert offered(way, people) == ["PLAIN"]
    people.settings(HEAD + '[sasl]\nmechanisms = ["PLAIN", "X-SHOUT"]\n')
    assert offered(way, people) == ["PLAIN", "X-SHOUT"]


def test_one_that_wants_to_be_named_is_not_offered_otherwise(
    way: Way, people: ConfigFolder, install: Install
) -> None:
    install(old="plaintext = True", new="plaintext = True\n    by_request = True")
    assert "X-SHOUT" not in offered(way, people)
    people.settings(HEAD + '[sasl]\nmechanisms = ["X-SHOUT"]\n')
    assert offered(way, people) == ["X-SHOUT"]


def test_it_says_which_of_ours_it_is_stronger_than(
    way: Way, people: ConfigFolder, install: Install
) -> None:
    install(old="plaintext = True", new='plaintext = True\n    before = "PLAIN"')
    names = offered(way, people)
    assert names.index("X-SHOUT") == names.index("PLAIN") - 1


def test_a_mechanism_that_there_is_not_cannot_be_named(people: ConfigFolder) -> None:
    people.settings('[sasl]\nmechanisms = ["X-SHOUT"]\n')
    with pytest.raises(ConfigurationError, match="X-SHOUT"):
        people.config()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "class Shout",
            "raise LookupError('oh')\nclass Shout",
            "cannot be loaded: LookupError: oh",
        ),
        ("class Shout", "raise SystemExit(1)\nclass Shout", "cannot be loaded: SystemExit"),
        ("class Shout", "class Other", "cannot be loaded: AttributeError"),
        ("(Mechanism)", "", "is no subclass of ualauth.mechanism.Mechanism"),
        ('"X-SHOUT"', '"PLAIN"', "has another name: 'PLAIN'"),
        ("credential_kind = ", "kind = ", "has no credential_kind"),
        ("async def begin", "async def start", "has no method begin"),
        ("plaintext", 'before = "X-NONE"\n    plaintext', "stands before 'X-NONE'"),
    ],
)
def test_a_broken_one_is_told_and_the_others_are_offered(
    old: str,
    new: str,
    told: str,
    way: Way,
    people: ConfigFolder,
    install: Install,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install(old=old, new=new)
    names = offered(way, people)
    assert "PLAIN" in names
    assert "X-SHOUT" not in names
    (record,) = (each for each in caplog.records if each.name == "ualauth.sasl")
    assert record.levelno == logging.ERROR
    assert told in record.getMessage()
    with pytest.raises(MechanismUnavailable):
        way.run(begun(way, people, "X-SHOUT").step(b"JSMITH S3CRET"))


def test_one_whose_library_is_missing_is_not_offered_and_told_once(
    way: Way, people: ConfigFolder, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(old="plaintext = True", new='plaintext = True\n    requires = ("no_such_package",)')
    for _ in range(2):
        assert "X-SHOUT" not in offered(way, people)
    assert caplog.text.count("there is no no_such_package;") == 1


def test_a_name_of_ours_stays_ours(
    way: Way, people: ConfigFolder, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(point="PLAIN", old='"X-SHOUT"', new='"PLAIN"')
    exchange = begun(way, people, "PLAIN")
    assert way.run(exchange.step(b"\0jsmith\0s3cret")) is None
    assert "PLAIN" in offered(way, people)
    assert "mechanism PLAIN is ualauth's own; shout:Shout is passed over" in caplog.text


def test_a_name_that_two_packages_claim_is_of_neither(
    way: Way, people: ConfigFolder, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install()
    install(package="shout2")
    assert "X-SHOUT" not in offered(way, people)
    assert "claimed by shout2:Shout, shout:Shout" in caplog.text


@pytest.mark.parametrize(
    ("line", "package", "gone"),
    [
        pytest.param("om_krb5", "gssapi", "GSSAPI", marks=pytest.mark.servers),
        ("om_oauth issuer=https://i audience=a keys=/k", "joserfc", "OAUTHBEARER"),
        ("om_oauth issuer=https://i audience=a introspection=https://i/x", "httpx", "OAUTHBEARER"),
    ],
)
def test_ours_is_not_offered_where_the_library_of_the_module_is_missing(
    line: str,
    package: str,
    gone: str,
    way: Way,
    people: ConfigFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    severity = "warning" if package == "gssapi" else "error"
    people.service("mail", f"auth sufficient {line}\nauth required om_auth\n")
    assert gone in offered(way, people)
    usual = importlib.util.find_spec

    def find_spec(name: str, of: str | None = None) -> Any:
        return None if name == package else usual(name, of)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    names = offered(way, people)
    assert gone not in names
    assert "SCRAM-SHA-256" in names
    assert f"mail:1:17: {severity}: " in caplog.text
    assert f"needs {package}, which is not installed\n" in caplog.text
    assert f"cure: try pip install 'ualauth[{line[3:].split(maxsplit=1)[0]}]'" in caplog.text


PAGE = Path(__file__).parents[3] / "docs" / "module-authors" / "mechanisms.md"


def of_the_page() -> str:
    """Return the program of the page for authors, all its examples in a row."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    return "\n".join(block.partition("```")[0] for block in blocks)


def test_an_exchange_is_written_by_the_documents_alone(
    way: Way, folder: ConfigFolder, install: Install
) -> None:
    install(package="cards", point="X-CARD", old=SOURCE, new=of_the_page() + "\nShout = Card\n")
    cards: Any = importlib.import_module("cards")
    folder.settings(HEAD)
    folder.module("first", cards.Cards)
    folder.module("second", cards.Cards)
    lines = "auth [success=done default=ignore] first\nauth required second\n"
    folder.service("mail", f"{lines}account required pam_permit\n")
    assert offered(way, folder) == ["X-CARD"]

    def answered(name: bytes, key: bytes) -> Any:
        exchange = begun(way, folder, "X-CARD")
        challenge = way.run(exchange.step(name))
        assert len(challenge) == 16
        assert way.run(exchange.step(hmac.digest(key, challenge, "sha256"))) is None
        return exchange

    right = b"the key of a card"
    assert answered(b"jsmith", right).identity.user == "jsmith"
    # A user and a stranger are asked once, and are refused alike.
    for name, key in ((b"jsmith", b"another"), (b"stranger", right), (b"stranger", b"another")):
        with pytest.raises(AuthenticationFailed):
            answered(name, key)


def test_the_module_of_the_page_passes_the_compliance_suite(
    folder: ConfigFolder, install: Install
) -> None:
    install(package="cards", point="X-CARD", old=SOURCE, new=of_the_page())
    cards: Any = importlib.import_module("cards")
    for kind in (cards.Cards, cards.Proofs):
        suite: Any = type("Suite", (ModuleCompliance,), {"module": kind})()
        for name in dir(suite):
            if name.startswith("test_"):
                getattr(suite, name)()
