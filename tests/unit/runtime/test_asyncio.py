"""The event loop is never blocked, and what hangs harms no other login."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.machine import patience
from ualauth import AsyncAuthenticator
from ualauth.codes import Item, ReturnCode
from ualauth.errors import TemporaryFailure
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.runtime.thread_pool import ThreadPool
from ualauth.testing.conversation import AsyncScriptedConversation
from ualauth.testing.folder import ConfigFolder

SUCCESS = ReturnCode.SUCCESS


class Hanging(Module[Options]):
    """Hang in a thread until the test lets go; people called `quick` do not."""

    options_type = Options
    gate = threading.Event()
    begun = threading.Semaphore(0)

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.offload(int if attempt.user == "quick" else self._hang)
        return SUCCESS

    @classmethod
    def _hang(cls) -> None:
        cls.begun.release()
        cls.gate.wait(30)


@pytest.fixture
def hanging(folder: ConfigFolder) -> Any:
    """Return a folder whose service hangs, two threads, and little time."""
    folder.settings(f"[stack]\ntimeout = {patience(0.8)}\nthreads = 2\n")
    folder.module("hanging", Hanging)
    folder.service("test", "auth required hanging\naccount required pam_permit\n")
    folder.service("easy", "auth required pam_permit\naccount required pam_permit\n")
    Hanging.gate.clear()
    Hanging.begun = threading.Semaphore(0)
    yield folder
    Hanging.gate.set()


async def _beats(stop: asyncio.Event) -> float:
    """Return the longest time that the loop did not come back."""
    longest = 0.0
    while not stop.is_set():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    return longest


def test_the_loop_goes_on_while_a_module_hangs(hanging: ConfigFolder) -> None:
    async def run() -> float:
        authenticator = AsyncAuthenticator(hanging.config())
        stop = asyncio.Event()
        beats = asyncio.create_task(_beats(stop))
        results = await asyncio.gather(
            *(authenticator.authenticate("test", "slow", "s3cret") for _ in range(4)),
            return_exceptions=True,
        )
        stop.set()
        assert {type(each) for each in results} == {TemporaryFailure}
        return await beats

    assert asyncio.run(run()) < 2


def test_hanging_threads_do_not_starve_others(hanging: ConfigFolder) -> None:
    """Six threads hang: as many as there are, and twice as many more."""

    async def run() -> None:
        authenticator = AsyncAuthenticator(hanging.config())
        for _ in range(3):
            slow = (authenticator.authenticate("test", "slow", "s3cret") for _ in range(2))
            results = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(each) for each in results} == {TemporaryFailure}
        identity = await authenticator.authenticate("test", "quick", "s3cret")
        assert identity.user == "quick"

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.timeout(20)
def test_when_every_thread_hangs_others_are_told_so_in_time(hanging: ConfigFolder) -> None:
    """More than that cannot be borne: but no login may hang itself."""

    async def run() -> None:
        authenticator = AsyncAuthenticator(hanging.config())
        for _ in range(6):
            slow = (authenticator.authenticate("test", "slow", "s3cret") for _ in range(2))
            await asyncio.gather(*slow, return_exceptions=True)
        with pytest.raises(TemporaryFailure):
            await asyncio.wait_for(
                authenticator.authenticate("test", "quick", "s3cret"), patience(5)
            )
        # A service that needs no thread is served, although its files are looked at anew.
        identity = await asyncio.wait_for(
            authenticator.authenticate("easy", "j", "s3cret"), patience(5)
        )
        assert identity.user == "j"
        Hanging.gate.set()
        for _ in range(200):
            try:
                await authenticator.authenticate("test", "quick", "s3cret")
            except TemporaryFailure:
                continue
            return
        pytest.fail("the threads were not replaced")

    asyncio.run(run())


class Prompt(Module[Options]):
    """Answer in a thread, at once."""

    options_type = Options
    done = threading.Event()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.offload(self.done.set)
        return SUCCESS


@pytest.mark.parametrize("what", ["login", "load"])
def test_what_is_done_counts_however_late_the_loop_sees_it(folder: ConfigFolder, what: str) -> None:
    """As when ten thousand clients connect at the same moment."""
    folder.settings("[stack]\ntimeout = 0.3\n")
    folder.module("prompt", Prompt)
    folder.service("test", "auth required prompt\naccount required pam_permit\n")

    def keep_busy(is_done: Callable[[], bool]) -> None:
        """Do something else in the loop's thread, for longer than the time there is."""
        until = time.monotonic() + patience(30)
        while not is_done():
            assert time.monotonic() < until, "the thread was never asked"
            time.sleep(0.01)
        time.sleep(0.4)

    async def run() -> object:
        async with AsyncAuthenticator(folder.config()) as auth:
            if what == "login":
                await auth.load("test")
            Prompt.done.clear()
            services = auth._base.services
            call = auth.authenticate("test", "x", "y") if what == "login" else auth.load("test")
            task = asyncio.ensure_future(call)
            await asyncio.sleep(0)
            fresh = partial(services.is_fresh, "test")
            keep_busy(Prompt.done.is_set if what == "login" else fresh)
            return await task

    assert asyncio.run(run()) is not None


