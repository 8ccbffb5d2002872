"""Whether the servers of directories answer, as `ualauth status` shows it."""

from __future__ import annotations

import gc

from ualauth.ldap.client.faults import Unreachable
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.shared import Directories


def test_each_server_is_up_until_it_fails() -> None:
    directories = Directories()
    one = directories.of(LdapSettings(uris=("ldap://127.0.0.1:1", "ldap://127.0.0.1:2")))
    other = directories.of(LdapSettings(uris=("ldap://127.0.0.1:3",)))
    ports = [f"ldap://127.0.0.1:{port}" for port in (1, 2, 3)]
    assert dict(directories.server_states()) == dict.fromkeys(ports, True)
    failing = one._servers.all[1]
    failing.health.failed(Unreachable("refused"), slow=False)
    assert dict(directories.server_states()) == {ports[0]: True, ports[1]: False, ports[2]: True}
    failing.health.succeeded()
    assert dict(directories.server_states()) == dict.fromkeys(ports, True)
    # One that no entry asks any more is none.
    del other
    gc.collect()
    assert dict(directories.server_states()) == dict.fromkeys(ports[:2], True)
    directories.close()
    assert not directories.server_states()
