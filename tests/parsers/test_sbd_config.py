"""``/etc/sysconfig/sbd`` and ``/etc/default/sbd``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.sbd import sbd_config
from gateway.subsystems.sbd.sbd_config import SbdConfig
from tests.corpus import names, needs_corpus, outcomes
from tests.unreadable import reasons

BY_ID = "/dev/disk/by-id/scsi-36001405a:b.c+d=e"
BY_PATH = "/dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.2026-01.org.example:sbd-lun-0"


def parse(output: bytes) -> SbdConfig:
    return sbd_config.parse(output).value


def config(
    *devices: str,
    watchdog_device: str | None = None,
    watchdog_timeout: int | None = None,
    startmode: str | None = None,
    pacemaker: str | None = None,
    delay_start: str | None = None,
) -> SbdConfig:
    return SbdConfig(
        devices=devices,
        watchdog_device=watchdog_device,
        watchdog_timeout=watchdog_timeout,
        startmode=startmode,
        pacemaker=pacemaker,
        delay_start=delay_start,
    )


def test_every_setting_is_read() -> None:
    output = f"""\
## Type: string
#SBD_DEVICE="/dev/not;/dev/this"
SBD_DEVICE="{BY_ID};{BY_PATH}"
SBD_WATCHDOG_DEV=/dev/watchdog1
SBD_WATCHDOG_TIMEOUT=15
SBD_STARTMODE=clean
SBD_PACEMAKER='yes'
SBD_DELAY_START=41
SBD_TIMEOUT_ACTION=flush,reboot
SBD_OPTS=
SBD_SYNC_RESOURCE_STARTUP=yes
"""
    assert parse(output.encode()) == config(
        BY_ID,
        BY_PATH,
        watchdog_device="/dev/watchdog1",
        watchdog_timeout=15,
        startmode="clean",
        pacemaker="yes",
        delay_start="41",
    )


@pytest.mark.parametrize(
    ("output", "devices"),
    [
        ("SBD_DEVICE=/dev/a", "/dev/a"),
        ('SBD_DEVICE="/dev/a"', "/dev/a"),
        ("SBD_DEVICE='/dev/a'", "/dev/a"),
        ("SBD_DEVICE=/dev/a;/dev/b", "/dev/a /dev/b"),
        ("SBD_DEVICE=/dev/a; /dev/b", "/dev/a /dev/b"),
        ("SBD_DEVICE=/dev/a ;\t/dev/b;;", "/dev/a /dev/b"),
        ("SBD_DEVICE=' /dev/a /dev/b;/dev/c; '", "/dev/a /dev/b /dev/c"),
        ("\t SBD_DEVICE=/dev/a;/dev/b;/dev/a", "/dev/a /dev/b"),
        ("export SBD_DEVICE=/dev/a", "/dev/a"),
        ("  export\tSBD_DEVICE=/dev/a", "/dev/a"),
        ('SBD_DEVICE="/dev/a" # the first', "/dev/a"),
        ("SBD_DEVICE='/dev/a'# the first", "/dev/a"),
        ("SBD_DEVICE=/dev/a # the first; /dev/b", "/dev/a"),
        ("SBD_DEVICE=/dev/a#1", "/dev/a#1"),
        ("SBD_DEVICE= # none", ""),
        ("SBD_DEVICE=/dev/a\r\nSBD_OPTS=\r\n", "/dev/a"),
        ('SBD_DEVICE="/dev/a;/dev/b"\r\n', "/dev/a /dev/b"),
        ("SBD_DEVICE=/dev/a\nSBD_DEVICE=/dev/b\n#SBD_DEVICE=/dev/c", "/dev/b"),
        ("SBD_DEVICE=/dev/a\nSBD_DEVICE=", ""),
        ("SBD_DEVICE=/dev/a\nMY_SBD_DEVICE=/dev/b\nSBD_DEVICES=/dev/c", "/dev/a"),
        ('SBD_DEVICE="/dev/a;\\\n/dev/b"', "/dev/a /dev/b"),
        ('SBD_DEVICE="/dev/a;\n/dev/b"', "/dev/a /dev/b"),
        ("SBD_DEVICE=/dev/a;\\\n/dev/b\n", "/dev/a /dev/b"),
        (r"SBD_DEVICE=/dev/a\;/dev/b", "/dev/a /dev/b"),
        (r'SBD_DEVICE="/dev/disk/by-label/x\x20y\\z"', r"/dev/disk/by-label/x\x20y\z"),
        (r"SBD_DEVICE='/dev/disk/by-label/x\x20y'", r"/dev/disk/by-label/x\x20y"),
        ("SBD_DEVICE: /dev/a", ""),
        ("SBD_DEVICE =/dev/a", ""),
        ("SBD_DEVICE", ""),
        ('SBD_DEVICE=""', ""),
        ("SBD_DEVICE=\nSBD_WATCHDOG_DEV=/dev/w", ""),
        ("SBD_DEVICE=;", ""),
        ("SBD_DEVICE=/dev/a\\", "/dev/a"),
        ("", ""),
        (f"SBD_DEVICE={BY_ID};{BY_PATH}", f"{BY_ID} {BY_PATH}"),
        ("OTHER='it is open\nSBD_DEVICE=/dev/a\n", "/dev/a"),
        ("SBD_DEVICE=/dev/disk/by-id/ä", "/dev/disk/by-id/ä"),
    ],
)
def test_each_way_to_write_the_devices_is_read(output: str, devices: str) -> None:
    assert parse(output.encode()).devices == tuple(devices.split())


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b'\nSBD_DEVICE="/dev/a', "line 2: the quote after SBD_DEVICE= is not closed"),
        (b"SBD_DEVICE='/dev/a\n", "line 1: the quote"),
        (b'SBD_OPTS="-W\n', "line 1: the quote after SBD_OPTS="),
        (b"#\nSBD_DEVICE=/dev/\xe9\n", "line 2: SBD_DEVICE is not UTF-8 text"),
    ],
)
def test_an_open_quote_or_bytes_that_are_no_text_are_an_error(output: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(output)


def test_an_unset_timeout() -> None:
    assert parse(b"SBD_WATCHDOG_TIMEOUT=\n").watchdog_timeout is None
    assert parse(b"SBD_WATCHDOG_TIMEOUT=5\t# seconds\n").watchdog_timeout == 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        ("15s", 15),
        ("15 s", 15),
        ("15sec", 15),
        ("15S", 15),
        ("2m", 120),
        ("2min", 120),
        ("1h", 3600),
        ("1hr", 3600),
        ("1500ms", 1),
        ("999msec", 0),
        ("2000000us", 2),
        ("5.9", 5),
        ("4294967295", 4294967295),
    ],
)
def test_units_of_a_timeout(text: str, seconds: int) -> None:
    output = f"SBD_DEVICE=/dev/a\nSBD_WATCHDOG_TIMEOUT='{text}'\n".encode()
    assert parse(output).watchdog_timeout == seconds
    assert reasons(sbd_config.parse(output)) == []


@pytest.mark.parametrize(
    "text", ["-1", "+5", "five", "5d", "5 x", "0x10", ".5", "4294967296", "999999999h", "٣", "9" * 9999, "INFINITY"]
)
def test_a_bad_timeout_costs_that_timeout(text: str) -> None:
    output = f"SBD_DEVICE=/dev/a\nSBD_WATCHDOG_TIMEOUT={text}\n".encode()
    assert parse(output) == config("/dev/a")
    assert reasons(sbd_config.parse(output)) == [
        f"line 2: expected SBD_WATCHDOG_TIMEOUT as a time, found {text[:40]!r}"
    ]


def test_hostile_input_takes_linear_time() -> None:
    for output in (b'SBD_A="' + b'\\"' * 10**6, b"SBD_A=" + b" #" * 10**6, b" " * 10**6, b"SBD_A=\\\n" * 10**5):
        try:
            parse(output)
        except ParseError:
            assert output.startswith(b'SBD_A="')


DEFAULTS = {
    "watchdog_device": "/dev/watchdog",
    "watchdog_timeout": 5,
    "startmode": "always",
    "pacemaker": "yes",
    "delay_start": "no",
}
"""The content of the file that comes with SBD."""

TEMPLATE = frozenset(DEFAULTS)
NOTHING: frozenset[str] = frozenset()

EXPECTED = {
    "hce-TestGetSbdDevicesWithDoubleQuotes-0": ("/dev/vda /dev/vdb /dev/vdc", {"watchdog_timeout"}),
    "hce-TestGetSbdDevicesWithoutDoubleQuotes-0": ("/dev/vda /dev/vdb /dev/vdc", TEMPLATE),
    "hce-TestOnlyOneDeviceSbd-0": ("/dev/vdc", NOTHING),
    "hce-TestSbdDeviceParserWithFullCommentBeforeActualSetting-0": ("/dev/vdc /dev/vdd", NOTHING),
    "hce-TestSbdDeviceParserWithSemicolon-0": ("/dev/vdc /dev/vdd", NOTHING),
    "hce-TestSbdDeviceParserWithSpaceAfterSemicolon-0": ("/dev/vdc /dev/vdd", NOTHING),
    "hce": ("/dev/vdc /dev/vdd", TEMPLATE),
    "pcp-001": ("/dev/vdb", TEMPLATE),
    "pcp-002": ("", TEMPLATE),
    "pcp-003": ("", TEMPLATE),
    "pcp-004": ("", TEMPLATE),
    "trento-sbd_config": ("/dev/vdc /dev/vdb", TEMPLATE),
    "trento-sbd_config_invalid": ("", NOTHING),
    "trento-sbd_config_no_device": ("", TEMPLATE),
    "trento-sbd_config_quoted_devices": ("/dev/vdc /dev/vdb", TEMPLATE),
}
"""Devices, and which of the other settings are set, to what the template sets them to."""


@needs_corpus
def test_corpus_is_complete() -> None:
    assert names("sbd", "*.sysconfig") == {f"{name}.sysconfig" for name in EXPECTED}


def settings(output: bytes) -> tuple[str, dict[str, object]]:
    configuration = parse(output)
    return " ".join(configuration.devices), {key: getattr(configuration, key) for key in DEFAULTS}


@needs_corpus
def test_each_file_of_the_corpus_is_read() -> None:
    expected = {
        f"{name}.sysconfig": (devices, {key: value if key in keys else None for key, value in DEFAULTS.items()})
        for name, (devices, keys) in EXPECTED.items()
    }
    assert outcomes("sbd", expected, settings) == expected
