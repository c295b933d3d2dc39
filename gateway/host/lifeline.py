"""Lets the kernel kill a command when the gateway dies without having been able to do so, by ``kill -9`` for example.

The command inherits the reading end of a pipe to which nobody ever writes. The kernel is asked to send SIGKILL to the
command's process group on any event on that end (``O_ASYNC``, ``F_SETOWN``, ``F_SETSIG``, see fcntl(2)). The only event
that can happen is that the last writing end is closed, and only the gateway has one.

A parent-death signal (``PR_SET_PDEATHSIG``) would need code between fork and exec: either a function in Python, which
can deadlock in a program with threads and copies the page tables of the gateway, or another program such as setpriv(1),
which costs as much as the tool itself. It would also reach the command only, and not its children.

The signal does not reach a command that runs through sudo: sudo closes the descriptor, and its command belongs to
another user. The same is true of a kernel without ``F_SETSIG``. In both cases commands end on their own, or with the
control group of the service.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal


class Lifeline:
    """The pipe of one command. To be closed when the command has ended.

    Attributes:
        inherited: the descriptor that the command inherits.
    """

    def __init__(self) -> None:
        self.inherited, self._held = os.pipe()

    def attach(self, group: int) -> None:
        """Asks the kernel to kill a process group when this process ends. It must have inherited the descriptor."""
        with contextlib.suppress(OSError):  # the command has ended already
            fcntl.fcntl(self.inherited, fcntl.F_SETOWN, -group)
            fcntl.fcntl(self.inherited, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(self.inherited, fcntl.F_SETFL, os.O_ASYNC)
        self._close_inherited()

    def close(self) -> None:
        """Closes the pipe, which kills what is left of the process group. Idempotent."""
        self._close_inherited()
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _close_inherited(self) -> None:
        if self.inherited >= 0:
            os.close(self.inherited)
            self.inherited = -1
