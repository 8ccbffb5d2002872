"""The service binds by SASL: as the user of the process, by its certificate, by Kerberos."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kerberos import Realm, realm, run
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request, answer
from tests.ldap.module.conftest import Logins
from tests.ldap.slapd import Slapd, running
from tests.machine import patience
from tests.samba import SUFFIX, Controller, person

Make = Callable[..., Logins]
LIBRARIES = ("library python-ldap", "library ldap3")
BY_SASL = ("- binddn", "- bindpw")
_numbers = itertools.count()
JOHN = ("jsmith", people.JOHN.password)
READS = f"""
authz-regexp "[^,]+,cn=peercred,cn=external,cn=auth" "{people.READER.name}"
authz-regexp "cn=mail.example.com" "{people.READER.name}"
authz-regexp "uid=ual,cn=([^,]+,)?cn=gssapi,cn=auth" "{people.READER.name}"
authz-policy to
TLSVerifyClient try
sasl-host 127.0.0.1
"""


@pytest.fixture(scope="module")
def kdc() -> Iterator[Realm]:
    """Return a realm with the service `ual`, another one, and the directory."""
    with realm() as kdc:
        kdc.admin(
            "addprinc -randkey ual",
            "addprinc -randkey other",
            "addprinc -randkey -requires_preauth ldap/127.0.0.1",
            f"ktadd -k {kdc.folder}/ual.keytab ual",
            f"ktadd -k {kdc.folder}/both.keytab other",
            f"ktadd -norandkey -k {kdc.folder}/both.keytab ual",
            f"ktadd -k {kdc.folder}/ldap.keytab ldap/127.0.0.1",
        )
        kdc.start()
        yield kdc


@pytest.fixture(scope="module")
def server(authority: Authority, kdc: Realm) -> Iterator[Slapd]:
    keytab = {"KRB5_KTNAME": f"{kdc.folder}/ldap.keytab", "KRB5_CONFIG": str(kdc.conf)}
    with running(authority, before=f"{READS}sasl-realm {kdc.name}", environment=keytab) as server:
        yield server


@pytest.fixture
def asked(kdc: Realm, monkeypatch: pytest.MonkeyPatch) -> Realm:
    """Let this process ask the realm."""
    monkeypatch.setenv("KRB5_CONFIG", str(kdc.conf))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{kdc.folder}/nothing")
    return kdc


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_user_of_the_process_is_who_asks(make: Make, server: Slapd, library: str) -> None:
    line = "sasl_mech EXTERNAL"
    logins = make(library, line, *BY_SASL, uri=server.socket_uri)
    assert logins.login(*JOHN).addresses == ("jsmith@example.com",)
    assert logins.outcome("jsmith", "wrong") == "auth_err"
    assert logins.outcome("nobody", "wrong") == "user_unknown"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_certificate_says_who_asks(
    make: Make, server: Slapd, authority: Authority, library: str
) -> None:
    for name, expected in (("mail.example.com", "success"), ("other.example.com", "user_unknown")):
        certificate, key = authority.issue(name)
        for path in (certificate, key):
            path.chmod(0o600)
        own = (f"tls_cert {certificate}", f"tls_key {key}")
        for uri in (server.uri, server.tls_uri):
            logins = make(library, "sasl_mech EXTERNAL", *own, *BY_SASL, uri=uri)
            # Without a rule for it, a name of a certificate may read nothing here.
            assert logins.outcome(*JOHN) in {expected, "authinfo_unavail"}
            assert (logins.outcome(*JOHN) == "success") is (expected == "success")


@pytest.mark.parametrize("library", LIBRARIES)
def test_kerberos_says_who_asks(make: Make, server: Slapd, asked: Realm, library: str) -> None:
    keytab = f"krb5_keytab {asked.folder}/ual.keytab"
    for uri in (server.uri, server.tls_uri):
        logins = make(library, "sasl_mech GSSAPI", keytab, *BY_SASL, uri=uri)
        assert logins.login(*JOHN).addresses == ("jsmith@example.com",)
        assert logins.outcome("jsmith", "wrong") == "auth_err"


@pytest.mark.parametrize("library", LIBRARIES)
def test_of_several_keys_the_principal_says_which(
    make: Make, server: Slapd, asked: Realm, library: str
) -> None:
    keytab = f"krb5_keytab {asked.folder}/both.keytab"
    for principal, code in (("ual", True), (f"ual@{asked.name}", True), ("other", False)):
        line = f"sasl_authcid {principal}"
        logins = make(library, "sasl_mech GSSAPI", keytab, line, *BY_SASL, uri=server.uri)
        assert (logins.outcome(*JOHN) == "success") is code


@pytest.mark.parametrize("library", LIBRARIES)
def test_tickets_of_another_program_say_who_asks(
    make: Make, server: Slapd, asked: Realm, library: str, tmp_path: Path
) -> None:
    cache = tmp_path / "ccache"
    line = f"krb5_ccname FILE:{cache}"
    logins = make(library, "sasl_mech GSSAPI", line, *BY_SASL, uri=server.uri)
    assert logins.outcome(*JOHN) == "authinfo_unavail"
    remarks = logins.remarks(*JOHN)
    assert "the service cannot bind by GSSAPI" in remarks
    assert "cache" in remarks
    asked.run("kinit", "-c", str(cache), "-k", "-t", f"{asked.folder}/ual.keytab", "ual")
    logins = make(library, "sasl_mech GSSAPI", line, *BY_SASL, uri=server.uri)
    assert logins.outcome(*JOHN) == "success"


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_identity_that_the_service_may_not_have_is_refused(
    make: Make, server: Slapd, library: str
) -> None:
    line = f"sasl_authzid dn:{people.ADMIN.name}"
    logins = make(library, "sasl_mech EXTERNAL", line, *BY_SASL, uri=server.socket_uri)
    assert logins.outcome(*JOHN) == "authinfo_unavail"
    assert "the service may not bind by EXTERNAL" in logins.remarks(*JOHN)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_server_that_says_yes_before_it_has_shown_who_it_is_is_not_trusted(
    make: Make, asked: Realm, library: str
) -> None:
    def at_once(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer(request.number, 0x61, 0))

    keytab = f"krb5_keytab {asked.folder}/ual.keytab"
    with BadServer(at_once) as server:
        logins = make(
            library,
            "sasl_mech GSSAPI",
            keytab,
            "ssl off",
            *BY_SASL,
            "- tls_cacertfile",
            uri=server.uri,
        )
        assert logins.outcome(*JOHN) == "authinfo_unavail"
        assert "the service" in logins.remarks(*JOHN)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_kdc_that_is_silent_costs_no_more_than_the_connection_may(
    make: Make,
    server: Slapd,
    asked: Realm,
    library: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(tcp.getsockname())
        port = tcp.getsockname()[1]
        conf = tmp_path / "krb5.conf"
        conf.write_text(asked.conf.read_text().replace(f":{asked.port}", f":{port}"))
        monkeypatch.setenv("KRB5_CONFIG", str(conf))
        # Another name of the file, since tickets by the other are in memory.
        keytab = tmp_path / "silent.keytab"
        keytab.write_bytes((asked.folder / "ual.keytab").read_bytes())
        keytab.chmod(0o600)
        logins = make(
            library,
            "sasl_mech GSSAPI",
            f"krb5_keytab {keytab}",
            "bind_timelimit 0.3",
            *BY_SASL,
            uri=server.uri,
        )
        outcomes: list[str] = []
        thread = threading.Thread(target=lambda: outcomes.append(logins.outcome(*JOHN)))
        thread.start()
        thread.join(patience(10))
        assert outcomes == ["authinfo_unavail"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_active_directory_takes_tickets_of_the_service(
    make: Make,
    samba_controller: Controller,
    library: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    name = f"sasl{next(_numbers)}"
    samba_controller.add(person(name, "S3cret-service"))
    conf, cache = tmp_path / "krb5.conf", tmp_path / "ccache"
    conf.write_text(samba_controller.krb5_conf)
    monkeypatch.setenv("KRB5_CONFIG", str(conf))
    # The name of the service is that of the host, which a domain controller has an SPN for.
    if f"ldap/{samba_controller.address}" not in samba_controller.tool("spn", "list", "DC1$"):
        samba_controller.tool("spn", "add", f"ldap/{samba_controller.address}", "DC1$")
    run(["kinit", "-c", str(cache), name], tmp_path, os.environ, "S3cret-service\n")
    logins = make(
        library,
        f"base {SUFFIX}",
        f"tls_cacertfile {samba_controller.authority.file}",
        "sasl_mech GSSAPI",
        f"krb5_ccname FILE:{cache}",
        "pam_login_attribute sAMAccountName",
        *BY_SASL,
        uri=samba_controller.uri,
    )
    assert logins.outcome(name, "S3cret-service") == "success"
    assert logins.outcome(name, "wrong") == "auth_err"
