"""Verifies the passwords of HTTP basic authentication (RFC 7617) without blocking the event loop.

A hash of bcrypt takes a tenth of a second or more, on purpose. Results are therefore kept, as in exporter-toolkit, and
hashes are computed in a thread of low priority, one after the other. What attackers can cause is limited: each source
may be wrong a few times, further attempts are refused without computing anything, and only some attempts may wait for
the thread. Correct passwords have a cache of their own, so wrong ones cannot displace them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial

import bcrypt

from gateway.clock import Clock
from gateway.engine.worker import Worker
from gateway.frontends.prometheus.web_config import cost_of
from gateway.token_bucket import SourceBuckets

MAX_CACHED = 1024
"""Results of each kind that are kept."""
MAX_WAITING = 32
"""Attempts that may wait for the thread."""
MAX_WAITING_PER_SOURCE = 2
"""The same for one source."""
ATTEMPTS = 10
"""Wrong passwords of one source that are verified at once."""
ATTEMPTS_PER_SECOND = 0.5
"""Further wrong passwords that are verified."""

_TIMEOUT = 60.0
"""Seconds after which an attempt is given up; the hash with the highest cost takes a third of it."""
_NICE = 10
_MAX_PASSWORD = 72
"""Bytes of a password that bcrypt uses; Go ignores the rest, Python's library refuses it."""

CheckPassword = Callable[[bytes, bytes], bool]
"""Returns whether a password belongs to a hash."""


class Access(Enum):
    """What a client may do."""

    GRANTED = auto()
    DENIED = auto()
    """There is no password, or a wrong one."""
    LIMITED = auto()
    """The password was not verified: this source was wrong too often, or too many attempts are waiting."""


class Authentication:
    """Verifies passwords.

    Args:
        clock: measures the time in which a source may be wrong again.
        check_password: computes a hash, for a long time.
    """

    def __init__(self, clock: Clock, *, check_password: CheckPassword = bcrypt.checkpw) -> None:
        self._check_password = check_password
        self._worker = Worker("passwords", nice=_NICE)
        self._attempts = SourceBuckets(rate=ATTEMPTS_PER_SECOND, burst=ATTEMPTS, clock=clock)
        self._secret = os.urandom(32)
        self._correct: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}
        self._waiting: dict[bytes, tuple[str, asyncio.Task[bool | None]]] = {}

    def close(self) -> None:
        """Ends the thread as soon as it has finished. Idempotent."""
        self._worker.close()

    async def authenticate(self, authorization: str, users: Mapping[str, str], source: str) -> Access:
        """Returns what a client may do.

        Args:
            authorization: the value of the header ``Authorization``; empty without it.
            users: the hash of the password of each user.
            source: whose attempts count together.
        """
        credentials = _parse_basic(authorization)
        if credentials is None:
            return Access.DENIED
        user, password = credentials
        # an unknown user takes as long as some known one, so that the time does not show which users exist
        known = user in users
        password_hash = users[user] if known else self._invent_hash(user, users)
        key = self._digest(user.encode(), password_hash.encode(), password)
        if key in self._correct:
            _remember(self._correct, key)
            return Access.GRANTED
        if key in self._wrong:
            return Access.DENIED
        if key not in self._waiting:
            check = partial(self._check_password, password[:_MAX_PASSWORD], password_hash.encode())
            if not self._start(key, lambda: check() and known, source):
                return Access.LIMITED
        correct = await asyncio.shield(self._waiting[key][1])
        if correct is None:
            return Access.LIMITED
        return Access.GRANTED if correct else Access.DENIED

    def _start(self, key: bytes, check: Callable[[], bool], source: str) -> bool:
        """Starts to verify a password, and returns False if there are too many attempts."""
        of_source = sum(source == other for other, _ in self._waiting.values())
        if len(self._waiting) >= MAX_WAITING or of_source >= MAX_WAITING_PER_SOURCE:
            return False
        if not self._attempts.get(source).take():
            return False
        task = asyncio.get_running_loop().create_task(self._verify(key, check, source))
        self._waiting[key] = source, task
        return True

    async def _verify(self, key: bytes, check: Callable[[], bool], source: str) -> bool | None:
        """Returns whether a password is correct, or None if that takes too long."""
        try:
            correct = await self._worker.run(check, timeout=_TIMEOUT)
        except TimeoutError:
            return None
        except ValueError:  # versions of bcrypt before 4 refuse a password with a zero byte
            correct = False
        finally:
            del self._waiting[key]
        if correct:
            self._attempts.get(source).tokens += 1  # only wrong passwords count
        _remember(self._correct if correct else self._wrong, key)
        return correct

    def _digest(self, *parts: bytes) -> bytes:
        """Returns a key of the caches, from which nobody can learn a password."""
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()

    def _invent_hash(self, user: str, users: Mapping[str, str]) -> str:
        """Returns a hash that no password has; for each user always the same, with the cost of one of the others."""
        costs = sorted(map(cost_of, users.values()))
        digest = hmac.digest(self._secret, user.encode(), "sha512")
        cost = costs[digest[-1] % len(costs)]
        text = base64.b64encode(digest[:40]).translate(bytes.maketrans(b"+/=", b"../")).decode()
        return f"$2b${cost:02}${text[:21]}.{text[21:52]}"


def _remember(cache: dict[bytes, None], key: bytes) -> None:
    """Adds a key; the one that was used longest ago makes room."""
    cache.pop(key, None)
    cache[key] = None
    if len(cache) > MAX_CACHED:
        del cache[next(iter(cache))]


def _parse_basic(authorization: str) -> tuple[str, bytes] | None:
    """Returns the user and the password of a header, or None if there are none."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(text, validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
