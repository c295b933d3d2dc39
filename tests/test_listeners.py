"""The processes that hold ports, as ``/proc`` shows them."""

from __future__ import annotations

import ipaddress
import os
import socket

import pytest

from gateway.commands import listeners
from gateway.commands.listeners import BoundSocket, find_listeners, find_sockets, listens, read_processes

ANY, LOOPBACK = "::", "127.0.0.1"


@pytest.mark.parametrize(
    ("kind", "family", "host", "address"),
    [
        (socket.SOCK_STREAM, socket.AF_INET, LOOPBACK, LOOPBACK),
        (socket.SOCK_DGRAM, socket.AF_INET, LOOPBACK, LOOPBACK),
        (socket.SOCK_STREAM, socket.AF_INET6, "::1", "::1"),
        (socket.SOCK_DGRAM, socket.AF_INET6, ANY, ANY),
        (socket.SOCK_STREAM, socket.AF_INET6, "::ffff:127.0.0.1", LOOPBACK),
    ],
)
def test_a_socket_of_this_process(
    kind: socket.SocketKind, family: socket.AddressFamily, host: str, address: str
) -> None:
    with socket.socket(family, kind) as sock:
        if family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((host, 0))
        port = sock.getsockname()[1]
        assert bool(find_sockets(kind, port)) == (kind is socket.SOCK_DGRAM)  # TCP: not before it listens
        if kind is socket.SOCK_STREAM:
            sock.listen()
            assert listens(os.getpid(), port)
            assert [process.number for process in find_listeners(port)] == [os.getpid()]
        (bound,) = find_sockets(kind, port)
        assert (str(bound.address), bound.user_id) == (address, os.geteuid())
        (process,) = (each for each in read_processes() if each.number == os.getpid())
        assert process.links is not None
        assert bound.link in process.links


@pytest.mark.parametrize(
    ("bound", "other", "overlaps"),
    [
        (LOOPBACK, LOOPBACK, True),
        (LOOPBACK, "127.0.0.2", False),
        (LOOPBACK, "::1", False),
        (LOOPBACK, ANY, True),
        (ANY, LOOPBACK, True),
        ("0.0.0.0", LOOPBACK, True),
    ],
)
def test_which_sockets_exclude_each_other(bound: str, other: str, *, overlaps: bool) -> None:
    sock = BoundSocket(address=ipaddress.ip_address(bound), user_id=0, link="socket:[1]")
    assert sock.overlaps(ipaddress.ip_address(other)) == overlaps


@pytest.mark.parametrize(
    ("name", "command_line", "complete"),
    [
        ("nginx", "nginx: master process", "nginx"),
        ("ha_cluster_expo", "/usr/bin/ha_cluster_exporter --port=1", "ha_cluster_exporter"),
        ("ha-cluster-gate", "/usr/bin/python3 -IS /usr/bin/ha-cluster-gateway", "ha-cluster-gateway"),
        ("a-renamed-threa", "/usr/bin/other", "a-renamed-threa"),
    ],
)
def test_the_whole_name_of_a_program(name: str, command_line: str, complete: str) -> None:
    assert listeners._complete(name, command_line.split(" ")) == complete


@pytest.mark.parametrize(
    ("command_line", "is_gateway"),
    [
        ("/usr/bin/python3 -IS /usr/bin/ha-cluster-gateway --log.level=debug", True),
        ("/usr/bin/python3.11 -IS /usr/lib/ha-cluster-gateway/ha-cluster-gateway", True),
        ("/opt/ha-cluster-gateway/bin/python3 /opt/ha-cluster-gateway/bin/ha-cluster-gateway", True),
        ("python3 -m gateway", True),
        ("ha-cluster-gateway", True),
        ("python3 -m http.server 9664", False),
        ("python3 -c pass ha-cluster-gateway", False),
        ("ssh -NL 9664:localhost:9664 ha-cluster-gateway", False),
        ("", False),
    ],
)
def test_the_command_line_of_the_gateway(command_line: str, *, is_gateway: bool) -> None:
    assert listeners._is_gateway([*command_line.split(" "), ""]) == is_gateway
