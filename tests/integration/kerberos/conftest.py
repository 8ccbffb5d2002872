"""A realm that all tests share, and a configuration folder whose `mail` asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kerberos import Realm, realm
from ualauth.testing.folder import ConfigFolder

PEOPLE = (
    'addprinc -pw "s3cret" jsmith',
    'addprinc -pw "s3cret" -requires_preauth nopreauth',
    'addprinc -pw "s3cret" revoked',
    "modprinc -allow_tix revoked",
    'addprinc -pw "s3cret" -expire "2020-01-01 00:00:00 UTC" gone',
    'addprinc -pw "s3cret" +needchange mustchange',
    'addprinc -pw "s3cret" -pwexpire "2020-01-01 00:00:00 UTC" +requires_preauth expired',
    'addprinc -pw "s3cret" -pwexpire "3 days" soon',
    "addpol -maxfailure 2 -lockoutduration 1h lockout",
    "addpol -minlength 8 -minclasses 2 -history 3 strict",
    'addprinc -pw "s3cret-word" -policy strict strict',
    'addprinc -pw "m4il" jsmith/mail',
    'addprinc -pw "s3cret" "with space"',
    'addprinc -pw "Ünïcödé" unicode',
    'addprinc -pw "s3cret" root',
)


@pytest.fixture(scope="session")
def kdc() -> Iterator[Realm]:
    """Return a realm with its people, whose KDC and kadmind run."""
    with realm() as kdc:
        kdc.admin(*PEOPLE)
        kdc.start()
        kdc.start_kadmind()
        yield kdc


Mail = Callable[..., ConfigFolder]


@pytest.fixture
def mail(folder: ConfigFolder) -> Mail:
    """Return a function that makes `mail` ask a realm, with options on its lines."""

    def make(
        asked: Realm,
        options: str = "",
        *,
        keytab: Path | str | None = None,
        conf: Path | str | None = None,
    ) -> ConfigFolder:
        words = f"krb5_conf={conf or asked.conf} keytab={keytab or asked.keytab} {options}"
        folder.settings("[stack]\nfail_delay = false\n")
        folder.service(
            "mail",
            "".join(
                f"{each} required om_krb5 {words}\n" for each in ("auth", "account", "password")
            ),
        )
        return folder

    return make