def test_a_login_that_needs_no_waiting_never_leaves_the_task(folder: ConfigFolder) -> None:
    folder.service("easy", "auth required pam_debug\naccount required pam_debug\n")

    async def run() -> None:
        authenticator = AsyncAuthenticator(folder.config())
        await authenticator.load("easy")
        login = authenticator.authenticate("easy", "jsmith", "s3cret")
        with pytest.raises(StopIteration) as stop:
            login.send(None)
        assert stop.value.value.user == "jsmith"

    asyncio.run(run())


def test_a_cancelled_login_ends_at_once_and_gives_its_thread_back(hanging: ConfigFolder) -> None:
    async def run() -> None:
        authenticator = AsyncAuthenticator(hanging.config())
        await authenticator.load("test")
        for _ in range(3):
            tasks = [
                asyncio.create_task(authenticator.authenticate("test", "slow", "s3cret"))
                for _ in range(2)
            ]
            for _ in tasks:
                assert await asyncio.to_thread(Hanging.begun.acquire, timeout=patience(10))
            for task in tasks:
                task.cancel()
            started = time.monotonic()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert time.monotonic() - started < patience(2)
            assert {type(each) for each in results} == {asyncio.CancelledError}
        identity = await authenticator.authenticate("test", "quick", "s3cret")
        assert identity.user == "quick"

    asyncio.run(run())


class Cleaning(Module[Options]):
    """Write down how it ended."""

    options_type = Options
    ended: list[str] = []  # noqa: RUF012 - emptied by the test
    begun = asyncio.Event()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.set_data("cleaning", 1, lambda *_: self.ended.append("cleanup"))
        self.begun.set()
        try:
            await attempt.wait(asyncio.Event().wait())
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        return SUCCESS


def test_a_cancelled_login_cleans_up(folder: ConfigFolder) -> None:
    Cleaning.ended.clear()
    Cleaning.begun = asyncio.Event()
    folder.module("cleaning", Cleaning)
    folder.service("test", "auth required cleaning\n")

    async def run() -> None:
        authenticator = AsyncAuthenticator(folder.config())
        task = asyncio.create_task(authenticator.authenticate("test", "jsmith", "s3cret"))
        await Cleaning.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert Cleaning.ended == ["CancelledError", "cleanup"]


def test_a_cancelled_operation_leaves_a_transaction_usable(folder: ConfigFolder) -> None:
    folder.module("cleaning", Cleaning)
    folder.service("test", "auth required cleaning\naccount required pam_permit\n")

    async def run() -> None:
        authenticator = AsyncAuthenticator(folder.config())
        async with authenticator.transaction("test", "jsmith") as handle:
            task = asyncio.create_task(handle.authenticate())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # A second operation at the same time is an error, not a race.
            assert await handle.acct_mgmt() is ReturnCode.SYSTEM_ERR
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await handle.acct_mgmt() is SUCCESS

    asyncio.run(run())


def test_what_a_module_waits_for_is_given_up_in_time(folder: ConfigFolder) -> None:
    Cleaning.ended.clear()
    folder.settings(f"[stack]\ntimeout = {patience(0.3)}\n")
    folder.module("cleaning", Cleaning)
    folder.service("test", "auth required cleaning\n")

    async def run() -> None:
        with pytest.raises(TemporaryFailure):
            await AsyncAuthenticator(folder.config()).authenticate("test", "jsmith", "s3cret")

    asyncio.run(run())
    assert Cleaning.ended == ["TimeoutError", "cleanup"]


def test_many_logins_take_turns_while_people_answer(folder: ConfigFolder) -> None:
    from ualauth.testing.scripted_module import ScriptedModule

    folder.module("scripted", ScriptedModule)
    folder.service("test", "auth required scripted authenticate=user,password,success\n")

    async def one(authenticator: AsyncAuthenticator, number: int) -> bool:
        conversation = AsyncScriptedConversation(f"user{number}", f"secret{number}")
        async with authenticator.transaction("test", conversation=conversation) as handle:
            code = await handle.authenticate()
            return code is SUCCESS and handle.get_item(Item.USER) == (SUCCESS, f"user{number}")

    async def run() -> list[bool]:
        authenticator = AsyncAuthenticator(folder.config())
        return await asyncio.gather(*(one(authenticator, number) for number in range(200)))

    assert all(asyncio.run(run()))


def test_one_authenticator_may_serve_one_loop_after_the_other(hanging: ConfigFolder) -> None:
    # Nothing hangs: the usual time, however slow the machine is.
    hanging.settings("")
    authenticator = AsyncAuthenticator(hanging.config())
    for _ in range(3):
        identity = asyncio.run(authenticator.authenticate("test", "quick", "s3cret"))
        assert identity.user == "quick"

    async def closed() -> None:
        async with authenticator:
            await authenticator.authenticate("test", "quick", "s3cret")
        await authenticator.authenticate("test", "quick", "s3cret")

    asyncio.run(closed())


