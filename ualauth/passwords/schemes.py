"""Keeping passwords: one object that hashes, verifies, and knows what is out of date.

    hasher = PasswordHasher()
    stored = hasher.hash("s3cret")              # $argon2id$v=19$m=65536,t=3,p=4$...
    hasher.verify("s3cret", stored)             # True
    hasher.verify("s3cret", "{SSHA}H/zr...")    # every scheme of `formats`
    hasher.needs_rehash("{SSHA}H/zr...")        # True: hash again while the password is known

All methods but `needs_rehash` and `scheme_of` compute for long, and release the
interpreter's lock where the library does. One object serves all threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from ualauth.contract.credentials import MAX_PASSWORD_BYTES, is_acceptable
from ualauth.contract.resources import Resources
from ualauth.errors import ConfigurationError, PasswordError
from ualauth.passwords.cram_md5 import NAME as CRAM_MD5
from ualauth.passwords.cram_md5 import derive_cram_md5
from ualauth.passwords.making import CHEAPEST_FOR_TESTS, MAKERS, RECOMMENDED, Profile
from ualauth.passwords.preparation import prepare_password
from ualauth.passwords.scram import MECHANISMS, ScramSecret, derive
from ualauth.passwords.stored import Stored, read

__all__ = ["CHEAPEST_FOR_TESTS", "RECOMMENDED", "PasswordHasher", "Profile"]


class PasswordHasher:
    """Hashes with one scheme, verifies with all.

    `scheme` is one of argon2id, bcrypt, sha512_crypt and pbkdf2_sha512.
    """

    def __init__(
        self,
        scheme: str = "argon2id",
        profile: Profile = RECOMMENDED,
        mechanisms: Sequence[str] = tuple(MECHANISMS),
    ) -> None:
        """Choose how new hashes are made, and for which mechanisms secrets; loads nothing.

        Raises:
            ConfigurationError: if that scheme makes no hashes.

        """
        self.scheme = scheme.lower().replace("-", "_")
        if self.scheme not in MAKERS:
            known = ", ".join(MAKERS)
            raise ConfigurationError(f"scheme {scheme!r} makes no new hashes; use one of {known}")
        self._maker = MAKERS[self.scheme]
        self._profile = profile
        self.mechanisms = tuple(each for each in mechanisms if each in (*MECHANISMS, CRAM_MD5))
        """The SASL mechanisms for which secrets are kept besides the hash."""

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        config = resources.config
        return cls(config.password.scheme, config.password.profile, config.stored_mechanisms)

    def hash(self, password: str) -> str:
        """Return a new hash of `password` as `prepare_password` has it, with a random salt.

        Raises:
            PasswordError: if the password holds control characters, is longer
                than a login accepts, or longer than the scheme can tell apart.

        """
        # Preparing may make a text longer; a long one is not even prepared.
        if not is_acceptable(password, MAX_PASSWORD_BYTES) or not is_acceptable(
            prepared := prepare_password(password),
            MAX_PASSWORD_BYTES,
        ):
            raise PasswordError(f"a password is text of at most {MAX_PASSWORD_BYTES} bytes")
        encoded = prepared.encode()
        if 0 < self._maker.limit < len(encoded):
            raise PasswordError(
                f"{self.scheme} takes passwords of at most {self._maker.limit} bytes",
            )
        return self._maker.make(encoded, self._profile)

    def secrets(self, password: str, mechanisms: Sequence[str] | None = None) -> list[ScramSecret]:
        """Return UL-SASL-PWD of `password`: a secret for each mechanism, or only for some.

        None for a password that SASLprep prohibits (see `ualauth.passwords.scram`).
        """
        wanted = self.mechanisms if mechanisms is None else mechanisms
        try:
            return [
                derive_cram_md5(password) if each == CRAM_MD5 else derive(each, password)
                for each in wanted
            ]
        except PasswordError:
            return []

    def verify(self, password: str, stored: str) -> bool:
        """Return whether `stored` was made of `password`, prepared or as it was typed.

        Hashes that come from elsewhere may be of passwords that no program
        prepared; for printable ASCII the two are the same. A locked entry
        (``!``, ``*``) matches nothing, and at once: who wants it to cost what
        others cost calls `dummy_verify`.

        Raises:
            PasswordError: if no scheme knows `stored`, it is malformed or empty, it would
                take too long (`ualauth.passwords.costs`), or this host cannot check it.
                The text does not contain it.

        """
        stored_password = read(stored)
        if not self._is_own(stored_password):
            stored_password.check_cost()
        return any(stored_password.matches(spelling) for spelling in _spellings(password))

    def needs_rehash(self, stored: str) -> bool:
        """Return whether `hash` would now choose another scheme or another cost.

        Raises:
            PasswordError: as `verify`.

        """
        stored_password = read(stored)
        if stored_password.scheme.name != self.scheme:
            return stored_password.scheme.name != "locked"
        try:
            return not self._maker.is_current(stored_password.data.decode("ascii"), self._profile)
        except ValueError:
            raise PasswordError(f"malformed stored password of scheme {self.scheme!r}") from None

    def _is_own(self, stored_password: Stored) -> bool:
        """Return whether a new hash would cost the same: what is configured is meant."""
        if stored_password.scheme.name != self.scheme:
            return False
        try:
            return self._maker.is_current(stored_password.data.decode("ascii"), self._profile)
        except ValueError:
            return False

    def check_stored(self, stored: str) -> str:
        """Return the scheme's name of what `verify` can compare with; compares nothing.

        Raises:
            PasswordError: as `verify`.

        """
        stored_password = read(stored)
        if not self._is_own(stored_password):
            stored_password.check_cost()
        return stored_password.scheme.name

    def dummy_verify(self, password: str) -> None:
        """Spend what refusing `password` costs with a hash of the configured scheme.

        For users that do not exist: the time then does not tell. Nothing has to
        be made before the first time.
        """
        for spelling in _spellings(password):
            self._maker.make(spelling.encode()[: self._maker.limit or None], self._profile)

    @staticmethod
    def scheme_of(stored: str) -> str:
        """Return the scheme's name, such as ``argon2id``, ``ssha512`` or ``locked``.

        Raises:
            PasswordError: if no scheme knows it.

        """
        return read(stored).scheme.name


def _spellings(password: str) -> tuple[str, ...]:
    """Return the password as prepared, and as it is where that differs.

    None for what no login can have: a huge text is not even prepared.
    """
    if not is_acceptable(password, MAX_PASSWORD_BYTES):
        return ()
    try:
        prepared = prepare_password(password)
    except PasswordError:
        return (password,)
    if prepared == password or not is_acceptable(prepared, MAX_PASSWORD_BYTES):
        return (password,)
    return (prepared, password)
