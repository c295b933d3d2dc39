"""Resident processes: helpers of the gateway that answer requests until they are replaced.

A resident process is started with the first request. It reads requests from its standard input and writes each reply
as a frame (``frames.py``) with the number of the request. A frame without a body confirms a request: the process works
on it. Some requests have a stream of replies.

The process can hang, end or write nonsense at any time; all of that is a failure of the request, and a
``ResidentError`` or a missing reply says so. Then it is replaced: the pauses between two starts grow until a process
has answered. One that is replaced is killed. If it cannot be killed, it is abandoned, and only a few may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.backoff import Backoff
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.host.frames import FrameDecoder, FrameError
from gateway.host.output import ProcessOutput
from gateway.host.process import Process
from gateway.status import Status
from gateway.waiting import completed_within

BACKOFF = Backoff(first=1.0, longest=60.0)
"""The pauses between two starts, unless a process has answered in between."""

MAX_ABANDONED = 3
"""Processes that were killed and have not ended: with this many, no other is started."""

_STDOUT = 1
_ENDED = "has ended"


class StartResident(Protocol):
    """Starts a process, as ``start_resident`` does."""

    async def __call__(
        self, argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
    ) -> Process:
        """Returns the process."""
        ...


class ResidentError(GatewayError):
    """There is no process that could answer; the message is the reason, in one line.

    Attributes:
        status: ``KILLED`` if the process has ended, ``FAILED`` if none can be started.
    """

    def __init__(self, reason: str, status: Status = Status.FAILED) -> None:
        super().__init__(reason)
        self.status = status


class PausedError(ResidentError):
    """The last process has ended or could not be started, and it is too early to start another."""


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """A request to a resident process.

    Attributes:
        sent: when it was sent, on the monotonic clock.
        reply: the body of the last reply; None if the process has ended.
        on_reply: receives each reply of a stream, and returns whether it was the last one. None if there is only one.
            An exception that it raises ends the stream, and becomes that of ``reply``.
        confirmed: whether the process has begun to work on it.
        overdue: whether nothing waits for the reply any longer.
    """

    sent: float
    reply: asyncio.Future[bytes | None]
    on_reply: Callable[[bytes], bool] | None = None
    confirmed: bool = False
    overdue: bool = False

    def receive(self, body: bytes) -> bool:
        """Handles a reply, and returns whether it was the last one."""
        try:
            is_last = self.on_reply is None or self.on_reply(body)
        except Exception as error:  # noqa: BLE001 - it is raised where the reply is awaited
            self.reply.set_exception(error)
            return True
        if is_last:
            self.reply.set_result(body)
        return is_last


class _Replies(ProcessOutput):
    """Assigns what a process writes to its exchanges.

    Attributes:
        exchanges: those without a reply, by number.
        malformed: whether it has written something that is not a reply.
    """

    def __init__(self, max_body: int) -> None:
        super().__init__()
        self.exchanges: dict[int, Exchange] = {}
        self.malformed = False
        self._decoder = FrameDecoder(max_body)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Passes on replies; messages for people are dropped."""
        if fd != _STDOUT or self.malformed:
            return
        try:
            for number, body in self._decoder.feed(data):
                self._on_frame(number, body)
        except FrameError:
            self.malformed = True

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Ends all exchanges: the process does not write any more."""
        del fd, exc
        self._end()

    def process_exited(self) -> None:
        """Ends all exchanges."""
        super().process_exited()
        self._end()

    def _on_frame(self, number: int, body: bytes) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            return
        if not body:
            exchange.confirmed = True
        elif exchange.receive(body):
            self.exchanges.pop(number, None)

    def _end(self) -> None:
        self.finish()
        for exchange in self.exchanges.values():
            exchange.reply.set_result(None)
        self.exchanges.clear()


class ResidentProcess:
    """A running process, and what it has been asked.

    Args:
        process: the process.
        replies: what it writes.

    Attributes:
        process: the process.
        requests: how many requests it was sent.
        replaced: whether it is ended because another process is to take its place.
    """

    def __init__(self, process: Process, replies: _Replies) -> None:
        self.process = process
        self.requests = 0
        self.replaced = False
        self._replies = replies

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and has written nothing but replies."""
        return not self._replies.finished.done() and not self._replies.malformed

    @property
    def is_busy(self) -> bool:
        """Whether it has not answered all requests. Streams do not count: they have no end."""
        return any(exchange.on_reply is None for exchange in self._replies.exchanges.values())

    @property
    def has_stream(self) -> bool:
        """Whether it sends replies to a request whenever there is something to report."""
        return any(exchange.on_reply is not None for exchange in self._replies.exchanges.values())

    @property
    def overdue(self) -> Exchange | None:
        """The first request without a reply that nothing waits for any longer, or None."""
        return next((exchange for exchange in self._replies.exchanges.values() if exchange.overdue), None)

    @property
    def failure(self) -> str:
        """Why it is not usable."""
        return _ENDED if self._replies.finished.done() else "does not respond as it should"

    def send(
        self, encode: Callable[[int], bytes], *, now: float, on_reply: Callable[[bytes], bool] | None = None
    ) -> Exchange:
        """Sends a request.

        Args:
            encode: returns the message for a number, which the reply has as well.
            now: the time on the monotonic clock.
            on_reply: receives the replies of a stream.
        """
        self.requests += 1
        exchange = Exchange(sent=now, reply=asyncio.get_running_loop().create_future(), on_reply=on_reply)
        self._replies.exchanges[self.requests] = exchange
        self.process.write(encode(self.requests))
        return exchange

    def withdraw(self, exchange: Exchange) -> None:
        """Drops the replies to a request that are still to come."""
        exchanges = self._replies.exchanges
        for number in [number for number, each in exchanges.items() if each is exchange]:
            del exchanges[number]


