"""Exports in the hands of those for whom they are: Dovecot, and a directory.

Dovecot reads passwd files, too, with the meaning of crypt(3). OpenLDAP is a directory that
heeds nothing but `userPassword`: attributes that its schema does not have are left out.
"""

from __future__ import annotations

import contextlib

import ldap
import ldap.filter
import pytest

from tests.integration.exports.readers import dovecot
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import running
from tests.unit.import_export.arrivals import GRANTED, HASH, PASSWORD, House
from tests.unit.import_export.refusals import CASES, ELSEWHERE, EVERY_CASE, INSIDE, NOW, Case
from tests.unit.import_export.test_dovecot_fields import LOGINS
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.group_importer import exported_groups
from ualauth.import_export.line import Writing
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

_OPEN = ("ok", Case("nothing"))
_SCHEMA = ("dn:", "objectClass:", "uid:", "cn:", "sn:", "userPassword:")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def text_of(kind: str, base: str = "") -> str:
    pieces = [
        piece
        for authid, case in (_OPEN, *EVERY_CASE)
        for piece in FORMATS[kind].write([case.known(authid)], _writing(case, base))
    ]
    return "".join(pieces)


def _writing(case: Case, base: str) -> Writing:
    return Writing(
        policy=case.settings, now=NOW, base=base, company_policy=lambda _user: case.company
    )


def expected() -> set[str]:
    return {"ok", *(authid for authid, case in EVERY_CASE if not case.is_now)}


@pytest.mark.parametrize("kind", ["dovecot", "passwd"])
def test_dovecot_refuses_whom_ualauth_refuses(kind: str) -> None:
    text = text_of(kind)
    if kind == "passwd":
        # crypt(3) alone, to which Dovecot adds the schemes in braces.
        assert HASH in text
    users = ["ok", *(authid for authid, _ in EVERY_CASE)]
    with dovecot(text) as reader:
        assert reader.let_in(users, PASSWORD, ELSEWHERE) == expected()
        assert not reader.let_in(users, "", ELSEWHERE)
        if kind == "dovecot":
            networks = {f"allowed-networks{index}" for index in range(2)}
            assert reader.let_in(networks, PASSWORD, INSIDE) == networks
            assert reader.let_in(networks, PASSWORD, "2001:db8::7") == networks
            assert len(networks) == len(CASES["allowed_networks"])


def test_a_directory_refuses_whom_ualauth_refuses(authority: Authority) -> None:
    base = f"ou=people,{people.SUFFIX}"
    lines = [
        line
        for line in text_of("ldif", base).replace("version: 1\n", "").splitlines()
        if (not line or line.startswith(_SCHEMA)) and line != "objectClass: scalixUserClass"
    ]
    with running(authority, entries="\n".join(lines)) as server:
        granted = set()
        for authid, _ in (_OPEN, *EVERY_CASE):
            for password in (PASSWORD, "!", "*", HASH):
                connection = ldap.initialize(server.uri)
                with contextlib.suppress(ldap.INVALID_CREDENTIALS):
                    connection.simple_bind_s(f"uid={authid},{base}", password)
                    granted.add((authid, password))
                connection.unbind_s()
    assert granted == {(authid, PASSWORD) for authid in expected()}


def test_an_import_lets_in_no_user_whom_dovecot_refuses(house: House) -> None:
    users = {f"u{index}": extra for index, extra in enumerate(LOGINS)}
    text = "".join(
        f"{user}:{HASH}::::::{extra.replace('SAME', user)}\n" for user, extra in users.items()
    )
    house.import_("dovecot", text, "--bad-lines", "skip")
    logins = house.logins([user.authid for user in house.store.users()], rhost=ELSEWHERE)
    granted = {user for user, outcome in logins.items() if outcome == GRANTED}
    with dovecot(text) as reader:
        assert granted
        assert reader.let_in(granted, PASSWORD, ELSEWHERE) == granted


def test_a_directory_has_the_members_that_groups_have(authority: Authority, house: House) -> None:
    base = f"ou=people,{people.SUFFIX}"
    store = house.store
    for authid in ("g1", "k,x"):
        store.add(NewUser(authid=authid, name=ORName(authid)))
    for name, members in (("sales", ["g1", "k,x"]), ("all", ["sales"]), ("empty", [])):
        store.groups.add(NewGroup(name=name, or_name=usual_or_name(name)), members)
    known = ((user, ()) for user in store.users())
    pieces = [*FORMATS["ldif"].write(known, Writing(base=base))]
    pieces += exported_groups(store, "ldif", base)
    lines = [
        line
        for line in "".join(pieces).replace("version: 1\n", "").splitlines()
        if (not line or line.startswith((*_SCHEMA, "member:"))) and "scalix" not in line
    ]
    with running(authority, entries="\n".join(lines)) as server:
        connection = ldap.initialize(server.uri)
        connection.simple_bind_s(people.ADMIN.name, people.ADMIN.password)

        def groups_with(member: str) -> list[str]:
            wanted = f"(member={ldap.filter.escape_filter_chars(member)})"
            rows = connection.search_s(base, ldap.SCOPE_SUBTREE, wanted, ["cn"])
            return sorted(row[1]["cn"][0].decode() for row in rows)

        assert groups_with(f"uid=g1,{base}") == ["sales"]
        assert groups_with(f"uid=k\\,x,{base}") == ["sales"]
        assert groups_with(f"cn=sales,{base}") == ["all"]
        rows = connection.search_s(base, ldap.SCOPE_SUBTREE, "(cn=empty)", ["member"])
        assert rows == [(f"cn=empty,{base}", {"member": [b""]})]
        connection.unbind_s()
