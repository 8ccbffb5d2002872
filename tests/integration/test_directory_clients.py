"""The directory by clients that others wrote: OpenLDAP's tools, python-ldap, ldap3.

The daemon serves it with StartTLS, ldaps and on a UNIX socket; each client logs in, searches and
changes entries.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import ldap
import pytest
from ldap.controls.libldap import SimplePagedResultsControl

from tests.ldap.authority import Authority
from tests.machine import patience
from tests.unit.daemon.serving import PLAIN_SETTINGS, served
from tests.unit.ldap.server.driven import ANN, JOHN, SUFFIX, people
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password
from ualauth.userlist.store import UserStore

ZOE = f"uid=zoe,{SUFFIX}"


class Place(NamedTuple):
    """Where a directory is served, and its USERLIST."""

    plain: str
    tls: str
    local: str
    ca: str
    store: UserStore


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    path: Path = tmp_path_factory.mktemp("d")
    authority = Authority(path)
    certificate, key = authority.issue("127.0.0.1", "127.0.0.2")
    folder = ConfigFolder(path)
    types = ("auth", "account", "password", "session")
    folder.service("omslapdeng", "".join(f"{each} required om_auth\n" for each in types))
    files = f'certificate = "{certificate}"\nkey = "{key}"\n'
    folder.settings(
        f"""{PLAIN_SETTINGS}
[ldap_server]
suffix = "{SUFFIX}"
[[listen]]
protocol = "ldap"
address = "127.0.0.1:0"
starttls = true
{files}
[[listen]]
protocol = "ldap"
address = "127.0.0.2:0"
{files}
[[listen]]
protocol = "ldap"
path = "{path}/ldapi"
"""
    )
    userlist = Userlist.create(path)
    people(userlist)
    with served(folder) as daemon:
        addresses: dict[str, Any] = daemon.call(lambda: daemon.daemon.addresses)
        plain = f"ldap://127.0.0.1:{addresses['127.0.0.1:0'][1]}"
        tls = f"ldaps://127.0.0.2:{addresses['127.0.0.2:0'][1]}"
        local = f"ldapi://{quote(f'{path}/ldapi', safe='')}"
        yield Place(plain, tls, local, str(authority.file), userlist.store)
    userlist.close()


def tool(place: Place, name: str, *arguments: str, given: str = "") -> tuple[int, str]:
    """Return the exit status of one of OpenLDAP's tools, and what it prints."""
    process = subprocess.run(
        [f"/usr/bin/{name}", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(60),
        env={"LDAPTLS_CACERT": place.ca, "LDAPTLS_REQCERT": "demand"},
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.parametrize("way", ["plain", "starttls", "tls", "local"])
def test_a_search_by_ldapsearch(place: Place, way: str) -> None:
    url = place.plain if way == "starttls" else getattr(place, way)
    more = ["-ZZ"] if way == "starttls" else []
    login = ["-x", "-D", JOHN, "-w", "secret"]
    status, text = tool(
        place, "ldapsearch", "-LLL", "-H", url, *more, *login, "-b", SUFFIX, "(cn=*smith*)", "mail"
    )
    assert status == 0, text
    assert text.startswith(f"dn: {JOHN}\nmail: john.smith@example.com\n")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_a_login_by_sasl(place: Place, mechanism: str) -> None:
    hasher = Userlist(place.store).hasher
    user = place.store.get("jsmith")

    set_password(place.store, hasher, user, "secret")
    login = ["-Y", mechanism, "-U", "jsmith", "-w", "secret", "-O", "maxssf=0"]
    status, text = tool(place, "ldapwhoami", "-H", place.plain, "-ZZ", *login)
    assert status == 0, text
    assert f"dn:{JOHN}" in text


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        (JOHN, "secret", 0),
        ("jsmith", "secret", 0),
        (JOHN, "wrong", 49),
        (f"uid=x,{SUFFIX}", "secret", 49),
    ],
)
def test_a_login_by_ldapwhoami(place: Place, name: str, password: str, status: int) -> None:
    login = ["-x", "-D", name, "-w", password]
    assert tool(place, "ldapwhoami", "-H", place.tls, *login)[0] == status


