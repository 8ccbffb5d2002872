"""Names in other spellings, and lists in front of om_ldap: what tests of identities share."""

from __future__ import annotations

from tests.ldap import people
from tests.ldap.module.conftest import STACK, Logins
from ualauth import AuthenticationError
from ualauth.testing.userlist import Userlist

LIBRARIES = ("library python-ldap", "library ldap3")
SPELLINGS = (
    "jsmith",
    "JSmith",
    "JSMITH",
    "jsmith ",
    " jsmith",
    "  JSmith  ",
    "\uff4asmith",
    "j\u017fmith",
    "jsmith\u3000",
)
"""Names that OpenLDAP takes for one (RFC 4518), or for none."""
LISTS = {
    "pam_listfile": "auth required pam_listfile item=user sense=deny file={file} onerr=fail\n",
    "pam_succeed_if": "auth required pam_succeed_if user != jsmith\n",
    "pam_if": "auth [success=die default=ignore] pam_if user=jsmith\n",
}
TEMPLATE = (f"bind_template uid={{user}},{people.PEOPLE}", "- binddn", "- bindpw")


def authids(logins: Logins, password: str, *names: str) -> set[str]:
    """Return as whom these names come in, and the codes of those that do not."""
    answers = set()
    for name in names:
        try:
            identity = logins.login(name, password)
        except AuthenticationError as error:
            answers.add(f"{error.code}")
        else:
            assert identity.user == identity.authid
            answers.add(identity.authid)
    return answers


def denying(logins: Logins, rule: str, *names: str) -> Logins:
    """Return the same logins with a rule in front that denies these names."""
    file = logins.folder.path / "deny"
    file.write_text("".join(f"{each}\n" for each in names))
    file.chmod(0o644)
    logins.folder.service("mail", rule.format(file=file) + STACK)
    return Logins(logins.way, logins.folder, logins.folder.config())


def with_userlist(logins: Logins, *users: str) -> Logins:
    userlist = Userlist.create(logins.folder.path)
    for each in users:
        userlist.add(each)
    userlist.close()
    return Logins(logins.way, logins.folder, logins.folder.config())
