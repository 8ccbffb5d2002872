"""Recorded logins through a changed configuration: who would get in now, and who would not.

Each entry that was asked then, and is asked now, answers as it did; any other answers as far as
its module can say without the password. What is not known is followed on all ways: if they do
not come to the same, the record cannot tell.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from ualauth.audit_log.record import Logged
from ualauth.config.config import Config
from ualauth.contract.credentials import ANONYMOUS
from ualauth.errors import ConfigurationError, UnknownService
from ualauth.explaining.explain import Explainer
from ualauth.explaining.explanation import Way, deciding_choices
from ualauth.explaining.recorded import CannotTell, Writer, changed_files
from ualauth.explaining.supposed import GivenPassword, Suppositions
from ualauth.reasons import ReasonCode
from ualauth.runtime.audit_record import MOST_SHOWN
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.peer import Peer
from ualauth.sasl.mechanism import Mechanism
from ualauth.sasl.registry import mechanism
from ualauth.stack.model import Service
from ualauth.text.dataclass import dataclass
from ualauth.userlist.login.supposed import USERLIST

_LOGIN = "login"
_MECHANISM = "mechanism"
_ESCAPE = re.compile(r"\\(?:\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


class Change(enum.Enum):
    """What becomes of a recorded login."""

    SAME = "same"
    """It is let in as it was, or is not as it was not."""
    LET_IN = "now let in"
    REFUSED = "now refused"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A record, and what becomes of its login; `why` names the entry that decides, or the lack."""

    record: Logged
    change: Change
    why: str
    outcome: Outcome | None = None
    """What it comes to, if that is known."""


class Replay:
    """Replays the records of a log through a candidate.

    `recorded_with` is the configuration that has written the log; by default, the one in whose
    folder the entries of each record stand.
    """

    def __init__(self, candidate: Config, recorded_with: Config | None = None) -> None:
        """Remember both; opens nothing."""
        self._candidate = candidate
        self._given = recorded_with
        self._writers: dict[Path, Writer] = {}
        self._explainers: dict[str, Explainer] = {}
        """By the USERLIST that they read."""
        self._services: dict[str, Service | None] = {}
        self._changed: dict[tuple[Path, str], list[str]] = {}

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        for writer in self._writers.values():
            writer.close()
        for explainer in self._explainers.values():
            explainer.close()

    def replay(self, record: Logged) -> Replayed | None:
        """Return what becomes of a recorded login; `None` for a record of anything else.

        Raises:
            ConfigurationError: if the candidate cannot be used.

        """
        event = record.text("event")
        if event not in {_LOGIN, _MECHANISM} or record.outcome == "abandoned":
            return None
        if record.text("operation") == "chauthtok":
            return None
        try:
            return self._replayed(record)
        except CannotTell as error:
            return Replayed(record, Change.UNKNOWN, str(error))

    def _replayed(self, record: Logged) -> Replayed:
        if record.outcome == "granted" and record.text("operation") != "acct_mgmt":
            raise CannotTell("it is one operation of a transaction, and no whole login")
        if record.text("acts_for"):
            raise CannotTell("the user acts for another one")
        reason = record.text("reason")
        if reason == ReasonCode.MALFORMED.value:
            # Nothing that a module would have to see.
            return _decided(record, Outcome.REFUSED, reason)
        kind = _mechanism(record)
        service = self._service(record)
        if service is None:
            return _decided(record, Outcome.UNAVAILABLE, "there is no such service, and no 'other'")
        if record.text("event") == _MECHANISM and kind is not None:
            if self._explain_with(None).offers(service, kind, _peer(record), "?"):
                raise CannotTell(f"{kind.name} is offered now, and no client has named a user")
            return _decided(record, Outcome.REFUSED, reason)
        pairs = _pairs(record.values.get("answers"))
        if not pairs and reason != ReasonCode.MECHANISM_NOT_OFFERED.value:
            said = record.text("remark")
            raise CannotTell(f"no entry was asked{f': {said}' if said else ''}")
        user = _user(record, kind)
        name = record.text("service")
        writer = self._writer(pairs)
        explainer = self._explain_with(writer)
        changed = self._changes(writer, name, service) if pairs else []
        known = writer.answers(name, pairs, changed)
        right = known.userlist_knows(refused_for=reason)
        suppositions = Suppositions(
            GivenPassword.EITHER,
            _moment(record),
            {} if right is None else {USERLIST: right},
        )
        ways, is_complete = explainer.ways(service, user, kind, _peer(record), suppositions, known)
        return _concluded(record, ways, is_complete=is_complete)

    def _service(self, record: Logged) -> Service | None:
        name = record.text("service")
        if name not in self._services:
            explainer = self._explain_with(None)
            try:
                self._services[name] = explainer.services.compile(name)
            except UnknownService:
                self._services[name] = None
        return self._services[name]

    def _explain_with(self, writer: Writer | None) -> Explainer:
        """Return what explains by the candidate; a folder without users has those of the writer."""
        config = self._candidate
        users = self._given or (None if writer is None else writer.config)
        if not config.has_userlist and users is not None and users.has_userlist:
            settings = replace(config.userlist, url=users.userlist_url)
            config = replace(config, userlist=settings)
        explainer = self._explainers.get(config.userlist_url)
        if explainer is None:
            explainer = self._explainers[config.userlist_url] = Explainer(config)
        return explainer

    def _writer(self, pairs: Iterable[tuple[str, str]]) -> Writer:
        given = self._given
        files = {Path(place.rpartition(":")[0]) for place, _ in pairs}
        folder = given.directory if given is not None else _folder_of(files, self._candidate)
        writer = self._writers.get(folder)
        if writer is None:
            try:
                config = given or Config.load(folder)
            except ConfigurationError as error:
                why = str(error).split("\n")[0]
                raise CannotTell(f"the configuration of the log: {why}") from None
            writer = self._writers[folder] = Writer(config)
        return writer

    def _changes(self, writer: Writer, name: str, service: Service) -> list[str]:
        key = writer.config.directory, name
        if key not in self._changed:
            before = writer.compiled(name)
            self._changed[key] = changed_files(before, writer.config, service, self._candidate)
        return self._changed[key]


