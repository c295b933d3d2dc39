"""Asks the cluster's libraries through resident readers, one process for each stack.

A reader that does not answer before the deadline, ends or writes nonsense is replaced (``resident.py``); so is one that
has grown, or has answered many queries, or whose libraries may have been replaced. None of that is an error: whoever
asks runs the tool instead.

Corosync's reader also watches the quorum, which must not end because a query blocks: Corosync is suspended, for
example. A reader that watches is therefore replaced only if it does not respond at all, or after a minute.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway.backoff import Backoff
from gateway.clock import Clock, SystemClock
from gateway.host.host import CommandResult
from gateway.host.library import LibraryAnswer, LibraryQuery, Stack, is_tested
from gateway.host.process import start_resident
from gateway.host.reader import messages
from gateway.host.reader.quorum_watch import QuorumWatch
from gateway.host.resident import (
    BACKOFF,
    Exchange,
    PausedError,
    Resident,
    ResidentError,
    ResidentProcess,
    StartResident,
)
from gateway.status import Status

CHILD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("child.py")))
"""The command of a reader, without the stack. ``-I -S``: the standard library only, and from its proper place."""

MAX_REQUESTS = 10_000
"""Requests after which a reader is replaced: libraries leak."""

MAX_MEMORY = 128 * 1024 * 1024
"""Bytes of resident memory above which a reader is replaced, unless its first answer has taken half of them."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes that a reply may have, whatever the output limit of the tool is."""

RESPONSE_TIME = 1.0
"""Seconds in which a reader answers a ping."""

MAX_BLOCKED = 60.0
"""Seconds for which a query may block a reader that watches the quorum."""

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


