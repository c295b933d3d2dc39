"""Every parser takes linear time: no output makes it block the event loop, or keep its thread busy for ever.

The size of an output is multiplied by 8 and the times are compared, because absolute times depend on the machine.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.engine.prober import LARGE_OUTPUT
from gateway.errors import ParseError
from gateway.subsystems.pacemaker import cib
from tests.parsers.parser_samples import PARSERS, Parser

pytestmark = pytest.mark.no_cover  # thousands of similar inputs: four times as fast without

SMALL, FACTOR = 8 * 1024, 8
MAX_RATIO = 3 * FACTOR
"""A quadratic parser would take 64 times as long; the rest is for noise, caches and memory management."""
NEGLIGIBLE = 0.025
"""Seconds of processor time for the large input below which the ratio is not measured."""

UNITS = (
    *(b"\n", b" ", b"\t:", b'"', b"\\", b"'", b"[", b"<", b"a", b"9", b"#", b"=", b"$", b"&amp;", b";", b'\\"'),
    *(
        b"a=b\n",
        b"x\n",
        b"a: b\n",
        b"}\n",
        b"totem {\n",
        b"nodeid: 1: x\n",
        b"LINK ID 0\n",
        b"status =    ",
        b"/dev/a;",
    ),
    *(b"stats.srp.mtt_rx_token (u32) = x\n", b" 1 1 NR a\n", b"Unable to get node 3 info\n", b"A      ", b"SBD_A='\n"),
    *(b"SBD_DEVICE=x\n", b"0\ta\tclear\t\n", b"1,", b"{},", b'"a",', b"nan,", b'{"name":', b'{"name":"a","name":1},'),
    *(b'<resource id="a"/>', b'<rule id-ref="a"/>', b"<a>", b'<rsc_location id="a" rsc="a" score="x"/>', b"<!--"),
)


def seconds(parse: Parser, output: bytes) -> float:
    gc.disable()  # it would traverse all objects of the tests again and again
    started = time.thread_time()
    with contextlib.suppress(ParseError):
        parse(output)
    elapsed = time.thread_time() - started
    gc.enable()
    return elapsed


def hostile_outputs(sample: bytes, unit: bytes) -> Iterator[Callable[[int], bytes]]:
    """Yields functions that repeat a unit up to a size: alone, as JSON, in the middle of a sample, and in its lines."""

    def repeated(size: int) -> bytes:
        return unit * (size // len(unit))

    lines = sample.splitlines(keepends=True)
    begin, end = b"".join(lines[: len(lines) // 2]), b"".join(lines[len(lines) // 2 :])
    yield repeated
    yield lambda size: b"[" + repeated(size) + b"0]"
    yield lambda size: begin + repeated(size) + end
    yield lambda size: b"".join(line.rstrip(b"\n") + repeated(size // len(lines)) + b"x\n" for line in lines)


SAMPLES = dict(PARSERS.values())
"""One sample for each parser."""


@pytest.mark.parametrize("parse", SAMPLES, ids=[parse.__module__.rpartition(".")[2] for parse in SAMPLES])
def test_time_is_linear(parse: Parser) -> None:
    slow: list[str] = []
    for unit in UNITS:
        for make_output in hostile_outputs(SAMPLES[parse].encode(), unit):
            check_time(parse, make_output, slow, unit)
    assert not slow


def check_time(parse: Parser, make_output: Callable[[int], bytes], slow: list[str], name: object) -> None:
    large = seconds(parse, make_output(SMALL * FACTOR))
    if large < NEGLIGIBLE:
        return
    small = min(seconds(parse, make_output(SMALL)) for _ in range(3))
    if min(large, seconds(parse, make_output(SMALL * FACTOR))) > MAX_RATIO * small:
        slow.append(f"{name!r}: {small:.4f} s, {large:.4f} s")


# --- References in a CIB, and what they multiply ----------------------------------------------------------------------

EXPRESSION = '<expression attribute="#uname" operation="eq" value="n"/>'


def document(*parts: str) -> bytes:
    return f"<constraints>{''.join(parts)}</constraints>".encode()


def rules(count: int, references: Callable[[int], Iterator[int]]) -> bytes:
    """Returns a location whose rules refer to others."""

    def rule(index: int) -> str:
        nested = "".join(f'<rule id-ref="r{other}"/>' for other in references(index))
        return f'<rule id="r{index}">{nested}{EXPRESSION}</rule>'

    return document('<rsc_location id="l" rsc="a">', *map(rule, range(count)), "</rsc_location>")


def self_references(size: int) -> bytes:
    return rules(size // 400, lambda index: iter([index] * 6))


def complete_graph(size: int) -> bytes:
    count = int((size / 20) ** 0.5)
    return rules(count, lambda _: iter(range(count)))


def tree_of_shared_rules(size: int) -> bytes:
    """Returns rules of which each refers to the next one several times, so that there are 6 ** 99 paths."""
    return rules(size // 220, lambda index: iter([index + 1] * 6))


def chain(size: int) -> bytes:
    return rules(size // 100, lambda index: iter([index + 1]))


def rules_times_resources(size: int) -> bytes:
    members = "".join(f'<resource_ref id="m{index}"/>' for index in range(size // 80))
    own_rules = "".join(f'<rule id="r{index}"/>' for index in range(size // 60))
    return document(f'<rsc_location id="l"><resource_set id="s">{members}</resource_set>{own_rules}</rsc_location>')


def shared_set_and_rule(size: int) -> bytes:
    """Returns locations that share a resource set and a rule, with many elements that mean nothing."""
    own = f'<resource_set id="s">{"<x/>" * (size // 12)}</resource_set><rule id="r">{"<x/>" * (size // 12)}</rule>'
    other = '<rsc_location id="m"><resource_set id-ref="s"/><rule id-ref="r"/></rsc_location>'
    return document(f'<rsc_location id="l">{own}</rsc_location>', other * (size // 3 // len(other)))


def tickets_and_colocations(size: int) -> bytes:
    ticket, colocation = '<rsc_ticket id="t" rsc="a" ticket="{}"/>', '<rsc_colocation id="c" rsc="{}" with-rsc="{}"'
    return document(
        *(ticket.format(index) for index in range(size // 90)),
        *(f'{colocation.format("b", "a")} score="INFINITY"/>' for _ in range(size // 300)),
        *(f'{colocation.format("a", "b")} score="INFINITY"/>' for _ in range(size // 300)),
        *(f'{colocation.format("b", "a")} rsc-role="{index}" score="INFINITY"/>' for index in range(size // 300)),
    )


REFERENCES = (
    self_references,
    complete_graph,
    tree_of_shared_rules,
    chain,
    rules_times_resources,
    shared_set_and_rule,
    tickets_and_colocations,
)


@pytest.mark.parametrize("make_output", REFERENCES)
def test_references_are_followed_in_linear_time(make_output: Callable[[int], bytes]) -> None:
    slow: list[str] = []
    check_time(cib.parse, make_output, slow, make_output.__name__)
    assert not slow


@pytest.mark.parametrize("make_output", REFERENCES)
def test_a_small_document_with_references_is_parsed_at_once(make_output: Callable[[int], bytes]) -> None:
    output = make_output(LARGE_OUTPUT)
    plain = document(*(['<rsc_location id="l" rsc="a" node="n" score="1"/>'] * 1000))
    assert min(seconds(cib.parse, output) for _ in range(3)) < 4 * max(seconds(cib.parse, plain) for _ in range(3))


def test_rules_in_a_circle_name_no_node_and_cost_nothing_else() -> None:
    parsed = cib.parse(
        document(
            '<rsc_location id="l1" rsc="a">',
            f'<rule id="r1" score="5">{EXPRESSION}<rule id="r2"><rule id-ref="r1"/></rule></rule></rsc_location>',
            '<rsc_location id="l2" rsc="b" node="n" score="1"/>',
        )
    )
    assert [(one.id, one.node, one.score) for one in parsed.value.locations] == [("l1", "", 5), ("l2", "n", 1)]
    assert [value.reason for value in parsed.unreadable] == [
        "the rule 'r1' refers to itself, or is nested too deeply",
    ]


def test_rules_may_share_a_rule() -> None:
    parsed = cib.parse(
        document(
            f'<rsc_location id="l1" rsc="a"><rule id="r1" score="5">{EXPRESSION}</rule></rsc_location>',
            '<rsc_location id="l2" rsc="b"><rule id="r2" score="1"><rule id-ref="r1"/><rule id-ref="r1"/></rule>',
            "</rsc_location>",
        )
    )
    assert [(one.id, one.node) for one in parsed.value.locations] == [("l1", "n"), ("l2", "n")]
    assert parsed.unreadable == ()


def test_a_document_that_expands_without_end_is_rejected() -> None:
    with pytest.raises(ParseError, match="expands to more than"):
        cib.parse(rules_times_resources(256 * 1024))
