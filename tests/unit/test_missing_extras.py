"""A library that is not installed is named, with the extra that brings it and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
{code}
"""


def run(code: str, *missing: str) -> subprocess.CompletedProcess[str]:
    """Run a program where some packages are missing."""
    text = WITHOUT.format(missing=set(missing), code=code)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("imported", "missing", "extra"),
    [
        ("ualauth.metrics", "prometheus_client", "metrics"),
        ("ualauth.tracing", "opentelemetry", "tracing"),
        ("ualauth.adapters.aiosmtpd", "aiosmtpd", "aiosmtpd"),
        ("ualauth.adapters.aiosmtpd.session", "aiosmtpd", "aiosmtpd"),
        ("ualauth.adapters.smtp_access_aiosmtpd", "aiosmtpd", "aiosmtpd"),
        ("ualauth.adapters.pymap", "pymap", "pymap"),
        ("ualauth.adapters.twisted", "twisted", "twisted"),
        ("ualauth.adapters.twisted", "OpenSSL", "twisted"),
        ("ualauth.adapters.twisted.checker", "twisted", "twisted"),
    ],
)
def test_adapter_names_its_extra(imported: str, missing: str, extra: str) -> None:
    ended = run(f"import {imported}", missing)
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: {'.'.join(imported.split('.')[:2])}")
    assert f"{missing}, which is not installed; try pip install 'ualauth[{extra}]'" in last


def test_command_names_its_extra() -> None:
    code = (
        "from ualauth.cli.application import application; application(['ldap', 'test', '--help'])"
    )
    ended = run(code, "pyasn1", "ldap3")
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "try pip install 'ualauth[ldap]'" in " ".join(ended.stderr.split())


def test_check_names_the_extra_of_a_module(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "pam.d").mkdir(parents=True)
    etc.chmod(0o755)
    (etc / "om_ldap.conf").write_text("host ldap.example.com\nbase dc=example\n")
    (etc / "pam.d" / "imap").write_text("auth required om_ldap\naccount required om_ldap\n")
    words = ["--config-dir", str(etc), "check"]
    code = f"from ualauth.cli.application import application; application({words!r})"
    ended = run(code, "pyasn1", "ldap3", "ldap")
    assert ended.returncode != 0
    assert "ualauth[ldap" in " ".join((ended.stdout + ended.stderr).split())


OPTIONAL = "OpenSSL aiosmtpd cryptography dns gssapi httpx joserfc ldap ldap3 pam psycopg pyasn1"
KEYS = "om_oauth issuer=https://i.example audience=mail keys=keys.json"
URL = "om_oauth issuer=https://i.example audience=mail introspection=https://i.example/ask"
SERVICES = {
    "keys": (KEYS, "joserfc", "oauth", "error"),
    "url": (URL, "httpx", "oauth", "error"),
    "tickets": ("om_krb5 allow_unverified_kdc", "gssapi", "krb5", "warning"),
    "host": ("pam_linux service=login", "pam", "pam", "error"),
    "ldap": ("om_ldap", "ldap3", "ldap", "error"),
    "native": ("om_ldap config=native.conf", "python-ldap", "ldap-native", "error"),
    "dns": ("om_ldap config=dns.conf", "dnspython", "ldap", "error"),
    "bound": ("om_ldap config=bound.conf", "gssapi", "krb5", "error"),
}
"""Service -> what its line is, which library that lacks, the extra, and how bad it is."""
CONFIGURATIONS = {
    "om_ldap.conf": "uri ldapi://%2Fnone\nbase dc=example\n",
    "native.conf": "uri ldapi://%2Fnone\nbase dc=example\nlibrary python-ldap\n",
    "dns.conf": "srv_domain example.com\nbase dc=example\n",
    "bound.conf": "uri ldap://127.0.0.1:1\nbase dc=example\nsasl_mech GSSAPI\n",
}
ALL = """
import json, os
os.environ["COLUMNS"] = "300"
from click.testing import CliRunner
from ualauth.cli.application import application
told = {{}}
for words in {commands!r}:
    result = CliRunner().invoke(application, ["--config-dir", {folder!r}, *words], input="x")
    ended = result.exception is None or isinstance(result.exception, SystemExit)
    output = result.output + ("" if ended else repr(result.exception))
    told[" ".join(words)] = [result.exit_code, output]
print(json.dumps(told))
"""
Told = Mapping[str, tuple[int, str]]


