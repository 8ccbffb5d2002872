"""Libraries that may be missing: what needs one is left out, and told once.

What cannot be left out says which extra of the distribution brings the library, and how to
install it.
"""

from __future__ import annotations

import functools
import importlib.util
import logging

log = logging.getLogger("ualauth.modules")

_EXTRAS = {
    "OpenSSL": "twisted",
    "aiosmtpd": "aiosmtpd",
    "cryptography": "tls",
    "dns": "smtp-access",
    "gssapi": "krb5",
    "h11": "serve",
    "httpx": "oauth",
    "joserfc": "oauth",
    "ldap": "ldap-native",
    "ldap3": "ldap",
    "pam": "pam",
    "proxyprotocol": "pymap",
    "opentelemetry": "tracing",
    "prometheus_client": "metrics",
    "psycopg": "postgresql",
    "pyasn1": "ldap",
    "pymap": "pymap",
    "pymysql": "mysql",
    "pysasl": "pymap",
    "twisted": "twisted",
    "zope": "twisted",
}
"""Package -> the extra of pyproject.toml that brings it."""
_DISTRIBUTIONS = {"dns": "dnspython", "ldap": "python-ldap"}
"""Package -> its distribution, where the package's name says little."""


def require(who: str, *packages: str) -> None:
    """Do nothing if all packages can be imported.

    Raises:
        ModuleNotFoundError: if one cannot; its text says how to install it for `who`.

    """
    for package in packages:
        if text := lack(who, package):
            raise ModuleNotFoundError(text, name=package)


def lack(who: str, package: str, extra: str = "") -> str:
    """Return that `who` needs a package and how to install it; empty if it can be imported.

    `extra` is for one that more than one extra brings.
    """
    if is_installed(package):
        return ""
    cure = f"try pip install 'ualauth[{extra}]'" if extra else cure_for(package)
    name = _DISTRIBUTIONS.get(package, package)
    return f"{who} needs {name}, which is not installed" + (f"; {cure}" if cure else "")


def cure_for(package: str | None) -> str:
    """Return what to do about a missing package, `pyasn1.codec` for one; empty if unknown."""
    extra = _EXTRAS.get((package or "").partition(".")[0])
    return f"try pip install 'ualauth[{extra}]'" if extra else ""


def are_installed(packages: tuple[str, ...], who: str, cure: str) -> bool:
    """Return whether all packages can be imported; if not, the log says so, once for `who`."""
    missing = [each for each in packages if not is_installed(each)]
    if missing:
        _tell(who, ", ".join(missing), cure)
    return not missing


def is_installed(package: str) -> bool:
    """Return whether a package can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        # A package above it is missing, or a program has put something else in its place.
        return False


@functools.cache
def _tell(who: str, missing: str, cure: str) -> None:
    log.warning("%s is not offered: there is no %s; %s", who, missing, cure)
