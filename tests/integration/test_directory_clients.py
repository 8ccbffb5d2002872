"""The directory by clients that others wrote: OpenLDAP's tools, python-ldap, ldap3, bonsai.

The daemon serves it with StartTLS, ldaps and on a UNIX socket; each client logs in, searches and
changes entries.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import ldap
import pytest
from ldap.controls.libldap import SimplePagedResultsControl

from tests.integration.directory import Place, directory_in
from tests.machine import patience
from tests.unit.ldap.server.driven import ANN, JOHN, SUFFIX
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password

ZOE = f"uid=zoe,{SUFFIX}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with directory_in(tmp_path_factory.mktemp("d")) as place:
        yield place


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


BONSAI = """
import sys
import bonsai
url, ca, name, base, suffix = sys.argv[1:]
for mechanism in ("SIMPLE", "SCRAM-SHA-256", "CRAM-MD5"):
    client = bonsai.LDAPClient(url, tls=True)
    client.set_ca_cert(ca)
    user = name if mechanism == "SIMPLE" else base
    client.set_credentials(mechanism, user=user, password="secret")
    with client.connect() as connection:
        (entry,) = connection.search(suffix, bonsai.LDAPSearchScope.SUB, "(cn=*smith*)", ["mail"])
        pages = connection.paged_search(suffix, 2, "(objectClass=person)", ["uid"], page_size=1)
        print(connection.whoami(), entry["mail"][0], len([*pages]))
client.set_credentials("SIMPLE", user=name, password="wrong")
try:
    client.connect()
except bonsai.AuthenticationError:
    print("refused")
"""


def test_bonsai(place: Place) -> None:
    # It waits for a server with the interpreter's lock held, so that no server runs beside it.
    set_password(place.store, Userlist(place.store).hasher, place.store.get("jsmith"), "secret")
    # The first login by password adds what CRAM-MD5 needs.
    assert tool(place, "ldapwhoami", "-H", place.tls, "-x", "-D", JOHN, "-w", "secret")[0] == 0
    ended = subprocess.run(
        [sys.executable, "-c", BONSAI, place.plain, place.ca, JOHN, "jsmith", SUFFIX],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(120),
    )
    line = f"dn:{JOHN} john.smith@example.com 3"
    assert ended.stdout.splitlines() == [line, line, line, "refused"], ended.stderr


def test_a_login_by_cram_md5_needs_a_login_by_password_first(place: Place) -> None:
    set_password(place.store, Userlist(place.store).hasher, place.store.get("zoe"), "secret")
    by_cram = ["-Y", "CRAM-MD5", "-U", "zoe", "-w", "secret", "-O", "maxssf=0"]
    assert tool(place, "ldapwhoami", "-H", place.local, *by_cram)[0] == 49
    by_password = ["-x", "-D", ZOE, "-w", "secret"]
    assert tool(place, "ldapwhoami", "-H", place.local, *by_password)[0] == 0
    status, text = tool(place, "ldapwhoami", "-H", place.local, *by_cram)
    assert (status, f"dn:{ZOE}" in text) == (0, True), text
    wrong = ["-Y", "CRAM-MD5", "-U", "zoe", "-w", "wrong", "-O", "maxssf=0"]
    assert tool(place, "ldapwhoami", "-H", place.local, *wrong)[0] == 49


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
