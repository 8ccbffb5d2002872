"""Settings are checked when they are made, and keep secrets to themselves."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault, TimedOut, Unanswered
from ualauth.ldap.client.settings import LdapSettings, Library, Uri
from ualauth.ldap.client.shared import open_directory
from ualauth.ldap.client.values import Answer, Attributes, Kind, LdapEntry


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("ldap://a.example", Uri("ldap", "a.example", 389)),
        ("ldaps://a.example", Uri("ldaps", "a.example", 636)),
        ("ldaps://a.example:3269/", Uri("ldaps", "a.example", 3269)),
        ("LDAP://A.Example", Uri("ldap", "a.example", 389)),
        ("ldap://192.0.2.7:3389", Uri("ldap", "192.0.2.7", 3389)),
        ("ldap://[2001:db8::7]", Uri("ldap", "2001:db8::7", 389)),
        ("ldapi://%2Frun%2Fslapd%2Fldapi", Uri("ldapi", "/run/slapd/ldapi", 0)),
    ],
)
def test_a_uri_is_read_and_written(text: str, uri: Uri) -> None:
    assert Uri.parse(text) == uri
    assert Uri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "http://a.example",
        "ldap://",
        "ldap://:389",
        "ldap://a.example:port",
        "ldap://a.example:99999",
        "ldap://a.example/dc=example",
        "ldap://a.example?x",
        "ldap://user:secret@a.example",
        "ldapi://",
        "ldapi://run",
        "ldapi://%2Frun/x",
        "ldap://a b",
    ],
)
def test_a_uri_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        LdapSettings(uris=(text,))


@pytest.mark.parametrize(
    "options",
    [
        {"uris": ()},
        {"connect_timeout": 0},
        {"bind_timeout": -1},
        {"pool_size": 0},
        {"reply_limit": 0},
        {"key_file": "/key"},
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        LdapSettings(**{"uris": ("ldap://a.example",), **options})


def test_secrets_are_in_no_representation() -> None:
    login = BindCredentials("cn=x", "hunter2")
    settings = LdapSettings(uris=("ldap://a.example",), login=login)
    entry = LdapEntry("cn=x", Attributes({"userPassword": [b"hunter2"]}))
    answer = Answer(Kind.OK, 0, generated="hunter2")
    for each in (login, settings, entry, answer, entry.attributes):
        assert "hunter2" not in f"{each!r} {each}"


def test_a_fault_can_be_raised_again_without_its_past() -> None:
    faults: tuple[DirectoryFault, ...] = (
        TimedOut("late", "ldap://a"),
        Unanswered("no", 51, "ldap://a"),
    )
    for fault in faults:
        try:
            raise fault
        except DirectoryFault as caught:
            again = caught.again()
        assert (type(again), str(again)) == (type(fault), str(fault))
        assert (again.__traceback__, again.__context__) == (None, None)
        assert str(pickle.loads(pickle.dumps(fault))) == str(fault)
    assert isinstance(again, Unanswered)
    assert again.code == 51


def test_python_ldap_is_used_if_it_is_there() -> None:
    def name(library: Library) -> str:
        settings = LdapSettings(uris=("ldap://a.example",), library=library)
        return open_directory(settings)._connector.name

    assert [name(each) for each in Library] == ["python-ldap", "ldap3", "python-ldap"]


def test_a_library_that_is_missing_is_named_with_its_cure() -> None:
    code = """
import sys
hidden = sys.argv[1].split(",")
sys.modules.update(dict.fromkeys(hidden))
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in hidden else find(name, *rest)
from ualauth.ldap.client.settings import Library, LdapSettings
from ualauth.ldap.client.shared import open_directory
from ualauth.errors import ModuleUnavailable
for library in Library:
    try:
        print(open_directory(LdapSettings(uris=("ldap://a",), library=library))._connector.name)
    except ModuleUnavailable as error:
        print(error)
"""

    def without(*names: str) -> list[str]:
        arguments = [sys.executable, "-c", code, ",".join(names)]
        return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )

    assert without("ldap")[:2] == ["ldap3", "ldap3"]
    assert "try pip install 'ualauth[ldap-native]'" in without("ldap")[2]
    assert "try pip install 'ualauth[ldap]'" in without("ldap", "ldap3")[0]
    assert without("ldap3")[0] == "python-ldap"
