"""A library that is not installed is named, with the extra that brings it and the command."""

from __future__ import annotations

import subprocess
import sys
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
