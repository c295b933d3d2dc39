"""Files that an administrator writes: the configuration, password files, and configurations of ha_cluster_exporter."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from textwrap import indent

from gateway.commands.migrate.conversion import convert
from gateway.config.config import OPTIONS
from gateway.config.loader import load
from gateway.errors import ConfigError
from gateway.frontends.prometheus import web_config_file
from tests.certificates import Authority
from tests.fuzz.target import Target, outcome, refusal

_EXAMPLE = Path(__file__).resolve().parents[3] / "gateway.conf.example"
_SECRETS = b"""\
[snmp]
agentx = "tcp:127.0.0.1:705"
[snmp.agent]
listen = ["[::1]:161", "0.0.0.0:1161"]
allow = ["192.0.2.0/24", "fd00::/8"]
[[snmp.agent.community]]
name = "public"
[[snmp.agent.user]]
name = "u"
auth = "SHA-256"
auth_password = "auth password"
priv = "AES"
priv_password = "priv password"
[[alarms.target]]
address = "[fd00::1]:162"
version = "3"
user = "u"
auth = "SHA-512"
auth_key = "0x00112233"
kind = "inform"
[alarms.disabled]
node-lost = true
"""
_YAML = b"""\
web:
  listen-address: ":9664"
crm-mon-path: /usr/sbin/crm_mon
port: 9002
address: 0.0.0.0
log-level: debug
enable-timestamps: true
sbd-config-path: &a /etc/sysconfig/sbd
drbdsplitbrain-path: *a
"""
_JSON = b'{"web": {"listen-address": [":9664"]}, "port": "9002", "crm-mon-path": "/x", "log": {"level": "warn"}}'
_TOML = b'port = 9002\naddress = "::1"\n"cibadmin-path" = "/x"\n[web]\nlisten-address = ":9664"\n'

_WEB = """\
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=1
    X-Frame-Options: deny
basic_auth_users:
  prometheus: $2y$04$oc4GJH2EurCIA6ctLBDb/uXGVzDuOQ7CinRZxPT6L9MZ2MKkoNNrC
rate_limit:
  interval: 1s
  burst: 20
"""
_YAML_TOKENS = (
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"!!timestamp ",
    b"!!bool ",
    b"!!int ",
    b"!!float ",
    b"!!python/object:os.system ",
    b"? ",
    b"- ",
)
_KEYS = tuple(option.key.encode() for option in OPTIONS)
_FLAGS = tuple(flag.removeprefix("--").encode() for option in OPTIONS for flag in option.flags)


class _Files:
    """A directory for one file at a time."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="fuzz-")
        self.path = Path(self._directory.name)
        self.close = self._directory.cleanup

    def write(self, name: str, data: bytes) -> Path:
        """Writes a private file."""
        path = self.path / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path

    def check_configuration(self, data: bytes) -> str:
        """Checks that a configuration is loaded or refused with its problems."""
        return _load(self.write("gateway.conf", data))

    def check_secret(self, data: bytes) -> str:
        """Checks the same of a configuration with secrets in files."""
        secret = self.write("secret", data)
        lines = _SECRETS.decode().replace('_password = "auth password"', f'_password_file = "{secret}"')
        lines = lines.replace(
            'name = "public"', f'name = "public"\n[[alarms.target]]\naddress = "x"\ncommunity_file = "{secret}"'
        )
        lines = lines.replace('auth_key = "0x00112233"', f'auth_password_file = "{secret}"')
        return _load(self.write("gateway.conf", lines.encode()))

    def check_web_configuration(self, data: bytes) -> str:
        """Checks that a web configuration is loaded or refused, with the name of the file in each problem."""
        path = self.write("web.yaml", data)
        try:
            loaded = web_config_file.load(path)
        except ConfigError as error:
            assert error.problems
            assert all(problem.startswith(f"{path}: ") for problem in error.problems)
            return refusal(error)
        repr(loaded)
        return f"{loaded.context is None} {len(loaded.configuration.users)}"

    def check_migration(self, ending: str, data: bytes) -> str:
        """Checks that a configuration of the exporter is refused, or becomes TOML that can be loaded."""
        try:
            text, _, remarks = convert(self.write(f"exporter.{ending}", data))
        except ConfigError as error:
            assert error.problems
            return refusal(error)
        tomllib.loads(text)
        return f"{len(remarks)} {_load(self.write('gateway.conf', text.encode()))}"


def _load(path: Path) -> str:
    try:
        config = load(path, {})
    except ConfigError as error:
        assert error.problems
        assert all(error.problems)
        return refusal(error)
    repr(config)
    return outcome(config)


def _uncommented(text: bytes) -> bytes:
    """Returns an example with all its options set."""
    return re.sub(rb"^# ?(?=[\w.-]+ = |\[)", b"", text, flags=re.MULTILINE)


def _configuration() -> Target:
    files, example = _Files(), _EXAMPLE.read_bytes()
    seeds = [_SECRETS, _uncommented(example), example, b""]
    return Target(
        check=files.check_configuration, seeds=seeds, tokens=_KEYS, seconds=1.0, max_size=32 * 1024, close=files.close
    )


def _secrets() -> Target:
    files = _Files()
    seeds = [b"auth password\n", b"0x00112233445566778899\n", "größe und mehr".encode()]
    return Target(check=files.check_secret, seeds=seeds, seconds=1.0, max_size=4096, close=files.close)


def _web_configuration() -> Target:
    files = _Files()
    authority = Authority(files.path)
    certificate = authority.sign("server")
    inline = "".join(
        f"  {name}: |\n{indent(path.read_text(), '    ')}"
        for name, path in (("cert", certificate), ("key", certificate.with_suffix(".key")))
    )
    names = f"  cert_file: {certificate}\n  key_file: {certificate.with_suffix('.key')}\n"
    client = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n  min_version: TLS13\n"
    texts = [_WEB, f"tls_server_config:\n{names}{client}{_WEB}", f"tls_server_config:\n{inline}{_WEB}"]
    return Target(
        check=files.check_web_configuration,
        seeds=[text.encode() for text in texts],
        tokens=_YAML_TOKENS,
        seconds=1.0,
        seconds_per_kib=0.05,
        max_size=16 * 1024,
        close=files.close,
    )


def _migration(ending: str, *seeds: bytes) -> Target:
    files = _Files()
    return Target(
        check=partial(files.check_migration, ending),
        seeds=seeds,
        tokens=(*_FLAGS, *_YAML_TOKENS),
        seconds=1.0,
        seconds_per_kib=0.05,
        max_size=16 * 1024,
        close=files.close,
    )


TARGETS: Mapping[str, Callable[[], Target]] = {
    "configuration": _configuration,
    "password files": _secrets,
    "web configuration": _web_configuration,
    "exporter YAML": partial(_migration, "yaml", _YAML),
    "exporter JSON": partial(_migration, "json", _JSON),
    "exporter TOML": partial(_migration, "toml", _TOML),
}
