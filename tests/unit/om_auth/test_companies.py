"""Logins of users of hosted companies: which names mean them, their rules, their records."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from ualauth import AccountRestricted, AuthenticationFailed, Authenticator
from ualauth.runtime.audit_record import as_json
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

OM_AUTH = "auth required om_auth\naccount required om_auth\n"


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """Return a configuration with two companies, each with a Bob Smith."""
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    only = "auth [success=ignore default=die] pam_if company=acme\n"
    folder.service("acme", only + OM_AUTH)
    userlist = Userlist.create(tmp_path)
    companies = userlist.store.companies
    for name in ("acme", "bolt"):
        companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
    companies.switch_on(companies.plan())
    for name in ("acme", "bolt"):
        userlist.add(
            f"bob@{name}.example",
            f"of {name}",
            name=ORName("Smith", "Bob", ou1=name),
            administrator=True,
        )
    userlist.close()
    return folder


def _store(folder: ConfigFolder) -> UserStore:
    return UserStore(folder.config().userlist_url)


def test_a_name_means_the_user_of_its_company(folder: ConfigFolder) -> None:
    with Authenticator(folder.config()) as authenticator:
        for company in ("acme", "bolt"):
            for name in (f"bob@{company}.example", f"bob smith/{company}"):
                identity = authenticator.authenticate("imap", name, f"of {company}")
                assert identity.authid == f"bob@{company}.example"
                assert identity.person.company == company
                assert not identity.person.administrator
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("imap", "bob smith", "of acme")
        with _store(folder) as store:
            store.companies.update(store.companies.get("acme"), is_default=True)
        assert authenticator.authenticate("imap", "bob smith", "of acme").authid == (
            "bob@acme.example"
        )
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("imap", "bob smith", "of bolt")


def test_a_deleted_company_lets_no_user_in_from_the_next_login_on(folder: ConfigFolder) -> None:
    with Authenticator(folder.config()) as authenticator, _store(folder) as store:
        authenticator.authenticate("imap", "bob@acme.example", "of acme")
        deleted = store.companies.delete(store.companies.get("acme"), with_users=True)
        with pytest.raises(AccountRestricted):
            authenticator.authenticate("imap", "bob@acme.example", "of acme")
        assert authenticator.authenticate("imap", "bob@bolt.example", "of bolt")
        store.companies.restore(deleted)
        assert authenticator.authenticate("imap", "bob@acme.example", "of acme")


def test_the_rules_of_a_company_come_after_the_users_own(folder: ConfigFolder) -> None:
    none = '{"allowed_services":["pop3"]}'
    with Authenticator(folder.config()) as authenticator, _store(folder) as store:
        authenticator.authenticate("imap", "bob@acme.example", "of acme")
        store.companies.update(store.companies.get("acme"), policy=none)
        with pytest.raises(AccountRestricted):
            authenticator.authenticate("imap", "bob@acme.example", "of acme")
        authenticator.authenticate("imap", "bob@bolt.example", "of bolt")
        bob = store.get("bob@acme.example")
        store.update(bob, policy='{"allowed_services":["imap"]}')
        authenticator.authenticate("imap", "bob@acme.example", "of acme")


def test_the_audit_record_has_the_company(
    folder: ConfigFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ualauth.audit")
    with Authenticator(folder.config()) as authenticator:
        for _ in range(2):
            authenticator.authenticate("imap", "bob@acme.example", "of acme")
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("imap", "bob@bolt.example", "wrong")
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("imap", "none@bolt.example", "wrong")
    records = [each.audit for each in caplog.records if hasattr(each, "audit")]
    assert [json.loads(as_json(each)).get("company") for each in records] == [
        *("acme", "acme", "bolt"),
        None,
    ]
    assert " company='acme' " in str(records[0])


def test_pam_if_asks_for_the_company(folder: ConfigFolder) -> None:
    with Authenticator(folder.config()) as authenticator:
        assert authenticator.authenticate("acme", "bob@acme.example", "of acme")
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("acme", "bob@bolt.example", "of bolt")


def test_a_mechanism_is_refused_to_the_users_of_one_company(folder: ConfigFolder) -> None:
    first = "auth [ignore=ignore default=die] pam_if company=acme mechanism=PLAIN\n"
    folder.service("submission", first + OM_AUTH)
    with Authenticator(folder.config()) as authenticator:
        assert not authenticator.load("submission").problems

        def plain(company: str) -> str:
            exchange = authenticator.sasl("submission", "PLAIN", tls=True)
            exchange.step(f"\0bob@{company}.example\0of {company}".encode())
            return exchange.identity.authid

        assert plain("bolt") == "bob@bolt.example"
        with pytest.raises(AuthenticationFailed):
            plain("acme")
        assert authenticator.authenticate("submission", "bob@acme.example", "of acme")
