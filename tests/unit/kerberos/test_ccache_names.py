"""The file of a ticket: one for each user, in the folder that is meant."""

from __future__ import annotations

import pytest

from ualauth.modules.om_krb5 import file_of

NAMES = {
    "jsmith": "FILE:/run/jsmith",
    "jsmith@example.org": "FILE:/run/jsmith@example.org",
    "a/b": "FILE:/run/a%2Fb",
    "a_b": "FILE:/run/a_b",
    "a%2Fb": "FILE:/run/a%252Fb",
    "..": "FILE:/run/%2E%2E",
    ".": "FILE:/run/%2E",
    "../x": "FILE:/run/..%2Fx",
    "XXXXXX": "FILE:/run/XXXXXX",
}


@pytest.mark.parametrize("user", NAMES)
def test_no_two_users_have_one_file_and_none_leads_out_of_the_folder(user: str) -> None:
    assert file_of("FILE:/run/%u", user) == NAMES[user]


def test_what_shall_be_unique_is() -> None:
    names = {file_of("FILE:/run/%u-XXXXXX", "jsmith") for _ in range(50)}
    assert len(names) == 50
