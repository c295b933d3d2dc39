"""What the built-in agent answers to a request, within the size of a message (RFC 3416, section 4.2). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from gateway.frontends.snmp.agent.view import MibView, fitting
from gateway.frontends.snmp.bulk import get_bulk, limited
from gateway.frontends.snmp.variable import Variable
from gateway.snmp import ber
from gateway.snmp.oid import Oid


class RequestKind(Enum):
    """What a request asks for."""

    GET = "get"
    GET_NEXT = "getnext"
    GET_BULK = "getbulk"
    SET = "set"


class ErrorStatus(IntEnum):
    """What is wrong with a request (section 3)."""

    NO_ERROR = 0
    TOO_BIG = 1
    GEN_ERR = 5
    NO_ACCESS = 6
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    Attributes:
        kind: what it asks for.
        names: the names of its variables.
        room: octets that there are for the answer's variables.
        enough: octets of variables beyond which a GETBULK gets no further row.
        non_repeaters: of a GETBULK; less than 0 counts as 0.
        max_repetitions: of a GETBULK; less than 0 counts as 0.
    """

    kind: RequestKind
    names: Sequence[Oid]
    room: int
    enough: int
    non_repeaters: int = 0
    max_repetitions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer.

    Attributes:
        varbinds: in BER; None for those of the request, as they were.
        status: what is wrong with the request.
        index: which of its variables is at fault, from 1; 0 for none of them.
    """

    varbinds: Sequence[bytes] | None
    status: ErrorStatus = ErrorStatus.NO_ERROR
    index: int = 0


TOO_BIG = Response(varbinds=(), status=ErrorStatus.TOO_BIG)
"""The answer that does without variables, where they have no room (section 4.2.1)."""

GEN_ERR = Response(varbinds=None, status=ErrorStatus.GEN_ERR)
NOT_AUTHORIZED = Response(varbinds=None, status=ErrorStatus.AUTHORIZATION_ERROR)
"""The answer to who has no access at all (RFC 3413, section 3.2)."""


def execute(view: MibView, request: Request) -> Response:
    """Returns the response to a request."""
    if request.kind is RequestKind.SET:
        return _refuse_set(view, request.names)
    if request.kind is RequestKind.GET_BULK:
        return _get_bulk(view, request)
    variables = view.get(request.names) if request.kind is RequestKind.GET else view.get_next(request.names)
    varbinds = list(map(_encoded, variables))
    return Response(varbinds=varbinds) if sum(map(len, varbinds)) <= request.room else TOO_BIG


def _get_bulk(view: MibView, request: Request) -> Response:
    rows = limited(
        view.rows(request.names, non_repeaters=max(0, request.non_repeaters)),
        size_of=lambda variable: len(_encoded(variable)),
        max_size=min(request.enough, request.room),
    )
    variables = get_bulk(rows, max_repetitions=request.max_repetitions)
    return Response(varbinds=fitting(list(map(_encoded, variables)), request.room))


def _encoded(variable: Variable) -> bytes:
    return variable.encoded(ber.varbind)


def _refuse_set(view: MibView, names: Sequence[Oid]) -> Response:
    """Answers notWritable for what can be seen, which is more telling than noAccess, and noAccess for the rest."""
    if not names:
        return Response(varbinds=())
    status = ErrorStatus.NOT_WRITABLE if names[0] in view else ErrorStatus.NO_ACCESS
    return Response(varbinds=None, status=status, index=1)
