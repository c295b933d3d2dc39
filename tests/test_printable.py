"""Nothing that another node or program reports controls the terminal of an administrator, or forges a line."""

from __future__ import annotations

import contextlib
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import cli
from gateway.commands.check import print_results
from gateway.commands.check.check_result import CheckResult, Outcome
from gateway.commands.collect import format_snapshot
from gateway.commands.console import print_page
from gateway.printable import printable
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import mib
from gateway.subsystems.pacemaker import metrics

HOSTILE = "\x1b]0;owned\x07\r\x9b2J\x7f\u2028\u202eevil\u2066\udc80\nok    forged: ok\ttab"
"""Sets the title of a terminal, clears it, turns the text around, and adds a line of output."""

UNSAFE = set("\x1b\x07\r\x9b\x7f\u2028\u202e\u2066\udc80\n\t")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain, é, 漢字, \U0001f600, \\n", "plain, é, 漢字, \U0001f600, \\n"),
        ("a\x1b[2Jb", r"a\u001b[2Jb"),
        ("\n\r\t\0\x7f\x85\u2029\u202a\u2069\ud800", r"\n\r\t\u0000\u007f\u0085\u2029\u202a\u2069\ud800"),
    ],
)
def test_control_characters_are_escaped(text: str, escaped: str) -> None:
    assert printable(text) == escaped


def test_line_ends_can_be_kept() -> None:
    assert printable("a\r\n\tb\n", multiline=True) == "a\\r\n\\tb\n"


@given(st.text(st.characters(exclude_categories=())))
def test_what_remains_is_one_visible_line(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert not {unicodedata.bidirectional(char) for char in shown} & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}
    assert "Cc" not in map(unicodedata.category, shown)
    assert json.loads(printable(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def check_output(output: str) -> None:
    assert not UNSAFE & set(output)


def test_the_results_of_check_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(
        iter([CheckResult(outcome=Outcome.FAIL, subject=HOSTILE, text=HOSTILE, advice=HOSTILE.replace("\n", ""))])
    )
    output = capsys.readouterr().out
    assert len(output.splitlines()) == 2
    check_output(output.replace("\n", ""))


def test_error_messages_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([f"--config=/{HOSTILE}", "mib"]) == 2
    with pytest.raises(SystemExit):
        cli.main([f"--{HOSTILE}"])
    output = capsys.readouterr().err
    assert len(output.splitlines()) == 2
    check_output(output.replace("\n", ""))


def snapshot() -> Snapshot:
    return Snapshot(
        samples_by_metric={metrics.NODE_ATTRIBUTES: {("n", HOSTILE, "v"): 1}}, collectors={}, time=0.0, started=0.0
    )


def test_json_means_the_same() -> None:
    page = format_snapshot(snapshot(), "json", mib()).decode()
    check_output(page.replace("\n", ""))
    labels = [sample["labels"] for sample in json.loads(page)["samples"] if sample["name"].endswith("node_attributes")]
    assert labels == [{"node": "n", "name": HOSTILE, "value": "v"}]


def test_a_walk_has_one_line_for_each_variable() -> None:
    page = format_snapshot(snapshot(), "snmp", mib()).decode()
    check_output(page.replace("\n", ""))
    assert all(line.startswith(".1.3.6.1.") for line in page.splitlines())


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream_class", "exact"), [(io.TextIOWrapper, True), (Terminal, False)])
def test_a_page_is_exact_except_on_a_terminal(*, stream_class: type[io.TextIOWrapper], exact: bool) -> None:
    page = format_snapshot(snapshot(), "prometheus", mib())
    with contextlib.redirect_stdout(stream_class(buffer := io.BytesIO(), "utf-8")) as stream:
        print_page(page)
        stream.flush()
        written = buffer.getvalue()
    assert (written == page) is exact
    if not exact:
        check_output(written.decode().replace("\n", ""))
