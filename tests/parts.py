"""What the files of tests need, and in which order they run.

`make unit` runs what has none of the marks in `LEFT_OUT`. It does not even import the others: they
may need libraries that it does not install. `make test` runs all but what is rare, which
`make long` installs the programs for. A path is a file, or a folder with all in it.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.seeds import rounds

ROOT = Path(__file__).parents[1]

MARKS = {
    "servers": (
        "tests/docs/test_examples.py",
        "tests/docs/test_pages.py",
        "tests/faults/test_disk_full.py",
        "tests/integration",
        "tests/interop",
        "tests/ldap",
        "tests/milter/test_against_postfix.py",
        "tests/milter/test_real_milters.py",
        "tests/virus/test_scanners.py",
        "tests/smtp_access/test_dialogues.py",
        "tests/smtp_access/test_example.py",
        "tests/smtp_access/test_readers.py",
        "tests/smtp_access/test_submission.py",
        "tests/unit/cli/test_log_of_the_journal.py",
        "tests/unit/cli/test_pictures_in_chromium.py",
        "tests/unit/modules/test_pam_linux.py",
        "tests/unit/userlist/test_copy.py",
        "tests/unit/userlist/test_postgresql_errors.py",
        "tests/unit/userlist/test_postgresql_servers.py",
    ),
    "rare": ("tests/interop/test_rare_clients.py",),
    "root": (
        "tests/faults/test_disk_full.py",
        "tests/integration/daemon/test_access_rules.py",
        "tests/integration/daemon/test_logins_of_mail_servers.py",
        "tests/integration/daemon/test_mail_demo.py",
        "tests/integration/daemon/test_openldap.py",
        "tests/integration/daemon/test_socketmap.py",
        "tests/integration/host_pam",
        "tests/integration/kerberos/test_krb5_dns.py",
    ),
    # Random input, threads and processes beside each other, what is counted for statistics.
    "chance": (
        "tests/faults",
        "tests/integration/kerberos/test_krb5_load.py",
        "tests/ldap/test_load.py",
        "tests/oracle",
        "tests/property",
        "tests/unit/import_export/test_kill.py",
        "tests/unit/om_auth/test_enumeration.py",
        "tests/unit/om_auth/test_first_logins.py",
        "tests/unit/om_auth/test_guesses.py",
        "tests/unit/om_auth/test_learn.py",
        "tests/unit/runtime/test_threads.py",
        "tests/unit/sync/test_killed.py",
        "tests/unit/sync/test_model.py",
        "tests/unit/sync/test_watch.py",
        "tests/unit/system/test_forks.py",
        "tests/unit/userlist/test_changes_beside.py",
        "tests/unit/userlist/test_companies_work.py",
        "tests/unit/userlist/test_user_processes.py",
        "tests/unit/userlist/test_user_writers.py",
    ),
    "slow": (
        "tests/docs/test_examples.py",
        "tests/docs/test_pages.py",
        "tests/docs/test_pictures.py",
        "tests/faults",
        "tests/oracle/test_libpam.py",
        "tests/property",
        "tests/smtp_access/test_against_naive.py",
        "tests/smtp_access/test_false_ends.py",
        "tests/unit/adapters",
        "tests/unit/callers",
        "tests/unit/cli/test_authenticate.py",
        "tests/unit/cli/test_check.py",
        "tests/unit/cli/test_check_files.py",
        "tests/unit/cli/test_company.py",
        "tests/unit/cli/test_company_random.py",
        "tests/unit/cli/test_explain.py",
        "tests/unit/cli/test_group.py",
        "tests/unit/cli/test_log.py",
        "tests/unit/cli/test_migrate.py",
        "tests/unit/cli/test_progress.py",
        "tests/unit/cli/test_several_users.py",
        "tests/unit/cli/test_user.py",
        "tests/unit/daemon/test_at_once.py",
        "tests/unit/daemon/test_ldap.py",
        "tests/unit/daemon/test_same_answers.py",
        "tests/unit/daemon/test_server.py",
        "tests/unit/explaining",
        "tests/unit/imap/test_om_imap.py",
        "tests/unit/import_export/test_closing.py",
        "tests/unit/import_export/test_csv_limits.py",
        "tests/unit/import_export/test_directory_limits.py",
        "tests/unit/import_export/test_files_of_others.py",
        "tests/unit/import_export/test_groups.py",
        "tests/unit/import_export/test_groups_checked.py",
        "tests/unit/import_export/test_hashes.py",
        "tests/unit/import_export/test_kill.py",
        "tests/unit/import_export/test_mailbox_fields.py",
        "tests/unit/import_export/test_onto_itself.py",
        "tests/unit/import_export/test_round_trip.py",
        "tests/unit/import_export/test_what_is_not_given.py",
        "tests/unit/metrics/test_logins.py",
        "tests/unit/metrics/test_shared.py",
        "tests/unit/modules/test_om_sql.py",
        "tests/unit/modules/test_pam_if.py",
        "tests/unit/modules/test_pam_if_examples.py",
        "tests/unit/oauth",
        "tests/unit/om_auth/test_enumeration.py",
        "tests/unit/om_auth/test_first_logins.py",
        "tests/unit/om_auth/test_guesses.py",
        "tests/unit/om_auth/test_learn.py",
        "tests/unit/om_auth/test_lockout.py",
        "tests/unit/om_auth/test_names_of_others.py",
        "tests/unit/om_auth/test_overload.py",
        "tests/unit/om_auth/test_policy.py",
        "tests/unit/om_auth/test_two_entries.py",
        "tests/unit/passwords/test_libpass.py",
        "tests/unit/passwords/test_vectors.py",
        "tests/unit/runtime/test_asyncio.py",
        "tests/unit/runtime/test_compliance.py",
        "tests/unit/runtime/test_confirming.py",
        "tests/unit/runtime/test_every_refusal.py",
        "tests/unit/runtime/test_faulty_modules.py",
        "tests/unit/runtime/test_groups.py",
        "tests/unit/runtime/test_identities.py",
        "tests/unit/runtime/test_readable.py",
        "tests/unit/runtime/test_refusals_of_guesses.py",
        "tests/unit/runtime/test_refusals_of_modules.py",
        "tests/unit/runtime/test_remembered_verdicts.py",
        "tests/unit/runtime/test_secrets.py",
        "tests/unit/runtime/test_side_effects.py",
        "tests/unit/runtime/test_threads.py",
        "tests/unit/runtime/test_typed_passwords.py",
        "tests/unit/runtime/test_way_to_the_userlist.py",
        "tests/unit/runtime/test_what_is_loaded.py",
        "tests/unit/runtime/test_wrong_modules.py",
        "tests/unit/sasl/test_abandoned.py",
        "tests/unit/sasl/test_abandoned_in_the_log.py",
        "tests/unit/sasl/test_added_mechanisms.py",
        "tests/unit/sasl/test_exact_names.py",
        "tests/unit/sasl/test_exchanges.py",
        "tests/unit/sasl/test_first_answers.py",
        "tests/unit/sasl/test_mock_secrets.py",
        "tests/unit/sasl/test_moving_to_scram.py",
        "tests/unit/sasl/test_proofs_that_do_not_count.py",
        "tests/unit/sasl/test_short_messages.py",
        "tests/unit/sasl/test_time_that_is_up.py",
        "tests/unit/sasl/test_vectors.py",
        "tests/unit/sasl/test_violations.py",
        "tests/unit/stack/test_compile.py",
        "tests/unit/sync/test_killed.py",
        "tests/unit/sync/test_model.py",
        "tests/unit/system/test_forks.py",
        "tests/unit/test_linear_time.py",
        "tests/unit/test_missing_extras.py",
        "tests/unit/test_packages.py",
        "tests/unit/test_words_of_the_code.py",
        "tests/unit/userlist/test_changes_beside.py",
        "tests/unit/userlist/test_last_logins.py",
        "tests/unit/userlist/test_listing.py",
        "tests/unit/userlist/test_older_databases.py",
        "tests/unit/userlist/test_submission_limits.py",
        "tests/unit/userlist/test_user_faults.py",
        "tests/unit/userlist/test_user_processes.py",
        "tests/unit/userlist/test_user_schema.py",
        "tests/unit/userlist/test_user_writers.py",
    ),
}
"""Mark -> the files that have it. Single tests have it by a decorator."""

LEFT_OUT = ("servers", "rare", "root", "slow")
"""The marks of what `make unit` leaves out."""

STARTED = {"postgresql", "samba_controller", "slapd", "tls"}
"""Fixtures that start a server, or openssl(1): what uses them is marked `servers` by itself."""

SHARED = ("tests/integration/host_pam", "tests/interop")
"""Folders whose files run in one process, one after the other: for one file of passwords of
the host, or servers and clients that take long."""

LONGEST = (
    "tests/faults/test_change_under_load.py",
    "tests/interop",
    "tests/docs/test_pages.py",
    "tests/docs/test_examples.py",
    "tests/faults/test_kill_minus_nine.py",
    "tests/faults/test_outage.py",
    "tests/faults/test_model.py",
    "tests/integration/kerberos/test_krb5_silence.py",
    "tests/integration/kerberos/test_krb5_load.py",
    "tests/integration/test_bad_input.py",
    "tests/ldap/test_load.py",
    "tests/ldap/module/test_active_directory.py",
    "tests/unit/userlist/test_user_store.py",
    "tests/unit/callers/test_caller_stacks.py",
    "tests/oracle/test_libpam.py",
    "tests/unit/sasl/test_violations.py",
    "tests/unit/import_export/test_closing.py",
    "tests/unit/import_export/test_kill.py",
    "tests/integration/kerberos/test_krb5_exchanges.py",
)
"""What takes longest runs first, in this order, so that the others fill the time beside it."""


@cache
def marks_of(path: str) -> frozenset[str]:
    """Return the marks of a file or folder, whose path begins with `tests/`."""
    return frozenset(mark for mark, places in MARKS.items() if _stands_in(path, places))


def marks_by_content(item: pytest.Item) -> set[str]:
    """Return the marks of a test by what it uses."""
    marks = set()
    if any(name in STARTED for name in getattr(item, "fixturenames", ())):
        marks.add("servers")
    if isinstance(item, pytest.Function) and vars(item.module).get("rounds") is rounds:
        marks |= {"rounds", "chance"}
    return marks


def group_of(path: str) -> str:
    """Return what a file runs together with, in one process: itself, or a folder."""
    return next((place for place in SHARED if _is_in(path, place)), path)


@cache
def place_in_order(path: str) -> int:
    """Return a number by which the files are sorted."""
    group = group_of(path)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _stands_in(path: str, places: tuple[str, ...]) -> bool:
    return any(_is_in(path, place) for place in places)


class Programs:
    """Sees which programs are started, and stops those that a test has no mark for."""

    EVERYWHERE = frozenset({"sh", "cat", "env", "python3", "ldconfig"})
    """What each system with Python has."""

    def __init__(self) -> None:
        """Watch from now on: audit hooks stay."""
        self.unmarked = ""
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.unmarked or event != "subprocess.Popen":
            return
        program = Path(os.fsdecode(arguments[0] or arguments[1][0]))
        if program.name not in self.EVERYWHERE and not _is_ours(program):
            raise RuntimeError(f"mark {self.unmarked} as `servers`: it starts {program}")


def _is_ours(program: Path) -> bool:
    return any(program.is_relative_to(place) for place in (sys.prefix, ROOT, "/tmp"))


PROGRAMS = Programs()


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Gives whole groups of files to the processes, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
