"""Every example runs as its docstring says."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.conftest import Demonstration
from tests.docs.pages import ROOT
from tests.interop.servers import EXAMPLES as EXAMPLE_SERVERS
from tests.seeds import rounds

EXAMPLES = ROOT / "examples"
# Script -> how its output begins.
OUTPUTS: Mapping[str, str] = {
    "asyncio_login.py": "  9 granted to jsmith\n  3 refused\n",
    "blocking_login.py": """\
jsmith         +OK welcome, John Q Smith III/ny,hq/CN=John Smith
John Smith/ny  +OK welcome, John Q Smith III/ny,hq/CN=John Smith
jsmith         -ERR [AUTH] Authentication failed
locked         -ERR [AUTH] This account may not be used
""",
    "metrics_server.py": """\
jsmith: Authentication failed
locked: This account may not be used
ualauth_logins_total{mechanism="password",outcome="granted",service="pop3"} 2.0
ualauth_logins_total{mechanism="password",outcome="refused",service="pop3"} 1.0
ualauth_logins_total{mechanism="password",outcome="restricted",service="pop3"} 1.0
""",
    "directory_search.py": """\
jsmith looks for (&(objectclass=*)(|(cn=*smi*)(mail=*smi*)(sn=*smi*))) in the directory:
  uid=jsmith,ou=hq,ou=ny,dc=example,dc=com: john.smith@example.com, js@example.com
""",
    "ldap_login.py": """\
jsmith   let in as jsmith, john.smith@example.com, js@example.com
JSmith   let in as jsmith, john.smith@example.com, js@example.com
jsmith   AuthenticationFailed: Authentication failed
jsmith   AuthenticationFailed: Authentication failed
*        AuthenticationFailed: Authentication failed
anna     AccountRestricted: This account may not be used

ok  connect to ldapi://""",
    "synchronization.py": """
An agreement is added; nothing is done yet, but this is the plan of its first run.
$ ualauth sync add demo
""",
    "transaction_trace.py": """\
      Question(text='login:', echo=True)
      Question(text='Password: ', echo=False)
authenticate: success
""",
}


def run(*words: str | Path) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


def test_every_script_is_tried() -> None:
    scripts = {file.name for file in EXAMPLES.glob("*.py")}
    # The servers are started for the programs in tests/interop.
    servers = {example.script for example in EXAMPLE_SERVERS}
    # By tests/unit/adapters/web.
    sites = {"django_site.py", "fastapi_site.py", "flask_site.py"}
    shared = {"playground.py", "twisted_playground.py", "scram_client.py"}
    assert scripts == {
        *OUTPUTS, *servers, *sites, *shared,
        "demo.py", "kerberos_login.py", "policy.py", "sieve_server.py",
        # By tests/integration/daemon.
        "mail_demo.py",
    }  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_example_shows_what_it_is_about(name: str, etc: Path) -> None:
    assert run(EXAMPLES / name, etc).startswith(OUTPUTS[name])


@pytest.mark.parametrize("name", OUTPUTS)
def test_example_says_how_to_run_it(name: str) -> None:
    docstring = ast.get_docstring(ast.parse((EXAMPLES / name).read_text(encoding="utf-8")))
    assert docstring is not None
    assert f"\nusage: .venv/bin/python examples/{name} demo\n" in docstring


def test_demonstration_ends_as_it_should(demonstration: Demonstration) -> None:
    assert "All as it should be." in demonstration.output


def test_synchronization_ends_as_it_should(etc: Path) -> None:
    text = run(EXAMPLES / "synchronization.py", etc)
    assert text.endswith("All as it should be.\n")
    assert "Held back: 5 of 9 users would be locked: more than 10 percent" in text


USERS = rounds(5_000)
"""How many the policy's example imports: all of its 50,000 in `make long`."""


def test_policy_ends_as_it_should(etc: Path) -> None:
    output = run(EXAMPLES / "policy.py", etc, str(USERS))
    assert f"Import of {USERS:,} users" in output
    assert "All as it should be." in output


def test_kerberos_tells_the_real_kdc_from_the_false_one() -> None:
    assert run(EXAMPLES / "kerberos_login.py") == KERBEROS


KERBEROS = """\
The real KDC:
  right password  let in as jsmith
  wrong password  AuthenticationFailed (auth_err)
  ticket          let in as jsmith
A false KDC, which knows the realm's name and any password that it likes:
  its password    TemporaryFailure (authinfo_unavail)
  unverified      let in as jsmith
"""


def test_own_module_passes_its_tests() -> None:
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/own_module")


@pytest.mark.parametrize("name", ["directory_search", "synchronization", "demo"])
def test_the_demonstration_needs_no_extra(name: str, etc: Path) -> None:
    """`make demo` installs none: what needs python-ldap says so, and is no failure."""
    begin = "import sys; sys.modules['ldap'] = None; sys.path.insert(0, 'examples'); "
    # All of the demonstration takes long, and is tried elsewhere: its imports are what may fail.
    end = "" if name == "demo" else f"; {name}.main(Path({str(etc)!r}))"
    text = run("-c", f"{begin}from pathlib import Path; import {name}{end}")
    assert name == "demo" or "is shown where" in text