class ClusterReader:
    """Asks libraries without blocking, whatever the libraries do.

    Args:
        environment: the environment of the readers.
        clock: measures durations.
        command: the command of a reader; the stack is its last argument.
        backoff: the pauses between two starts of a reader.
        start: starts a reader.
        max_requests: requests after which a reader is replaced.
        response_time: seconds after which a reader that has not answered a ping does not respond.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        command: Sequence[str] = CHILD,
        backoff: Backoff = BACKOFF,
        start: StartResident = start_resident,
        max_requests: int = MAX_REQUESTS,
        response_time: float = RESPONSE_TIME,
    ) -> None:
        self._clock = clock or SystemClock()
        self._readers = {
            stack: Resident(
                f"reader of {stack}",
                f"readers of {stack}",
                (*command, stack.value),
                environment=environment,
                max_body=MAX_BODY,
                clock=self._clock,
                backoff=backoff,
                start=start,
            )
            for stack in Stack
        }
        self._quorum_watch = QuorumWatch(
            self._readers[Stack.COROSYNC], partial(self._discard, Stack.COROSYNC), self._clock
        )
        self._max_requests = max_requests
        self._response_time = response_time
        self._identities: dict[Stack, dict[str, object]] = {stack: {} for stack in Stack}
        self._memory_limits: dict[ResidentProcess, int] = {}

    async def ask(
        self, query: LibraryQuery, *, timeout: float, max_size: int, tool: str, identity: object
    ) -> LibraryAnswer:
        """Returns the answer of a library, as if a tool had printed it.

        Args:
            query: the question.
            timeout: seconds until the reader is replaced.
            max_size: bytes that the answer may have.
            tool: the tool in whose place the library is asked.
            identity: a value that changes when another version replaces the tool: so it has then for the library.
        """
        started = self._clock.monotonic()
        try:
            answer = await self._ask(query, end=started + timeout, max_size=max_size, tool=tool, identity=identity)
        except ResidentError as error:
            answer = LibraryAnswer(result=_failure(Status.FAILED, str(error)), skipped=isinstance(error, PausedError))
        return replace(answer, result=replace(answer.result, duration=self._clock.monotonic() - started))

    async def watch_quorum(self, on_report: Callable[[bytes], None]) -> CommandResult:
        """Passes on each report of Corosync's quorum at once, as ``QuorumWatch.run``."""
        return await self._quorum_watch.run(on_report)

    async def close(self) -> None:
        """Ends all readers. Idempotent; the next query starts another."""
        for reader in self._readers.values():
            await reader.close()

    async def _ask(
        self, query: LibraryQuery, *, end: float, max_size: int, tool: str, identity: object
    ) -> LibraryAnswer:
        reader = self._readers[query.stack]
        self._notice_replacement(query.stack, tool, identity)
        process = await self._unblocked(query.stack)
        exchange = self._send(process, query.name, min(max_size, MAX_BODY // 2))
        if not await reader.completed(exchange, end=end):
            self._on_timeout(query.stack, process, exchange)
            return LibraryAnswer(result=_failure(Status.TIMED_OUT, f"the {reader.title} did not answer in time"))
        body = exchange.reply.result()
        if body is None:
            return LibraryAnswer(result=_failure(Status.KILLED, f"the {reader.title} {process.failure}"))
        try:
            outcome, version, content = messages.decode_reply(body)
        except ValueError as error:
            self._discard(query.stack, process)
            return LibraryAnswer(result=_failure(Status.FAILED, f"the {reader.title} has sent a reply {error}"))
        reader.on_success()
        answer = _answer(query, outcome, version, content)
        is_useless = answer.permanent and not process.has_stream
        if not process.is_busy and (is_useless or self._is_worn_out(process)):
            self._discard(query.stack, process)
        return answer

    async def _unblocked(self, stack: Stack) -> ResidentProcess:
        """Returns the process of a reader, unless it has not answered an earlier query yet."""
        process = await self._readers[stack].running()
        if (overdue := process.overdue) is not None:
            if self._clock.monotonic() - overdue.sent < MAX_BLOCKED:
                raise PausedError(f"the {self._readers[stack].title} has not answered an earlier query yet")
            self._discard(stack, process)
            process = await self._readers[stack].running()
        return process

    def _send(self, process: ResidentProcess, query: str, max_size: int) -> Exchange:
        return process.send(
            lambda number: messages.encode_request(number, query, max_size), now=self._clock.monotonic()
        )

    def _on_timeout(self, stack: Stack, process: ResidentProcess, exchange: Exchange) -> None:
        """Replaces a reader that has not answered in time; one that watches the quorum only if it does not respond."""
        if not process.has_stream:
            self._discard(stack, process)
            return
        exchange.overdue = True
        ping = self._send(process, messages.PING, 0)

        def check() -> None:
            if not ping.reply.done():
                self._discard(stack, process)

        asyncio.get_running_loop().call_later(self._response_time, check)

    def _notice_replacement(self, stack: Stack, tool: str, identity: object) -> None:
        """Replaces the reader if a tool was replaced: its libraries may have been as well."""
        process = self._readers[stack].current
        if self._identities[stack].get(tool, identity) != identity and process is not None and not process.is_busy:
            self._identities[stack].clear()
            self._discard(stack, process)
        self._identities[stack].setdefault(tool, identity)

    def _is_worn_out(self, process: ResidentProcess) -> bool:
        """Returns whether a reader has answered many queries, or has grown."""
        memory = _memory(process.process.pid)
        limit = self._memory_limits.setdefault(process, max(MAX_MEMORY, 2 * memory))
        return process.requests >= self._max_requests or memory > limit

    def _discard(self, stack: Stack, process: ResidentProcess) -> None:
        """Replaces a reader, unless that has happened."""
        self._memory_limits.pop(process, None)
        if process is self._readers[stack].current:
            process.replaced = process.is_usable
            self._readers[stack].discard()


def _answer(query: LibraryQuery, outcome: int, version: str, content: bytes) -> LibraryAnswer:
    reason = "" if outcome == messages.ANSWERED else content.decode("utf-8", "replace")
    if outcome == messages.UNUSABLE:
        return LibraryAnswer(result=_failure(Status.NOT_INSTALLED, reason), permanent=True)
    if not query.untested and not is_tested(query.stack, version):
        reason = f"{version} has not been compared with the tool"
        return LibraryAnswer(result=_failure(Status.NOT_INSTALLED, reason), version=version, permanent=True)
    if outcome != messages.ANSWERED:
        # Corosync logs each attempt of a user that it refuses: NOT_PERMITTED makes a pause
        status = Status.NOT_PERMITTED if outcome == messages.REFUSED else Status.FAILED
        return LibraryAnswer(result=_failure(status, reason), version=version)
    return LibraryAnswer(result=CommandResult(status=Status.OK, exit_status=0, stdout=content), version=version)


def _failure(status: Status, detail: str) -> CommandResult:
    return CommandResult(status=status, detail=" ".join(detail.split()))


def _memory(pid: int) -> int:
    """Returns the bytes of resident memory of a process; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_SIZE
    except (OSError, ValueError, IndexError):
        return 0
