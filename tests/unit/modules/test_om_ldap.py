"""What every module has to do, for om_ldap: its server is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from ualauth.codes import ReturnCode
from ualauth.modules.om_ldap import OmLdap, Options
from ualauth.stack.folder import FilesNow, ServiceFolder
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import ModuleCompliance


class TestOmLdap(ModuleCompliance):
    """Without a configuration folder, every entry answers that it cannot do its work."""

    module = OmLdap
    arguments = ("config=none.conf",)


def etc(path: Path) -> FilesNow:
    return FilesNow(ServiceFolder(path / "pam.d"))


@pytest.fixture
def module(tmp_path: Path) -> OmLdap:
    (tmp_path / "om_ldap.conf").write_text(
        "uri ldap://127.0.0.1:1\nbase dc=example,dc=com\noutage_lifetime 60\n"
    )
    om_ldap = OmLdap(Options())
    assert not om_ldap.configure(etc(tmp_path))
    return om_ldap


@pytest.mark.parametrize("operation", ["authenticate", "acct_mgmt"])
def test_a_directory_that_is_away_could_not_be_asked(module: OmLdap, operation: str) -> None:
    attempt = FakeAttempt("jsmith", password="s3cret")
    code = attempt.code_of(getattr(module, operation)(attempt))
    assert code is ReturnCode.AUTHINFO_UNAVAIL
    assert attempt.person is None
    assert "s3cret" not in "".join(attempt.remarks)


def test_an_empty_password_asks_no_server(module: OmLdap) -> None:
    attempt = FakeAttempt("jsmith", password="")
    assert attempt.code_of(module.authenticate(attempt)) is ReturnCode.AUTH_ERR
    assert not attempt.messages


def test_entries_with_the_same_file_share_what_they_know(module: OmLdap, tmp_path: Path) -> None:
    other = OmLdap(Options(use_first_pass=True))
    assert not other.configure(etc(tmp_path))
    attempt = FakeAttempt("jsmith")
    uses = module._using(attempt)
    assert uses.outage is not None
    assert other._using(attempt).outage is uses.outage
    assert other._using(attempt).authenticator.directory is uses.authenticator.directory
    (tmp_path / "om_ldap.conf").write_text(
        "uri ldap://127.0.0.1:1\nbase dc=example,dc=com\noutage_lifetime 61\n"
    )
    changed = OmLdap(Options())
    assert not changed.configure(etc(tmp_path))
    assert changed._using(attempt).outage is not uses.outage
    assert changed._using(attempt).authenticator.directory is uses.authenticator.directory


def test_what_an_application_has_closed_is_opened_anew(module: OmLdap) -> None:
    before, after = (module._using(FakeAttempt("jsmith")) for _ in range(2))
    assert after.outage is not before.outage
    assert after.authenticator.directory is not before.authenticator.directory


def test_a_name_without_a_value_for_the_filter_is_no_users(tmp_path: Path) -> None:
    (tmp_path / "om_ldap.conf").write_text(
        "uri ldap://127.0.0.1:1\nbase dc=example,dc=com\nfilter (associatedDomain={domain})\n"
    )
    module = OmLdap(Options())
    assert not module.configure(etc(tmp_path))
    attempt = FakeAttempt("jsmith", password="s3cret")
    assert attempt.code_of(module.authenticate(attempt)) is ReturnCode.USER_UNKNOWN
    assert "{domain} is not known of this name" in attempt.remarks
