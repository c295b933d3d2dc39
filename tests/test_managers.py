"""``make integrations``: what it prints of a check that fails, without a manager."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import NoReturn

import pytest

from tests.managers.__main__ import Row, print_table, run_check
from tests.managers.difference import Difference, expect, expect_soon

ROW = Row("snmptt", "1.5", "direct trap")


def failing(error: Exception) -> Callable[[], str]:
    def check() -> NoReturn:
        raise error

    return check


def differing() -> str:
    expect("the events", ["EVENT a", "EVENT b"], ["EVENT a", "EVENT c"])
    return "never"


def test_a_difference_is_printed_with_its_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    row = run_check(ROW, "integrations/snmptt/ha-cluster.conf", differing)
    assert row == ROW._replace(result="FAILED: the events", is_good=False)
    assert capsys.readouterr().out == (
        "snmptt 1.5 direct trap\n"
        "  recipe:\n    integrations/snmptt/ha-cluster.conf\n"
        "  compared:\n    the events\n"
        "  expected:\n    EVENT c\n"
        "  received:\n    EVENT b\n"
    )


def test_only_the_values_that_differ_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    values = {f"value {number}": number for number in range(100)}
    with pytest.raises(Difference) as difference:
        expect("the values", {**values, "value 7": 8}, values)
    run_check(ROW, "x", failing(difference.value))
    expected, received = capsys.readouterr().out.split("expected:\n")[1].split("  received:\n")
    assert expected.split() == ["value", "7:", "7"]
    assert received.split() == ["value", "7:", "8"]


@pytest.mark.parametrize(
    ("error", "received"),
    [
        (
            subprocess.CalledProcessError(2, ["nagios4", "-v"], "", "no such file\n"),
            "exit status 2\n    no such file\n",
        ),
        (TimeoutError("waited 60 s for snmptrapd"), "waited 60 s for snmptrapd\n"),
        (KeyError("haClusterName"), "KeyError: 'haClusterName'\n"),
    ],
    ids=["exit status", "timeout", "error of the check"],
)
def test_other_errors_are_printed_the_same_way(
    error: Exception, received: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run_check(ROW, "x", failing(error)).is_good
    printed = capsys.readouterr()
    assert printed.out.endswith(f"  received:\n    {received}")
    assert "Traceback" not in printed.out + printed.err


def test_what_never_came_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Difference) as difference:
        expect_soon("the items", lambda: ["cpu"], seconds=0)
    run_check(ROW, "x", failing(difference.value))
    assert capsys.readouterr().out.endswith("these are missing:\n    cpu\n")


def test_the_exit_status_is_that_of_all_checks() -> None:
    good = ROW._replace(result="1 line")
    assert print_table([good, good]) == 0
    assert print_table([good, ROW._replace(is_good=False)]) == 1
