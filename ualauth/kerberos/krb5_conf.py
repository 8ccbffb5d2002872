"""The krb5.conf of an application's own: its files are read as every other one of an administrator.

libkrb5 reads them from memory: what was looked at is what is used, and a save that fails, or
is going on, locks no user out. A file that another one includes is opened by libkrb5.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence

from ualauth.errors import ModuleUnavailable, UnsteadyFile, UnusableFile
from ualauth.kerberos.context import Configuration, Context
from ualauth.kerberos.failures import KerberosFault
from ualauth.sources.files import Text
from ualauth.sources.following import RULES, Watched, problem_at
from ualauth.sources.problem import Problem, Source
from ualauth.stack.folder import FollowedFolder

_NOTHING = "/dev/null"
"""The usual way to say that there shall be none."""


def files_in(names: str | None) -> Iterator[str]:
    """Yield the files of the option `krb5_conf`, which has colons between them."""
    for name in (names or "").split(":"):
        if name not in {"", _NOTHING}:
            yield name


_WRITE_IT = "write [libdefaults] and [realms]"
_OPENS = re.compile(r"(?:^|=)\s*\{$")
_DIRECTIVES = frozenset({"include", "includedir", "module"})
"""What may stand before the first section (krb5.conf(5))."""


class Krb5Conf:
    """The files that one configuration names; for any number of threads."""

    def __init__(self, names: str, files: FollowedFolder) -> None:
        """Follow them from the configuration folder on; opens nothing."""
        self._names = names
        self._files: list[Watched[bytes]] = [
            files.watched(name, parse_krb5_conf, RULES) for name in files_in(names)
        ]

    def current(self) -> Configuration:
        """Return what they say, each as it was left last when it could be used; blocks.

        Raises:
            KerberosFault: if one of them cannot be used, and never could, or none is there.

        """
        texts = []
        for file in self._files:
            try:
                text = file.current()
            except (UnusableFile, UnsteadyFile) as error:
                why = f"{file.path} cannot be read: {error}"
                raise KerberosFault(errno.EINVAL, why) from None
            if text is not None:
                texts.append(text)
        if self._files and not texts:
            paths = ":".join(file.path for file in self._files)
            raise KerberosFault(errno.ENOENT, f"{paths} cannot be read: No such file or directory")
        return Configuration(self._names, tuple(texts))


def parse_krb5_conf(file: Text) -> tuple[bytes, Sequence[Problem]]:
    """Look at a krb5.conf, and have libkrb5 read it; return its bytes."""
    at = Source(file.path, 1, 1)
    if not file.text.strip():
        text = "there is nothing in it, and libkrb5 knows no realm by it"
        return file.data, (Problem(at, text, _WRITE_IT, warning=True),)
    if mistake := _mistake(file):
        return b"", (mistake,)
    try:
        Context(Configuration(file.path, (file.data,))).close()
    except KerberosFault as error:
        return b"", (Problem(at, f"libkrb5 cannot read it: {error}", "see krb5.conf(5)"),)
    except ModuleUnavailable:
        # Without libkrb5, it is told of where it is needed.
        return file.data, ()
    return file.data, ()


def _mistake(file: Text) -> Problem | None:
    """Return what is wrong with a file that libkrb5 would read as one that says less.

    It takes what stands before the first section for a comment, and the end of the file for
    the end of all braces: so a part of a krb5.conf is one.
    """
    opened: list[int] = []
    in_section = False
    for number, line in enumerate(file.lines, 1):
        words = line.removeprefix("\N{BYTE ORDER MARK}").strip()
        if "\0" in line:
            # What a save leaves that the host has not survived.
            return problem_at(file, number, "there are zeros in it", _WRITE_IT)
        if not words or words[0] in "#;":
            continue
        if words[0] == "[" and not opened:
            in_section = True
        elif words[0] == "}":
            del opened[-1:]
        elif _OPENS.search(words):
            opened.append(number)
        elif not in_section and words.split()[0] not in _DIRECTIVES:
            text = "this stands before the first section, and says nothing"
            return problem_at(file, number, text, _WRITE_IT)
    if opened:
        text = "this brace is not closed: is a part of the file missing?"
        return problem_at(file, opened[-1], text, "close it by }")
    return None