class Resident:
    """Keeps one resident process running, and replaces it.

    Args:
        title: what the process is, for messages, such as ``helper that reads devices``.
        titles: the same in the plural.
        command: its command.
        environment: its environment.
        max_body: bytes that the body of a reply may have.
        clock: measures the pauses.
        backoff: the pauses between two starts.
        start: starts it.

    Attributes:
        title: as above.
        current: the process that runs, or has ended; None before the first, and once it was discarded.
    """

    def __init__(
        self,
        title: str,
        titles: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        max_body: int,
        clock: Clock,
        backoff: Backoff,
        start: StartResident,
    ) -> None:
        self.title = title
        self.current: ResidentProcess | None = None
        self._titles = titles
        self._command = command
        self._environment = environment
        self._max_body = max_body
        self._clock = clock
        self._backoff = backoff
        self._start = start
        self._starting = asyncio.Lock()
        self._abandoned: list[Process] = []
        self._retries = 0
        self._next_start = 0.0
        self._last_end = (_ENDED, Status.KILLED)

    async def running(self) -> ResidentProcess:
        """Returns the process; starts it if there is none.

        Raises:
            ResidentError: it cannot be started now.
        """
        async with self._starting:
            if self.current is not None and self.current.is_usable:
                return self.current
            self.discard()
            self._abandoned = [process for process in self._abandoned if not process.has_exited]
            if len(self._abandoned) >= MAX_ABANDONED:
                raise ResidentError(f"{MAX_ABANDONED} {self._titles} were killed and have not ended")
            now = self._clock.monotonic()
            if now < self._next_start:
                reason, status = self._last_end
                raise PausedError(f"the {self.title} {reason}, next start in {self._next_start - now:.0f} s", status)
            self._next_start = now + self._backoff.pause(self._retries)
            self._retries += 1
            self.current = await self._start_process()
            return self.current

    async def completed(self, exchange: Exchange, *, end: float) -> bool:
        """Waits for the reply; True even if it has arrived while the event loop was busy until after the deadline."""
        await completed_within(asyncio.wait([exchange.reply]), end - self._clock.monotonic())
        return exchange.reply.done()

    def on_success(self) -> None:
        """Ends the pauses: the process has answered as it should."""
        self._retries, self._next_start = 0, 0.0

    def discard(self) -> None:
        """Kills the process; until it has ended, it counts as abandoned."""
        if self.current is not None:
            self.current.process.kill()
            self._abandoned.append(self.current.process)
            self.current = None

    async def close(self) -> None:
        """Ends all processes. Idempotent; the next request starts another."""
        self.discard()
        processes, self._abandoned = self._abandoned, []
        self._starting = asyncio.Lock()  # the next request may be in another event loop
        await asyncio.gather(*(process.close() for process in processes))

    async def _start_process(self) -> ResidentProcess:
        replies = _Replies(self._max_body)
        try:
            process = await self._start(self._command, lambda: replies, environment=self._environment)
        except (OSError, ValueError) as error:
            reason = f"could not be started: {getattr(error, 'strerror', None) or error}"
            self._last_end = (reason, Status.FAILED)
            raise ResidentError(f"the {self.title} {reason}") from None
        self._last_end = (_ENDED, Status.KILLED)
        return ResidentProcess(process, replies)
