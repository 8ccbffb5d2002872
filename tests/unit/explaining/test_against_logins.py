"""An explanation says what the login then comes to, with the same password right or wrong."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from random import Random
from typing import Any

import pytest

from tests.seeds import SEED, rounds
from tests.unit.explaining.stacks import PASSWORD, Situation, situation, write_service
from tests.unit.sasl.clients import Client, cram_md5, initial, scram
from ualauth import (
    AuthenticationError,
    Authenticator,
    MechanismUnavailable,
    explain,
)
from ualauth.audit import AuditRecord, ignore, listen
from ualauth.explaining.explain import Explainer
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

_ROUNDS = rounds(150)
_OF_THIS_RUN = ("time", "transaction", "duration")


@contextlib.contextmanager
def records() -> Iterator[list[AuditRecord]]:
    """Collect the audit records of what is done meanwhile."""
    logged: list[AuditRecord] = []
    listener = logged.append
    listen(listener)
    try:
        yield logged
    finally:
        ignore(listener)


def _client(mechanism: str, name: str, password: str) -> Client:
    match mechanism:
        case "PLAIN":
            return initial(f"\0{name}\0{password}".encode())
        case "CRAM-MD5":
            return cram_md5(name, password)
        case "ANONYMOUS":
            return initial(b"")
        case _:
            return scram(mechanism, name, password)


def log_in(authenticator: Authenticator, service: str, each: Situation) -> AuditRecord:
    """Log in really; return the record."""
    password = PASSWORD if each.right else "wrong"
    with records() as logged, contextlib.suppress(AuthenticationError, MechanismUnavailable):
        if each.mechanism is None:
            authenticator.authenticate(service, each.name, password, **each.peer)
        else:
            exchange = authenticator.sasl(service, each.mechanism, **each.peer)
            client = _client(each.mechanism, each.name, password)
            challenge = exchange.step(next(client))
            while not exchange.done:
                challenge = exchange.step(client.send(challenge or b""))
    return logged[-1]


def told(record: AuditRecord) -> dict[str, Any]:
    """Return what has to be the same in both; a process remembers passwords, unlike a person."""
    remarks = tuple((where, _unremembered(text)) for where, text in record.remarks)
    same = replace(record, remark=_unremembered(record.remark), remarks=remarks)
    return {name: value for name, value in asdict(same).items() if name not in _OF_THIS_RUN}


def _unremembered(text: str) -> str:
    return text.replace("password verified before", "password verified")


def test_random_stacks(folder: ConfigFolder, userlist: Userlist) -> None:
    random = Random(f"explain {SEED}")
    outcomes: set[str] = set()
    config = folder.config()
    with Authenticator(config) as authenticator, Explainer(config) as explainer:
        for number in range(_ROUNDS):
            service = f"tried{number}"
            text = write_service(random, folder, service)
            for _ in range(4):
                each = situation(random)
                if each.mechanism == "SCRAM-SHA-256" and not each.name:
                    # A client cannot even write it.
                    continue
                password = "right" if each.right else "wrong"
                how = {"password": password, "mechanism": each.mechanism, **each.peer}
                (way,) = explainer.explain(service, each.name, **how).ways
                record = log_in(authenticator, service, each)
                assert told(way.record) == told(record), f"round {number}: {each}\n{text}"
                outcomes.add(f"{way.outcome} {way.reason}")
    assert len(outcomes) > 20


def test_nothing_is_logged(
    folder: ConfigFolder, userlist: Userlist, caplog: pytest.LogCaptureFixture
) -> None:
    folder.service("tried", "auth required om_auth\naccount required om_auth\n")
    with caplog.at_level(logging.DEBUG), records() as logged:
        for name in ("plain", "stranger"):
            for mechanism in (None, "SCRAM-SHA-256"):
                explain(folder.config(), "tried", name, mechanism=mechanism, tls=True)
    assert not logged
    assert not [each for each in caplog.records if each.name.startswith("ualauth")]