def test_the_process_ends_although_a_thread_hangs(folder: ConfigFolder) -> None:
    (folder.path / "sleeper.py").write_text(
        textwrap.dedent(
            """
            import time
            from dataclasses import dataclass
            from ualauth.module import Module

            @dataclass(frozen=True)
            class Options:
                pass

            class Sleeper(Module[Options]):
                options_type = Options

                async def authenticate(self, attempt):
                    await attempt.offload(time.sleep, 600)
            """,
        ),
    )
    folder.settings(f"[stack]\ntimeout = {patience(0.8)}\n")
    folder.service("test", f"auth required {folder.path}/sleeper.py\n")
    program = textwrap.dedent(
        """
        import asyncio, sys
        from ualauth import AsyncAuthenticator, TemporaryFailure

        async def main():
            async with AsyncAuthenticator(sys.argv[1]) as authenticator:
                try:
                    await authenticator.authenticate("test", "jsmith", "s3cret")
                except TemporaryFailure:
                    print("temporary")

        asyncio.run(main())
        """,
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder.path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=patience(30),
    )
    assert done.stdout == "temporary\n"
    assert time.monotonic() - started < patience(15)


# The pool by itself


def test_a_pool_never_runs_more_than_its_size_at_once() -> None:
    pool = ThreadPool(3)
    lock = threading.Lock()
    now = most = 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1

    for future in [pool.submit(work) for _ in range(100)]:
        future.result(10)

    assert most == 3


def test_a_pool_hands_back_results_and_exceptions() -> None:
    pool = ThreadPool(1)

    assert pool.submit(max, 1, 2).result(10) == 2
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(10)
    with pytest.raises(SystemExit):
        pool.submit(sys.exit, 3).result(10)
    with pytest.raises(RuntimeError, match="StopIteration"):
        pool.submit(next, iter(())).result(10)
    assert pool.submit(max, 1, 2).result(10) == 2


def test_a_call_that_is_given_up_before_it_begins_is_never_made() -> None:
    pool = ThreadPool(1)
    gate = threading.Event()
    called: list[int] = []
    first = pool.submit(gate.wait, 10)
    second = pool.submit(called.append, 1)
    pool.abandon(second)
    gate.set()

    assert first.result(10)
    assert pool.submit(max, 1, 2).result(10) == 2
    assert called == []


def test_a_pool_replaces_three_times_its_size_of_hanging_threads() -> None:
    pool = ThreadPool(2)
    gate = threading.Event()
    hanging = []
    for _ in range(3):
        futures = [pool.submit(gate.wait, 30) for _ in range(2)]
        while not all(future.running() for future in futures):
            time.sleep(0.001)
        for future in futures:
            pool.abandon(future)
        hanging += futures
    assert pool.submit(max, 1, 2).result(10) == 2

    last = [pool.submit(gate.wait, 30) for _ in range(2)]
    for future in last:
        while not future.running():
            time.sleep(0.001)
        pool.abandon(future)
    waiting = pool.submit(max, 1, 2)
    with pytest.raises(TimeoutError):
        waiting.result(0.1)

    gate.set()
    assert waiting.result(10) == 2
    assert all(future.result(10) for future in [*hanging, *last])


def test_closing_a_pool_ends_its_threads_and_the_next_call_starts_others() -> None:
    pool = ThreadPool(3)
    for _ in range(3):
        both = threading.Barrier(3)

        def work(both: threading.Barrier = both) -> threading.Thread:
            both.wait(30)
            return threading.current_thread()

        threads = [each.result(30) for each in [pool.submit(work) for _ in range(3)]]
        pool.close()
        assert len(set(threads)) == 3
        assert not any(each.is_alive() for each in threads)


def test_closing_a_pool_loses_no_call_and_waits_for_those_that_are_made() -> None:
    pool = ThreadPool(2)
    done: list[int] = []
    futures = [pool.submit(done.append, number) for number in range(100)]
    pool.close()
    assert all(future.done() for future in futures)
    assert sorted(done) == list(range(100))


def test_closing_a_pool_waits_for_no_call_that_was_given_up() -> None:
    pool = ThreadPool(1)
    gate = threading.Event()
    hanging = pool.submit(gate.wait, 60)
    while not hanging.running():
        time.sleep(0.001)
    pool.abandon(hanging)
    pool.close()
    assert hanging.running()
    gate.set()
    assert hanging.result(10)


def test_a_call_that_waits_takes_the_place_of_one_that_is_given_up() -> None:
    pool = ThreadPool(1)
    gate = threading.Event()
    hanging = pool.submit(gate.wait, 30)
    waiting = pool.submit(max, 1, 2)
    while not hanging.running():
        time.sleep(0.001)
    pool.abandon(hanging)

    assert waiting.result(10) == 2
    gate.set()
    assert hanging.result(10)


def test_threads_of_a_pool_never_keep_the_process() -> None:
    pool = ThreadPool(1)

    assert pool.submit(threading.current_thread).result(10).daemon
