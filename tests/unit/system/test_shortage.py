"""What the host has run out of is told with the cure that fits."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from ualauth.passwords.schemes import PasswordHasher
from ualauth.runtime.thread_pool import ThreadPool
from ualauth.system.shortage import shortage_of


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (MemoryError(), "argon2_memory"),
        (OSError(errno.ENOMEM, "x"), "argon2_memory"),
        (OSError(errno.EMFILE, "x", "/a/file"), "LimitNOFILE"),
        (OSError(errno.ENFILE, "x"), "fs.file-max"),
        (OSError(errno.EIO, "x"), "host's log"),
        (OSError(errno.ENOSPC, "x"), "make room"),
        (RuntimeError("can't start new thread"), "TasksMax"),
    ],
)
def test_a_shortage_is_told_with_its_cure(error: Exception, cure: str) -> None:
    assert cure in str(shortage_of(error))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        OSError("x"),
        FileNotFoundError(errno.ENOENT, "x"),
        PermissionError(errno.EACCES, "x"),
        BlockingIOError(errno.EAGAIN, "x"),
        RuntimeError("x"),
    ],
)
def test_other_errors_are_no_shortage(error: Exception) -> None:
    assert shortage_of(error) is None


def hashing(hasher: PasswordHasher, stored: str) -> list[Callable[[], object]]:
    return [
        lambda: hasher.verify("s3cret", stored),
        lambda: hasher.hash("s3cret"),
        lambda: hasher.dummy_verify("s3cret"),
    ]


@pytest.mark.parametrize("number", range(3))
def test_too_little_memory_for_a_hash_says_nothing_about_the_password(number: int) -> None:
    hasher = PasswordHasher()
    stored = hasher.hash("s3cret")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (used + (20 << 20),) * 2)
            hashing(hasher, stored)[number]()
        except MemoryError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Barren(ThreadPool):
    """A pool of a host that has no more threads."""

    def _start_thread(self) -> None:
        raise RuntimeError("can't start new thread")


def test_work_that_no_thread_will_do_is_refused_at_once() -> None:
    pool = Barren(1)
    with pytest.raises(RuntimeError, match="new thread"):
        pool.submit(int)
    assert not pool._work
