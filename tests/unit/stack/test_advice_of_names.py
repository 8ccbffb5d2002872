"""What `ualauth check` warns of: modules that may decide by a name that is not yet confirmed."""

from __future__ import annotations

import pytest

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.runtime.base import BaseAuthenticator
from ualauth.testing.folder import ConfigFolder


class Looking(Module[Options]):
    """Look at the name, and at nothing else."""

    options_type = Options
    verifies = NO_CREDENTIAL

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        return ReturnCode.AUTH_ERR if attempt.user == "jsmith" else ReturnCode.SUCCESS


class Asking(Looking):
    """Look at the name so that it can be asked again."""

    tests_names = True


@pytest.mark.parametrize(
    "line",
    [
        "auth required {}",
        "auth substack lists",
        "auth include lists",
        "auth required pam_if tls stack=lists",
    ],
)
@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("looking", 1),
        ("asking", 0),
        ("pam_listfile item=user sense=deny file=/etc/denied", 0),
        ("pam_succeed_if user != jsmith", 0),
        ("om_om2authid", 0),
        ("om_auth", 0),
    ],
)
def test_a_list_that_cannot_be_asked_again_is_told(
    folder: ConfigFolder, line: str, module: str, told: int
) -> None:
    folder.module("looking", Looking)
    folder.module("asking", Asking)
    folder.service("lists", f"auth required {module}")
    after = "auth required om_krb5\nauth required looking\naccount required looking"
    folder.service("pop3", f"{line.format(module)}\n{after}")
    entrance = BaseAuthenticator(folder.config())
    problems = entrance.services.compile("pop3").problems
    entrance.close()
    texts = [f"{each.source}: {each.text}" for each in problems if "look at the name" in each.text]
    assert len(texts) == told
    place = "pop3:1" if "{}" in line else "lists:1"
    for text in texts:
        assert f"{place}: looking may look at the name as it was typed; om_krb5 (" in text
    assert all(each.warning for each in problems)