def test_changes_by_openldaps_tools(place: Place) -> None:
    login = ["-H", place.plain, "-ZZ", "-x", "-D", ANN, "-w", "secret"]
    name = f"uid=tom,ou=hq,ou=ny,{SUFFIX}"
    entry = (
        f"dn: {name}\nobjectClass: inetOrgPerson\nuid: tom\ncn: Tom Thumb\nsn: Thumb\n"
        "givenName: Tom\nmail: tom@example.com\nuserPassword: first\n"
    )
    assert tool(place, "ldapadd", *login, given=entry)[0] == 0
    assert tool(place, "ldapadd", *login, given=entry)[0] == 68
    user = place.store.get("tom")
    assert str(user.name) == "Tom Thumb/ny,hq"
    own = ["-H", place.plain, "-ZZ", "-x", "-D", name, "-w"]
    assert tool(place, "ldapwhoami", *own, "first")[0] == 0
    change = f"dn: {name}\nchangetype: modify\nadd: mail\nmail: tt@example.com\n"
    assert tool(place, "ldapmodify", *own, "first", given=change)[0] == 50
    assert tool(place, "ldapmodify", *login, given=change)[0] == 0
    assert tool(place, "ldapmodify", *login, given=change)[0] == 20
    assert place.store.get("tom").addresses == ("tom@example.com", "tt@example.com")
    language = (
        f"dn: {name}\nchangetype: modify\nreplace: preferredLanguage\npreferredLanguage: de\n"
    )
    assert tool(place, "ldapmodify", *own, "first", given=language)[0] == 0
    assert place.store.get("tom").language == "de"
    # The rules for new passwords hold.
    short = tool(place, "ldappasswd", *own, "first", "-a", "first", "-s", "second")
    assert "Constraint violation (19)" in short[1]
    better = "Correct-Horse-71-Battery"
    answer = tool(place, "ldappasswd", *own, "first", "-a", "first", "-s", better)
    assert answer[0] == 0, answer
    assert tool(place, "ldapwhoami", *own, better)[0] == 0
    assert tool(place, "ldapwhoami", *own, "first")[0] == 49
    assert tool(place, "ldappasswd", *login, "-s", "third", name)[0] == 0
    assert tool(place, "ldapwhoami", *own, "third")[0] == 0
    group = f"dn: cn=staff,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: {name}\n"
    assert tool(place, "ldapmodify", *login, given=group)[0] == 0
    assert "tom" in place.store.groups.users(place.store.groups.get("staff"))
    moved = ["-r", "-s", f"ou=la,{SUFFIX}", name, "uid=thumb"]
    assert tool(place, "ldapmodrdn", *login, *moved)[0] == 0
    assert str(place.store.get("thumb").name) == "Tom Thumb/la"
    assert tool(place, "ldapdelete", *login, f"uid=thumb,ou=la,{SUFFIX}")[0] == 0
    assert place.store.resolve("thumb") is None


def test_python_ldap(place: Place) -> None:
    connection = ldap.initialize(place.plain)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, place.ca)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    connection.simple_bind_s(JOHN, "secret")
    assert connection.whoami_s() == f"dn:{JOHN}"
    assert connection.compare_s(JOHN, "mail", b"JS@example.com")
    names: list[str] = []
    control = SimplePagedResultsControl(criticality=True, size=1, cookie="")
    while True:
        number = connection.search_ext(
            SUFFIX, ldap.SCOPE_SUBTREE, "(objectClass=inetOrgPerson)", ["cn"], serverctrls=[control]
        )
        _, entries, _, controls = connection.result3(number)
        names += [name for name, _ in entries]
        control.cookie = controls[0].cookie
        if not control.cookie:
            break
    assert {JOHN, ANN, ZOE} <= set(names)
    assert f"uid=ghost,ou=ny,{SUFFIX}" not in names
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        connection.simple_bind_s(JOHN, "wrong")
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE)
    connection.unbind_s()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pyasn1", "ignore::DeprecationWarning:ldap3")
def test_ldap3_reads_the_schema(place: Place) -> None:
    import ldap3

    server = ldap3.Server(place.plain, get_info=ldap3.ALL)
    connection = ldap3.Connection(server, JOHN, "secret", auto_bind=True)
    assert server.info.naming_contexts == [SUFFIX]
    assert "mail" in server.schema.attribute_types
    classes = server.schema.object_classes
    assert "scalixUserClass" in classes
    assert set(classes["person"].must_contain) == {"sn", "cn"}
    assert connection.search(SUFFIX, "(&(objectClass=person)(sn=m*))", attributes=["*", "+"])
    (entry,) = connection.entries
    assert entry.entry_dn == ZOE
    assert entry.displayName.value == "Zoë Müller"
    connection.unbind()


FILTERS = [
    # Thunderbird: what is typed, and the search of its address book.
    "(|(cn=jo*)(mail=jo*)(sn=jo*))",
    "(|(cn=john*smith*)(mail=john*smith*)(sn=john*smith*))",
    "(&(objectclass=*)(|(displayName=*smi*)(givenName=*smi*)(mail=*smi*)(mozillaNickname=*smi*)))",
    # Outlook: the default of its LDAP address book.
    "(&(mail=*)(|(mail=smi*)(|(cn=smi*)(|(sn=smi*)(givenName=smi*)))))",
    "(&(|(objectClass=person)(objectClass=group))(|(displayName=john*)(cn=john*)(mail=john*)))",
    # Evolution.
    "(|(cn=*smi*)(sn=*smi*)(mail=*smi*))",
    "(&(mail=*)(|(cn=*joh*)(&(givenName=joh*)(sn=*))))",
    # Apple.
    "(&(objectClass=inetOrgPerson)(|(givenName=john*)(sn=john*)(cn=john*)(mail=john*)))",
    # Postfix, Dovecot.
    "(|(mail=john.smith@example.com)(mailAlternateAddress=john.smith@example.com))",
    "(&(objectClass=inetOrgPerson)(uid=jsmith))",
]


@pytest.mark.parametrize("wanted", FILTERS)
def test_what_address_books_and_mail_servers_ask(place: Place, wanted: str) -> None:
    connection = ldap.initialize(place.plain)
    connection.simple_bind_s(JOHN, "secret")
    assert [name for name, _ in connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, wanted)] == [JOHN]
    connection.unbind_s()
