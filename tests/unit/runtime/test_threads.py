"""One authenticator, many threads."""

from __future__ import annotations

import threading
from collections import Counter

from ualauth import Authenticator
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.errors import AccountRestricted, AuthenticationFailed
from ualauth.identity import Person
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

THREADS = 8
LOGINS = 500


class Mirror(Module[Options]):
    """Let in whose password is their name backwards; odd ones are restricted."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        user = await attempt.get_user()
        password = await attempt.get_authtok()
        attempt.set_data("mirror", user)
        await attempt.offload(int)
        if attempt.get_item(Item.AUTHTOK) != password or attempt.get_data("mirror") != user:
            return ReturnCode.SYSTEM_ERR
        attempt.vouch(Person(user))
        return ReturnCode.SUCCESS if password == user[::-1] else ReturnCode.AUTH_ERR

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        odd = int((attempt.user or "")[-1]) % 2
        return ReturnCode.ACCT_EXPIRED if odd else ReturnCode.SUCCESS


def test_many_threads_share_an_authenticator(folder: ConfigFolder) -> None:
    folder.module("mirror", Mirror)
    folder.service("test", "auth required mirror\naccount required mirror\n")
    authenticator = Authenticator(folder.config())
    # Every thread looks at the files again and again, too.
    authenticator._base.services._interval = 0.01
    outcomes: Counter[str] = Counter()
    wrong: list[object] = []
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        counts: Counter[str] = Counter()
        start.wait()
        for number in range(LOGINS):
            user = f"user{thread}.{number}"
            password = "wrong" if number % 5 == 0 else user[::-1]
            try:
                identity = authenticator.authenticate("test", user, password)
            except AuthenticationFailed:
                counts["failed"] += 1
            except AccountRestricted:
                counts["restricted"] += 1
            except BaseException as error:  # noqa: BLE001 - reported by the main thread
                wrong.append(error)
            else:
                counts["in"] += 1
                if not identity.user == identity.login_name == identity.authid == user:
                    wrong.append(identity)
        outcomes.update(counts)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert outcomes == {"failed": 800, "restricted": 1600, "in": 1600}


def test_many_threads_hold_transactions_at_once(folder: ConfigFolder) -> None:
    folder.service(
        "test",
        "auth [success=1 default=ignore] pam_debug auth=success cred=success\n"
        "auth required pam_deny\n"
        "auth required pam_debug auth=success cred=cred_err\n",
    )
    authenticator = Authenticator(folder.config())
    wrong: list[object] = []

    def work() -> None:
        for _ in range(100):
            conversation = ScriptedConversation()
            with authenticator.transaction("test", "jsmith", conversation) as handle:
                codes = [handle.authenticate(), handle.setcred(), handle.setcred()]
                asked = [(step.operation, step.line) for step in handle.trace]
            operations = [Operation.AUTHENTICATE] * 2 + [Operation.SETCRED] * 4
            expected = list(zip(operations, [1, 3] * 3, strict=True))
            if codes != [0, 17, 17] or asked != expected or len(conversation.texts) != 6:
                wrong.append((codes, asked, conversation.texts))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
