"""Senders of floods, each in a process of its own: ``python -m tests.flood.senders KIND NUMBER ADDRESS``.

They have a lower priority than the gateway: in reality they are on other machines. Each prints how much it has sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from gateway.alert_agent import MAGIC, encode_alert
from tests.http_server import request

_NICE = 5
_AT_ONCE = 100
"""Connections that are being used at the same time, if their number is not the flood."""
_SECONDS = 6.0
"""How long floods last that consist of waiting."""
_ALERTS = 10_000
"""Alerts per second."""
_SOURCE = random.Random(22)

_MALFORMED_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
)


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects from an address that is not that of the probes."""
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port), local_addr=("127.0.1.1", 0))


async def _exchange(address: str, data: bytes) -> None:
    """Sends a request and the end of the stream, and reads to the end."""
    with contextlib.suppress(OSError):
        reader, writer = await _connect(address)
        writer.write(data)
        writer.write_eof()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(reader.read(-1), 20)
        writer.close()


async def send_scrapes(number: int, address: str) -> int:
    """Makes all scrapes at once, again and again."""
    end, sent = time.monotonic() + _SECONDS, 0
    while time.monotonic() < end:
        scrape = request("/metrics", "Connection: close")
        await asyncio.gather(*(_exchange(address, scrape) for _ in range(number)))
        sent += number
    return sent


async def hold_connections(number: int, address: str) -> int:
    """Opens idle connections, and replaces those that the gateway closes."""
    return await _hold(number, address, lambda _: b"")


async def send_slowly(number: int, address: str) -> int:
    """Opens connections that never read, and such that never finish a request."""
    return await _hold(number, address, lambda each: (request(), b"GET / HTTP/1.1\r\nX: ")[each % 2])


async def _hold(number: int, address: str, beginning: Callable[[int], bytes]) -> int:
    writers = []
    for each in range(number):
        with contextlib.suppress(OSError):
            reader, writer = await _connect(address)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(beginning(each))
            writers.append(writer)
    await asyncio.sleep(_SECONDS)
    for writer in writers:
        writer.transport.abort()
    return len(writers)


async def send_malformed_requests(number: int, address: str) -> int:
    """Sends malformed requests, each on its own connection."""
    numbers = iter(range(number))

    async def send() -> None:
        for each in numbers:
            await _exchange(address, _MALFORMED_HTTP[each % len(_MALFORMED_HTTP)])

    await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
    return number


async def send_datagrams(number: int, address: str) -> int:
    """Sends malformed datagrams to the built-in agent."""
    host, _, port = address.rpartition(":")
    datagrams = [_SOURCE.randbytes(_SOURCE.randrange(1, 1400)) for _ in range(50)]
    datagrams += [b"\x30\x82\x05\x00" * 300, b"\x30\x80" * 600]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.1.1", 0))
        for each in range(number):
            sock.sendto(datagrams[each % len(datagrams)], (host, int(port)))
            if each % 100 == 0:
                await asyncio.sleep(0.01)
    return number


async def send_alerts(number: int, address: str) -> int:
    """Sends alerts about objects of which some exist, and some malformed ones, at a fixed rate."""
    nodes = [{"CRM_alert_kind": "node", "CRM_alert_node": f"node{n}", "CRM_alert_desc": "member"} for n in range(50)]
    alerts = [*map(encode_alert, nodes), b"", MAGIC, MAGIC + b"kind=node\0node=\xff\0", MAGIC + b"x" * 9000]
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        for each in range(number):
            sock.send(alerts[each % len(alerts)])
            if each % 100 == 0:
                await asyncio.sleep(max(0.0, began + each / _ALERTS - time.monotonic()))
    return number


async def send_pdus(number: int, address: str) -> int:
    """Takes the place of the master agent, and answers every subagent with malformed AgentX PDUs."""
    sent, done = itertools.count(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        with contextlib.suppress(OSError):
            for _ in range(number // 4):
                payload = _SOURCE.randbytes(4 * _SOURCE.randrange(30))
                header = (1, _SOURCE.randrange(1, 20), 0x10, 0, *(_SOURCE.randrange(3) for _ in range(3)), len(payload))
                writer.write(struct.pack(">BBBBIIII", *header) + payload)
                if next(sent) >= number:
                    done.set()
                await writer.drain()
        writer.close()

    Path(address).unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    server = await asyncio.start_unix_server(serve, address)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), 2 * _SECONDS)
    server.close()
    Path(address).unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else runs any more
    return next(sent)


FLOODS: Mapping[str, Callable[[int, str], Coroutine[Any, Any, int]]] = {
    "scrapes": send_scrapes,
    "connections": hold_connections,
    "slow clients": send_slowly,
    "malformed requests": send_malformed_requests,
    "malformed datagrams": send_datagrams,
    "alerts": send_alerts,
    "malformed AgentX": send_pdus,
}


if __name__ == "__main__":
    os.nice(_NICE)
    kind, count, where = sys.argv[1:]
    print(asyncio.run(FLOODS[kind](int(count), where)))
