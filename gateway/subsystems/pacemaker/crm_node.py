"""``crm_node -n``: the name of this host in the cluster, since Pacemaker 1.1.

On a remote or guest node, the cluster node that is connected to it answers: pacemaker-remoted does not know its name::

    edge1
"""

from __future__ import annotations

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import decode

_MAX_NAME = 255


def parse(output: bytes) -> str:
    """Returns the name.

    Raises:
        ParseError: the output is not one line, or longer than a name.
    """
    name = decode(output).strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise ParseError(f"expected the name of a node, found {name[:60]!r}", line=1)
    return name
