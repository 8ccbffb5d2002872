"""An entry that its user may not read has the name that the server tells (RFC 4532), or none."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request, well
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.module.spellings import LIBRARIES, LISTS, SPELLINGS, TEMPLATE, authids, denying
from tests.ldap.slapd import Slapd, running

Make = Callable[..., Logins]


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.fixture(scope="module")
def hidden(authority: Authority) -> Iterator[Slapd]:
    """Return a server where users may not read their own entry."""
    with running(authority) as server:
        server.stop()
        file = server.folder / "slapd.conf"
        file.write_text(file.read_text().replace(" by self read by anonymous", " by anonymous"))
        server.start()
        yield server


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_entry_that_cannot_be_read_has_the_name_that_the_server_tells(
    make: Make, hidden: Slapd, library: str
) -> None:
    logins = make(library, *TEMPLATE, uri=hidden.uri)
    answers = authids(logins, people.JOHN.password, *SPELLINGS)
    assert "jsmith" in answers
    assert answers <= {"jsmith", "auth_err", "user_unknown"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        assert "jsmith" not in authids(denied, people.JOHN.password, *SPELLINGS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_name_with_escapes_is_told_as_it_is(make: Make, hidden: Slapd, library: str) -> None:
    name = f"Jones + {library[-1]}, \u00fc"
    text = "".join(f"\\{octet:02x}" for octet in name.encode())
    hidden.add(
        f"dn: uid={text},{people.PEOPLE}\nobjectClass: inetOrgPerson\ncn: x\nsn: x\n"
        f"userPassword: {people.hashed(PASSWORD)}\n\n"
    )
    logins = make(library, *TEMPLATE, uri=hidden.uri)
    assert authids(logins, PASSWORD, name, name.upper()) == {name}


def _telling(code: int, told: bytes | None) -> Callable[[socket.socket, Request], None]:
    """Return a server's answer to "Who am I?"."""

    def reply(connection: socket.socket, request: Request) -> None:
        value = b"" if told is None else bytes([0x8B, len(told)]) + told
        result = bytes([0x0A, 1, code, 0x04, 0, 0x04, 0]) + value
        body = bytes([0x02, 2]) + request.number.to_bytes(2, "big")
        body += bytes([0x78, len(result)]) + result
        connection.sendall(bytes([0x30, len(body)]) + body)

    return reply


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("code", "told", "outcome"),
    [
        (0, b"dn:uid=Anna,ou=people,dc=example,dc=com", "Anna"),
        (0, b"dn: uid=anna\\20x,dc=example", "anna x"),
        (0, b"DN:UID = anna , dc=example", "anna"),
        (0, b"u:anna", "anna"),
        (0, b"u:Anna@Example.COM", "anna@example.com"),
        (0, b"dn:cn=anna,dc=example", "perm_denied"),
        (0, b"dn:uid=\\ff,dc=example", "perm_denied"),
        (0, b"dn:", "perm_denied"),
        (0, b"dn: ", "perm_denied"),
        (0, b"u:", "perm_denied"),
        (0, b"", "perm_denied"),
        (0, None, "perm_denied"),
        (0, b"anna", "perm_denied"),
        (0, b"x:anna", "perm_denied"),
        (0, b"u:\xff", "authinfo_unavail"),
        (2, None, "perm_denied"),
        (53, None, "perm_denied"),
        (80, None, "perm_denied"),
    ],
)
def test_a_name_that_no_server_has_told_is_not_vouched_for(
    make: Make, code: int, told: bytes | None, outcome: str, library: str
) -> None:
    with BadServer(well, on_start_tls=_telling(code, told)) as server:
        logins = make(library, "ssl off", *TEMPLATE, "check_lock no", uri=server.uri)
        assert authids(logins, PASSWORD, "typed") == {outcome}
