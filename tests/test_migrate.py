"""``migrate``: a configuration of ha_cluster_exporter becomes one of the gateway with the same effect."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.migrate.conversion import convert
from gateway.config.loader import load
from gateway.errors import ConfigError
from tests.config_values import plain_defaults, plain_values
from tests.programs import gateway

SAMPLE = """\
# as Debian ships it, with other values
web:
  listen-address: "0.0.0.0:9665"
  telemetry-path: "/m"
  config:
    file: "/etc/ha_cluster_exporter.web.yaml"
log:
  level: "debug"
  format: "json"
crm-mon-path: "/usr/bin/crm_mon"
cibadmin-path: "/usr/sbin/cibadmin"
corosync-cfgtoolpath-path: "/usr/sbin/corosync-cfgtool"
corosync-quorumtool-path: "/usr/sbin/corosync-quorumtool"
sbd-path: "/usr/sbin/sbd"
sbd-config-path: "/etc/default/sbd"
drbdsetup-path: "/sbin/drbdsetup"
drbdsplitbrain-path: "/var/run/drbd/splitbrain2"
"""

MEANING = {
    "web.listen": ("0.0.0.0:9665",),
    "web.telemetry_path": "/m",
    "log.level": "debug",
    "log.format": "json",
    "tools.crm_mon.path": "/usr/bin/crm_mon",
    "sbd.config": "/etc/default/sbd",
    "drbd.split_brain_directory": "/var/run/drbd/splitbrain2",
}

DEFAULTS = plain_defaults()


def migrated(path: Path, text: str) -> tuple[dict[str, Any], list[str]]:
    """Returns what differs from the defaults once the result is loaded, and the remarks."""
    path.write_text(text)
    written, _, remarks = convert(path)
    result = path.with_name("gateway.conf")
    result.write_text(written)
    loaded = load(result, {})
    assert all(remark.startswith(f"{path}: ") for remark in remarks)
    changed = {key: value for key, value in plain_values(loaded).items() if value != DEFAULTS[key]}
    return changed, [remark.removeprefix(f"{path}: ") for remark in remarks]


def test_the_paths_of_the_exporter_choose_nothing(tmp_path: Path) -> None:
    """``tools.sbd.path`` would have SBD's devices read with ``sbd``, which requires permission to write to them."""
    assert migrated(tmp_path / "exporter.yaml", 'sbd-path: "/usr/sbin/sbd"\ndrbdsetup-path: "/sbin/drbdsetup"\n') == (
        {},
        [],
    )
    other, _ = migrated(tmp_path / "exporter.yaml", 'sbd-path: "/opt/sbin/sbd"\n')
    assert other == {"tools.sbd.path": "/opt/sbin/sbd"}


def test_the_sample_means_the_same_in_every_format(tmp_path: Path) -> None:
    nested = {
        "web": {
            "listen-address": "0.0.0.0:9665",
            "telemetry-path": "/m",
            "config": {"file": "/etc/ha_cluster_exporter.web.yaml"},
        },
        "log": {"level": "debug", "format": "json"},
        **{line.split(": ")[0]: json.loads(line.split(": ")[1]) for line in SAMPLE.splitlines() if "path: " in line},
    }
    del nested["  telemetry-path"]
    toml = "".join(f"{name} = {json.dumps(value)}\n" for name, value in nested.items() if isinstance(value, str))
    toml += '[web]\nlisten-address = "0.0.0.0:9665"\ntelemetry-path = "/m"\n'
    toml += 'config.file = "/etc/ha_cluster_exporter.web.yaml"\n'
    toml += '[log]\nlevel = "debug"\nformat = "json"\n'
    assert migrated(tmp_path / "a.yaml", SAMPLE) == (MEANING, [])
    assert migrated(tmp_path / "a.YML", SAMPLE) == (MEANING, [])
    assert migrated(tmp_path / "a.json", json.dumps(nested)) == (MEANING, [])
    assert migrated(tmp_path / "a.toml", toml) == (MEANING, [])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("{}", {}),
        ("web.listen-address: 127.0.0.1:1", {"web.listen": ("127.0.0.1:1",)}),
        ("WEB:\n  Listen-Address: ':1'", {"web.listen": (":1",)}),
        ("web: {telemetry-path: ~}\nlog: ~", {}),
        ("port: 9700", {"web.listen": ("0.0.0.0:9700",)}),
        ("port: '9700'", {"web.listen": ("0.0.0.0:9700",)}),
        ("address: 10.0.0.1", {"web.listen": ("10.0.0.1:9664",)}),
        ("address: '::1'\nport: 0", {"web.listen": ("[::1]:0",)}),
        ("address: 0.0.0.0\nport: 9664\nweb.listen-address: ':1'", {"web.listen": (":1",)}),
        ("port: 9700\nweb.listen-address: ':1'", {"web.listen": ("0.0.0.0:9700",)}),
        ("log-level: warn\nlog.level: debug", {"log.level": "warn"}),
        ("log-level: info\nlog.level: debug", {"log.level": "debug"}),
        ("enable-timestamps: false", {}),
        ("crm-mon-path: '/opt/é/crm \"mon\"\\😀'", {"tools.crm_mon.path": '/opt/é/crm "mon"\\😀'}),
    ],
)
def test_each_setting_becomes_its_option(text: str, values: dict[str, Any], tmp_path: Path) -> None:
    assert migrated(tmp_path / "a.yaml", text) == (values, [])


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (
            "enable-timestamps: true",
            "enable-timestamps was left out: samples carry no timestamps, as Prometheus recommends",
        ),
        ("crm-mon: /x", "crm-mon was left out: ha_cluster_exporter has no such option"),
        ("1: x", "1 was left out: ha_cluster_exporter has no such option"),
        ("a: &a {b: *a}", "a.b.b.b was left out: ha_cluster_exporter has no such option"),
    ],
)
def test_omitted_settings_are_reported(text: str, remark: str, tmp_path: Path) -> None:
    assert migrated(tmp_path / "a.yaml", text) == ({}, [remark])


