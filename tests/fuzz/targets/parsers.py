"""Every parser of a tool's output: the properties are those of ``tests/parsers/test_properties.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from gateway.errors import ParseError
from gateway.subsystems.corosync import quorum_report
from gateway.subsystems.corosync.quorum_report import QuorumReport
from tests.corpus import CORPUS
from tests.fuzz.target import Target, outcome, refusal
from tests.parsers.parser_samples import PARSERS, Parser
from tests.situations import FORMATS, LAB

_FILES: Mapping[str, tuple[str, ...]] = {
    "corosync-quorumtool": ("corosync-quorumtool/*", "corosync-quorumtool*.stdout", "corosync/quorumtool*"),
    "corosync-cfgtool": ("corosync-cfgtool/*", "corosync-cfgtool*.stdout", "corosync/cfgtool*"),
    "corosync-qdevice-tool": ("corosync-qdevice-tool/*", "*/corosync-qdevice-tool*.stdout"),
    "corosync-qnetd-tool": ("corosync-qnetd-tool/*", "*/corosync-qnetd-tool-l*.stdout"),
    "corosync-cmapctl": ("corosync-cmapctl/*", "corosync-cmapctl*.stdout", "corosync/cmapctl*"),
    "corosync.conf": ("corosync/*.conf",),
    "sbd configuration": ("sbd-configuration/*", "sbd/*.sysconfig"),
    "sbd dump": ("sbd-dump/*", "sbd/*dump*"),
    "sbd list": ("sbd-list/*", "sbd/*list*"),
    "crm_mon": ("crm_mon/*", "crm_mon*.stdout", "pacemaker*/*/crm_mon*.xml"),
    "cib": ("cibadmin/*", "cibadmin*.stdout", "pacemaker*/*/cibadmin*.xml"),
    "drbdsetup": ("drbdsetup/*", "drbd/*.json"),
    "booth list": ("booth-list/*", "*/booth-list.stdout"),
    "booth peers": ("booth-peers/*", "*/booth-peers.stdout"),
    "booth status": ("booth-status/*", "*/booth-status.stdout"),
}
"""The files that show the format of a parser: in ``data/formats``, in each situation of the lab, and in the corpus."""

_MAX_SEED = 32 * 1024
_TOKENS: Mapping[str, tuple[bytes, ...]] = {
    "crm_mon": (
        b'role="Master"',
        b'active="true"',
        b'id-ref="r"',
        b"<clone>",
        b"<bundle>",
        b"<replica>",
        b'failed="true"',
    ),
    "cib": (b'id-ref="r1"', b'<rule id-ref="r1"/>', b'rsc-pattern="(a*)*$"', b"<resource_set>", b'score="INFINITY"'),
    "drbdsetup": (b"nan", b"Infinity", b'"volume"', b'"connections"', b'"devices"', b"1e999"),
}


def seeds_of(name: str, sample: str) -> list[bytes]:
    """Returns outputs in the format of a parser, those of the corpus if it is present."""
    folder, _, _ = name.partition(",")
    contents = [sample.encode()]
    contents += [path.read_bytes() for path in _paths(folder)]
    return [content for content in dict.fromkeys(contents) if len(content) <= _MAX_SEED]


def _paths(folder: str) -> Iterator[Path]:
    for pattern in _FILES.get(folder, ()):
        yield from sorted(FORMATS.glob(pattern))
        yield from sorted(LAB.glob(f"*/{pattern}"))
        if CORPUS is not None:
            yield from (path for path in sorted(CORPUS.glob(pattern)) if path.is_file())


def check(parse: Parser, output: bytes) -> str:
    """Checks that a parser returns a printable result or raises ``ParseError`` with one line."""
    try:
        result = parse(output)
    except ParseError as error:
        assert error.reason
        assert "\n" not in error.reason
        assert error.line is None or 1 <= error.line <= output.count(b"\n") + 1
        str(error).encode()
        return refusal(error)
    if isinstance(result, QuorumReport):
        assert quorum_report.parse(quorum_report.render(result)) == result
    repr(result).encode()
    return outcome(result)


def _target(name: str) -> Target:
    parse, sample = PARSERS[name]
    tokens = _TOKENS.get(name, ())
    return Target(check=partial(check, parse), seeds=seeds_of(name, sample), tokens=tokens)


TARGETS: Mapping[str, Callable[[], Target]] = {f"parser {name}": partial(_target, name) for name in PARSERS}
