"""What every module has to do, om_krb5 does with a real KDC behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kerberos import Realm
from ualauth.kerberos.shared import Kerberos
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import ModuleCompliance


class TestCompliance(ModuleCompliance):
    """The realm knows no user of the suite."""

    module = ModuleRegistry().find("om_krb5")

    @pytest.fixture(autouse=True)
    def _realm(self, kdc: Realm, tmp_path: Path) -> None:
        type(self).arguments = (f"krb5_conf={kdc.conf}", f"keytab={kdc.keytab}")
        self._kerberos = Kerberos(tmp_path)

    def attempt(self, user: Any, password: Any, conversation: Any) -> FakeAttempt:
        return FakeAttempt(
            user, password=password, conversation=conversation, resources=[self._kerberos]
        )
