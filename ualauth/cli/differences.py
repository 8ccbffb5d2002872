"""What differs between two sides: services, settings, and files that services read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ualauth.cli.compared import Side, files_beside
from ualauth.cli.findings import fragments
from ualauth.cli.settings_files import FILES
from ualauth.codes import Operation, ReturnCode
from ualauth.config.effective import Setting, effective_settings
from ualauth.runtime.outcome import Outcome, outcome_of
from ualauth.sources.files import Text
from ualauth.stack.analysis.comparison import Comparison, compare
from ualauth.stack.model import Service


@dataclass(frozen=True, slots=True)
class ServiceDifference:
    """A service on both sides; `only` is the side that alone has a file for it."""

    name: str
    before: Service | None
    after: Service | None
    comparison: Comparison
    only: Side | None = None

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.comparison.changes) or self.only is not None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs."""

    before: Side
    after: Side
    services: list[ServiceDifference]
    settings: list[tuple[Setting, Setting]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell."""
        told = [each for each in self.services if each.differs]
        return bool(told or self.settings or self.files)


def judge(operation: Operation, code: ReturnCode, could_not_check: bool) -> Outcome:  # noqa: FBT001 - see `Judge`
    """Return what servers tell their clients: two codes for which that is the same are alike."""
    return outcome_of(operation, code, could_not_check=could_not_check)


def difference(before: Side, after: Side) -> Difference:
    """Return what differs; see `ualauth.stack.analysis.comparison`.

    Raises:
        ServiceFileError: if a service cannot be used.
        TooManyWays: if a service cannot be compared.

    """
    if before.service or after.service:
        compiled = (
            before.base.services.compile(before.service),
            after.base.services.compile(after.service),
        )
        name = (
            before.service
            if before.service == after.service
            else f"{before.service} -> {after.service}"
        )
        return Difference(
            before, after, [ServiceDifference(name, *compiled, compare(*compiled, judge))]
        )
    services = list(_services(before, after))
    settings: list[tuple[Setting, Setting]] = []
    files: list[str] = []
    if before.has_settings and after.has_settings:
        settings = list(_settings(before, after))
        files = list(_files(before, after))
    return Difference(before, after, services, settings, files)


def _services(before: Side, after: Side) -> Iterator[ServiceDifference]:
    present = [set(side.names()) for side in (before, after)]
    names = sorted(present[0] | present[1])
    compiled = [
        {name: service for name in names if (service := side.compile(name)) is not None}
        for side in (before, after)
    ]
    parts = [
        fragments({name: each[name] for name in at if name in each})
        for each, at in zip(compiled, present, strict=True)
    ]
    for name in names:
        at = [name in each for each in present]
        # Fragments are compared where they are included.
        if all(name in each for each, has_file in zip(parts, at, strict=True) if has_file):
            continue
        only = None if all(at) else before if at[0] else after
        first, second = (each.get(name) for each in compiled)
        told = Comparison(())
        if first is not None and second is not None:
            told = compare(first, second, judge)
        yield ServiceDifference(name, first, second, told, only)


def _settings(before: Side, after: Side) -> Iterator[tuple[Setting, Setting]]:
    first, second = (
        {(each.section, each.name): each for each in effective_settings(side.config)}
        for side in (before, after)
    )
    for key in dict.fromkeys([*first, *second]):
        pair = first.get(key), second.get(key)
        one, other = pair[0] or _unset(pair[1]), pair[1] or _unset(pair[0])
        # A default may name the folder, and what is not shown may differ all the same.
        if _as_given(before, one) != _as_given(after, other):
            yield one, other


def _unset(setting: Setting | None) -> Setting:
    """Return what a table of a service says that is not there."""
    assert setting is not None  # noqa: S101 - one of both sides has it
    return Setting(setting.file, setting.section, setting.name, setting.default, setting.default)


def _as_given(side: Side, setting: Setting) -> object:
    table = getattr(side.config, setting.section, None)
    return setting.value if table is None else getattr(table, setting.name)


def _files(before: Side, after: Side) -> Iterator[str]:
    """Yield the files that services read, and that do not say the same."""
    for name in dict.fromkeys([*files_beside(before), *files_beside(after)]):
        contents = [_content(side, name) for side in (before, after)]
        if contents[0] != contents[1]:
            yield name


def _content(side: Side, name: str) -> object:
    file = side.folder.read(f"{side.folder.home}/{name}")
    if isinstance(file, Text) and name in FILES:
        # In these, a comment says nothing.
        lines = map(str.strip, file.text.split("\n"))
        return [each for each in lines if each and not each.startswith("#")]
    return file.data if isinstance(file, Text) else type(file).__name__