@pytest.mark.parametrize(
    ("name", "text", "problems"),
    [
        ("a.conf", "", ["expected a file name that ends in .yaml, .yml, .json, .toml"]),
        ("a.yaml", "a: b: S3cret", ["not YAML: mapping values are not allowed here (at line 1)"]),
        ("a.yaml", "a: !!python/object/apply:os.system [x]", ["not YAML: could not determine a constructor "]),
        ("a.yaml", "[" * 5_000, ["not YAML: "]),
        ("a.yaml", "- a\n- b", ["expected a table of keys and values"]),
        ("a.json", '{"a": }', ["not JSON: Expecting value: line 1 column 7 (char 6)"]),
        ("a.json", "[" * 5_000, ["not JSON: "]),
        ("a.json", "3", ["expected a table of keys and values"]),
        ("a.toml", "a = ", ["not TOML: Invalid value (at end of document)"]),
        ("a.yaml", "port: http", ['port: expected a port from 0 to 65535, found "http"']),
        ("a.yaml", "address: [1]", ["address: expected a host name or an address, found [1]"]),
        ("a.yaml", "web.listen-address: nowhere", ['web.listen: expected "HOST:PORT"']),
        ("a.yaml", "log-level: loud", ["log-level: expected one of "]),
        (
            "a.yaml",
            "crm-mon-path: crm_mon\nsbd-path: 3",
            ["tools.crm_mon.path: expected ", "tools.sbd.path: expected "],
        ),
        ("a.json", '{"sbd-path": "/a\\u0000"}', ["tools.sbd.path: expected an absolute path"]),
        ("a.json", '{"sbd-path": "/\\ud800"}', ["tools.sbd.path: expected an absolute path"]),
        ("a.json", '{"sbd-path": "/a\\u007f"}', ["tools.sbd.path: expected an absolute path"]),
    ],
)
def test_each_problem_is_one_clear_line(name: str, text: str, problems: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        convert(path)
    assert len(caught.value.problems) == len(problems)
    for problem, expected in zip(caught.value.problems, problems, strict=True):
        assert problem.startswith(f"{path}: {expected}")
        assert "\n" not in problem


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "directory.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    for name, reason in (
        ("missing.yaml", "No such file or directory"),
        ("directory.yaml", "Is a directory"),
        ("latin.yaml", "not YAML: 'utf-8' codec can't decode byte 0xe9 in position 3: unexpected end of data"),
    ):
        with pytest.raises(ConfigError) as caught:
            convert(tmp_path / name)
        assert caught.value.problems == (f"{tmp_path / name}: {reason}",)


def test_a_line_break_in_the_file_name_does_not_end_the_comment(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.yaml"
    path.write_text("log.level: debug")
    written, _, _ = convert(path)
    assert tomllib.loads(written) == {"log": {"level": "debug"}}


@pytest.mark.parametrize("text", ["web.config.file: /etc/tls.yaml", "web: {config: {file: /etc/tls.yaml}}"])
def test_a_web_configuration_at_another_place_is_named(tmp_path: Path, text: str) -> None:
    # not the usual place, which the gateway searches, too: the file would have to exist
    assert migrated(tmp_path / "a.yaml", text) == ({"web.config_file": "/etc/tls.yaml"}, [])


@pytest.mark.daemon
def test_the_result_and_the_remarks_are_printed_separately(tmp_path: Path) -> None:
    path = tmp_path / "ha_cluster_exporter.yaml"
    path.write_text(SAMPLE)
    done = gateway("migrate", path, cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "gateway.conf").write_text(done.stdout)
    assert plain_values(load(tmp_path / "gateway.conf", {})) == {**DEFAULTS, **MEANING}
    assert done.stderr == ""
    path.write_text("a: b: c")
    done = gateway("migrate", path, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
