"""What the answers of a password server amount to (RFC 3244, section 2)."""

from __future__ import annotations

import pytest

from ualauth.codes import ReturnCode
from ualauth.kerberos.change import code_of


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (0, ReturnCode.SUCCESS),
        (1, ReturnCode.AUTHINFO_UNAVAIL),
        (2, ReturnCode.AUTHINFO_UNAVAIL),
        (3, ReturnCode.AUTHINFO_UNAVAIL),
        (4, ReturnCode.AUTHTOK_ERR),
        (5, ReturnCode.PERM_DENIED),
        (6, ReturnCode.AUTHINFO_UNAVAIL),
        (7, ReturnCode.AUTHINFO_UNAVAIL),
        (8, ReturnCode.AUTHINFO_UNAVAIL),
        (0xFFFF, ReturnCode.AUTHINFO_UNAVAIL),
        (-1, ReturnCode.AUTHINFO_UNAVAIL),
    ],
)
def test_only_a_soft_error_is_about_the_new_password(result: int, code: ReturnCode) -> None:
    assert code_of(result) is code
