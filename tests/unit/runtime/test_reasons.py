"""Why a login was refused: the entry that decided, its own remark, then what others said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.audit_records import audit_records
from ualauth.codes import Operation, ReturnCode
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.stack import engine
from ualauth.stack.model import Stack
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

AUTH_ERR = ReturnCode.AUTH_ERR
DENIED = "auth requisite pam_deny\nauth required pam_permit"
UNLISTED = "unlisted:1 Unlisted says so"
HOLD = "pam_if:2 all conditions hold"


class Speaking(Module[Options]):
    """Refuse, and say why."""

    options_type = Options
    code = AUTH_ERR
    name = ""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.remark(f"{self.name} says so")
        return self.code


class Wrong(Speaking):
    """Refuse."""

    name = "Wrong"


class Unlisted(Speaking):
    """Refuse, too."""

    name = "Unlisted"


class Outside(Speaking):
    """Could not check."""

    name = "Outside"
    code = ReturnCode.AUTHINFO_UNAVAIL


@pytest.fixture
def speaking(folder: ConfigFolder) -> ConfigFolder:
    for kind in (Wrong, Unlisted, Outside):
        folder.module(kind.__name__.lower(), kind)
    return folder


def logged(folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture) -> str:
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is not ReturnCode.SUCCESS
    (record,) = audit_records(caplog)
    assert record.module is not None
    assert record.entry is not None
    ways = ", ".join(record.through)
    said = "; ".join([record.remark, *map(" ".join, record.remarks)])
    shown = f"{ways and f'{ways}, '}{record.module} ({record.entry}): {said}"
    return shown.replace(f"{folder.services}/", "")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("auth required wrong", "wrong (test:1): Wrong says so"),
        # Only the deciding entry's remark stands for it.
        (
            "auth [default=ignore] unlisted\nauth [success=1 default=ignore] wrong\n" + DENIED,
            f"pam_deny (test:3): refuses every user of test; {UNLISTED}; wrong:2 Wrong says so",
        ),
        (
            "auth required wrong\nauth required unlisted",
            "wrong (test:1): Wrong says so; unlisted:2 Unlisted says so",
        ),
        (
            "auth [default=ignore] unlisted\nauth requisite wrong",
            "wrong (test:2): Wrong says so; unlisted:1 Unlisted says so",
        ),
        (
            "auth [default=ignore] unlisted\nauth required pam_if !tls stack=inner",
            "test:2, wrong (inner:1): Wrong says so; " + UNLISTED + "; " + HOLD,
        ),
    ],
)
def test_the_deciding_entry_comes_first_with_its_own_remark(
    lines: str,
    reason: str,
    speaking: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
) -> None:
    speaking.service("inner", "auth required wrong")
    speaking.service("test", lines)
    assert logged(speaking, way, caplog) == reason


def test_the_walk_is_repeated_once_for_all_who_ask_why(
    speaking: ConfigFolder, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaking.service("test", "auth required wrong\nauth required outside")
    walks: list[object] = []

    def counted(stack: Stack, *args: Any, **words: Any) -> Any:
        walks.append(stack)
        return engine.evaluate(stack, *args, **words)

    with way.begin(speaking.config(), "test", "jsmith", None) as handle:
        way.perform(handle, Operation.AUTHENTICATE)
        (run,) = handle._handle.runs
        monkeypatch.setattr("ualauth.runtime.trace.evaluate", counted)
        run._walked = run._reason = None
        assert handle.could_not_check
        assert [step.remark for step in handle.trace] == ["Wrong says so", "Outside says so"]
        assert run.reason is run.reason
    assert len(walks) == 1
