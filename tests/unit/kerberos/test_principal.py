"""Names become principals, and principals users; nothing typed is syntax."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.kerberos.context import Configuration, Context
from ualauth.kerberos.principal import (
    DomainMap,
    PrincipalName,
    Template,
    escaped,
    principal_of,
    split,
    user_of,
)

DOMAINS = {"example.org": "EXAMPLE.ORG", "example.net": "NET"}

PRINCIPALS = {
    "jsmith": "jsmith@R",
    "john smith": "john smith@R",
    "jsmith/admin": "jsmith\\/admin@R",
    "back\\slash": "back\\\\slash@R",
    "jsmith@example.org": "jsmith@EXAMPLE.ORG",
    "jsmith@EXAMPLE.net": "jsmith@NET",
    "jsmith@r": "jsmith@R",
    "a@b@example.org": "a\\@b@EXAMPLE.ORG",
    "jsmith@EXAMPLE.COM": None,
    "@example.org": None,
    "jsmith@": None,
}


@pytest.mark.parametrize("authid", PRINCIPALS)
def test_a_name_is_the_principal_of_its_domain(authid: str) -> None:
    principal = principal_of(authid, "R", DOMAINS, enterprise=False)
    assert (principal and principal.text) == PRINCIPALS[authid]


@pytest.mark.parametrize(
    ("authid", "text"),
    [("jsmith@any.org", "jsmith@any.org@R"), ("a@b@c", "a\\@b@c@R"), ("a/b@c", "a\\/b@c@R")],
)
def test_an_enterprise_name_keeps_its_domain(authid: str, text: str) -> None:
    assert principal_of(authid, "R", {}, enterprise=True) == PrincipalName(text, enterprise=True)


def test_a_name_without_domain_is_no_enterprise_name() -> None:
    assert principal_of("jsmith", "R", {}, enterprise=True) == PrincipalName("jsmith@R")


@pytest.mark.slow
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_libkrb5_reads_any_name_as_one_component(name: str) -> None:
    context = CONTEXT
    with context.principal(PrincipalName(f"{escaped(name)}@R")) as principal:
        assert split(context.text(principal)) == ((name,), "R")


CONTEXT = Context(Configuration("/dev/null", ()))


def test_libkrb5_takes_the_enterprise_name_whole() -> None:
    name = principal_of("a@b@c/d", "R", {}, enterprise=True)
    assert name is not None
    with CONTEXT.principal(name) as principal:
        assert CONTEXT.text(principal) == "a\\@b\\@c\\/d@R"


USERS = {
    "jsmith@R": "jsmith",
    "john smith@R": "john smith",
    "jsmith@NET": "jsmith@example.net",
    "jsmith@EVIL": "",
    "jsmith/admin@R": "",
    "imap/mail.example.org@R": "",
    "boss\\@example.net@R": "",
    "jsmith\\/admin@R": "jsmith/admin",
    "@R": "",
    "": "",
}


@pytest.mark.parametrize("principal", USERS)
def test_a_principal_is_a_user_by_its_realm(principal: str) -> None:
    assert user_of(principal, "R", DOMAINS) == USERS[principal]


def test_a_map_of_domains_is_read() -> None:
    assert DomainMap("a.b:R,C.d").realms == {"a.b": "R", "c.d": "C.D"}


@pytest.mark.parametrize("text", ["", ",", "a:", ":R", "a,,b", "a@b:R"])
def test_a_map_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="takes DOMAIN:REALM"):
        DomainMap(text)


ALTERNATIVES = {
    ("%s/mail", "jsmith"): "jsmith/mail@R",
    ("%s/mail", "jsmith@r"): "jsmith/mail@R",
    ("%s/mail", "jsmith@example.org"): "jsmith/mail@EXAMPLE.ORG",
    ("%s/mail", "a/b\\"): "a\\/b\\\\/mail@R",
    ("%s/mail", "a@b@example.org"): "a\\@b/mail@EXAMPLE.ORG",
    ("%s/mail", "jsmith@example.com"): None,
    ("%s/mail", "@r"): None,
    ("%s/mail@X", "jsmith"): "jsmith/mail@X",
    ("%s/mail@X", "jsmith@r"): "jsmith/mail@X",
    # Else jsmith of one domain would be jsmith of the other.
    ("%s/mail@X", "jsmith@example.org"): None,
    ("a\\@%s", "jsmith"): "a\\@jsmith@R",
}


@pytest.mark.parametrize(("template", "authid"), ALTERNATIVES)
def test_a_template_is_filled_with_the_name_and_has_the_realm_of_its_domain(
    template: str, authid: str
) -> None:
    principal = Template(template).fill(authid, "R", DOMAINS)
    assert (principal and principal.text) == ALTERNATIVES[template, authid]


@pytest.mark.parametrize("text", ["mail", "%s/%s", "%u", "100%/%s"])
def test_a_template_needs_one_place(text: str) -> None:
    with pytest.raises(ValueError, match="takes a principal with one %s"):
        Template(text)


def test_structures_are_as_long_as_mits() -> None:
    from ualauth.kerberos import libkrb5

    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(libkrb5.Data) == 8 + pointer
    assert ctypes.sizeof(libkrb5.Credentials) == (120 if pointer == 8 else 84)
