"""The answers that the entries of a login gave, for the entries of a changed configuration.

A record names entries by FILE:LINE. What stood there is read from the configuration that has
written it. An entry of the changed one is taken to answer the same if it is of the same type, and
has the same module with the same arguments. If several such entries have answered differently,
it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ualauth.codes import TOKENS, Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.errors import UalauthError
from ualauth.explaining.assumptions import Assumption, entries_of_login
from ualauth.runtime.base import BaseAuthenticator
from ualauth.stack.model import Entry, Service
from ualauth.stack.registry import plain_name

Key = tuple[Operation, str, tuple[str, ...]]
"""What an entry has to have in common with another one to answer the same."""
_MODULE = "om_auth"


class CannotTell(Exception):
    """A record does not have what is needed; the text says what."""


def key_of(entry: Entry, operation: Operation) -> Key:
    """Return what tells whether another entry answers the same."""
    return operation, plain_name(entry.module), entry.arguments


class RecordedAnswers:
    """The answers of one record; see `AnswersKnown`."""

    def __init__(self, answers: Mapping[Key, ReturnCode]) -> None:
        """Keep them."""
        self._answers = answers

    def of(self, entry: Entry, operation: Operation) -> Assumption | None:
        """See `AnswersKnown.of`."""
        code = self._answers.get(key_of(entry, operation))
        module = entry.instance
        # What is concluded by a stack that an entry runs may be changed with that stack.
        if code is None or (module is not None and module.nested_service() is not None):
            return None
        return Assumption("as recorded", plain_name(entry.module), "", 0, code)

    def userlist_knows(self, *, refused_for: str) -> bool | None:
        """Return whether the password was that of the USERLIST, `None` if that was not asked."""
        own = {
            code
            for (operation, module, _), code in self._answers.items()
            if operation is Operation.AUTHENTICATE and module == _MODULE
        }
        if ReturnCode.SUCCESS in own:
            return True
        wrong = ReturnCode.AUTH_ERR in own and refused_for in {"wrong_password", "wrong_proof"}
        return False if wrong else None


class Writer:
    """The configuration that has written a log: what stood where its records say."""

    def __init__(self, config: Config) -> None:
        """Remember it; opens nothing."""
        self.config = config
        self._base = BaseAuthenticator(config)
        self._services: dict[str, Service | str] = {}

    def answers(
        self, service: str, pairs: Iterable[tuple[str, str]], changed: Sequence[str] = ()
    ) -> RecordedAnswers:
        """Return the answers of a record of a service, each with FILE:LINE and a code's word.

        What is said by an entry that names one of the files `changed` is not taken.

        Raises:
            CannotTell: if an entry does not stand where the record says.

        """
        compiled = self.compiled(service)
        places: dict[str, list[tuple[Operation, Entry]]] = {}
        for operation, entry in entries_of_login(compiled):
            places.setdefault(self._place(str(entry.source)), []).append((operation, entry))
        answers: dict[Key, ReturnCode] = {}
        doubtful: set[Key] = set()
        for place, word in pairs:
            code = TOKENS.get(word)
            entries = places.get(self._place(place), [])
            keys = {key_of(entry, operation) for operation, entry in entries}
            if len(keys) != 1 or code is None:
                raise CannotTell(f"there is no entry at {place} in the configuration of the log")
            key = keys.pop()
            if answers.setdefault(key, code) is not code or _depends_on(entries[0][1], changed):
                doubtful.add(key)
        for key in doubtful:
            del answers[key]
        return RecordedAnswers(answers)

    def compiled(self, service: str) -> Service:
        """Return a service as it is now.

        Raises:
            CannotTell: if it cannot be compiled.

        """
        compiled = self._services.get(service)
        if compiled is None:
            try:
                compiled = self._base.services.compile(service)
            except UalauthError as error:
                compiled = str(error).split("\n")[0]
            self._services[service] = compiled
        if isinstance(compiled, str):
            raise CannotTell(f"the service as the log has it: {compiled}")
        return compiled

    def _place(self, place: str) -> str:
        """Return a place relative to the service files, so that a copy of the folder does."""
        return place.rpartition("/")[2]

    def close(self) -> None:
        """Close what was opened."""
        self._base.close()


def changed_files(before: Service, writer: Config, after: Service, candidate: Config) -> list[str]:
    """Return the names of files of modules, such as om_ldap.conf, that say something else now."""
    old, new = (_files(each, config) for each, config in ((before, writer), (after, candidate)))
    common = sorted(old.keys() & new.keys())
    return [name for name in common if _content(old[name]) != _content(new[name])]


def _files(service: Service, config: Config) -> dict[str, Path]:
    folder = config.service_folder
    paths = (Path(path) for path in service.files)
    return {path.name: path for path in paths if path.parent != folder}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _depends_on(entry: Entry, files: Sequence[str]) -> bool:
    """Return whether an entry reads one of some files: by an argument, or named like its module."""
    module = plain_name(entry.module)
    return any(
        name.startswith(f"{module}.") or any(name in argument for argument in entry.arguments)
        for name in files
    )
