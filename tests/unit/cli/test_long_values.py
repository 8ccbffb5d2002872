"""Values that are wider than a terminal are shown whole: what is cut off may be what matters."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

AUTHID = "".join(f"{number:03}" for number in range(85))
ADDRESS = (
    f"{'local'.ljust(60, 'x')}@{'.'.join(f'{number:02}'.rjust(40, 'd') for number in range(4))}"
)
POLICY = '{"allowed_networks": ["192.0.2.0/24"], "allowed_services": ["%s"]}' % ("s" * 120)
GROUP = "".join(f"{number:02}" for number in range(32))


@pytest.mark.parametrize("command", ["user", "group"])
def test_nothing_is_cut_off(
    command: str, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with UserStore(folder.config().userlist_url) as store:
        store.create()
        store.add(NewUser(authid=AUTHID, name=ORName("x"), addresses=(ADDRESS,), policy=POLICY))
        store.groups.add(NewGroup(name=GROUP, or_name=usual_or_name(GROUP)), [AUTHID])
    arguments = ["--config-dir", str(folder.path), command, "show"]
    name = AUTHID if command == "user" else GROUP
    result = CliRunner().invoke(application, [*arguments, name], prog_name="ualauth")
    assert result.exit_code == 0
    shown = "".join(result.stdout.split())
    assert "…" not in shown
    for value in (AUTHID, GROUP) if command == "group" else (AUTHID, ADDRESS, GROUP, "s" * 120):
        assert value in shown
