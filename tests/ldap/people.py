"""Who is in the directory of the tests."""

from __future__ import annotations

import base64
import hashlib

from ualauth.ldap.client.credentials import BindCredentials

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
POLICY = f"cn=default,ou=policies,{SUFFIX}"
ADMIN = BindCredentials(f"cn=admin,{SUFFIX}", "admin-secret")
"""May do everything."""
READER = BindCredentials(f"cn=reader,ou=services,{SUFFIX}", "reader-secret")
"""The service: reads all but passwords, and changes nothing."""
JOHN = BindCredentials(f"uid=jsmith,{PEOPLE}", "s3cret")
ANNA = BindCredentials(f"uid=anna,{PEOPLE}", "pässwörd ☂")

_BASE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{SUFFIX}
objectClass: organizationalUnit
ou: groups

dn: ou=services,{SUFFIX}
objectClass: organizationalUnit
ou: services

dn: ou=policies,{SUFFIX}
objectClass: organizationalUnit
ou: policies

dn: {POLICY}
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdAllowUserChange: TRUE

dn: cn=strict,ou=policies,{SUFFIX}
objectClass: device
objectClass: pwdPolicy
cn: strict
pwdAttribute: userPassword
pwdMaxAge: 86400
pwdExpireWarning: 43200
pwdGraceAuthNLimit: 2
pwdInHistory: 3
pwdMinLength: 8
pwdCheckQuality: 2
pwdMustChange: TRUE
pwdAllowUserChange: TRUE
pwdLockout: TRUE
pwdMaxFailure: 3
"""


def person(login: BindCredentials, name: str, *lines: str) -> str:
    """Return the LDIF of one person; `lines` are further attributes."""
    uid = login.name.split(",", 1)[0].removeprefix("uid=")
    surname = name.rsplit(" ", 1)[-1]
    return "\n".join(
        [
            f"dn: {login.name}",
            "objectClass: inetOrgPerson",
            f"uid: {uid}",
            f"cn: {name}",
            f"sn: {surname}",
            f"mail: {uid}@example.com",
            f"userPassword: {hashed(login.password)}",
            *lines,
            "",
            "",
        ]
    )


def group(name: str, *members: str) -> str:
    """Return the LDIF of a group."""
    lines = [f"dn: cn={name},{GROUPS}", "objectClass: groupOfNames", f"cn: {name}"]
    return "\n".join([*lines, *(f"member: {each}" for each in members), "", ""])


def hashed(password: str) -> str:
    """Return a password as {SSHA}; the salt is always the same."""
    salt = b"salt"
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def user(number: int) -> BindCredentials:
    """Return one of many."""
    return BindCredentials(f"uid=user{number},{PEOPLE}", f"password{number}")


def many(count: int) -> str:
    """Return the LDIF of many people."""
    return "".join(person(user(number), f"User {number}") for number in range(count))


def ldif() -> str:
    """Return all that every server has."""
    service = "\n".join(
        [
            f"dn: {READER.name}",
            "objectClass: organizationalRole",
            "objectClass: simpleSecurityObject",
            "cn: reader",
            f"userPassword: {hashed(READER.password)}",
            "",
            "",
        ]
    )
    return _BASE + "\n" + service + person(JOHN, "John Smith") + person(ANNA, "Anna Blume")


def groups() -> str:
    """Return the LDIF of the groups that every server has."""
    return group("mail", JOHN.name)
