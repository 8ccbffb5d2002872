"""Whether the servers of directories answer, as `ualauth status` shows it."""

from __future__ import annotations

import gc
import time

from ualauth.ldap.client.faults import TimedOut, Unreachable
from ualauth.ldap.client.health import Health
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


def test_a_silent_server_costs_no_login_its_time_until_a_thread_has_tried_it() -> None:
    settings = LdapSettings(
        uris=("ldap://127.0.0.1:1",), connect_timeout=60.0, retry_first=0.001, retry_most=0.001
    )
    health = Health("one", settings)
    health.failed(TimedOut("no connection in time"), slow=True)
    due = health.probe_at
    while due > time.monotonic():
        pass
    assert [health.resting] == [True]
    health.succeeded()
    assert [health.resting] == [False]
    # One that refuses costs nothing to ask.
    health.failed(Unreachable("refused"), slow=False)
    assert [health.resting] == [False]
