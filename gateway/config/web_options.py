"""The options of the HTTP server and of the log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.config.section import from_option
from gateway.log import LogFormat, LogLevel
from gateway.network import Address
from gateway.options.model import Option
from gateway.options.readers import addresses, boolean, file_or_none, member_of, one_of, seconds, url_path, whole_number

DEFAULT_PORT = 9664
"""The port that ha_cluster_exporter uses."""

NODE_NAME = "name"
LINKS = tuple(f"link{number}" for number in range(8))
"""The values of ``web.discovery_host``."""

LISTEN = Option(
    key="web.listen",
    default=[f":{DEFAULT_PORT}"],
    read=addresses,
    help="Addresses to serve HTTP on: HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces.",
    flags=("--web.listen-address",),
    reloadable=True,
)

WEB_CONFIG_FILE = Option(
    key="web.config_file",
    default="",
    read=file_or_none,
    help="File with TLS, passwords, response headers and a rate limit, in the format of Prometheus' exporter-toolkit. "
    "Without this option, /etc/ha_cluster_exporter.web.yaml is used if it exists.",
    flags=("--web.config.file",),
)

LOG_LEVEL = Option(
    key="log.level",
    default="info",
    read=member_of(LogLevel),
    help="Lowest severity to log: debug, info, warn or error.",
    flags=("--log.level",),
    reloadable=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """The HTTP server."""

    listen: tuple[Address, ...] = from_option(LISTEN)
    telemetry_path: str = from_option(
        Option(
            key="web.telemetry_path",
            default="/metrics",
            read=url_path,
            help="Path of the metrics page.",
            flags=("--web.telemetry-path",),
        )
    )
    config_file: Path | None = from_option(WEB_CONFIG_FILE)
    healthy_without_password: bool = from_option(
        Option(
            key="web.healthy_without_password",
            default=False,
            read=boolean,
            help="Whether /-/healthy needs no password even if the web configuration has users.",
        )
    )
    max_connections: int = from_option(
        Option(
            key="web.max_connections",
            default=512,
            read=whole_number(1),
            help="Maximum number of open connections. An idle one makes room for another; if all are in use, further "
            "ones get status 503.",
            reloadable=True,
        )
    )
    max_connections_per_source: int = from_option(
        Option(
            key="web.max_connections_per_source",
            default=256,
            read=whole_number(1),
            help="The same for one client: an IPv4 address, or a /64 network of IPv6.",
            reloadable=True,
        )
    )
    discovery_host: str = from_option(
        Option(
            key="web.discovery_host",
            default=NODE_NAME,
            read=one_of(NODE_NAME, *LINKS),
            help="Host of each node in /sd: name for its name, or link0 to link7 for its address in corosync.conf "
            "(ring0_addr to ring7_addr).",
        )
    )
    discovery_port: int = from_option(
        Option(
            key="web.discovery_port",
            default=0,
            read=whole_number(0, 65535),
            help="Port of each node in /sd; 0 for the port of the first address in web.listen.",
        )
    )
    client_timeout: float = from_option(
        Option(
            key="web.client_timeout",
            default=15.0,
            read=seconds,
            help="Seconds that a client may take to send its request, and to read the response.",
            reloadable=True,
        )
    )
    enable_lifecycle: bool = from_option(
        Option(
            key="web.enable_lifecycle",
            default=False,
            read=boolean,
            help="Whether POST /-/reload reloads the configuration, as SIGHUP does in any case.",
            flags=("--web.enable-lifecycle",),
            reloadable=True,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The log, on standard error."""

    level: LogLevel = from_option(LOG_LEVEL)
    format: LogFormat = from_option(
        Option(
            key="log.format",
            default="logfmt",
            read=member_of(LogFormat),
            help="Format of the log: logfmt or json.",
            flags=("--log.format",),
            reloadable=True,
        )
    )
