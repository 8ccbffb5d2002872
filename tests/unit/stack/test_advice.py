"""What is legal in a stack, and yet surely not meant."""

from __future__ import annotations

import pytest

from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder

PERMIT = "auth required pam_permit\n"


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (f"auth [success=1 default=ignore] pam_permit\n{PERMIT}", False),
        (f"auth [success=2 default=ignore] pam_permit\n{PERMIT}", True),
        (f"{PERMIT}auth [default=1] pam_permit\n", True),
        (f"auth [success=1] pam_permit\nauth substack sub\n{PERMIT}", False),
        (f"auth [success=2] pam_permit\nauth substack sub\n{PERMIT}", False),
        (f"auth [success=3] pam_permit\nauth substack sub\n{PERMIT}", True),
        (f"auth [success=3] pam_permit\nauth include sub\n{PERMIT}", False),
        (f"auth substack jumping\n{PERMIT}", True),
    ],
)
def test_a_jump_past_the_end_is_a_warning(folder: ConfigFolder, text: str, warned: bool) -> None:
    folder.service("sub", PERMIT * 2)
    folder.service("jumping", "auth [success=1] pam_permit\n")
    folder.service("mail", text)
    service = Authenticator(folder.config()).load("mail")
    assert service.sound
    assert bool(service.problems) is warned


@pytest.mark.parametrize(
    ("control", "warned"),
    [
        ("[success=die default=ignore]", True),
        ("[success=bad default=ignore]", True),
        ("[success=die ignore=ignore default=die]", False),
        ("[success=bad ignore=ignore default=bad]", False),
        ("[success=die]", False),
        ("[success=die ignore=ignore]", False),
        ("[success=1 default=ignore]", False),
        ("sufficient", False),
        ("optional", False),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_deny_that_lets_in_where_it_cannot_tell_is_a_warning(
    folder: ConfigFolder, control: str, *, warned: bool, nested: bool
) -> None:
    line = f"auth {control} pam_if user=jsmith\n"
    folder.service("inner", f"{line}{PERMIT}{PERMIT}")
    outer = f"auth required pam_if !tls stack=inner\n{PERMIT}{PERMIT}"
    folder.service("mail", outer if nested else f"{line}{PERMIT}{PERMIT}")
    service = Authenticator(folder.config()).load("mail")
    assert service.sound
    told = [each for each in service.problems if "denies by success" in each.text]
    assert bool(told) is warned
    assert all("default=die" in each.cure for each in told)
