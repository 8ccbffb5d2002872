"""Single sign-on: GSSAPI and GS2-KRB5 with real tickets, through the ordinary stack."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gssapi.raw import GSSError

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.tickets import Initiator, cache_of, unframed
from tests.kerberos import REALM, SERVICE, Realm, realm
from tests.seeds import SEED, rounds
from ualauth import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    TemporaryFailure,
)
from ualauth.codes import Item, ReturnCode
from ualauth.errors import MechanismUnavailable
from ualauth.module import Attempt, Module
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

EXPORTER = b"what both ends of TLS know"
NO_LAYER = b"\1\0\0\0"
Cache = Callable[..., str]


@pytest.fixture
def cache(kdc: Realm, tmp_path: Path) -> Cache:
    """Return a function that makes a cache with tickets."""

    def make(user: str = "jsmith", password: str = "s3cret", **more: str) -> str:
        return cache_of(kdc, tmp_path / f"tickets-{user.replace('/', '-')}", user, password, **more)

    return make


def begin(way: Way, config: Any, mechanism: str = "GSSAPI", **connection: Any) -> Any:
    return way.authenticator(config).sasl("mail", mechanism, **connection)


def gssapi(way: Way, exchange: Any, client: Initiator, last: bytes = NO_LAYER) -> Any:
    """Play a client of RFC 4752 to the end, and return the identity."""
    token = way.run(exchange.step(client.step()))
    while not client.done:
        answer = client.step(token)
        token = way.run(exchange.step(answer))
    assert client.unwrap(token) == NO_LAYER
    assert way.run(exchange.step(client.wrap(last))) is None
    return exchange.identity


def gs2(
    way: Way, exchange: Any, cache: str, header: bytes = b"n,,", bindings: bytes = b"", **more: Any
) -> Any:
    """Play a client of RFC 5801 to the end, and return the identity."""
    client = Initiator(cache, bindings=header + bindings, **more)
    token = way.run(exchange.step(header + unframed(client.step())))
    client.step(token)
    assert client.done
    assert way.run(exchange.step(b"")) is None
    return exchange.identity


def refused(way: Way, exchange: Any, *responses: bytes) -> AuthenticationError:
    *before, last = responses
    for response in before:
        way.run(exchange.step(response))
    with pytest.raises(AuthenticationError) as caught:
        way.run(exchange.step(last))
    assert not exchange.done
    return caught.value


# GSSAPI


def test_a_ticket_lets_in(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    identity = gssapi(way, begin(way, mail(kdc).config()), Initiator(cache()))
    assert (identity.user, identity.authid) == ("jsmith", "jsmith")


def test_also_without_an_initial_response(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    exchange = begin(way, mail(kdc).config())
    assert way.run(exchange.step(None)) == b""
    assert gssapi(way, exchange, Initiator(cache())).user == "jsmith"


def test_also_of_a_client_that_does_not_care_whom_it_talks_to(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    client, exchange = Initiator(cache(), mutual=False), begin(way, mail(kdc).config())
    assert gssapi(way, exchange, client).user == "jsmith"


def test_the_mechanisms_are_offered_where_om_krb5_is_asked(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    authenticator = way.authenticator(mail(kdc).config())
    offered = way.run(authenticator.mechanisms("mail", tls=True))
    assert offered == ["GS2-KRB5", "GSSAPI", "PLAIN", "LOGIN"]
    bindings = {"tls-exporter": EXPORTER}
    offered = way.run(authenticator.mechanisms("mail", tls=True, channel_binding=bindings))
    assert "GS2-KRB5-PLUS" in offered


def test_they_are_not_where_no_module_has_keys(way: Way, folder: ConfigFolder) -> None:
    folder.service("mail", "auth required pam_permit\naccount required pam_permit\n")
    with pytest.raises(MechanismUnavailable):
        way.run(begin(way, folder.config()).step(b""))


LAST = {
    "a layer": b"\2\0\0\0",
    "two layers": b"\3\0\0\0",
    "no layer at all": b"\0\0\0\0",
    "a size without a layer": b"\1\0\x10\0",
    "too short": b"\1\0\0",
    "nothing": b"",
    "no text": b"\1\0\0\0\xff\xfe",
    "a name with a NUL": b"\1\0\0\0js\0mith",
    "another user": b"\1\0\0\0other",
}


@pytest.mark.parametrize("name", LAST)
def test_the_last_word_of_a_client_is_checked(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, name: str
) -> None:
    client, exchange = Initiator(cache()), begin(way, mail(kdc).config())
    with pytest.raises(AuthenticationFailed):
        gssapi(way, exchange, client, LAST[name])
    assert not exchange.done


def test_the_last_word_must_be_wrapped(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    client, exchange = Initiator(cache()), begin(way, mail(kdc).config())
    token = way.run(exchange.step(client.step()))
    way.run(exchange.step(client.step(token)))
    assert type(refused(way, exchange, NO_LAYER)) is AuthenticationFailed


@pytest.mark.parametrize("name", [b"jsmith", b"jsmith@UAL.TEST"])
def test_a_user_may_be_who_they_are_by_name(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, name: bytes
) -> None:
    exchange = begin(way, mail(kdc).config())
    assert gssapi(way, exchange, Initiator(cache()), NO_LAYER + name).user == "jsmith"


@pytest.mark.parametrize("name", [b"jsmith@OTHER.TEST", b"jsmith@ual.test", b"other@UAL.TEST"])
def test_the_name_of_another_principal_is_another_user(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, name: bytes
) -> None:
    exchange = begin(way, mail(kdc).config())
    with pytest.raises(AuthenticationFailed):
        gssapi(way, exchange, Initiator(cache()), NO_LAYER + name)


def test_a_rule_lets_a_user_act_for_others(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    folder = mail(kdc)
    text = (folder.services / "mail").read_text()
    folder.service(
        "mail", text.replace("account required om_krb5", "account required pam_permit #")
    )
    folder.settings('[authorization]\nrules = ["jsmith: boss"]\n')
    exchange = begin(way, folder.config())
    identity = gssapi(way, exchange, Initiator(cache()), NO_LAYER + b"boss")
    assert (identity.user, identity.actor.authid) == ("boss", "jsmith")


# GS2-KRB5


def test_gs2_lets_in_bound_to_its_header(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    assert gs2(way, begin(way, mail(kdc).config(), "GS2-KRB5"), cache()).user == "jsmith"


def test_gs2_lets_in_bound_to_the_channel(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    bindings = {"tls-exporter": EXPORTER}
    config = mail(kdc).config()
    exchange = begin(way, config, "GS2-KRB5-PLUS", tls=True, channel_binding=bindings)
    assert gs2(way, exchange, cache(), b"p=tls-exporter,,", EXPORTER).user == "jsmith"


GS2 = {
    "another channel": ("GS2-KRB5-PLUS", b"p=tls-exporter,,", b"another", {}),
    "unknown binding": ("GS2-KRB5-PLUS", b"p=tls-unique,,", EXPORTER, {}),
    "plus without binding": ("GS2-KRB5-PLUS", b"n,,", b"", {}),
    "binding without plus": ("GS2-KRB5", b"p=tls-exporter,,", EXPORTER, {}),
    "talked out of plus": ("GS2-KRB5", b"y,,", b"", {}),
    "not mutual": ("GS2-KRB5", b"n,,", b"", {"mutual": False}),
    "another user": ("GS2-KRB5", b"n,a=other,", b"", {}),
}


@pytest.mark.parametrize("name", GS2)
def test_gs2_refuses_what_is_not_bound(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, name: str
) -> None:
    mechanism, header, bindings, more = GS2[name]
    exchange = begin(
        way, mail(kdc).config(), mechanism, tls=True, channel_binding={"tls-exporter": EXPORTER}
    )  # fmt: skip
    with pytest.raises(AuthenticationFailed):
        gs2(way, exchange, cache(), header, bindings, **more)


def test_gs2_refuses_another_header_than_was_bound(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    exchange = begin(way, mail(kdc).config(), "GS2-KRB5")
    token = unframed(Initiator(cache(), bindings=b"n,,").step())
    refused(way, exchange, b"n,a=jsmith," + token)


def test_gs2_refuses_a_context_that_is_bound_to_nothing(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    exchange = begin(way, mail(kdc).config(), "GS2-KRB5")
    refused(way, exchange, b"n,," + unframed(Initiator(cache()).step()))


# Whose tickets


def test_the_userlist_says_who_that_is(
    way: Way, kdc: Realm, mail: Mail, folder: ConfigFolder, cache: Cache
) -> None:
    userlist = Userlist.create(folder.path)
    userlist.add("smith", "unused", addresses=("jsmith@example.com",))
    userlist.close()
    config = mail(kdc, f"realm=OTHER.TEST domain_map=example.com:{REALM}").config()
    assert gssapi(way, begin(way, config), Initiator(cache())).user == "smith"


@pytest.mark.parametrize("option", ["realm=OTHER.TEST", "realm=OTHER.TEST domain_map=a.b:C.D"])
def test_a_principal_of_a_realm_that_is_not_named_is_no_user(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, option: str
) -> None:
    with pytest.raises(AuthenticationFailed):
        gssapi(way, begin(way, mail(kdc, option).config()), Initiator(cache()))


def test_a_principal_of_several_words_needs_the_map(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    tickets = cache("jsmith/mail", "m4il")
    with pytest.raises(AuthenticationFailed):
        gssapi(way, begin(way, mail(kdc).config()), Initiator(tickets))
    file = tmp_path / "principals"
    file.write_text("jsmith/mail@UAL.TEST smith  # the other one\njsmith@UAL.TEST -\n")
    config = mail(kdc, f"principal_map={file}").config()
    assert gssapi(way, begin(way, config), Initiator(tickets)).user == "smith"
    with pytest.raises(AuthenticationFailed):
        gssapi(way, begin(way, config), Initiator(cache()))
    file.write_text("one two three\n")
    with pytest.raises(TemporaryFailure):
        gssapi(way, begin(way, config), Initiator(tickets))


def test_the_map_may_stand_in_the_configuration_folder(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    folder = mail(kdc, "principal_map=principals")
    (folder.path / "principals").write_text("jsmith@UAL.TEST smith\n")
    identity = gssapi(way, begin(way, folder.config()), Initiator(cache()))
    assert identity.user == "smith"


def test_lists_and_jumps_hold_for_tickets_as_for_passwords(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    denied = tmp_path / "denied"
    denied.write_text("jsmith\n")
    denied.chmod(0o600)
    folder = mail(kdc)
    text = (folder.services / "mail").read_text()
    line = f"auth requisite pam_listfile item=user sense=deny file={denied}\n"
    folder.service("mail", line + text)
    with pytest.raises(AuthenticationFailed):
        gssapi(way, begin(way, folder.config()), Initiator(cache()))
    assert gssapi(way, begin(way, folder.config()), Initiator(cache("soon"))).user == "soon"


def test_the_account_stack_still_decides(way: Way, kdc: Realm, mail: Mail, cache: Cache) -> None:
    folder = mail(kdc)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"{text}account required pam_deny\n")
    with pytest.raises(AccountRestricted):
        gssapi(way, begin(way, folder.config()), Initiator(cache()))


@dataclass(frozen=True)
class NoOptions:
    pass


class Swap(Module[NoOptions]):
    """Put another user there."""

    options_type = NoOptions

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.set_item(Item.USER, "boss")
        return ReturnCode.SUCCESS


def test_a_ticket_proves_nothing_of_whom_an_earlier_module_put_there(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    folder = mail(kdc)
    folder.module("swap", Swap)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"auth required swap\n{text}")
    with pytest.raises(AuthenticationFailed):
        gssapi(way, begin(way, folder.config()), Initiator(cache()))


# Keys


def test_the_keys_of_several_modules_are_tried(
    way: Way, kdc: Realm, folder: ConfigFolder, cache: Cache
) -> None:
    with realm("OTHER.TEST") as other:
        lines = [f"om_krb5 krb5_conf={each.conf} keytab={each.keytab}" for each in (other, kdc)]
        folder.service(
            "mail",
            f"auth sufficient {lines[0]}\nauth required {lines[1]}\naccount required {lines[1]}\n",
        )
        identity = gssapi(way, begin(way, folder.config()), Initiator(cache()))
    assert identity.user == "jsmith"


def test_without_a_keytab_it_is_a_temporary_failure(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    exchange = begin(way, mail(kdc, keytab=tmp_path / "none").config())
    assert type(refused(way, exchange, Initiator(cache()).step())) is TemporaryFailure


def test_a_ticket_of_an_old_key_is_accepted_while_the_keytab_has_it(
    way: Way, mail: Mail, tmp_path: Path
) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "s3cret")
        kdc.start()
        old = cache_of(kdc, tmp_path / "old")
        kdc.admin(f"ktadd -k {kdc.keytab} imap/mail.ual.test")
        new = cache_of(kdc, tmp_path / "new")
        config = mail(kdc).config()
        for each in (old, new):
            assert gssapi(way, begin(way, config), Initiator(each)).user == "jsmith"


def test_a_ticket_for_another_service_is_refused(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    kdc.admin(f"addprinc -randkey pop{way.asynchronous}/mail.ual.test")
    name = f"pop{way.asynchronous}/mail.ual.test"
    client = Initiator(cache(service=name), f"{name}@UAL.TEST")
    error = refused(way, begin(way, mail(kdc).config()), client.step())
    assert type(error) is AuthenticationFailed


def test_only_the_named_key_counts_where_one_is_named(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    path = tmp_path / "keytab"
    name = f"sieve{way.asynchronous}/mail.ual.test"
    kdc.admin(f"addprinc -randkey {name}", f"ktadd -k {path} {name}")
    kdc.admin(f"ktadd -norandkey -k {path} imap/mail.ual.test")
    tickets = cache()
    any_key = mail(kdc, keytab=path).config()
    assert gssapi(way, begin(way, any_key), Initiator(tickets))
    for written in (f"{name}@UAL.TEST", name):
        only = mail(kdc, f"keytab_principal={written}", keytab=path).config()
        error = refused(way, begin(way, only), Initiator(tickets).step())
        assert type(error) is AuthenticationFailed
    mine = Initiator(cache(service=name), f"{name}@UAL.TEST")
    assert gssapi(way, begin(way, only), mine).user == "jsmith"


def test_a_named_key_that_is_not_there_is_a_temporary_failure(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    config = mail(kdc, "keytab_principal=pop/nowhere").config()
    error = refused(way, begin(way, config), Initiator(cache()).step())
    assert type(error) is TemporaryFailure


def test_any_host_of_the_keytab_is_the_service(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    path = tmp_path / "keytab"
    hosts = [f"imap/{host}{way.asynchronous}.ual.test" for host in ("one", "two")]
    for host in hosts:
        kdc.admin(f"addprinc -randkey {host}", f"ktadd -k {path} {host}")
    config = mail(kdc, keytab=path).config()
    for host in hosts:
        client = Initiator(cache(service=host), f"{host}@UAL.TEST")
        assert gssapi(way, begin(way, config), client).user == "jsmith"


def test_a_namesake_of_a_realm_that_is_trusted_is_no_user_unless_the_realm_is_named(
    way: Way, mail: Mail, tmp_path: Path
) -> None:
    with realm() as here, realm("OTHER.TEST") as other:
        other.add("jsmith", "s3cret")
        for each in (here, other):
            each.admin("addprinc -pw trust krbtgt/UAL.TEST@OTHER.TEST")
            each.start()
        _, _, more = other.conf.read_text().partition("[realms]\n")
        text = here.conf.read_text()
        here.conf.write_text(text.replace("[realms]\n", "[realms]\n" + more.split("[")[0]))
        name = f"{SERVICE}@{here.name}"
        tickets = cache_of(here, tmp_path / "tickets", "jsmith@OTHER.TEST", service=name)
        with pytest.raises(AuthenticationFailed):
            gssapi(way, begin(way, mail(here).config()), Initiator(tickets))
        named = mail(here, "domain_map=other.test:OTHER.TEST").config()
        identity = gssapi(way, begin(way, named), Initiator(tickets))
        assert identity.user == "jsmith@other.test"


# Replays, clocks and nonsense


def test_a_token_counts_once(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    config = mail(kdc).config()
    token = Initiator(cache()).step()
    assert way.run(begin(way, config).step(token))
    refused(way, begin(way, config), token)
    assert "a replay: this token was used before" in caplog.text


@pytest.mark.parametrize("folder_of_replays", ["/nowhere", "/dev/null", "/proc"])
def test_without_a_replay_cache_it_could_not_be_checked(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, monkeypatch: pytest.MonkeyPatch,
    folder_of_replays: str,
) -> None:  # fmt: skip
    token, config = Initiator(cache()).step(), mail(kdc).config()
    monkeypatch.setenv("KRB5RCACHEDIR", folder_of_replays)
    assert type(refused(way, begin(way, config), token)) is TemporaryFailure


def test_a_token_counts_once_in_all_processes(
    kdc: Realm, mail: Mail, cache: Cache, tmp_path: Path
) -> None:
    folder = mail(kdc)
    script = (
        "import logging, sys; from ualauth import Authenticator\n"
        "logging.basicConfig()\n"
        "exchange = Authenticator(sys.argv[1]).sasl('mail', 'GSSAPI')\n"
        "print(len(exchange.step(open(sys.argv[2], 'rb').read())))\n"
    )
    token = tmp_path / "token"
    token.write_bytes(Initiator(cache()).step())
    command = [sys.executable, "-c", script, str(folder.path), str(token)]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert "AuthenticationFailed" in second.stderr
    assert "a replay: this token was used before" in second.stderr


def test_a_client_whose_clock_is_wrong_is_refused_and_the_log_says_so(
    way: Way, kdc: Realm, mail: Mail, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    name = cache()
    path = Path(name.removeprefix("FILE:"))
    data = path.read_bytes()
    (length,) = struct.unpack(">H", data[2:4])
    # The cache's own time offset: what the client takes the KDC's clock to be ahead.
    header = struct.pack(">HHii", 1, 8, 3600, 0)
    path.write_bytes(data[:2] + struct.pack(">H", len(header)) + header + data[4 + length :])
    refused(way, begin(way, mail(kdc).config()), Initiator(name).step())
    assert "clock skew" in caplog.text


NONSENSE = [
    b"",
    b"\0",
    b"\x60",
    b"\x60\x84\xff\xff\xff\xff",
    b"n,,",
    b"F,n,,abc",
    b"p=,,",
    b"x" * 70000,
]


@pytest.mark.parametrize("mechanism", ["GSSAPI", "GS2-KRB5"])
@pytest.mark.parametrize("response", NONSENSE, ids=lambda each: repr(each[:8]))
def test_nonsense_is_refused(
    way: Way, kdc: Realm, mail: Mail, mechanism: str, response: bytes
) -> None:
    error = refused(way, begin(way, mail(kdc).config(), mechanism), response)
    assert type(error) is AuthenticationFailed


def mutations(data: bytes, source: random.Random, count: int) -> list[bytes]:
    """Return a message cut off, changed and random, so many times."""
    messages = []
    for _ in range(count):
        match source.randrange(4):
            case 0:
                messages.append(data[: source.randrange(len(data))])
            case 1:
                place = source.randrange(len(data))
                changed = data[place] ^ (1 << source.randrange(8))
                messages.append(data[:place] + bytes((changed,)) + data[place + 1 :])
            case 2:
                messages.append(source.randbytes(source.randrange(1, 200)))
            case _:
                place = source.randrange(len(data))
                messages.append(data[:place] + source.randbytes(3) + data[place:])
    return messages


def test_changed_tokens_of_every_step_let_no_user_in(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    source = random.Random(SEED)
    tickets, authenticator = cache(), way.authenticator(mail(kdc).config())
    where = f"UALAUTH_SEED={SEED}"
    for step in range(3):
        for number in range(rounds(60)):
            exchange = authenticator.sasl("mail", "GSSAPI")
            try:
                play(way, exchange, Initiator(tickets), step, source)
            except (AuthenticationFailed, GSSError):
                # Some changes only the client sees: the options of a request are not protected.
                assert not exchange.done
                continue
            # A bit of a token that nothing is made of may change: who it is must not.
            assert exchange.identity.user == "jsmith", f"{where}, {step}, {number}"


def test_changed_messages_of_gs2_let_no_user_in(
    way: Way, kdc: Realm, mail: Mail, cache: Cache
) -> None:
    source = random.Random(SEED)
    tickets, authenticator = cache(), way.authenticator(mail(kdc).config())
    for number in range(rounds(60)):
        client = Initiator(tickets, bindings=b"n,,")
        (changed,) = mutations(b"n,," + unframed(client.step()), source, 1)
        exchange = authenticator.sasl("mail", "GS2-KRB5")
        try:
            client.step(way.run(exchange.step(changed or b"?")))
            way.run(exchange.step(b""))
        except (AuthenticationFailed, GSSError):
            assert not exchange.done
            continue
        assert exchange.identity.user == "jsmith", f"UALAUTH_SEED={SEED}, {number}"


def play(way: Way, exchange: Any, client: Initiator, changed: int, source: random.Random) -> None:
    """Play GSSAPI to its end, with one message changed."""
    token = b""
    for place in range(3):
        message = client.wrap(NO_LAYER) if place == 2 else client.step(token or None)
        if place == changed:
            # The second one is empty, and has to be.
            (message,) = mutations(message or b"?", source, 1)
            message = message or b"?"
        token = way.run(exchange.step(message)) or b""
