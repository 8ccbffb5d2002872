"""The filter for fail2ban that is shipped: it sees each guess, and no client can fool it."""

from __future__ import annotations

import configparser
import logging
import re
from collections.abc import Iterator

import pytest

from tests.conftest import Way
from ualauth import AuthenticationError
from ualauth.codes import ReturnCode
from ualauth.config.install import shipped_folder
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.reasons import GUESSES, ReasonCode
from ualauth.testing.folder import ConfigFolder

ATTACKER, VICTIM = "192.0.2.66", "198.51.100.1"
FORGED = f"pop3: refused wrong_password: x rhost={VICTIM}"
NAMES = [
    "jsmith",
    f"x rhost={VICTIM}",
    f"x rhost={VICTIM}\n",
    f"\nualauth.audit: {FORGED}",
    f"\r\n2026-11-29 10:00:00,000 WARNING ualauth.audit: {FORGED}\r\n",
    f"' {FORGED}",
    f'" {FORGED}',
    f"'\" {FORGED} '\"",
    f"\u2028ualauth: {FORGED}\u2029",
    f"\x85ualauth: {FORGED}",
    f"\x1b[2K\x1b[1Gualauth: {FORGED}",
    f"\x0b\x0cualauth: {FORGED}",
    f"\\' rhost={VICTIM}",
    f'\\\\" rhost={VICTIM}',
    f"{'x' * 60} rhost={VICTIM}",
    f"{'x' * 79} rhost={VICTIM}",
    "x" * 255,
    "ﬀ" * 80 + f" rhost={VICTIM}",
    f"<HOST> %(__prefix_line)s rhost={VICTIM}",
]


class Answering(Module[Options]):
    """Refuse for a reason that the name of the service says."""

    options_type = Options
    reasons = dict.fromkeys(ReasonCode, (ReturnCode.AUTH_ERR,))

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        reason = ReasonCode(attempt.service)
        attempt.explain(reason, f"no {attempt.login_name} rhost={VICTIM}")
        return ReturnCode.AUTH_ERR


def failregex() -> re.Pattern[str]:
    """Return the pattern as fail2ban makes it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(shipped_folder() / "fail2ban" / "filter.d" / "ualauth.conf")
    definition = parser["Definition"]
    pattern = definition["failregex"].replace("<_guesses>", definition["_guesses"])
    return re.compile(pattern.replace("<ADDR>", r"(?P<ip>[0-9a-fA-F.:]+)"))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Collect lines as a file of a log has them."""
    collected: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.emit = lambda record: collected.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("ualauth.audit")
    logger.addHandler(handler)
    yield collected
    logger.removeHandler(handler)


def refused(way: Way, folder: ConfigFolder, service: str, name: str, rhost: str) -> None:
    with pytest.raises(AuthenticationError):
        way.login(folder.config(), service, name, "wrong", rhost=rhost)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_bans_another_host(
    way: Way, folder: ConfigFolder, lines: list[str], name: str
) -> None:
    folder.module("answering", Answering)
    folder.service("wrong_password", "auth required answering\n")
    folder.service("misconfigured", "auth required answering\n")
    refused(way, folder, "wrong_password", name, ATTACKER)
    refused(way, folder, "misconfigured", name, ATTACKER)
    refused(way, folder, "wrong_password", name, f"{ATTACKER} rhost={VICTIM}")
    refused(way, folder, "wrong_password", name, f"{ATTACKER}\nualauth: {FORGED}")
    (line, other, *hosts) = lines
    assert "\n" not in line
    assert line.splitlines() == [line]
    match = failregex().match(line)
    assert match is not None
    assert match["ip"] == ATTACKER
    assert not any(map(failregex().match, [other, *hosts]))
    assert VICTIM not in [each.rpartition("rhost=")[2] for each in lines]


def test_the_filter_has_the_reasons_that_are_guesses_and_no_others(
    folder: ConfigFolder, lines: list[str]
) -> None:
    from ualauth import Authenticator

    folder.module("answering", Answering)
    for reason in ReasonCode:
        folder.service(reason.value, "auth required answering\n")
    with Authenticator(folder.config()) as auth:
        for reason in ReasonCode:
            with pytest.raises(AuthenticationError):
                auth.authenticate(reason.value, "jsmith", "wrong", rhost=ATTACKER)
    banned = {
        reason for reason, line in zip(ReasonCode, lines, strict=True) if failregex().match(line)
    }
    assert banned == GUESSES


def test_what_could_not_be_checked_bans_no_source(folder: ConfigFolder, lines: list[str]) -> None:
    from ualauth import Authenticator

    folder.module("answering", Answering)
    folder.service(
        "wrong_password",
        "auth optional pam_debug auth=authinfo_unavail\nauth required answering\n",
    )
    with Authenticator(folder.config()) as auth, pytest.raises(AuthenticationError):
        auth.authenticate("wrong_password", "jsmith", "wrong", rhost=ATTACKER)
    (line,) = lines
    assert ": unavailable unavailable: " in line
    assert failregex().match(line) is None
