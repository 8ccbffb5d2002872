"""Options of the line and of om_krb5.conf, and which of them counts."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.fake_time import FakeTime
from ualauth.errors import ConfigurationError
from ualauth.kerberos.settings import Fast, KerberosSettings, Options, Timeout
from ualauth.kerberos.shared import Kerberos


def options(*arguments: str) -> Options:
    read, problems = KerberosSettings.from_arguments(arguments)
    assert not problems
    assert read is not None
    return read


def test_a_line_of_the_file_is_an_option() -> None:
    text = """
        # comment
        realm EXAMPLE.ORG
        keytab = "/a path/keytab"   # to here
        ticket_lifetime=10h
        enterprise
        fast demand
        domain_map = a.b:C,d.e
    """
    settings = options().merged(text, "file")
    assert settings.realm == "EXAMPLE.ORG"
    assert settings.keytab == "/a path/keytab"
    assert settings.ticket_lifetime == 36000
    assert settings.enterprise
    assert settings.fast is Fast.DEMAND
    assert settings.domain_map is not None
    assert settings.domain_map.realms == {"a.b": "C", "d.e": "D.E"}


def test_the_line_comes_before_the_file() -> None:
    line = options("realm=LINE", "timeout=15")
    settings = line.merged("realm FILE\ntimeout 3\nkeytab /file", "file")
    assert (settings.realm, settings.keytab) == ("LINE", "/file")
    assert settings.timeout == Timeout(15)


def test_no_ccache_takes_back_what_the_file_says() -> None:
    assert options("no_ccache").merged("ccache FILE:/x", "file").ccache is None


MISTAKES = {
    "keytap /x": "file:1: unknown option 'keytap'; did you mean 'keytab'?",
    "realm": "file:1: option 'realm': needs a value",
    "realm A\nrealm B": "file:2: option 'realm' is given twice",
    "fast maybe": "'maybe' is none of never, try, demand",
    "enterprise yes": "option 'enterprise': takes no value",
    "timeout nan": "takes a number of seconds",
    "ticket_lifetime 0h": "takes a number with s, m, h or d",
    'realm "A': "file:1: No closing quotation",
    "only_alt_auth": "need alt_auth_map",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_said_with_its_line(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        options().merged(text, "file")
    assert MISTAKES[text] in str(caught.value)


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        options().merged("keytap /x\n\nrealm\n", "file")
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["file:1:", "file:3:"]


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    kerberos = Kerberos(tmp_path)
    assert kerberos.client(options()).settings == KerberosSettings()
    with pytest.raises(ConfigurationError, match="there is no file"):
        kerberos.client(options("config=other.conf"))


def test_a_file_that_every_account_may_write_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "om_krb5.conf"
    path.write_text("realm A\n")
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match="every user may write"):
        Kerberos(tmp_path).client(options())


def test_a_changed_file_makes_a_new_client(tmp_path: Path) -> None:
    time = FakeTime()
    kerberos, path = Kerberos(tmp_path, time.clock), tmp_path / "om_krb5.conf"
    path.write_text("realm A\n")
    first = kerberos.client(options())
    assert kerberos.client(options()) is first

    def a_second_later() -> str | None:
        for _ in range(10):
            time.sleep(0.1)
            client = kerberos.client(options())
        return client.settings.realm

    path.write_text("realm BB\n")
    assert kerberos.client(options()) is first
    assert a_second_later() == "BB"
    path.write_text("")
    assert a_second_later() == "BB"
    path.unlink()
    assert kerberos.client(options()).settings.realm == "BB"
    assert a_second_later() is None


def test_a_file_that_is_named_and_deleted_is_no_longer_in_use(tmp_path: Path) -> None:
    time = FakeTime()
    kerberos, path = Kerberos(tmp_path, time.clock), tmp_path / "other.conf"
    path.write_text("realm A\n")
    line = options("config=other.conf")
    assert kerberos.client(line).settings.realm == "A"
    assert kerberos.client_at_hand(line) is not None
    path.unlink()
    time.wrote()
    time.sleep(1)
    kerberos.client(line)
    time.sleep(1)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="there is no file"):
            kerberos.client(line)
        assert kerberos.client_at_hand(line) is None


@pytest.mark.parametrize("broken", ["keytap /x\n", "realm \udcff\n"])
def test_a_file_with_a_mistake_leaves_the_last_good_one(tmp_path: Path, broken: str) -> None:
    time = FakeTime()
    kerberos, path = Kerberos(tmp_path, time.clock), tmp_path / "om_krb5.conf"
    path.write_text("realm A\n")
    first = kerberos.client(options())
    path.write_bytes(broken.encode(errors="surrogateescape"))
    time.wrote()
    for _ in range(30):
        time.sleep(0.1)
        assert kerberos.client(options()) is first


# module/options.c of pam-krb5 4.11.
PAM_KRB5 = """
    alt_auth_map anon_fast banner ccache ccache_dir clear_on_fail debug defer_pwchange
    expose_account fail_pwchange fast_ccache force_alt_auth force_first_pass force_pwchange
    forwardable ignore_k5login ignore_root keytab minimum_uid no_ccache no_prompt no_update_user
    only_alt_auth pkinit_anchors pkinit_prompt pkinit_user preauth_opt prompt_principal realm
    renew_lifetime retain_after_close search_k5login silent ticket_lifetime trace try_first_pass
    try_pkinit use_authtok use_first_pass use_pkinit user_realm
"""
PAGE = Path(__file__).parents[3] / "docs/administrators/modules/om_krb5.md"


@pytest.mark.parametrize("option", PAM_KRB5.split())
def test_an_option_of_pam_krb5_is_there_or_the_page_says_what_is_instead(option: str) -> None:
    ours = {field.name for field in dataclasses.fields(KerberosSettings)}
    _, _, page = PAGE.read_text().partition("## Options of pam_krb5 that are not there")
    rows = [row.split("|")[1] for row in page.split("\n## ")[0].splitlines() if row[:3] == "| `"]
    refused = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert (option in ours) != (option in refused)
