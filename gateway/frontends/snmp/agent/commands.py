"""Executes the requests to the built-in agent, within the size of a message (RFC 3416, section 4.2)."""

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
    """The operation of a request."""

    GET = "get"
    GET_NEXT = "getnext"
    GET_BULK = "getbulk"
    SET = "set"


class ErrorStatus(IntEnum):
    """The error-status of a response (section 3)."""

    NO_ERROR = 0
    TOO_BIG = 1
    GEN_ERR = 5
    NO_ACCESS = 6
    NOT_WRITABLE = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to read or set variables.

    Attributes:
        kind: which of the four operations is requested.
        names: the names of the variables.
        max_size: maximum octets of the variables in the response.
        max_bulk_size: octets of variables after which the response to a GETBULK gets no further row.
        non_repeaters: field of a GETBULK; a negative number counts as 0.
        max_repetitions: field of a GETBULK; a negative number counts as 0.
    """

    kind: RequestKind
    names: Sequence[Oid]
    max_size: int
    max_bulk_size: int
    non_repeaters: int = 0
    max_repetitions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The response to a request.

    Attributes:
        varbinds: the variables in BER; None for the unchanged variables of the request.
        status: error-status.
        index: error-index: the position, from 1, of the variable that caused the error; 0 for none.
    """

    varbinds: Sequence[bytes] | None
    status: ErrorStatus = ErrorStatus.NO_ERROR
    index: int = 0


TOO_BIG = Response(varbinds=(), status=ErrorStatus.TOO_BIG)
"""The response without variables, if they do not fit into a message (section 4.2.1)."""

GEN_ERR = Response(varbinds=None, status=ErrorStatus.GEN_ERR)


def execute(view: MibView, request: Request) -> Response:
    """Executes a request on a view, and returns the response."""
    if request.kind is RequestKind.SET:
        return _refuse_set(view, request.names)
    if request.kind is RequestKind.GET_BULK:
        return _get_bulk(view, request)
    variables = view.get(request.names) if request.kind is RequestKind.GET else view.get_next(request.names)
    varbinds = list(map(_encode, variables))
    return Response(varbinds=varbinds) if sum(map(len, varbinds)) <= request.max_size else TOO_BIG


def _get_bulk(view: MibView, request: Request) -> Response:
    rows = limited(
        view.rows(request.names, non_repeaters=max(0, request.non_repeaters)),
        size_of=lambda variable: len(_encode(variable)),
        max_size=min(request.max_bulk_size, request.max_size),
    )
    variables = get_bulk(rows, max_repetitions=request.max_repetitions)
    return Response(varbinds=fitting(list(map(_encode, variables)), request.max_size))


def _encode(variable: Variable) -> bytes:
    return variable.encoded(ber.varbind)


def _refuse_set(view: MibView, names: Sequence[Oid]) -> Response:
    """Returns notWritable for a variable in the view, which is more precise than noAccess, and noAccess for others."""
    if not names:
        return Response(varbinds=())
    status = ErrorStatus.NOT_WRITABLE if names[0] in view else ErrorStatus.NO_ACCESS
    return Response(varbinds=None, status=status, index=1)
