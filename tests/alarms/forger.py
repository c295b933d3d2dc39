"""A forger between the gateway and a receiver, whose datagrams always arrive before those of the receiver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Self

from tests.snmptrapd import HOST

Forge = Callable[[bytes], Sequence[bytes]]
"""Returns the forged answers to a message of the gateway."""


class Forger:
    """A relay between the gateway and a receiver on the loopback address; a context manager.

    It answers each message of the gateway itself before it forwards the message. It can change nothing that it relays.

    Args:
        port: the port of the receiver.
        forge: returns the forged answers to a message.

    Attributes:
        port: the port that the gateway sends to.
        forge: returns the forged answers to a message.
        forged: how many answers it has forged.
        answers: the datagrams of the receiver.
    """

    def __init__(self, port: int, forge: Forge = lambda message: ()) -> None:
        self.forge = forge
        self.forged = 0
        self.answers: list[bytes] = []
        self._receiver_port = port
        self._sender: tuple[str, int] | None = None
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._front, self._back = (socket.socket(socket.AF_INET, kind) for _ in range(2))
        self._front.bind((HOST, 0))
        self.port: int = self._front.getsockname()[1]

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for sock, handle in ((self._front, self._on_message), (self._back, self._on_answer)):
            loop.add_reader(sock, handle)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._front, self._back):
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _on_message(self) -> None:
        message, self._sender = self._front.recvfrom(65535)
        for answer in self.forge(message):
            self.forged += 1
            self._front.sendto(answer, self._sender)
        self._back.sendto(message, (HOST, self._receiver_port))

    def _on_answer(self) -> None:
        try:
            answer = self._back.recv(65535)
        except ConnectionRefusedError:
            return
        self.answers.append(answer)
        assert self._sender is not None
        self._front.sendto(answer, self._sender)
