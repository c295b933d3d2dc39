"""Which datagrams the built-in agent processes, by their source."""

from __future__ import annotations

import ipaddress

import pytest

from gateway.frontends.snmp.agent.admission import BURST, OVERHEAD, RATE, Admission, Verdict
from gateway.token_bucket import MAX_SOURCES
from tests.fakes import FakeClock


def make(*networks: str, clock: FakeClock | None = None) -> Admission:
    return Admission([ipaddress.ip_network(network) for network in networks], clock or FakeClock())


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("10.1.2.3", Verdict.ADMITTED),
        ("::ffff:10.1.2.3", Verdict.ADMITTED),  # how a socket for both families reports it
        ("10.2.0.0", Verdict.NOT_ALLOWED),
        ("2001:db8::7", Verdict.ADMITTED),
        ("2001:db9::7", Verdict.NOT_ALLOWED),
        ("fe80::1%eth0", Verdict.ADMITTED),
        ("fe80::2%eth0", Verdict.NOT_ALLOWED),
    ],
)
def test_only_allowed_networks_are_admitted(host: str, verdict: Verdict) -> None:
    assert make("10.1.0.0/16", "2001:db8::/32", "fe80::1").judge(host) is verdict
    assert make().judge(host) is Verdict.ADMITTED


def exhaust(admission: Admission, host: str) -> None:
    while admission.judge(host) is Verdict.ADMITTED:
        admission.charge(host, 8192)


def test_a_source_is_limited_until_its_bucket_is_refilled() -> None:
    clock = FakeClock()
    admission = make(clock=clock)
    exhaust(admission, "10.0.0.1")
    assert admission.judge("10.0.0.1") is Verdict.LIMITED
    assert admission.judge("10.0.0.2") is Verdict.ADMITTED
    clock.now += 1
    admitted = 0
    while admission.judge("10.0.0.1") is Verdict.ADMITTED:
        admission.charge("10.0.0.1", 0)
        admitted += 1
    assert RATE // OVERHEAD - 100 < admitted <= RATE // OVERHEAD + 1
    clock.now += 3600
    admission.charge("10.0.0.1", BURST)
    assert admission.judge("10.0.0.1") is Verdict.LIMITED  # a bucket holds no more than a burst


def test_a_host_with_many_ipv6_addresses_is_one_source() -> None:
    admission = make()
    exhaust(admission, "2001:db8::1")
    assert admission.judge("2001:db8::ffff:1") is Verdict.LIMITED
    assert admission.judge("2001:db8:0:1::1") is Verdict.ADMITTED
    exhaust(admission, "fe80::1%eth0")
    assert admission.judge("fe80::2%eth0") is Verdict.ADMITTED  # another host


def test_forged_sources_do_not_fill_the_memory_and_do_not_free_one_that_keeps_sending() -> None:
    admission = make()
    exhaust(admission, "192.0.2.1")
    for number in range(10_000):
        admission.charge(str(ipaddress.IPv4Address(number)), 100)
        assert admission.judge("192.0.2.1") is Verdict.LIMITED
    assert len(admission._buckets) == MAX_SOURCES
