"""What a module is, and what it sees of a login: read this file first to write one.

It is longer than others so that the whole contract stands in one place.

A module is a class with a frozen dataclass for its options and one coroutine
method for each operation that it serves:

    class Vacation(Module[Options]):
        '''Refuse people who are on vacation.'''

        options_type = Options

        async def authenticate(self, attempt: Attempt) -> ReturnCode:
            user = await attempt.get_user()
            away = await attempt.offload(self.is_away, user)
            return ReturnCode.AUTH_ERR if away else ReturnCode.SUCCESS

What a module MUST do:

* answer a `ReturnCode`; anything else refuses;
* answer `AUTHINFO_UNAVAIL` when it could not check, never `AUTH_ERR`;
* do nothing that blocks, except through `await attempt.offload(function, *args)`,
  and nothing that computes for long, except through `await attempt.compute(...)`;
  what can be waited for by a file descriptor, through `await attempt.readable(...)`;
* never touch an event loop: an awaitable that needs one goes through
  `await attempt.wait(awaitable)`;
* keep no state about a person in itself: one instance serves every login;
* let an `Abort` pass that it has no better answer to: a question that the application has
  put off is asked again then, and need not be thought of.

A method may be a plain `def`: it is then offloaded whole, and cannot ask the
person anything; marked `@immediate`, it is called on the spot. A module without
a method answers `MODULE_UNKNOWN` to that operation, as in Linux-PAM.

This is the public path; the definitions are in `ualauth.contract`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ualauth.contract.account import Memberships
from ualauth.contract.attempt import Abort, Attempt, NameAnswer, NameTest, answer_of
from ualauth.contract.credentials import NO_CREDENTIAL, PASSWORD_ONLY, CredentialKind
from ualauth.contract.evidence import Evidence
from ualauth.contract.judgement import Judgement
from ualauth.contract.module import (
    ALWAYS,
    Files,
    Method,
    Module,
    Repeatable,
    by_its_method,
    immediate,
)
from ualauth.contract.options import (
    OptionHelp,
    OptionProblem,
    describe,
    missing_libraries,
    read_options,
)
from ualauth.contract.requests import (
    Ask,
    Compute,
    Offload,
    Readable,
    Request,
    Send,
    Sleep,
    Until,
    Wait,
)
from ualauth.contract.resources import Resource, Resources
from ualauth.contract.simulation import Simulated, Situation
from ualauth.contract.tokens import TokenOptions
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched, problem_at, read_secret
from ualauth.sources.problem import Problem, Source

__all__ = [
    "ALWAYS",
    "NO_CREDENTIAL",
    "PASSWORD_ONLY",
    "Abort",
    "Ask",
    "Attempt",
    "Compute",
    "CredentialKind",
    "Evidence",
    "FileRules",
    "Files",
    "Judgement",
    "Memberships",
    "Method",
    "Module",
    "NameAnswer",
    "NameTest",
    "Offload",
    "OptionHelp",
    "OptionProblem",
    "Problem",
    "Readable",
    "Repeatable",
    "Request",
    "Resource",
    "Resources",
    "Send",
    "Simulated",
    "Situation",
    "Sleep",
    "Source",
    "Text",
    "TokenOptions",
    "Until",
    "Wait",
    "Watched",
    "answer_of",
    "by_its_method",
    "describe",
    "immediate",
    "missing_libraries",
    "problem_at",
    "read_options",
    "read_secret",
]

if TYPE_CHECKING:
    Refusal = Abort
else:

    def __getattr__(name: str) -> type[Abort]:
        """Return what a name of version 0.1 stands for."""
        if name == "Refusal":
            warnings.warn("Refusal is called Abort now", DeprecationWarning, stacklevel=2)
            return Abort
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
