"""Everything that libpass knows is verified, in the form that libpass writes it or named."""

from __future__ import annotations

from typing import Any

import pytest
from passlib import registry

from ualauth.errors import PasswordError
from ualauth.passwords.formats import BY_LIBPASS_NAME
from ualauth.passwords.schemes import PasswordHasher

# What is left out on purpose, and why.
NEED_THE_USERS_NAME = {
    *("cisco_asa", "cisco_pix", "htdigest", "msdcc", "msdcc2", "oracle10", "postgres_md5"),
}
# The case of letters, or blanks, make no difference to them.
ACCEPT_PASSWORDS_NOT_CHOSEN = {"lmhash", "mssql2000", "mysql323"}
CLEAR_TEXT = {"plaintext", "ldap_plaintext", "roundup_plaintext"}
LOCKED = {"django_disabled", "unix_disabled"}
LEFT_OUT = NEED_THE_USERS_NAME | ACCEPT_PASSWORDS_NOT_CHOSEN | CLEAR_TEXT | LOCKED
KNOWN = sorted(set(registry.list_crypt_handlers()) - LEFT_OUT)


def stored_by_libpass(name: str) -> str:
    """Return a hash of `s3cret` as cheap as can be."""
    handler: Any = registry.get_crypt_handler(name)
    least = getattr(handler, "min_rounds", None)
    try:
        cheap = handler.using(rounds=least) if least else handler
    except TypeError:
        cheap = handler
    hashed = str(cheap.hash("s3cret"))
    return f"{{{name}}}{hashed}" if name.upper() in BY_LIBPASS_NAME else hashed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KNOWN)
def test_what_libpass_made_is_verified(name: str) -> None:
    try:
        stored = stored_by_libpass(name)
    except (RuntimeError, ValueError) as error:
        # No library on this machine makes it, so it cannot be verified here either.
        assert "backend" in str(error) or "algorithm" in str(error)  # noqa: PT017
        return
    hasher = PasswordHasher()
    assert hasher.verify("s3cret", stored)
    assert not hasher.verify("S3cret", stored)
    assert not hasher.verify("", stored)
    assert hasher.scheme_of(stored) != "plain"


@pytest.mark.parametrize("name", sorted(LEFT_OUT - CLEAR_TEXT - LOCKED))
def test_what_cannot_be_verified_is_not_known(name: str) -> None:
    with pytest.raises(PasswordError):
        PasswordHasher.scheme_of(f"{{{name}}}6f262dbc44b92469aad3b435b51404ee")
