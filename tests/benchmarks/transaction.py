"""A whole transaction: start, authenticate, account, end; against libpam with the same stack."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.libpam_login import libpam_login
from tests.benchmarks.page import Row
from tests.benchmarks.timing import side_by_side
from ualauth import Authenticator, ReturnCode

TITLE = "Whole transactions"
HOW = """
Median of 400 rounds of 25 calls. ualauth's side is `Authenticator.transaction`, `authenticate`,
`acct_mgmt` and the end of the `with` block; libpam's is `pam_start_confdir`, `pam_authenticate`,
`pam_acct_mgmt` and `pam_end`, called through ctypes, which adds about a microsecond to each of
libpam's four calls. libpam reads its service files and loads its modules at every start, ualauth
keeps them compiled; that is most of the difference, and what a mail server sees. `pam_permit`
answers on the spot; `pam_debug`, without arguments, is a coroutine, as most modules are.
"""

# pam_permit answers on the spot; pam_debug is a coroutine, as most modules are.
LOGINS = ((1, "pam_permit"), (4, "pam_permit"), (16, "pam_permit"), (16, "pam_debug"))


def rows() -> list[Row]:
    """Measure stacks of several lengths."""
    return [_login(size, module) for size, module in LOGINS]


def _login(size: int, module: str) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        services = folder / "pam.d"
        services.mkdir()
        lines = f"auth required {module}.so\naccount required {module}.so\n" * size
        (services / "mail").write_text(lines)
        (services / "other").write_text("auth required pam_deny.so\n")
        theirs = libpam_login(services, "mail", "nobody")
        with Authenticator(folder) as authenticator:

            def ours() -> None:
                with authenticator.transaction("mail", "nobody") as transaction:
                    codes = transaction.authenticate(), transaction.acct_mgmt()
                if codes != (ReturnCode.SUCCESS, ReturnCode.SUCCESS):
                    raise RuntimeError(f"ualauth answers {codes}")

            own, peer = side_by_side(ours, theirs)
    return Row(
        f"{size} auth + {size} account entries of `{module}`",
        f"{own * 1e6:.1f} µs",
        f"libpam {peer * 1e6:.1f} µs",
        f"1/{peer / own:.1f}",
        "1/10 or less" if module == "pam_permit" else "",
    )