def _folder_of(files: set[Path], candidate: Config) -> Path:
    """Return the configuration folder in whose `pam.d` some files stand."""
    folders = {file.parent for file in files}
    if not folders:
        return candidate.directory
    if len(folders) > 1:
        raise CannotTell("its entries stand in several folders: say --recorded-with")
    folder = folders.pop()
    if folder.name != candidate.service_folder.name or not folder.is_dir():
        raise CannotTell(f"there are no service files in {folder}: say --recorded-with")
    return folder.parent


def _concluded(record: Logged, ways: tuple[Way, ...], *, is_complete: bool) -> Replayed:
    if not is_complete:
        raise CannotTell("more ways are open than can be followed")
    for choice in deciding_choices(ways, lambda way: way.outcome is Outcome.GRANTED):
        raise CannotTell(f"it depends on {choice.what} ({choice.entry}), which is not recorded")
    way = ways[0]
    deciding = way.deciding
    why = "" if way.reason is None else f"{way.reason}"
    if deciding is not None:
        why = f"{why} at {deciding.module} ({deciding.file}:{deciding.line})".strip()
    return _decided(record, way.outcome, why)


def _decided(record: Logged, outcome: Outcome, why: str) -> Replayed:
    before, now = record.outcome == Outcome.GRANTED.value, outcome is Outcome.GRANTED
    change = Change.SAME if before is now else Change.LET_IN if now else Change.REFUSED
    return Replayed(record, change, why, outcome)


def _pairs(value: object) -> list[tuple[str, str]]:
    """Return the answers of a record, each with its FILE:LINE and the word of a code."""
    if isinstance(value, str):
        words = [word.rpartition("=") for word in value.split(",")]
        return [(place, code) for place, _, code in words]
    if not isinstance(value, list):
        return []
    pairs = []
    for each in value:
        if not (
            isinstance(each, list) and len(each) == 2 and all(isinstance(x, str) for x in each)
        ):
            raise CannotTell("its answers make no sense")
        pairs.append((each[0], each[1]))
    return pairs


def _mechanism(record: Logged) -> type[Mechanism] | None:
    name = record.text("mechanism")
    kind = mechanism(name) if name else None
    if name and kind is None:
        raise CannotTell(f"there is no mechanism {name[:32]!r}")
    return kind


def _user(record: Logged, kind: type[Mechanism] | None) -> str | None:
    """Return the name as it was typed, or else whom it meant."""
    for field in ("login_name", "user"):
        name = unescaped(record.text(field))
        if name == ANONYMOUS and kind is not None and kind.name == ANONYMOUS.upper():
            return None
        if name and len(name) < MOST_SHOWN:
            return name
    digest = record.text("login_name_digest")
    raise CannotTell("the name is a digest" if digest else "the name is cut, or there is none")


def unescaped(text: str) -> str:
    r"""Return a text of a record as it was: `\x1b` and its like are characters."""
    return _ESCAPE.sub(lambda match: match[0].encode().decode("unicode_escape"), text)


def _peer(record: Logged) -> Peer:
    values: Mapping[str, Any] = record.values
    peer: dict[str, Any] = {"tls": values.get("tls") is True}
    if record.text("rhost"):
        peer["rhost"] = unescaped(record.text("rhost"))
    uid = values.get("caller_uid")
    if isinstance(uid, str) and uid.isdecimal():
        uid = int(uid)
    if type(uid) is int:
        peer["caller_uid"] = uid
    return cast("Peer", peer)


def _moment(record: Logged) -> datetime:
    if record.time is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(record.time, UTC)
    except (ValueError, OverflowError, OSError):
        raise CannotTell("its time makes no sense") from None
