"""Users move in from a KDC, which is not asked again."""

from __future__ import annotations

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm
from tests.moving import check_moving_in


def test_a_user_moves_in_from_kerberos(way: Way, kdc: Realm, mail: Mail) -> None:
    kdc.admin('addprinc -pw "old horse" moving')
    try:
        check_moving_in(
            way,
            mail(kdc),
            f"om_krb5 krb5_conf={kdc.conf} keytab={kdc.keytab} use_first_pass",
            "moving",
            ("old horse", "new horse"),
            lambda: kdc.admin('cpw -pw "new horse" moving'),
        )
    finally:
        kdc.admin("delprinc -force moving")
