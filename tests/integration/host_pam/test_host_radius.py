"""Logins through pam_linux and the host's pam_radius_auth, answered by a RADIUS server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.host_pam.radius_server import SECRET, RadiusServer
from ualauth import AsyncAuthenticator, AuthenticationFailed
from ualauth.codes import Operation, ReturnCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def server() -> Iterator[RadiusServer]:
    radius = RadiusServer({"jsmith": "correct horse", "ann": "correct horse"}, {"ann": "123456"})
    with radius.running():
        yield radius


@pytest.fixture
def radius(server: RadiusServer, mail: Callable[..., ConfigFolder], tmp_path: Path) -> ConfigFolder:
    settings = tmp_path / "radius.conf"
    settings.write_text(f"127.0.0.1:{server.port} {SECRET.decode()} 3\n")
    settings.chmod(0o600)
    line = f"required pam_radius_auth.so conf={settings}\n"
    return mail(f"auth {line}account {line}")


def test_the_server_decides(way: Way, radius: ConfigFolder, server: RadiusServer) -> None:
    assert way.login(radius.config(), "mail", "jsmith", "correct horse").user == "jsmith"
    for user, password in (("jsmith", "wrong"), ("nobody", "correct horse")):
        with pytest.raises(AuthenticationFailed):
            way.login(radius.config(), "mail", user, password)
    assert server.asked == ["jsmith", "jsmith", "nobody"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("123456", ReturnCode.SUCCESS), ("654321", ReturnCode.AUTH_ERR)],
)
def test_a_challenge_is_put_to_the_person(
    way: Way, radius: ConfigFolder, code: str, expected: ReturnCode
) -> None:
    person = ScriptedConversation("correct horse", code)
    with way.begin(radius.config(), "mail", "ann", person) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is expected
    assert person.questions == ["Password: ", "Code: "]


def test_who_brings_only_a_password_does_not_meet_a_challenge(
    way: Way, radius: ConfigFolder
) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(radius.config(), "mail", "ann", "correct horse")


def test_many_logins_at_once_are_each_answered_right(radius: ConfigFolder) -> None:
    async def main() -> list[Any]:
        async with AsyncAuthenticator(radius.config()) as auth:
            passwords = ["correct horse", "wrong"] * 20
            logins = [auth.authenticate("mail", "jsmith", each) for each in passwords]
            return await asyncio.gather(*logins, return_exceptions=True)

    results = asyncio.run(main())
    assert [each.user for each in results[::2]] == ["jsmith"] * 20
    assert [type(each) for each in results[1::2]] == [AuthenticationFailed] * 20
