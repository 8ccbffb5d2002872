"""A process loads what it uses: pinned, since each import is paid by the first login."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.names import ORName

LOG_IN = """
from ualauth import Authenticator
with Authenticator({folder!r}) as auth:
    assert auth.authenticate("mail", "jsmith", "s3cret").user == "jsmith"
"""
HASH = """
import sys
from ualauth.cli import main
sys.argv = ["ualauth", "--config-dir", {folder!r}, "hash", "--password-stdin"]
main()
"""
NEVER = (
    "ualauth.kerberos",
    "ualauth.ldap",
    "ualauth.oauth",
    "ualauth.host_pam",
    "ualauth.import_export",
    "ualauth.aio",
    "ualauth.sasl.gssapi",
    "gssapi",
    "ldap",
    "ldap3",
    "psycopg",
    "alembic",
    "zxcvbn",
    "httpx",
    "joserfc",
)
"""What neither a first login by om_auth nor `ualauth hash` has a use for."""
NO_LOGIN = (
    "sqlalchemy.dialects.postgresql",
    "ualauth.userlist.database.postgresql",
    "ualauth.userlist.database.backup",
    "ualauth.userlist.database.constraints",
    "ualauth.userlist.database.schema",
    "ualauth.userlist.bulk",
    "ualauth.userlist.companies",
    "ualauth.userlist.database.loading",
    "ualauth.userlist.database.search_index",
    "ualauth.userlist.database.group_queries",
    "ualauth.userlist.group_changes",
    "ualauth.userlist.group_record",
    "ualauth.userlist.groups",
    "ualauth.userlist.update",
    "ualauth.userlist.user_changes",
    "sqlalchemy.orm",
    "zoneinfo",
    "idna",
    "precis_i18n",
    "click",
    "rich",
)
NO_HASH = ("sqlalchemy", "ualauth.userlist.store", "importlib.metadata", "asyncio")


def loaded(program: str, folder: Path) -> set[str]:
    """Return the modules that a process has loaded at its end."""
    text = f"import atexit, sys\natexit.register(lambda: print(*sys.modules))\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", text.replace("{folder!r}", repr(str(folder)))],
        capture_output=True,
        text=True,
        check=True,
        input="s3cret\n",
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def mail(folder: ConfigFolder) -> ConfigFolder:
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    people = Userlist.create(folder.path)
    people.add("jsmith", "s3cret")
    people.close()
    return folder


@pytest.mark.parametrize(
    ("program", "more"), [(LOG_IN, NO_LOGIN), (HASH, NO_HASH)], ids=["first login", "hash"]
)
def test_what_is_not_used_is_not_loaded(
    program: str, more: tuple[str, ...], mail: ConfigFolder
) -> None:
    modules = loaded(program, mail.path)
    assert "ualauth.passwords.schemes" in modules
    assert not modules & {*NEVER, *more}
    assert not [each for each in modules if each.startswith(("ualauth.kerberos", "ualauth.ldap"))]


def test_what_is_installed_is_not_read_for_our_modules(mail: ConfigFolder) -> None:
    read = "import importlib.metadata\nimportlib.metadata.entry_points = None\n"
    assert "ualauth.modules.om_auth" in loaded(read + LOG_IN, mail.path)


def test_what_is_loaded_after_the_first_login_serves_those_of_companies(
    folder: ConfigFolder,
) -> None:
    """A server may be in a chroot by then, where no file of the library is."""
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    people = Userlist.create(folder.path)
    companies = people.store.companies
    companies.add(NewCompany(name="acme", domains=("acme.example",), is_default=True))
    people.add("jsmith@acme.example", "s3cret", name=ORName("Smith", ou1="acme"))
    companies.switch_on(companies.plan())
    people.close()
    program = f"""
import sys
from ualauth import AuthenticationFailed, Authenticator

class Refusing:
    def find_spec(self, name, *_):
        raise ImportError(name)

with Authenticator({str(folder.path)!r}) as auth:
    auth.authenticate("mail", "jsmith@acme.example", "s3cret")
    sys.meta_path.insert(0, Refusing())
    print(auth.authenticate("mail", "Smith", "s3cret").user)
    for name in ("Smith", "nobody"):
        try:
            auth.authenticate("mail", name, "wrong")
        except AuthenticationFailed as error:
            print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["jsmith@acme.example", *["AuthenticationFailed"] * 2]


def test_a_login_compiles_few_expressions_and_makes_few_questions(mail: ConfigFolder) -> None:
    told = """
import atexit, gc, json
from ualauth.text.dataclass import _Init
from ualauth.text.lazy_pattern import _Pattern
from ualauth.userlist.database import membership_queries, queries

def tell():
    objects = gc.get_objects()
    print(json.dumps({
        "compiled": sum(type(each) is _Pattern and len(vars(each)) > 2 for each in objects),
        "expressions": sum(type(each) is _Pattern for each in objects),
        "classes without objects": sum(type(each) is _Init for each in objects),
        "questions": [
            name
            for module in (queries, membership_queries)
            for name, each in vars(module).items()
            if hasattr(each, "cache_info") and each.cache_info().currsize
        ],
    }))

atexit.register(tell)
"""
    done = subprocess.run(
        [sys.executable, "-c", told + LOG_IN.replace("{folder!r}", repr(str(mail.path)))],
        capture_output=True,
        text=True,
        check=True,
    )
    counts = json.loads(done.stdout)
    assert counts["expressions"] >= 40
    assert counts["compiled"] <= 6
    assert counts["classes without objects"] >= 30
    assert set(counts["questions"]) <= {"by_login_name", "secrets", "moment_of_login"}
