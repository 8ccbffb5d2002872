"""Whatever is not of the mechanism ends this exchange, as a refusal, and nothing else."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Way
from tests.seeds import SEED, rounds
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from tests.unit.sasl.test_exchanges import BINDINGS, begin, client_of
from ualauth import AuthenticationError, AuthenticationFailed, TemporaryFailure
from ualauth.sasl.mechanism import MAX_RESPONSE
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

FIRST: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "NUL": lambda text: text.replace("n=", "n=\0"),
    "no nonce": lambda text: text.partition(",r=")[0],
    "empty nonce": lambda text: text.partition(",r=")[0] + ",r=",
    "no name": lambda text: "n,,r=abc",
    "empty name": lambda text: "n,,n=,r=abc",
    "order": lambda text: "n,,r=abc,n=jsmith",
    "mandatory extension": lambda text: text.replace("n,,", "n,,m=x,"),
    "unknown flag": lambda text: "x" + text[1:],
    "no header": lambda text: text.partition(",,")[2],
    "bad escape": lambda text: text.replace("jsmith", "j=smith"),
    "lower escape": lambda text: text.replace("jsmith", "j=2csmith"),
    "comma in nonce": lambda text: text + ",",
    "over-long": lambda text: text + "x" * 5000,
    "empty authorization": lambda text: text.replace("n,,", "n,a=,"),
    "binding without -PLUS": lambda text: "p=tls-exporter" + text[1:],
    "blank": lambda text: " " + text,
    "control character": lambda text: text.replace("jsmith", "j\x07smith"),
    "unassigned": lambda text: text.replace("jsmith", "j\u0378smith"),
}
FINAL: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "NUL": lambda text: text + "\0",
    "no proof": lambda text: text.rpartition(",p=")[0],
    "empty proof": lambda text: text.rpartition(",p=")[0] + ",p=",
    "short proof": lambda text: text.rpartition(",p=")[0] + ",p=AAAA",
    "bad base64 in the proof": lambda text: text[:-2] + "=A",
    "another nonce": lambda text: text.replace(",r=", ",r=x"),
    "shorter nonce": lambda text: text.replace(",p=", "", 1)[:20],
    "another header": lambda text: text.replace("c=biws", f"c={b64encode(b'y,,').decode()}"),
    "bad base64 in the header": lambda text: text.replace("c=biws", "c=b=ws"),
    "order": lambda text: ",".join(reversed(text.split(","))),
    "twice the proof": lambda text: text + "," + text.rpartition(",")[2],
    "mandatory extension": lambda text: "m=x," + text,
    "something behind": lambda text: text + ",x=y",
    "an extension that was not proved": lambda text: text.replace(",p=", ",x=y,p="),
    "over-long": lambda text: text + "A" * 5000,
}


@pytest.mark.parametrize("change", FIRST.values(), ids=FIRST.keys())
def test_a_wrong_first_message_of_scram(
    way: Way, folder: ConfigFolder, people: Userlist, change: Callable[[str], str]
) -> None:
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil", change_first=change)
    with pytest.raises(AuthenticationFailed):
        converse(way, begin(way, folder, "SCRAM-SHA-256"), client)


@pytest.mark.parametrize("change", FINAL.values(), ids=FINAL.keys())
def test_a_wrong_last_message_of_scram(
    way: Way, folder: ConfigFolder, people: Userlist, change: Callable[[str], str]
) -> None:
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil", change_final=change)
    with pytest.raises(AuthenticationFailed):
        converse(way, begin(way, folder, "SCRAM-SHA-256"), client)


def test_an_optional_extension_is_no_fault(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil", extension=",x=some,y=more")
    assert converse(way, begin(way, folder, "SCRAM-SHA-256"), client).user == "jsmith"


CHANNELS: list[tuple[str, dict[str, Any], str, dict[str, bytes], bool]] = [
    ("n, nothing to bind to", {}, "SCRAM-SHA-256", {}, True),
    ("y, nothing to bind to", {"flag": "y"}, "SCRAM-SHA-256", {}, True),
    ("n, although -PLUS was offered", {}, "SCRAM-SHA-256", BINDINGS, True),
    ("y, although -PLUS was offered", {"flag": "y"}, "SCRAM-SHA-256", BINDINGS, False),
    (
        "another type",
        {"binding": ("tls-server-end-point", b"p" * 32)},
        "SCRAM-SHA-256-PLUS",
        BINDINGS,
        True,
    ),
    (
        "a type that is not there",
        {"binding": ("tls-unique", b"e" * 32)},
        "SCRAM-SHA-256-PLUS",
        BINDINGS,
        False,
    ),
    (
        "another channel",
        {"binding": ("tls-exporter", b"x" * 32)},
        "SCRAM-SHA-256-PLUS",
        BINDINGS,
        False,
    ),
    ("no data", {"binding": ("tls-exporter", b"")}, "SCRAM-SHA-256-PLUS", BINDINGS, False),
    ("-PLUS without binding", {}, "SCRAM-SHA-256-PLUS", BINDINGS, False),
    (
        "binding without -PLUS",
        {"binding": ("tls-exporter", b"e" * 32)},
        "SCRAM-SHA-256",
        BINDINGS,
        False,
    ),
]


@pytest.mark.parametrize(
    ("more", "mechanism", "bindings", "right"),
    [row[1:] for row in CHANNELS],
    ids=[row[0] for row in CHANNELS],
)
def test_channel_binding(
    way: Way,
    folder: ConfigFolder,
    people: Userlist,
    more: dict[str, Any],
    mechanism: str,
    bindings: dict[str, bytes],
    right: bool,
) -> None:
    exchange = begin(way, folder, mechanism, channel_binding=bindings)
    client = clients.scram(mechanism, "jsmith", "pencil", **more)
    if right:
        assert converse(way, exchange, client).user == "jsmith"
    else:
        with pytest.raises(AuthenticationFailed):
            converse(way, exchange, client)


MESSAGES = {
    "PLAIN": [
        b"", b"\0", b"\0\0", b"jsmith", b"jsmith\0pencil", b"\0jsmith\0pencil\0", b"\0\0pencil",
        b"\0jsmith\0", b"\0jsmith\0\xff", b"\0\xc0\x80\0pencil", b"\xff\0jsmith\0pencil",
        b"\0" + b"j" * 2000 + b"\0pencil", b"\0jsmith\0" + b"p" * 2000, b"\0j\nsmith\0pencil",
        b"\0jsmith\0pencil" + bytes(MAX_RESPONSE),
    ],
    "CRAM-MD5": [
        b"", b"jsmith", b"jsmith ", b" ", b"jsmith 0", b"jsmith " + b"0" * 31,
        b"jsmith " + b"0" * 33,
        b"jsmith " + b"A" * 32, b"jsmith " + b"0" * 32, b" " + b"0" * 32, b"j\0 " + b"0" * 32,
        b"\xff " + b"0" * 32,
    ],
    "EXTERNAL": [b"\0", b"\xff", b"a\nb", b"x" * 2000, b"nobody"],
    "ANONYMOUS": [b"\xff", b"a\0b", b"x" * 256, b"\n"],
    "OAUTHBEARER": [
        b"", b"n,,", b"n,,\1\1", b"n,,\1auth=Bearer \1\1", b"n,,\1auth=Bearer x\1",
        b"n,,\1auth=Basic x\1\1", b"p=x,,\1auth=Bearer x\1\1", b"n,a=\1auth=Bearer x\1\1",
        b"n,,\1auth=Bearer x\1auth=Bearer y\1\1", b"n,,\1auth=Bearer x y\1\1", b"\1" * 100,
        b"n,a=jsmith,\1auth=Bearer x\1\1", b"n,a=j=smith,\1auth=Bearer x\1\1",
    ],
    "XOAUTH2": [
        b"", b"user=jsmith\1\1", b"user=jsmith\1auth=Bearer \1\1", b"user=\1auth=Bearer x\1\1",
        b"user=jsmith\1auth=Bearer x\1", b"user=jsmith\1auth=Bearer x\1\1\1", b"user=jsmith",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("mechanism", "message"), [(name, each) for name, some in MESSAGES.items() for each in some]
)
def test_a_message_that_is_none(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str, message: bytes
) -> None:
    exchange = begin_any(way, folder, mechanism)
    if mechanism == "CRAM-MD5":
        way.run(exchange.step())
    # A token that is refused is answered first (RFC 7628, section 3.2.3).
    told = mechanism in {"OAUTHBEARER", "XOAUTH2"}
    with pytest.raises(AuthenticationFailed):
        converse(way, exchange, iter_of(message) if told else clients.initial(message))
    assert not exchange.done


def begin_any(way: Way, folder: ConfigFolder, mechanism: str) -> Any:
    from ualauth.sasl.certificate import ClientCertificate

    (folder.path / "keys").write_text(
        '{"keys": [{"kty": "OKP", "crv": "Ed25519", '
        '"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    )
    folder.service(
        "all",
        f"""
        auth sufficient om_external
        auth sufficient om_anonymous
        auth sufficient om_oauth issuer=https://i any_audience keys={folder.path / "keys"}
        auth required om_auth
        account sufficient om_anonymous
        account required om_auth
        """,
    )
    certificate = ClientCertificate(emails=("jsmith@example.com",))
    more = {"certificate": certificate} if mechanism == "EXTERNAL" else {}
    return begin(way, folder, mechanism, "all", **more)


FUZZED = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512",
          "SCRAM-SHA-256-PLUS", "OAUTHBEARER", "XOAUTH2")  # fmt: skip
ROUNDS = rounds(150)


@pytest.mark.parametrize("mechanism", FUZZED)
def test_random_and_mutated_messages_let_no_user_in(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    """No exception but ours, and no success without the secret."""
    begin_any(way, folder, mechanism)
    auth = way.authenticator(folder.config())
    chance = random.Random(f"{mechanism} {SEED}")
    outcomes = 0
    for _ in range(ROUNDS):
        exchange = auth.sasl("all", mechanism, tls=True, channel_binding=BINDINGS)
        client = fuzzed_client(mechanism, chance)
        try:
            response = next(client)
            for _step in range(4):
                challenge = way.run(exchange.step(mutated(response, chance)))
                assert not exchange.done
                response = client.send(challenge)
        except (AuthenticationError, StopIteration):
            outcomes += 1
        else:
            exchange.close()
        assert not exchange.done
    assert outcomes > ROUNDS // 2


def fuzzed_client(mechanism: str, chance: random.Random) -> clients.Client:
    """Return a client with a wrong password; what it sends is mutated besides."""
    name = chance.choice(["jsmith", "nobody", "boss@example.com", "locked"])
    if mechanism in {"OAUTHBEARER", "XOAUTH2"}:
        text = {
            "OAUTHBEARER": "n,a={},\1auth=Bearer {}\1\1",
            "XOAUTH2": "user={}\1auth=Bearer {}\1\1",
        }
        token = ".".join(b64encode(chance.randbytes(9)).decode() for _ in range(3))
        return iter_of(text[mechanism].format(name, token).encode())
    return quiet(client_of(mechanism, name, "wrong"))


def iter_of(response: bytes) -> clients.Client:
    yield response
    yield b"\1"


def quiet(client: clients.Client) -> clients.Client:
    """Send anything where the client gives up: what was mutated confuses it."""
    try:
        challenge = yield next(client)
        while True:
            challenge = yield client.send(challenge)
    except (AssertionError, KeyError, StopIteration, ValueError):
        yield b"?"


def mutated(response: bytes | None, chance: random.Random) -> bytes | None:
    if response is None:
        return chance.choice([None, None, b"", b"x"])
    data = bytearray(response)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 8])):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at:at] = chance.choice([b"\0", b",", b"=", b"\xff", b"\1", b"r=", b"=2C"])
            case 1 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = data[: chance.randrange(20)]
            case 4:
                data[at:at] = chance.randbytes(chance.randrange(40))
    return bytes(data)


def test_an_outage_in_the_middle_is_temporary(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    exchange = begin(way, folder, "SCRAM-SHA-256")
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil")
    response = client.send(way.run(exchange.step(next(client))))
    people.close()
    (folder.path / "userlist.db").unlink()
    with pytest.raises(TemporaryFailure):
        way.run(exchange.step(response))
