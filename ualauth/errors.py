"""Every exception that ualauth raises, as one tree.

    UalauthError
    ├── AuthenticationError            the person is not in; `code` says what the stack concluded
    │   ├── AuthenticationFailed       wrong or refused: one public text, whatever the cause
    │   ├── AccountRestricted          right password, but locked, expired or not for this service
    │   ├── PasswordExpired            right password, which must be changed first
    │   ├── PasswordRefused            a new password that was not taken; `messages` say why
    │   └── TemporaryFailure           no module could check; try again later
    ├── ConfigurationError             the administrator has to act
    │   ├── ServiceFileError           a service file does not compile; `problems` has all of them
    │   ├── AccessRulesError           `smtpd.cfg` has mistakes; `problems` has all of them
    │   ├── UnsteadyFile               a file that is just being written, and was never read before
    │   ├── UnusableFile               a file that cannot be used; `problems` has all of them
    │   ├── UnknownService             neither the service nor `other` is configured
    │   └── ModuleUnavailable          a module, or a library that it needs, is missing
    ├── StoreError                     the USERLIST could not be read or written
    ├── UserError                      what was asked of the USERLIST is not possible
    │   ├── UserUnknown                no such user
    │   ├── GroupUnknown               no such group
    │   ├── CompanyUnknown             no such hosted company
    │   ├── ActorRefused               who asks may not do that
    │   ├── NameTaken                  another user, or a group, has that name
    │   ├── InvalidValue               a value that a field cannot hold
    │   └── StaleRecord                another process changed the user in the meantime
    ├── MechanismUnavailable           a SASL mechanism that the service does not offer here
    ├── PeerUnknown                    a socket that does not say who is at its other end
    └── PasswordError                  a password or a stored hash that cannot be used

The text of an `AuthenticationError` may be shown to the peer: it never says
which part was wrong. What the administrator needs stands in the audit log and
in the trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ualauth.codes import ReturnCode
    from ualauth.reasons import ReasonCode


class UalauthError(Exception):
    """The root: every error that ualauth raises on purpose."""


class AuthenticationError(UalauthError):
    """The person is not let in.

    `code` is what the deciding stack concluded; `messages` are the texts that
    the modules addressed to the person, in order.

    `reason` and `trace` are for the application's own log, and MUST NOT reach the peer: they
    say which part was wrong.
    """

    public_text = "Authentication failed"
    reason: ReasonCode | None = None
    """Why, as in the audit log; `None` where the exception was made by hand."""
    runs: Sequence[Any] = ()
    """The walks over stacks of which `trace` tells."""

    def __init__(self, code: ReturnCode, messages: Sequence[str] = ()) -> None:
        """Keep the verdict's code and the messages for the person."""
        super().__init__(self.public_text)
        self.code = code
        self.messages = tuple(messages)

    @property
    def trace(self) -> list[Any]:
        """Every entry that was asked, in order, as `Transaction.trace`."""
        return [step for run in self.runs for step in run.steps()]


class AuthenticationFailed(AuthenticationError):
    """Wrong password, no such user, or refused: never told apart."""


class AccountRestricted(AuthenticationError):
    """The password was right, but the account may not be used now or here."""

    public_text = "This account may not be used"


class PasswordExpired(AuthenticationError):
    """The password was right, and has to be changed before it lets the user in."""

    public_text = "The password has expired and must be changed"


class PasswordRefused(AuthenticationError):
    """A change of password was refused: the old one still holds."""

    public_text = "The new password was not accepted"


class TemporaryFailure(AuthenticationError):
    """Something that had to be asked could not be: this says nothing about the password."""

    public_text = "Temporary authentication failure"


class ConfigurationError(UalauthError):
    """The configuration folder has a fault; the text names it and the cure."""


class ServiceFileError(ConfigurationError):
    """A service file does not compile.

    `problems` are all problems of the service, each of which prints with its
    file, line, column, a caret and a cure.
    """

    def __init__(self, service: str, problems: Sequence[object]) -> None:
        """Say the service and print every problem."""
        shown = "\n".join(str(problem) for problem in problems)
        super().__init__(f"service {service!r} cannot be used:\n{shown}")
        self.service = service
        self.problems = tuple(problems)


class AccessRulesError(ConfigurationError):
    """The submission access rules cannot be used; `problems` are as in `ServiceFileError`."""

    def __init__(self, problems: Sequence[object]) -> None:
        """Print every problem."""
        shown = "\n".join(str(problem) for problem in problems)
        super().__init__(f"the submission access rules cannot be used:\n{shown}")
        self.problems = tuple(problems)


class UnsteadyFile(ConfigurationError):
    """A file is just being written, and there is nothing older of it to use: try again.

    `worth_waiting` is whether that may be in less than a second.
    """

    def __init__(self, path: str, *, worth_waiting: bool = False) -> None:
        """Name the file."""
        super().__init__(f"{path} is being written just now; it is used once it is left alone")
        self.worth_waiting = worth_waiting


class UnusableFile(ConfigurationError):
    """A file of the administrator cannot be used, and nothing older of it is there."""

    def __init__(self, problems: Sequence[Any], *, unsafe: bool = False) -> None:
        """Name the place of every problem, in lines like `om_krb5.conf:1: what is wrong; cure`."""
        told = (f"{each.source}: {each.text}; {each.cure}" for each in problems if not each.warning)
        needed = "it has to be a file, and not every user may write to it, nor to its folders"
        super().__init__("\n".join(told) + (f"; {needed}" if unsafe else ""))
        self.problems = tuple(problems)
        self.unsafe = unsafe
        """Whether others than the administrators may have written it."""


class UnknownService(ConfigurationError):
    """There is no service file of that name, and no `other`."""


class ModuleUnavailable(ConfigurationError):
    """A module, or a library that it needs, is not installed or not allowed."""


class MechanismUnavailable(UalauthError):
    """A SASL mechanism that does not exist, or is not offered on this connection.

    `needs_tls` is whether it would be if the connection were encrypted.
    """

    def __init__(self, mechanism: str, *, needs_tls: bool = False) -> None:
        """Name the mechanism, as far as a peer may be quoted."""
        super().__init__(f"mechanism {mechanism[:32]!r} is not offered here")
        self.needs_tls = needs_tls


class StoreError(UalauthError):
    """The USERLIST could not be read or written: says nothing about any user."""


class UserError(UalauthError):
    """What was asked of the USERLIST is not possible; nothing was changed."""


class UserUnknown(UserError):
    """No user has that name, or more than one."""


class GroupUnknown(UserError):
    """No group has that name."""


class CompanyUnknown(UserError):
    """No hosted company has that mail node or domain."""


class ActorRefused(UserError):
    """Who asks is no administrator, or one of a company where the server's own has to."""


class NameTaken(UserError):
    """Another user has that authid, address, UNIX uid or O/R name; or a group has that name."""


class InvalidValue(UserError):
    """A field cannot hold that value; the text names the field and its limit."""


class StaleRecord(UserError):
    """The user or group was changed by another process since the record was read."""


class PeerUnknown(UalauthError):
    """The kernel does not say who is at the other end of this socket."""


class PasswordError(UalauthError):
    """A password that no scheme can take, or a stored hash that none knows."""
