"""The workers of a daemon, asked by each other: a question in JSON, and its answer.

Each has one socket to be asked at, made before the workers are: what takes the place of a worker
that has died is asked at the same one. Nothing of it has a name in the file system.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from ualauth.errors import StoreError, UalauthError

log = logging.getLogger("ualauth.serve")

_LONGEST = 65_536
"""Bytes of a message."""
_SECONDS = 5.0
"""How long an answer is waited for."""

Answering = Callable[..., Awaitable[Any]]


class SiblingSilent(StoreError):
    """Another worker does not answer: what it knows cannot be looked up now."""


class Channel(NamedTuple):
    """Where one worker is asked: it reads from one end, and all write to the other."""

    reading: socket.socket
    writing: socket.socket


def channels(number: int) -> list[Channel]:
    """Return one channel for each of `number` workers."""
    pairs = []
    for _ in range(number):
        reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (reading, writing):
            end.setblocking(False)  # noqa: FBT003 - of the library
        pairs.append(Channel(reading, writing))
    return pairs


class Siblings:
    """All workers, as one of them sees them; with one alone, no socket is used."""

    def __init__(self, number: int = 0, channels: Sequence[Channel] = ()) -> None:
        """Be the worker `number`, which is asked at the channel of that number."""
        self.number = number
        self._channels = list(channels)
        self._tags = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._locks = [asyncio.Lock() for _ in self._channels]
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering: Answering | None = None

    @property
    def size(self) -> int:
        """How many workers there are to be, this one among them."""
        return max(1, len(self._channels))

    def answer(self, answering: Answering) -> None:
        """Answer questions by a coroutine function, which takes them and what goes with them."""
        self._answering = answering

    def start(self) -> None:
        """Begin to be asked."""
        if self._channels:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._channels[self.number].reading, self._read)

    def stop(self) -> None:
        """Be asked no more; what is asked now is answered no more."""
        if self._channels:
            asyncio.get_running_loop().remove_reader(self._channels[self.number].reading)
        for task in self._tasks:
            task.cancel()

    async def ask(self, number: int, question: str, *arguments: Any) -> Any:  # noqa: ANN401 - JSON
        """Return what a worker answers.

        Raises:
            SiblingSilent: if there is no such worker, or it does not answer.
            UalauthError: whatever a question to this worker itself raises.

        """
        if number == self.number:
            return await self._answered(question, arguments)
        if not 0 <= number < len(self._channels):
            raise SiblingSilent("there is no such worker")
        tag = next(self._tags)
        answer = self._open[tag] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_SECONDS):
                await self._send(number, ["?", self.number, tag, question, *arguments])
                return await answer
        except TimeoutError:
            raise SiblingSilent("another worker does not answer") from None
        except OSError as error:
            raise SiblingSilent(f"another worker cannot be asked: {error.strerror}") from error
        finally:
            del self._open[tag]

    async def ask_all(self, question: str, *arguments: Any) -> list[Any]:  # noqa: ANN401 - JSON
        """Return what the workers answer that do, the first one first."""
        numbers = range(self.size)
        answers = await asyncio.gather(
            *(self.ask(number, question, *arguments) for number in numbers), return_exceptions=True
        )
        for each in answers:
            if isinstance(each, BaseException) and not isinstance(each, UalauthError):
                raise each
        return [each for each in answers if not isinstance(each, BaseException)]

    async def _answered(self, question: str, arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        if self._answering is None:
            raise SiblingSilent("this worker answers nothing yet")
        return await self._answering(question, *arguments)

    def _read(self) -> None:
        loop = asyncio.get_running_loop()
        reading = self._channels[self.number].reading
        while True:
            try:
                message = json.loads(reading.recv(_LONGEST))
            except (BlockingIOError, InterruptedError):
                return
            except (OSError, ValueError):
                log.error("a worker cannot be asked any more")  # noqa: TRY400 - no text of its own
                loop.remove_reader(reading)
                return
            kind, *rest = message
            if kind == "?":
                task = loop.create_task(self._reply(*rest))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                tag, answer = rest
                future = self._open.get(tag)
                if future is not None and not future.done():
                    if kind == "=":
                        future.set_result(answer)
                    else:
                        future.set_exception(SiblingSilent(answer))

    async def _reply(self, number: int, tag: int, question: str, *arguments: Any) -> None:  # noqa: ANN401
        kind, answer = "=", None
        try:
            answer = await self._answered(question, arguments)
        except UalauthError as error:
            kind, answer = "!", str(error)
        except Exception as error:  # noqa: BLE001 - a bug: the other one is not to wait
            log.error("another worker was not answered: raised %s", type(error).__name__)  # noqa: TRY400
            kind, answer = "!", "another worker failed"
        try:
            async with asyncio.timeout(_SECONDS):
                await self._send(number, [kind, tag, answer])
        except (OSError, TimeoutError):
            log.warning("a worker does not read what it asked")

    async def _send(self, number: int, message: Sequence[Any]) -> None:
        data = json.dumps(message).encode()
        if len(data) > _LONGEST:
            raise SiblingSilent("a message to another worker is too long")
        # One at a time: the loop knows of one that waits for a socket alone.
        async with self._locks[number]:
            await asyncio.get_running_loop().sock_sendall(self._channels[number].writing, data)
