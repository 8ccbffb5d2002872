"""The operations of the directory, answered from the USERLIST; each call blocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ualauth.errors import UserError
from ualauth.ldap.server import controls
from ualauth.ldap.server import messages as m
from ualauth.ldap.server.access import View
from ualauth.ldap.server.lookup import Lookup
from ualauth.ldap.server.matching import normal, normalized, type_of
from ualauth.ldap.server.messages import Result
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.root_dse import root_dse
from ualauth.ldap.server.searching import Cursor, Found, begin
from ualauth.userlist.account.password_age import password_expires

if TYPE_CHECKING:
    from ualauth.contract.identity import Identity


class PasswordTarget(NamedTuple):
    """Whose password is to be another: `may_be_set` is whether the client may, without the old."""

    login_name: str
    may_be_set: bool


class Directory(Lookup):
    """The directory of one application; for many threads."""

    def root_dse(
        self,
        identity: Identity | None,
        request: m.Search,
        number: int,
        mechanisms: tuple[str, ...],
        *,
        offers_tls: bool,
    ) -> Found:
        """Return what a client can learn of the server, by its search for it."""
        try:
            view = self.view(identity)
        except Refusal as refusal:
            return Found([], None, Result(refusal.code, refusal.text))
        top = self.tree.suffix if view.is_empty else self.top(view)
        entry = root_dse(top, mechanisms, offers_tls=offers_tls)
        encoded = entry.encoded(number, request)
        return Found([encoded] if encoded else [], None)

    def who(self, identity: Identity) -> str:
        """Return who a client is, as RFC 4532 writes it."""
        user = self.view(identity).user
        return f"u:{identity.authid}" if user is None else f"dn:{self.tree.of_user(user)}"

    def warning(self, identity: Identity) -> m.Control:
        """Return what password policy says of the password of a user who was let in.

        That is how many seconds it is valid yet, from `warning_days` before its end, or how many
        logins are left to one that has expired.
        """
        view = self.view(identity)
        user = view.user
        if user is None:
            return controls.policy()
        rules = self.policy_of(view, user).password
        expires = password_expires(user, rules)
        if expires is None:
            return controls.policy()
        left = expires - datetime.now(UTC)
        if left <= timedelta():
            return controls.policy(logins=max(0, rules.grace_logins - user.grace_logins_used))
        if left > timedelta(days=rules.warning_days):
            return controls.policy()
        return controls.policy(seconds=int(left.total_seconds()))

    # Operations

    def perform(  # noqa: PLR0911 - a case for each kind
        self, identity: Identity | None, request: m.Request
    ) -> Result:
        """Return what an operation came to that returns no entries."""
        from ualauth.ldap.server import writes  # noqa: PLC0415 - for administrators only

        try:
            view = self.view(identity)
            match request:
                case m.Compare():
                    return self._compare(view, request)
                case m.Add():
                    return writes.add(self, view, request)
                case m.Delete():
                    return writes.delete(self, view, request)
                case m.Modify():
                    return writes.modify(self, view, request)
                case m.ModifyName():
                    return writes.modify_name(self, view, request)
                case _:
                    return Result(ResultCode.PROTOCOL_ERROR)
        except Refusal as refusal:
            return Result(refusal.code, refusal.text, refusal.matched)
        except UserError as error:
            return writes.result_of(error)

    def search(
        self,
        identity: Identity | None,
        request: m.Search,
        cursor: Cursor | None,
        number: int,
        most: int,
    ) -> Found:
        """Return the next entries of a search, at most `most`; `number` is that of the message."""
        try:
            view = self.view(identity)
            cursor = cursor or begin(self, view, request)
            return cursor.next(view, number, most)
        except Refusal as refusal:
            return Found([], None, Result(refusal.code, refusal.text, refusal.matched))

    def _compare(self, view: View, request: m.Compare) -> Result:
        entry = self.entry(view, request.name)
        shape = self.shape
        is_visible = shape.is_visible(to_administrators=view.is_administrator)
        known = type_of(request.attribute, shape.schema, is_visible)
        if known is None:
            return Result(ResultCode.UNDEFINED_ATTRIBUTE_TYPE)
        values = entry.values(known.key)
        if not values:
            return Result(ResultCode.NO_SUCH_ATTRIBUTE)
        wanted = normalized(request.value, known.syntax)
        if wanted is None:
            return Result(ResultCode.INVALID_ATTRIBUTE_SYNTAX)
        is_there = any(normal(each, known.syntax) == wanted for each in values)
        return Result(ResultCode.COMPARE_TRUE if is_there else ResultCode.COMPARE_FALSE)

    def password_target(
        self, identity: Identity | None, named: str | None
    ) -> Result | PasswordTarget:
        """Return whose password a client means, by an entry's name or a login name.

        What a client may not see is not told from what is there: the old password decides.
        """
        try:
            view = self.view(identity)
        except Refusal as refusal:
            return Result(refusal.code, refusal.text)
        if named is None or named == "":
            if identity is None:
                return Result(ResultCode.UNWILLING_TO_PERFORM, "say whose password it is")
            return PasswordTarget(identity.authid, may_be_set=False)
        name = named.removeprefix("u:").removeprefix("dn:")
        user = self.named(view, name)
        if user is None or not view.may_change(user):
            # As at a login: whose name it is decides nothing before the old password is right.
            return PasswordTarget(self.login_name(name), may_be_set=False)
        return PasswordTarget(user.authid, may_be_set=not view.is_own(user))

    def set_password(
        self, identity: Identity | None, target: PasswordTarget, password: str
    ) -> Result | None:
        """Set a password without the old one, for an administrator; `None` if it is done."""
        from ualauth.ldap.server import writes  # noqa: PLC0415 - for administrators only

        try:
            view = self.view(identity)
            user = view.store.by_authid(target.login_name)
            if user is None or not view.may_change(user):
                return Result(ResultCode.INSUFFICIENT_ACCESS_RIGHTS)
            writes.set_password(self, view, user, password)
        except Refusal as refusal:
            return Result(refusal.code, refusal.text)
        except UserError as error:
            return writes.result_of(error)
        return None
