"""Users move in from real IMAP servers: pymap's and Twisted's, by TLS and by STARTTLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from playground import PASSWORD, Playground

from tests.conftest import Way
from tests.interop.cases import IMAP, TWISTED_IMAP
from tests.interop.servers import SETTINGS, Example, away, running
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NO_PASSWORD, NewUser

OLD = {
    IMAP.name: Example("imap_server.py", (IMAP,)),
    TWISTED_IMAP.name: Example("twisted_imap_server.py", (TWISTED_IMAP,)),
}
STACK = """\
auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn
auth required om_imap host=localhost:{port} tls={tls} cafile={cafile} use_first_pass
account required om_auth
"""


@pytest.mark.parametrize("name", OLD)
def test_users_move_in_and_the_old_server_may_go(
    tmp_path: Path, folder: ConfigFolder, way: Way, name: str
) -> None:
    playground = Playground.make(tmp_path / "old")
    with (playground.folder / "ualauth.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    folder.settings(
        "[stack]\nfail_delay = false\n[password]\nargon2_memory = 8\nargon2_passes = 1\n"
        "argon2_lanes = 1\nminimum_strength = 0\n"
    )
    userlist = Userlist.create(folder.path)
    for user in ("jsmith", "locked"):
        new = NewUser(authid=user, name=ORName(surname=user), password=NO_PASSWORD)
        userlist.store.add(new)
    with running(playground, examples=[OLD[name]]) as servers:
        for how, tls in (("TLS", "implicit"), ("STARTTLS", "starttls")):
            port = servers[name].ports[how]
            folder.service(tls, STACK.format(port=port, tls=tls, cafile=playground.authority))
        config = folder.config()
        with pytest.raises(AuthenticationFailed):
            way.login(config, "implicit", "jsmith", "wrong horse")
        with pytest.raises(TemporaryFailure):
            # The old server answers CONTACTADMIN, to those who are locked there.
            way.login(config, "implicit", "locked", PASSWORD)
        with away(playground.folder / "userlist.db"), pytest.raises(TemporaryFailure):
            # The old server answers UNAVAILABLE.
            way.login(config, "starttls", "jsmith", PASSWORD)
        assert userlist.store.get("jsmith").lacks_password
        assert way.login(config, "starttls", "jsmith", PASSWORD).user == "jsmith"
        assert not userlist.store.get("jsmith").lacks_password
    assert way.login(config, "implicit", "jsmith", PASSWORD).user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.login(config, "implicit", "jsmith", "wrong horse")
    with pytest.raises(TemporaryFailure):
        way.login(config, "implicit", "locked", PASSWORD)
    userlist.close()