def commands() -> Sequence[Sequence[str]]:
    """Return what is run: each service is checked, and tried."""
    tried = ([name, "jsmith", "--password-stdin", "--trace"] for name in SERVICES)
    return [
        *(["check", name] for name in SERVICES),
        *(["test-auth", *words] for words in tried),
        ["check", "--offers"],
        ["modules"],
        *(["modules", name] for name in ("om_oauth", "om_krb5")),
    ]


def told_without(folder: Path, asked: Sequence[Sequence[str]], *missing: str) -> Told:
    """Return what commands answer where these packages are missing: status and output."""
    (folder / "pam.d").mkdir(parents=True)
    for name, (line, *_) in SERVICES.items():
        text = f"auth required {line}\naccount required pam_permit\n"
        (folder / "pam.d" / name).write_text(text)
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text)
    (folder / "keys.json").write_text('{"keys": [{"kty": "oct", "k": "AAAA"}]}')
    ended = run(ALL.format(commands=asked, folder=str(folder)), *missing)
    assert not ended.stderr, ended.stderr
    answers: Told = json.loads(ended.stdout)
    return answers


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    # Without pyasn1 the whole module om_ldap is missing, which is another kind.
    missing = set(OPTIONAL.split()) - {"pyasn1"}
    return told_without(tmp_path_factory.mktemp("plain") / "etc", commands(), *missing)


@pytest.mark.parametrize("name", SERVICES)
def test_check_says_which_line_lacks_which_library(told: Told, name: str) -> None:
    _, package, extra, severity = SERVICES[name]
    status, output = told[f"check {name}"]
    assert status == (1 if severity == "error" else 0)
    told_lines = [line for line in output.splitlines() if f"needs {package}, which is not" in line]
    assert told_lines
    assert all(f": {severity}: " in line for line in told_lines)
    assert any(f"etc/{place}" in told_lines[0] for place in ("pam.d/", *CONFIGURATIONS))
    assert f"try pip install 'ualauth[{extra}]'" in output
    assert "Error(" not in output


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"tickets"}))
def test_a_login_says_which_library_it_lacks(told: Told, name: str) -> None:
    _, package, extra, _ = SERVICES[name]
    status, output = told[f"test-auth {name} jsmith --password-stdin --trace"]
    assert status in {1, 75}
    assert f"needs {package}, which is not installed; try pip install 'ualauth[{extra}]'" in output


def test_passwords_are_verified_without_what_tickets_need(told: Told) -> None:
    status, output = told["test-auth tickets jsmith --password-stdin --trace"]
    assert status == 75
    assert "gssapi" not in output
    offered = {line.split()[0]: line for line in told["check --offers"][1].splitlines() if line}
    assert "GSSAPI" not in offered["tickets"]
    assert "PLAIN" in offered["tickets"]
    assert "OAUTHBEARER" not in offered["keys"] + offered["url"]


def test_modules_says_what_is_missing(told: Told) -> None:
    for name, packages in (("om_oauth", ("httpx", "joserfc")), ("om_krb5", ("gssapi",))):
        for output in (told["modules"][1], told[f"modules {name}"][1]):
            for package in packages:
                assert f"in part, {name} needs {package}, which is not installed" in output
    assert told["modules"][0] == 0


def test_a_module_that_cannot_be_loaded_names_its_extra(tmp_path: Path) -> None:
    status, output = told_without(tmp_path / "etc", [["check", "ldap"]], "pyasn1")["check ldap"]
    assert status == 1
    assert "module om_ldap needs pyasn1, which is not installed" in output
    assert "try pip install 'ualauth[ldap]'" in output


def test_libkrb5_itself_may_be_missing(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "pam.d").mkdir(parents=True)
    (etc / "pam.d" / "imap").write_text("auth required om_krb5\naccount required om_krb5\n")
    code = (
        "import ualauth.kerberos.libkrb5 as it; it._NAME = 'libnone.so.3'\n"
        "from ualauth.cli.application import application\n"
        f"application({['--config-dir', str(etc), 'check']!r})"
    )
    ended = run(code)
    assert ended.returncode == 1
    assert "imap:1:15: error: MIT Kerberos is not installed" in ended.stdout
    assert "apt-get install libkrb5-3" in ended.stdout
