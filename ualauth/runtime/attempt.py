"""What a module sees of a transaction, carried out: questions, the user, tokens.

Linux-PAM's pam_get_authtok.c and pam_user.c are the reference. A transaction
has one attempt, and keeps in it all it knows about the login.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.attempt import NameTest, Refusal
from ualauth.contract.credentials import (
    MAX_NAME_BYTES,
    MAX_PASSWORD_BYTES,
    NameKind,
    Password,
    PasswordChange,
    is_acceptable,
)
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
from ualauth.contract.requests import Ask, Compute, Offload, Readable, Send, Wait
from ualauth.errors import StoreError
from ualauth.runtime.confirming import ask_about_name, confirm
from ualauth.runtime.dispatch import dispatch_nested, path_of
from ualauth.runtime.items import Items, LookedUp, NoUserlist

if TYPE_CHECKING:
    from ualauth.contract.account import Account

log = logging.getLogger("ualauth.attempt")

T = TypeVar("T")

_TYPED = NameKind.TYPED
_NO_USER = NameKind.NO_USER
_ADDRESS = NameKind.ADDRESS
NO_TYPED_PASSWORDS = (
    "this service takes no typed password: PLAIN and LOGIN are not in its mechanisms"
)
_ABORTED = "Password change has been aborted."
_MISMATCH = "Sorry, passwords do not match."


class RunningAttempt(Items):
    """An attempt at run time (the `Attempt` protocol in `ualauth.module`)."""

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
        return cast("bool", await Readable(fileno, seconds))

    async def ask(self, *messages: TextMessage) -> list[Answer]:
        """See `Attempt.ask`."""
        if not 0 < len(messages) <= MAX_MESSAGES:
            raise Refusal(ReturnCode.CONV_ERR)
        if not self.takes_passwords and self.exchange is None and any(map(_is_hidden, messages)):
            self.remark(NO_TYPED_PASSWORDS)
            raise Refusal(ReturnCode.PERM_DENIED)
        self.messages += [each.text for each in messages if isinstance(each, Info | Error)]
        if self.conversation is None:
            return [self._own_answer(each) for each in messages]
        return await self._converse(list(messages), str)

    async def challenge(self, data: bytes) -> bytes:
        """See `Attempt.challenge`."""
        if self.stepping:
            # The exchange has looked at what it was given.
            response: bytes = await Send(data)
            self.forget_record()
            return response
        if self.conversation is None:
            raise Refusal(ReturnCode.CONV_ERR)
        (answer,) = await self._converse([Challenge(data)], bytes)
        if answer is None:
            raise Refusal(ReturnCode.CONV_ERR)
        return answer

    async def _converse(self, shown: list[Message], kind: type[T]) -> list[T | None]:
        """Put messages to the user; return the answers, each of `kind` or `None`."""
        try:
            answers = await Ask(shown)
        except ConversationAgain:
            raise Refusal(ReturnCode.CONV_AGAIN) from None
        except Exception as error:  # noqa: BLE001 - the application's code
            # Its text might repeat what the person typed.
            log.error(  # noqa: TRY400 - without the text
                "%s: the conversation raised %s", self.service, type(error).__name__
            )
            raise Refusal(ReturnCode.CONV_ERR) from None
        # Meanwhile, anything may have changed.
        self.forget_record()
        if not _is_answer_list(answers, len(shown), kind):
            log.error("%s: the conversation gave no list of answers", self.service)
            raise Refusal(ReturnCode.CONV_ERR)
        return list(answers)

    def _own_answer(self, message: TextMessage) -> Answer:
        """Answer for a user who brought a password and cannot be asked."""
        if not isinstance(message, Question):
            return None
        if message.echo:
            return self.user
        return self.credential.text if isinstance(self.credential, Password) else None

    # The user

    async def get_user(self, prompt: str | None = None) -> str:
        """See `Attempt.get_user`."""
        if self.user is None:
            await self._ask_user(prompt)
        typed = cast("str", self.user)
        if typed == self._resolved:
            return typed
        account = await self._look_up(typed)
        self.user = self._resolved = typed if account is None else account.user.authid
        if account is not None and self.name_kind is _ADDRESS:
            self.name_kind = NameKind.AUTHID
        return self.user

    async def test_name(self, test: NameTest) -> ReturnCode:
        """See `Attempt.test_name`."""
        return await ask_about_name(self, await self.get_user(), test)

    async def confirm_user(self, name: str) -> None:
        """See `Attempt.confirm_user`."""
        await confirm(self, name)

    async def get_record(self, *, anew: bool = False, needed: bool = True) -> Account | None:
        """See `Attempt.get_record`."""
        name = await self.get_user()
        if self._looked_up is None or (anew and self._looked_up is LookedUp.RECALLED):
            account = await self._look_up(name, recall=not anew)
            if account is not None:
                # The name may have become another user's address meanwhile.
                self.user = self._resolved = account.user.authid
        if self._looked_up is LookedUp.NOWHERE and needed:
            self.remark("there is no USERLIST: create it with `ualauth init`")
            raise Refusal(ReturnCode.AUTHINFO_UNAVAIL)
        return self._account

    def record_at_hand(self) -> Account | None:
        """See `Attempt.record_at_hand`."""
        name = self.user
        if name is None:
            return None
        if name == self._resolved and self._looked_up is not None:
            return self._account
        kind = self.name_kind
        try:
            if kind is _TYPED:
                account = self._users.recall(name)
            else:
                account = None if kind is _NO_USER else self._users.recall(name, kind)
        except NoUserlist:
            return None
        if account is not None:
            self._account, self._looked_up = account, LookedUp.RECALLED
            self.user = self._resolved = account.user.authid
            if kind is _ADDRESS:
                self.name_kind = NameKind.AUTHID
        return account

    async def _look_up(self, name: str, *, recall: bool = True) -> Account | None:
        if not is_acceptable(name, MAX_NAME_BYTES):
            raise Refusal(ReturnCode.USER_UNKNOWN)
        kind = self.name_kind
        if kind is _NO_USER:
            self._account, self._looked_up = None, LookedUp.READ
            return None
        arguments = (name,) if kind is _TYPED else (name, kind)
        try:
            account = self._users.recall(*arguments) if recall else None
            if account is not None:
                self._account, self._looked_up = account, LookedUp.RECALLED
                return account
            self._account = await self.offload(self._users.read, *arguments)
        except NoUserlist:
            self._account, self._looked_up = None, LookedUp.NOWHERE
            return None
        except StoreError as error:
            self.remark(str(error))
            raise Refusal(ReturnCode.AUTHINFO_UNAVAIL) from error
        self._looked_up = LookedUp.READ
        return self._account

    async def _ask_user(self, prompt: str | None) -> None:
        if self._failed_user is not None:
            raise Refusal(self._failed_user)
        text = prompt or self._items.get(Item.USER_PROMPT) or "login:"
        if self._pending_prompt not in (None, text):
            raise Refusal(ReturnCode.ABORT)
        self._pending_prompt = None
        try:
            (answer,) = await self.ask(Question(text, echo=True))
            if answer is None:
                raise Refusal(ReturnCode.CONV_ERR)  # noqa: TRY301 - remembered like the others
        except Refusal as refusal:
            if refusal.code is ReturnCode.CONV_AGAIN:
                self._pending_prompt = text
            else:
                self._failed_user = refusal.code
            raise
        self.user = self.login_name = answer

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
        present = self.get_item(item)
        if present is not None:
            return cast("str", present)
        new = self.operation is Operation.CHAUTHTOK and item is Item.AUTHTOK
        failure = ReturnCode.AUTHTOK_ERR if new else ReturnCode.AUTH_ERR
        if use_only_present:
            raise Refusal(failure)
        if self.exchange is not None:
            # What the client sent is no password, and the client cannot be asked for one.
            raise Refusal(ReturnCode.CRED_UNAVAIL)
        token = self._brought(item)
        verified = token is not None
        if token is None:
            token = await self._secret(prompt or self._prompt(item, new=new), new=new)
            if new and verify:
                await self._retype(prompt, token)
                verified = True
        if new:
            self._verified = verified
        if not is_acceptable(token, MAX_PASSWORD_BYTES):
            self.remark(f"password longer than {MAX_PASSWORD_BYTES} bytes, or with NUL")
            raise Refusal(failure)
        self.set_item(item, token)
        return token

    def authtok_at_hand(self, *, use_only_present: bool = False) -> str | None:
        """See `Attempt.authtok_at_hand`."""
        if self._authtok is None and not use_only_present:
            brought = self._brought(Item.AUTHTOK)
            if brought is None or not is_acceptable(brought, MAX_PASSWORD_BYTES):
                return None
            self._authtok = brought
        return self._authtok

    async def verify_authtok(self, prompt: str | None = None) -> str:
        """See `Attempt.verify_authtok`."""
        token = await self.get_authtok(verify=False)
        if not self._verified:
            await self._retype(prompt, token)
            self._verified = True
        return token

    def _brought(self, item: Item) -> str | None:
        """Return the token of the credential that the person came with."""
        brought = self.credential
        changing = self.operation is Operation.CHAUTHTOK
        if isinstance(brought, Password) and not changing:
            return brought.text
        if isinstance(brought, PasswordChange) and changing:
            return brought.old if item is Item.OLDAUTHTOK else brought.new
        return None

    def _prompt(self, item: Item, *, new: bool) -> str:
        kind = self._items.get(Item.AUTHTOK_TYPE)
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
            self.set_item(Item.AUTHTOK, None)
            await self.tell(Error(_MISMATCH))
            raise Refusal(ReturnCode.TRY_AGAIN)

    async def _secret(self, question: str, *, new: bool) -> str:
        try:
            (answer,) = await self.ask(Question(question))
        except Refusal as refusal:
            # Linux-PAM loses CONV_AGAIN here; kept, it lets a module answer INCOMPLETE.
            if refusal.code in {ReturnCode.CONV_AGAIN, ReturnCode.PERM_DENIED}:
                raise
            answer = None
        if answer is None:
            if new:
                await self.tell(Error(_ABORTED))
            raise Refusal(ReturnCode.AUTHTOK_ERR)
        return answer

    async def tell(self, message: Info | Error) -> None:
        """See `Attempt.tell`."""
        if not self.flags & Flag.SILENT:
            with contextlib.suppress(Refusal):
                await self.ask(message)

    # Guesses

    async def end_guess(self, code: ReturnCode) -> None:
        """End the guess of an operation that ended with `code`, if one is open."""
        guess, self.guess = self.guess, None
        if guess is None or not guess.is_open:
            return
        checking = guess.started and not guess.done and not guess.remote
        try:
            if code is ReturnCode.SUCCESS:
                guess.right = True
                await self.offload(guess.forgive)
            elif guess.wrong:
                await self.offload(guess.fail)
            elif not checking:
                await self.offload(guess.release)
        except TimeoutError:
            # A thread of its own ends it.
            pass
        finally:
            guess.abandon()

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
