"""What a forked child begins anew: every lock, and every object that counts on threads."""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ualauth
from ualauth.runtime.thread_pool import ThreadPool
from ualauth.system.forks import LibraryCalls, RenewedSemaphore, new_lock, new_rlock

PACKAGE = Path(ualauth.__file__).parent
OF_THREADS = {
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
    "Thread",
    "ThreadPoolExecutor",
    "Timer",
    "eventfd",
    "pipe",
    "socketpair",
}
"""What a child cannot use as it inherits it."""
MODULES = {"concurrent.futures", "futures", "multiprocessing", "os", "socket", "threading"}
OF_ONE_LOGIN = {
    "contract/computation.py": "logins that wait for one thread of the parent",
    "cli/sync/watch.py": "one command, which forks nothing",
    "daemon/siblings.py": "locks of the event loop, in a worker that forks nothing",
    "daemon/supervisor.py Supervisor": "the first process: its number is that of all workers",
    "host_pam/call.py": "one call of libpam, in the thread of a login",
    "host_pam/transaction.py HostTransaction": "one login",
    "import_export/reader.py": "one import, whose process does not fork",
    "ldap/client/connection.py": "one connection, which is left to the parent",
    "ldap/client/pending.py": "one connection that is being made",
    "ldap/client/pool.py Waiter": "one login that waits for a connection",
    "ldap/client/servers.py Watch": "made anew with the directory's servers",
    "oauth/fetching.py": "one request",
    "smtp_access/name_lookup.py": "one look-up",
    "sync/watch.py Watch": "one command, which forks nothing",
    "sync/lease.py": "one run, which forks nothing",
    "system/time_limit.py": "one call, whose caller waits in the parent",
    "testing/watching.py": "looks at methods, and makes none",
    "userlist/guess.py": "one login",
}
"""Files, or classes of them, whose objects no child uses that inherits them, and why."""


def uses() -> Iterator[tuple[str, str, bool]]:
    """Yield file, class, and whether the class begins anew, of all that makes such a thing."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place == "system/forks.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        owner = {id(inner): each for each in classes for inner in ast.walk(each)}
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=module), attr=name):
                    if module not in MODULES or name not in OF_THREADS:
                        continue
                case ast.ImportFrom(module=module, names=names):
                    if module not in MODULES or not {each.name for each in names} & OF_THREADS:
                        continue
                case _:
                    continue
            kind = owner.get(id(node))
            methods = (
                {each.name for each in ast.walk(kind) if isinstance(each, ast.FunctionDef)}
                if kind
                else set()
            )
            yield place, kind.name if kind else "", "begin_in_child" in methods


def test_every_class_that_knows_of_threads_begins_anew_in_a_child() -> None:
    all_uses = list(uses())
    assert ("runtime/thread_pool.py", "ThreadPool", True) in all_uses
    forgotten = {
        f"{place} {kind}".strip()
        for place, kind, renewed in all_uses
        if not renewed and place not in OF_ONE_LOGIN and f"{place} {kind}" not in OF_ONE_LOGIN
    }
    assert not forgotten, "make locks by forks.new_lock, or register with forks.renew_after_fork"


def test_every_exception_is_one() -> None:
    names = {name for place, kind, _ in uses() for name in (place, f"{place} {kind}")}
    assert set(OF_ONE_LOGIN) <= names


def in_child(function: Callable[[], bool]) -> bool:
    """Return what `function` returns in a forked process, or `False` if it raises."""
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = function()
        finally:
            os._exit(0 if good else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("make", [new_lock, new_rlock])
def test_a_lock_that_a_thread_held_is_free_in_the_child(make: Callable[[], threading.Lock]) -> None:
    lock = make()
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        assert in_child(lambda: lock.acquire(blocking=False))
        assert not lock.acquire(blocking=False)
    finally:
        over.set()
        thread.join()


def test_no_place_of_a_semaphore_is_taken_in_the_child() -> None:
    places = RenewedSemaphore(1)
    assert places.acquire(blocking=False)
    assert in_child(lambda: places.acquire(blocking=False))
    assert not places.acquire(blocking=False)


def test_threads_that_wait_for_work_are_not_counted_on_in_the_child() -> None:
    pool = ThreadPool(1)
    assert pool.submit(lambda: 1).result() == 1
    assert in_child(lambda: pool.submit(lambda: 2).result(30) == 2)


def test_work_of_the_parent_is_not_done_by_the_child() -> None:
    pool, over = ThreadPool(1), threading.Event()
    first, second = pool.submit(over.wait), pool.submit(lambda: 1)
    assert in_child(lambda: pool.submit(lambda: 3).result(30) == 3 and not second.done())
    over.set()
    assert first.result(30)
    assert second.result(30) == 1


def test_no_child_is_forked_while_a_thread_is_in_a_library() -> None:
    calls = LibraryCalls()
    inside, over, stopped, forked = (threading.Event() for _ in range(4))

    def call() -> None:
        with calls:
            inside.set()
            over.wait(60)

    def fork() -> None:
        calls.stop(60)
        stopped.set()
        forked.wait(60)
        calls.go_on()

    caller, forker, later = (threading.Thread(target=each) for each in (call, fork, call))
    caller.start()
    assert inside.wait(60)
    forker.start()
    assert not stopped.wait(0.05)
    over.set()
    assert stopped.wait(60)
    later.start()
    later.join(0.05)
    assert later.is_alive()
    forked.set()
    for thread in (caller, forker, later):
        thread.join(60)
    assert not later.is_alive()


def test_a_thread_that_forks_may_itself_call_and_waits_no_longer_than_it_should() -> None:
    calls = LibraryCalls()
    with calls:
        calls.stop(0.01)
        with calls:
            pass
        calls.go_on()
    with calls:
        pass


def test_a_lock_that_a_fork_holds_is_free_afterwards_in_both() -> None:
    lock = new_lock(held_by_fork=True)
    assert in_child(lambda: lock.acquire(blocking=False))
    assert lock.acquire(blocking=False)
