"""Who the user is, once a directory, a KDC or the host has said so.

A name that a person typed is judged by modules that look at it (lists,
conditions), and becomes another one when a module finds who that is: the
directory takes `JSMITH` for `jsmith`. So what was decided about the typed name
is asked again about the confirmed one, and a different answer refuses.
"""

from __future__ import annotations

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, NameTest
from ualauth.contract.credentials import MAX_NAME_BYTES, NameKind, is_acceptable
from ualauth.reasons import ReasonCode
from ualauth.runtime.inner import AskedName, InnerAttempt

_WRONG_USER = ReasonCode.WRONG_USER


async def ask_about_name(attempt: InnerAttempt, name: str, test: NameTest) -> ReturnCode:
    """Return what a test says of a name, and keep both for a name that is confirmed later."""
    answer = await test(name)
    run = attempt.run
    entry = None if run is None else run.asked()
    asked = AskedName(entry, attempt.operation, test, name, answer)
    attempt.name_tests = (*attempt.name_tests, asked)
    if answer.reason is not None:
        attempt.explain(answer.reason, answer.why)
    elif answer.why:
        attempt.remark(answer.why)
    return answer.code


async def confirm(attempt: InnerAttempt, name: str) -> None:
    """Make `name` the user, exactly; see `Attempt.confirm_user`.

    Raises:
        Abort: if it may not be; then the user is who it was.

    """
    if not name or not is_acceptable(name, MAX_NAME_BYTES):
        raise Abort(ReturnCode.USER_UNKNOWN, "no name that a user can have", _WRONG_USER)
    before = attempt.naming()
    if before.name_kind is NameKind.NO_USER:
        raise Abort(ReturnCode.USER_UNKNOWN, "an anonymous login is no user's", _WRONG_USER)
    if before.name_kind is NameKind.AUTHID and name != before.user:
        why = f"the user is {before.user!a}, and is confirmed as {name!a}"
        raise Abort(ReturnCode.PERM_DENIED, why, _WRONG_USER)
    attempt.become(name)
    try:
        for each in attempt.name_tests:
            await _ask_again(each, name)
    except BaseException:
        attempt.restore(before)
        raise
    # An entry that confirms the same user twice goes back to who it was before the first time.
    first = attempt.unconfirmed
    if first is None or first[:2] != before[:2]:
        attempt.unconfirmed = before


async def _ask_again(asked: AskedName, name: str) -> None:
    if asked.name == name:
        return
    answer = await asked.test(name)
    if answer.code is not asked.answer.code:
        entry = asked.entry
        place = "a module" if entry is None else f"{entry.source} ({entry.module})"
        why = f"{place} decides otherwise about {name!a}"
        raise Abort(ReturnCode.PERM_DENIED, why, _WRONG_USER)
