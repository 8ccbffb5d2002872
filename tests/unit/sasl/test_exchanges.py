"""Whole exchanges of each mechanism, through the service's ordinary stack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from ualauth import AccountRestricted, AuthenticationFailed, MechanismUnavailable, TemporaryFailure
from ualauth.sasl.certificate import ClientCertificate
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
PLUS = tuple(f"{each}-PLUS" for each in SCRAM)
BINDINGS = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"p" * 32}
PASSWORDS = ("PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, *PLUS)


def client_of(mechanism: str, name: str, password: str, **more: Any) -> clients.Client:
    match mechanism:
        case "PLAIN":
            return clients.plain(name, password, **more)
        case "LOGIN":
            return clients.login(name, password)
        case "CRAM-MD5":
            return clients.cram_md5(name, password)
    if mechanism in PLUS:
        more["binding"] = ("tls-exporter", BINDINGS["tls-exporter"])
    return clients.scram(mechanism, name, password, **more)


def begin(
    way: Way, folder: ConfigFolder, mechanism: str, service: str = "imap", **more: Any
) -> Any:
    auth = way.authenticator(folder.config())
    if mechanism in PLUS:
        more.setdefault("channel_binding", BINDINGS)
    return auth.sasl(service, mechanism, **{"tls": True, **more})


@pytest.mark.parametrize("mechanism", PASSWORDS)
def test_the_right_password_lets_in_and_another_does_not(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    identity = converse(
        way, begin(way, folder, mechanism), client_of(mechanism, "jsmith", "pencil")
    )
    assert (identity.user, identity.person.name) == ("jsmith", "jsmith")
    for name, password in (("jsmith", "pen"), ("nobody", "pencil"), ("boss@example.com", "x")):
        exchange = begin(way, folder, mechanism)
        with pytest.raises(AuthenticationFailed, match=r"^Authentication failed$"):
            converse(way, exchange, client_of(mechanism, name, password))
        assert not exchange.done
        with pytest.raises(RuntimeError):
            _ = exchange.identity


@pytest.mark.parametrize("mechanism", PASSWORDS)
def test_account_checks_always_run(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    with pytest.raises(AccountRestricted):
        converse(way, begin(way, folder, mechanism), client_of(mechanism, "locked", "pencil"))


@pytest.mark.parametrize("mechanism", PASSWORDS)
def test_list_files_hold_for_every_mechanism(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    for name in ("secretary", "secretary@example.com"):
        with pytest.raises(AuthenticationFailed):
            converse(
                way, begin(way, folder, mechanism, "listed"), client_of(mechanism, name, "pencil")
            )
    identity = converse(
        way, begin(way, folder, mechanism, "listed"), client_of(mechanism, "boss", "pencil")
    )
    assert identity.user == "boss"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_conditions_see_the_mechanism(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    exchange = begin(way, folder, mechanism, "branch")
    client = client_of(mechanism, "jsmith", "pencil")
    if mechanism == "PLAIN":
        with pytest.raises(AuthenticationFailed):
            converse(way, exchange, client)
    else:
        assert converse(way, exchange, client).user == "jsmith"


@pytest.mark.parametrize("mechanism", PASSWORDS)
def test_a_stack_goes_on_to_the_module_that_can_judge(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    exchange = begin(way, folder, mechanism, "fallback")
    assert converse(way, exchange, client_of(mechanism, "jsmith", "pencil")).user == "jsmith"


def test_what_no_module_verified_lets_no_user_in(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.service("half", "auth sufficient pam_permit\nauth required om_auth\n")
    exchange = begin(way, folder, "SCRAM-SHA-256", "half")
    with pytest.raises(AuthenticationFailed):
        converse(way, exchange, clients.scram("SCRAM-SHA-256", "jsmith", "pencil"))


def test_an_outage_is_temporary(way: Way, folder: ConfigFolder, people: Userlist) -> None:
    exchange = begin(way, folder, "SCRAM-SHA-256")
    people.close()
    (folder.path / "userlist.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TemporaryFailure):
        converse(way, exchange, clients.scram("SCRAM-SHA-256", "jsmith", "pencil"))


def test_only_a_certificate_names_who_comes_by_external(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    certificate = ClientCertificate(emails=("boss@example.com",))
    for wanted, user in ((b"", "boss"), (b"boss@example.com", "boss"), (b"jsmith", "jsmith")):
        exchange = begin(way, folder, "EXTERNAL", "external", certificate=certificate)
        identity = converse(way, exchange, iter_of(wanted))
        assert (identity.user, identity.actor is None) == (user, user == "boss")
    unknown = ClientCertificate(emails=("stranger@example.com",))
    with pytest.raises(AccountRestricted):
        converse(way, begin(way, folder, "EXTERNAL", "external", certificate=unknown), iter_of(b""))
    for service, certificate_or_none in (("external", None), ("imap", certificate)):
        with pytest.raises(MechanismUnavailable):
            converse(
                way,
                begin(way, folder, "EXTERNAL", service, certificate=certificate_or_none),
                iter_of(b""),
            )


@pytest.mark.parametrize(
    "address", ["\uff42oss@example.com", "BOS\N{KELVIN SIGN}@example.com", "e\u0301@example.com"]
)
def test_a_name_of_a_certificate_is_not_prepared_into_another(
    way: Way, folder: ConfigFolder, people: Userlist, address: str
) -> None:
    people.add("bosk", addresses=("bosk@example.com",))
    people.add("é", addresses=("é@example.com",))
    certificate = ClientCertificate(emails=(address,))
    with pytest.raises(AuthenticationFailed):
        converse(
            way,
            begin(way, folder, "EXTERNAL", "external", certificate=certificate),
            iter_of(b""),
        )


def test_a_client_without_a_name_is_let_in_only_where_a_module_says_so(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    identity = converse(
        way, begin(way, folder, "ANONYMOUS", "guests", tls=False), iter_of(b"sirhc")
    )
    assert identity.user == identity.authid == "anonymous"
    assert identity.anonymous
    identity = converse(
        way, begin(way, folder, "PLAIN", "guests"), clients.plain("jsmith", "pencil")
    )
    assert not identity.anonymous
    for service in ("imap", "open", "fallback"):
        with pytest.raises(MechanismUnavailable):
            converse(way, begin(way, folder, "ANONYMOUS", service), iter_of(b"sirhc"))


def iter_of(response: bytes) -> clients.Client:
    yield response
    raise AssertionError("the server wanted more")


def test_a_step_after_the_last_is_refused(way: Way, folder: ConfigFolder, people: Userlist) -> None:
    exchange = begin(way, folder, "PLAIN")
    converse(way, exchange, clients.plain("jsmith", "pencil"))
    with pytest.raises(RuntimeError):
        way.run(exchange.step(b""))
    failed = begin(way, folder, "PLAIN")
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            way.run(failed.step(b"\0jsmith\0wrong"))
    closed = begin(way, folder, "LOGIN")
    way.run(closed.step())
    closed.close()
    with pytest.raises(RuntimeError):
        way.run(closed.step(b"jsmith"))


def test_none_and_empty_are_different_first_responses(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    exchange = begin(way, folder, "PLAIN")
    assert way.run(exchange.step(None)) == b""
    with pytest.raises(TypeError):
        way.run(exchange.step(None))
    with pytest.raises(AuthenticationFailed):
        way.run(begin(way, folder, "PLAIN").step(b""))


def test_who_may_act_for_another_is_the_other(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    def act(name: str, wanted: str, mechanism: str = "PLAIN", password: str = "pencil") -> Any:
        client = client_of(mechanism, name, password, authorization=wanted)
        return converse(way, begin(way, folder, mechanism), client)

    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        identity = act("boss", "jsmith@example.com", mechanism)
        assert (identity.user, identity.login_name, identity.actor.authid) == (
            "jsmith",
            "boss",
            "boss",
        )
        assert act("secretary", "boss", mechanism).user == "boss"
        for same in ("jsmith", "jsmith@example.com", "JSMITH"):
            assert act("jsmith", same, mechanism).actor is None
        refused = (
            ("secretary", "jsmith", "pencil"),
            ("jsmith", "boss", "pencil"),
            ("boss", "nobody", "pencil"),
            ("boss", "locked", "pencil"),
            ("boss", "jsmith", "wrong"),
        )
        for name, wanted, password in refused:
            with pytest.raises(AuthenticationFailed) as error:
                act(name, wanted, mechanism, password)
            assert type(error.value) is AuthenticationFailed
    people.store.update(people.store.get("secretary"), administrator=True)
    assert act("secretary", "jsmith").user == "jsmith"
