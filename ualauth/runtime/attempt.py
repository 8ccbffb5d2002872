"""What a module sees of a transaction, carried out: questions, the user, tokens.

Linux-PAM's pam_get_authtok.c and pam_user.c are the reference. A transaction
has one attempt. It holds the items (`Items`), and keeps what was said by the
entries that were asked; of the driver it knows nothing.

The file is long because the protocol is: nearly every method is one of its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ualauth.codes import UNCHECKED, Flag, Item, Operation, ReturnCode
from ualauth.contract.account import Memberships
from ualauth.contract.attempt import Abort, NameTest
from ualauth.contract.credentials import (
    MAX_NAME_BYTES,
    MAX_PASSWORD_BYTES,
    Exchange,
    NameKind,
    Password,
    PasswordChange,
    is_acceptable,
)
from ualauth.contract.identity import Person
from ualauth.contract.messages import (
    MAX_MESSAGES,
    Answer,
    Challenge,
    ConversationAgain,
    Error,
    Info,
    Message,
    Question,
    TextMessage,
)
from ualauth.contract.module import Module
from ualauth.contract.requests import Ask, Compute, Offload, Readable, Wait
from ualauth.errors import StoreError
from ualauth.reasons import ReasonCode
from ualauth.runtime.confirming import ask_about_name, confirm
from ualauth.runtime.dispatch import dispatch_nested, path_of
from ualauth.runtime.inner import AskedName, Naming, ProvedPassword
from ualauth.runtime.items import Items
from ualauth.runtime.path import Path
from ualauth.runtime.trace import Run
from ualauth.runtime.users import LookedUp, NoUserlist, Resources, Users
from ualauth.text.folding import fold

if TYPE_CHECKING:
    # They bring SQLAlchemy along, which a service without USERLIST does without.
    from ualauth.contract.account import Account
    from ualauth.userlist.guess import Guess

log = logging.getLogger("ualauth.attempt")

T = TypeVar("T")

# Members of enumerations that each login needs: to look them up takes longer than to use them.
_AUTHENTICATE = Operation.AUTHENTICATE
_CHAUTHTOK = Operation.CHAUTHTOK
_AUTHTOK = Item.AUTHTOK
_RECALLED = LookedUp.RECALLED
_TYPED = NameKind.TYPED
_NO_USER = NameKind.NO_USER
_ADDRESS = NameKind.ADDRESS
NO_TYPED_PASSWORDS = (
    "this service takes no typed password: PLAIN and LOGIN are not in its mechanisms"
)
_CONVERSATION = ReasonCode.CONVERSATION_FAILED
_USERLIST = ReasonCode.USERLIST_UNAVAILABLE
_NO_ANSWER = "the user gave no answer"
_ABORTED = "Password change has been aborted."
_MISMATCH = "Sorry, passwords do not match."


def _item(name: str, setter: Callable[[Any, Any], None] | None = None) -> Any:  # noqa: ANN401 - a property
    """Return the property that reads `items.NAME`, without a call of Python."""
    return property(attrgetter(f"items.{name}"), setter)


def _set_user(attempt: RunningAttempt, name: str | None) -> None:
    attempt.items.user = name


class RunningAttempt:
    """An attempt at run time (the `Attempt` protocol in `ualauth.module`)."""

    # What each login reads is set for each; of the rest, defaults stand on the class.
    operation: Operation = _AUTHENTICATE
    flags: int = 0
    delegated: bool = False

    service: str = _item("service")
    user: str | None = _item("user", _set_user)
    login_name: str | None = _item("login_name")
    name_kind: NameKind = _item("name_kind")
    rhost: str | None = _item("rhost")
    ruser: str | None = _item("ruser")
    tty: str | None = _item("tty")
    tls: bool = _item("tls")
    caller_uid: int | None = _item("caller_uid")
    mechanism: str | None = _item("mechanism")
    exchange: Exchange | None = _item("exchange")

    # Not for modules
    client: Callable[[bytes], Awaitable[bytes]] | None = None
    """Sends a challenge to the client of the SASL exchange that is running, if one is."""
    run: Run | None = None
    """The walk that asks now."""
    put_off: tuple[Run, int] | None = None
    """The run and the number of the entry whose last question the application has put off."""
    late: bool = False
    """Whether a module ran out of time: its threads may still run."""
    unconfirmed: Naming | None = None
    """Who the user was before the last entry that confirmed a user."""
    _resolved: str | None = None
    account: Account | None = None
    """The user's record, where it was looked up."""
    looked_up: LookedUp | None = None
    """Where the user's record is from, if it is known."""
    recalls: int = 0
    """How often the user's record was known without reading it."""
    learner: Any = None
    """What stores the password of this login, if an entry proves it and the login is granted."""
    proved_passwords: tuple[ProvedPassword, ...] = ()
    """The passwords that entries said they had verified, before they answered."""

    def __init__(self, items: Items, resource: Resources, users: Users) -> None:
        """Begin with nothing asked; `resource` is as `Attempt.resource`."""
        self.items = items
        self.resource = resource
        self.messages: list[str] = []
        self._users = users
        self.guess: Guess | None = None
        """The password or proof that is being checked, until the operation has ended."""

        # Not for modules
        self.takes_passwords = True
        """Whether the service takes passwords as they were typed."""
        self.vouches: tuple[tuple[Run | None, int, Person], ...] = ()
        """The run and the number of an entry, and whom it vouched for before it answered."""
        self.name_tests: tuple[AskedName, ...] = ()
        """What was decided by looking at the user's name."""
        self.paths: dict[tuple[Module[Any], int], Path] | None = None
        """Module and operation -> what its entry settled, and how far a stack of its own went."""

    # Requests

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """See `Attempt.offload`."""
        return cast("T", await Offload(function, args))

    async def compute(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """See `Attempt.compute`."""
        return cast("T", await Compute(function, args))

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """See `Attempt.wait`."""
        return cast("T", await Wait(awaitable))

    async def readable(self, fileno: int, seconds: float) -> bool:
        """See `Attempt.readable`."""
        readable: bool = await Readable(fileno, seconds)
        return readable

    async def ask(self, *messages: TextMessage) -> list[Answer]:
        """See `Attempt.ask`."""
        if not 0 < len(messages) <= MAX_MESSAGES:
            why = f"{len(messages)} messages at once; it may be 1 to {MAX_MESSAGES}"
            raise Abort(ReturnCode.CONV_ERR, why, _CONVERSATION)
        if not self.takes_passwords and self.exchange is None and any(map(_is_hidden, messages)):
            reason = ReasonCode.MECHANISM_NOT_OFFERED
            raise Abort(ReturnCode.PERM_DENIED, NO_TYPED_PASSWORDS, reason)
        self.messages += [each.text for each in messages if isinstance(each, Info | Error)]
        if self.items.conversation is None:
            return [self._own_answer(each) for each in messages]
        return await self._converse(list(messages), str)

    async def challenge(self, data: bytes) -> bytes:
        """See `Attempt.challenge`."""
        if self.client is not None:
            if self.items.exchange is not None:
                # Whatever comes after this was no first answer.
                self.items.exchange.spent = True
            # The exchange has looked at what it was given.
            response = await self.client(data)
            self.forget_record()
            return response
        if self.items.conversation is None:
            why = "the application cannot ask the user"
            raise Abort(ReturnCode.CONV_ERR, why, _CONVERSATION)
        (answer,) = await self._converse([Challenge(data)], bytes)
        if answer is None:
            raise Abort(ReturnCode.CONV_ERR, _NO_ANSWER, _CONVERSATION)
        return answer

    async def _converse(self, shown: list[Message], kind: type[T]) -> list[T | None]:
        """Put messages to the user; return the answers, each of `kind` or `None`."""
        try:
            answers = await Ask(shown)
        except ConversationAgain:
            run = self.run
            self.put_off = None if run is None else (run, len(run.codes))
            why = "the application put a question off"
            raise Abort(ReturnCode.CONV_AGAIN, why, ReasonCode.INCOMPLETE) from None
        except Exception as error:  # noqa: BLE001 - the application's code
            # Its text might repeat what the person typed.
            log.error(  # noqa: TRY400 - without the text
                "%s: the conversation raised %s", self.items.service, type(error).__name__
            )
            why = f"the conversation raised {type(error).__name__}"
            raise Abort(ReturnCode.CONV_ERR, why, _CONVERSATION) from None
        # Meanwhile, anything may have changed.
        self.forget_record()
        self.put_off = None
        if not _is_answer_list(answers, len(shown), kind):
            log.error("%s: the conversation gave no list of answers", self.items.service)
            why = "the conversation gave no list of answers"
            raise Abort(ReturnCode.CONV_ERR, why, _CONVERSATION)
        return list(answers)

    def _own_answer(self, message: TextMessage) -> Answer:
        """Answer for a user who brought a password and cannot be asked."""
        if not isinstance(message, Question):
            return None
        if message.echo:
            return self.items.user
        password = self.items.password
        return password.text if isinstance(password, Password) else None

    # The user

    async def get_user(self, prompt: str | None = None) -> str:
        """See `Attempt.get_user`."""
        items = self.items
        if items.user is None:
            await self._ask_user(prompt)
        typed: str = items.user  # type: ignore[assignment]  # it was asked for
        if typed == self._resolved:
            return typed
        account = await self._look_up(typed)
        name = items.user = self._resolved = typed if account is None else account.user.authid
        if account is not None and items.name_kind is _ADDRESS:
            items.name_kind = NameKind.AUTHID
        return name

    def naming(self) -> Naming:
        """Return who the user is before the entry that is being asked says more."""
        run, items = self.run, self.items
        place = 0 if run is None else len(run.codes)
        return Naming(run, place, items.user, items.name_kind, self._resolved)

    def become(self, name: str) -> None:
        """Make the user exactly `name`."""
        if name != self.items.user or name != self._resolved:
            self._resolved = None
            self.forget_record()
        self.items.user, self.items.name_kind = name, NameKind.AUTHID

    def restore(self, before: Naming) -> None:
        """Make the user again who it was."""
        items = self.items
        items.user, items.name_kind, self._resolved = before[2:]
        self.forget_record()

    def unconfirm(self, run: Run) -> None:
        """Make the user again who it was before the entry that `run` asks confirmed a user."""
        before = self.unconfirmed
        if before is not None and before.run is run and before.place == len(run.codes):
            self.unconfirmed = None
            self.restore(before)

    @property
    def has_forgotten_record(self) -> bool:
        """Whether the user's record was looked up, and would have to be looked up anew."""
        return self.looked_up is None and self._resolved is not None

    def forget_record(self) -> None:
        """Forget the user's record: the next who needs it asks anew."""
        self.account = self.looked_up = None

    async def test_name(self, test: NameTest) -> ReturnCode:
        """See `Attempt.test_name`."""
        return await ask_about_name(self, await self.get_user(), test)

    async def confirm_user(self, name: str) -> None:
        """See `Attempt.confirm_user`."""
        await confirm(self, name)

    async def get_record(self, *, anew: bool = False, needed: bool = True) -> Account | None:
        """See `Attempt.get_record`."""
        name = self.items.user
        if name is None or name != self._resolved:
            name = await self.get_user()
        if self.looked_up is None or (anew and self.looked_up is LookedUp.RECALLED):
            account = await self._look_up(name, recall=not anew)
            if account is not None:
                # The name may have become another user's address meanwhile.
                self.items.user = self._resolved = account.user.authid
        if self.looked_up is LookedUp.NOWHERE and needed:
            why = "there is no USERLIST: create it with `ualauth init`"
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, _USERLIST)
        return self.account

    async def get_groups(self, names: Iterable[str] = (), *, needed: bool = True) -> Memberships:
        """See `Attempt.get_groups`."""
        account = await self.get_record(needed=needed)
        names = tuple(names)
        if self.looked_up is LookedUp.NOWHERE:
            return Memberships(frozenset(), frozenset(map(fold, names)))
        try:
            memberships = self._users.recall_groups(account, names)
            if memberships is None:
                memberships = await self.offload(self._users.read_groups, account, names)
        except StoreError as error:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _USERLIST) from error
        return memberships

    def record_at_hand(self) -> Account | None:
        """See `Attempt.record_at_hand`."""
        items = self.items
        name = items.user
        if name is None:
            return None
        if self.looked_up is not None and name == self._resolved:
            return self.account
        kind = items.name_kind
        try:
            if kind is _TYPED:
                account = self._users.recall(name)
            else:
                account = None if kind is _NO_USER else self._users.recall(name, kind)
        except NoUserlist:
            return None
        if account is not None:
            self.account, self.looked_up = account, _RECALLED
            self.recalls += 1
            items.user = self._resolved = account.user.authid
            if kind is _ADDRESS:
                items.name_kind = NameKind.AUTHID
        return account

    async def _look_up(self, name: str, *, recall: bool = True) -> Account | None:
        if not is_acceptable(name, MAX_NAME_BYTES):
            why = f"no name that a user can have: {name[:80]!a}"
            raise Abort(ReturnCode.USER_UNKNOWN, why, ReasonCode.MALFORMED)
        kind = self.items.name_kind
        if kind is _NO_USER:
            self.account, self.looked_up = None, LookedUp.READ
            return None
        arguments = (name,) if kind is _TYPED else (name, kind)
        try:
            account = self._users.recall(*arguments) if recall else None
            if account is not None:
                self.account, self.looked_up = account, LookedUp.RECALLED
                self.recalls += 1
                return account
            self.account = await self.offload(self._users.read, *arguments)
        except NoUserlist:
            self.account, self.looked_up = None, LookedUp.NOWHERE
            return None
        except StoreError as error:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _USERLIST) from error
        self.looked_up = LookedUp.READ
        return self.account

    async def _ask_user(self, prompt: str | None) -> None:
        items = self.items
        if items.failed_user is not None:
            raise Abort(items.failed_user, "no name came when it was asked for", _CONVERSATION)
        text = prompt or items.get_item(Item.USER_PROMPT) or "login:"
        if items.pending_prompt not in (None, text):
            why = "the name is asked for, and another entry has asked otherwise"
            raise Abort(ReturnCode.ABORT, why, _CONVERSATION)
        items.pending_prompt = None
        try:
            (answer,) = await self.ask(Question(text, echo=True))
            if answer is None:
                raise Abort(  # noqa: TRY301 - remembered like the others
                    ReturnCode.CONV_ERR, _NO_ANSWER, _CONVERSATION
                )
        except Abort as abort:
            if abort.code is ReturnCode.CONV_AGAIN:
                items.pending_prompt = text
            else:
                items.failed_user = abort.code
            raise
        items.user = items.login_name = answer

    # Tokens

    async def get_authtok(
        self,
        item: Item = Item.AUTHTOK,
        *,
        prompt: str | None = None,
        use_only_present: bool = False,
        verify: bool = True,
    ) -> str:
        """See `Attempt.get_authtok`."""
        present = self.items.get_item(item)
        if present is not None:
            return cast("str", present)
        new = self.operation is Operation.CHAUTHTOK and item is Item.AUTHTOK
        failure = ReturnCode.AUTHTOK_ERR if new else ReturnCode.AUTH_ERR
        if use_only_present:
            why = "no module before it has asked for a password, and this one may not"
            raise Abort(failure, why, ReasonCode.NO_PASSWORD)
        if self.exchange is not None:
            # What the client sent is no password, and the client cannot be asked for one.
            why = f"it does not judge this kind of proof ({self.mechanism})"
            raise Abort(ReturnCode.CRED_UNAVAIL, why, ReasonCode.CREDENTIAL_NOT_JUDGED)
        token = self._brought(item)
        verified = token is not None
        if token is None:
            token = await self._secret(prompt or self._prompt(item, new=new), new=new)
            if new and verify:
                await self._retype(prompt, token)
                verified = True
        if new:
            self.items.retyped = verified
        if not is_acceptable(token, MAX_PASSWORD_BYTES):
            why = f"password longer than {MAX_PASSWORD_BYTES} bytes, or with NUL"
            raise Abort(failure, why, ReasonCode.MALFORMED)
        self.items.set_item(item, token)
        return token

    def authtok_at_hand(self, *, use_only_present: bool = False) -> str | None:
        """See `Attempt.authtok_at_hand`."""
        items = self.items
        if items.authtok is None and not use_only_present:
            brought = self._brought(_AUTHTOK)
            if brought is None or not is_acceptable(brought, MAX_PASSWORD_BYTES):
                return None
            items.authtok = brought
        return items.authtok

    async def verify_authtok(self, prompt: str | None = None) -> str:
        """See `Attempt.verify_authtok`."""
        token = await self.get_authtok(verify=False)
        if not self.items.retyped:
            await self._retype(prompt, token)
            self.items.retyped = True
        return token

    def _brought(self, item: Item) -> str | None:
        """Return the token of the credential that the person came with."""
        brought = self.items.password
        changing = self.operation is _CHAUTHTOK
        if isinstance(brought, Password) and not changing:
            return brought.text
        if isinstance(brought, PasswordChange) and changing:
            return brought.old if item is Item.OLDAUTHTOK else brought.new
        return None

    def _prompt(self, item: Item, *, new: bool) -> str:
        kind = self.items.get_item(Item.AUTHTOK_TYPE)
        words = f"{kind} password: " if kind else "password: "
        if new:
            return f"New {words}"
        return f"Current {words}" if item is Item.OLDAUTHTOK else "Password: "

    async def _retype(self, prompt: str | None, token: str) -> None:
        """Ask for a new token again; a different answer forgets both."""
        default = self._prompt(Item.AUTHTOK, new=True)
        question = f"Retype {prompt}" if prompt else f"Retype n{default[1:]}"
        again = await self._secret(question, new=True)
        if again != token:
            self.items.set_item(Item.AUTHTOK, None)
            await self.tell(Error(_MISMATCH))
            why = "the new password was retyped otherwise"
            raise Abort(ReturnCode.TRY_AGAIN, why, ReasonCode.PASSWORD_UNSUITABLE)

    async def _secret(self, question: str, *, new: bool) -> str:
        try:
            (answer,) = await self.ask(Question(question))
        except Abort as abort:
            # Linux-PAM loses CONV_AGAIN here; kept, it lets a module answer INCOMPLETE.
            if abort.code in {ReturnCode.CONV_AGAIN, ReturnCode.PERM_DENIED}:
                raise
            answer = None
        if answer is None:
            if new:
                await self.tell(Error(_ABORTED))
            raise Abort(ReturnCode.AUTHTOK_ERR, _NO_ANSWER, ReasonCode.NO_PASSWORD)
        return answer

    async def tell(self, message: Info | Error) -> None:
        """See `Attempt.tell`."""
        if not self.flags & Flag.SILENT:
            with contextlib.suppress(Abort):
                await self.ask(message)

    # Items

    def get_item(self, item: Item) -> Any:  # noqa: ANN401 - as many types as items
        """See `Attempt.get_item`."""
        return self.items.get_item(item)

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - likewise
        """See `Attempt.set_item`."""
        return self.items.set_item(item, value)

    def get_data(self, name: str) -> Any:  # noqa: ANN401 - whatever was stored
        """See `Attempt.get_data`."""
        return self.items.get_data(name)

    def set_data(
        self,
        name: str,
        value: object,
        cleanup: Callable[[object, int], None] | None = None,
    ) -> None:
        """See `Attempt.set_data`."""
        self.items.set_data(name, value, cleanup)

    def getenv(self, name: str) -> str | None:
        """See `Attempt.getenv`."""
        return self.items.getenv(name)

    def putenv(self, text: str) -> ReturnCode:
        """See `Attempt.putenv`."""
        return self.items.putenv(text)

    def fail_delay(self, seconds: float) -> None:
        """See `Attempt.fail_delay`."""
        self.items.delay = max(self.items.delay, seconds)

    # What an entry says

    def vouch(self, person: Person) -> None:
        """See `Attempt.vouch`."""
        run = self.run
        self.vouches += ((run, 0 if run is None else len(run.codes), person),)

    @property
    def person(self) -> Person | None:
        """Whom the modules vouch for: the last who was vouched for by an entry that succeeded."""
        for run, place, person in reversed(self.vouches):
            if run is not None and run.granted(place):
                return person
        return None

    def prove_password(self, password: str) -> None:
        """See `Attempt.prove_password`."""
        run = self.run
        if run is not None and self.operation is _AUTHENTICATE and self.items.exchange is None:
            self.proved_passwords += (
                ProvedPassword(run, len(run.codes), self.items.user, password),
            )

    def proved_password(self, user: str) -> str | None:
        """Return the last password that an entry proved, which succeeded, to be that of `user`."""
        for each in reversed(self.proved_passwords):
            if each.user == user and each.run.granted(each.place):
                return each.password
        return None

    def remark(self, text: str) -> None:
        """See `Attempt.remark`."""
        run = self.run
        if run is not None:
            run.remark(text)

    def explain(self, reason: ReasonCode, text: str) -> None:
        """See `Attempt.explain`."""
        run = self.run
        if run is not None:
            run.explain(reason, text)

    # Guesses

    async def end_guess(self, code: ReturnCode) -> None:
        """End the guess of an operation that ended with `code`, if one is open."""
        guess, self.guess = self.guess, None
        if guess is None or not guess.is_open:
            return
        checking = guess.started and not guess.done and not guess.remote
        # The USERLIST had nothing to compare, and no other entry could: outages lock out no user.
        unchecked = self.learner is not None and code in UNCHECKED and self._says_nothing()
        try:
            if code is ReturnCode.SUCCESS:
                guess.right = True
                await self.offload(guess.forgive)
            elif guess.wrong and not unchecked:
                await self.offload(guess.fail)
            elif not checking:
                await self.offload(guess.release)
        except TimeoutError:
            # A thread of its own ends it.
            pass
        finally:
            guess.abandon()

    def _says_nothing(self) -> bool:
        """Return whether no entry of the operation said anything about the password."""
        run = self.run
        return run is not None and run.suspended is None and run.says_nothing()

    def abandon_guess(self) -> None:
        """Leave the guess of an operation that was cut off to a thread; never waits."""
        guess, self.guess = self.guess, None
        if guess is not None:
            guess.abandon()

    # Stacks that an entry runs

    async def decide_once(
        self,
        module: Module[Any],
        decide: Callable[[], Awaitable[ReturnCode]],
    ) -> ReturnCode:
        """See `Attempt.decide_once`."""
        path = path_of(self, module)
        if path.decided is None:
            path.decided = await decide()
        return path.decided

    async def run_stack(self, module: Module[Any]) -> ReturnCode:
        """See `Attempt.run_stack`."""
        return await dispatch_nested(self, module)


def _is_hidden(message: object) -> bool:
    """Return whether a message asks for a password, or its like."""
    return isinstance(message, Question) and not message.echo


def _is_answer_list(answers: object, count: int, kind: type) -> bool:
    return (
        isinstance(answers, Sequence)
        and not isinstance(answers, str | bytes)
        and len(answers) == count
        and all(answer is None or isinstance(answer, kind) for answer in answers)
    )
