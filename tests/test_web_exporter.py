"""The same web configurations for ha_cluster_exporter and for the gateway, side by side."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import ConfigError
from gateway.frontends.prometheus.access_control import AccessControl
from gateway.frontends.prometheus.web_config_file import WebConfigFile, load
from tests.certificates import Authority
from tests.http_server import HASHES, basic, serving
from tests.programs import installed
from tests.waiting import wait_until

pytestmark = pytest.mark.daemon

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
USERS = f"basic_auth_users:\n  admin: {HASHES['secret']}\n  old: {HASHES['other'].replace('$2b$', '$2y$')}\n"
CLIENT = TLS + "  client_auth_type: {}\n  client_ca_file: authority.crt\n"

ALIKE = {
    "empty": "",
    "only a comment": "# nothing\n",
    "TLS": TLS,
    "an absolute path": TLS.replace("server.key", "{directory}/server.key"),
    "passwords": USERS,
    "TLS and passwords": TLS + USERS,
    "RequireAndVerifyClientCert": CLIENT.format("RequireAndVerifyClientCert"),
    "VerifyClientCertIfGiven": CLIENT.format("VerifyClientCertIfGiven"),
    "RequestClientCert": TLS + "  client_auth_type: RequestClientCert\n",
    "NoClientCert": TLS + "  client_auth_type: NoClientCert\n",
    "versions": TLS + "  min_version: TLS12\n  max_version: TLS13\n",
    "suites": TLS
    + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
    "a curve": TLS + "  curve_preferences: [CurveP256]\n",
    "the order of the client": TLS + "  prefer_server_cipher_suites: no\n",
    "headers": "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 1}}\n" + USERS,
    "HTTP/1.1": TLS + "http_server_config: {http2: false}\n",
    "bad: no YAML": "junk\n",
    "bad: unknown key": "tls_server_config: {cert_filse: server.crt}\n",
    "bad: unknown section": "tls: {}\n",
    "bad: a key twice": TLS + TLS,
    "bad: a user twice": USERS + f"  admin: {HASHES['other']}\n",
    "bad: no key": "tls_server_config: {cert_file: server.crt}\n",
    "bad: no certificate": "tls_server_config: {key_file: server.key}\n",
    "bad: missing file": TLS.replace("server.key", "missing.key"),
    "bad: missing authority": CLIENT.format("RequireAndVerifyClientCert").replace("authority.crt", "missing.crt"),
    "bad: key of another certificate": TLS.replace("server.key", "client.key"),
    "bad: authority without policy": TLS + "  client_ca_file: authority.crt\n",
    "bad: unknown policy": TLS + "  client_auth_type: Maybe\n",
    "bad: unknown version": TLS + "  min_version: TLS9\n",
    "bad: unknown suite": TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
    "bad: unknown curve": TLS + "  curve_preferences: [CurveP1]\n",
    "bad: plain password": "basic_auth_users: {admin: secret}\n",
    "bad: unknown header": "http_server_config: {headers: {Server: x}}\n",
    "bad: value of a header": "http_server_config: {headers: {X-Frame-Options: never}}\n",
}
"""Configurations that both programs accept, or, if the name says so, refuse."""

ONLY_EXPORTER = {
    "RequireAnyClientCert": TLS + "  client_auth_type: RequireAnyClientCert\n",
    "several curves": TLS + "  curve_preferences: [X25519, CurveP256]\n",
    "no version": TLS + "  min_version: TLS13\n  max_version: TLS12\n",
    "an authority without certificates": CLIENT.format("VerifyClientCertIfGiven").replace("authority.crt", "web.yaml"),
}
"""Configurations that the gateway refuses, because Python cannot honour them, or because they let nobody in."""

ONLY_GATEWAY = {
    "suites without those of HTTP/2": TLS + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n",
    "names": CLIENT.format("RequireAndVerifyClientCert") + "  client_allowed_sans: [x]\n",
    "a rate limit": "rate_limit: {interval: 1s, burst: 5}\n",
}
"""Configurations that Debian's exporter, with an older toolkit, refuses."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    authority = Authority(tmp_path_factory.mktemp("web"))
    authority.sign("server")
    authority.sign("client", ["prometheus"])
    return authority.directory


def write(directory: Path, text: str) -> Path:
    path = directory / "web.yaml"
    path.write_text(text.replace("{directory}", str(directory)))
    path.chmod(0o600)
    return path


@contextlib.contextmanager
def exporter(path: Path) -> Iterator[int | None]:
    """Starts ha_cluster_exporter and yields its port, or None if it refuses to start."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    argv = [installed("ha_cluster_exporter"), f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={path}"]
    with (path.parent / "exporter.log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:

        def listens() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        def has_decided() -> bool:
            # it listens before it has read the certificates
            text = (path.parent / "exporter.log").read_text()
            return process.poll() is not None or ("TLS is" in text and listens())

        try:
            wait_until(has_decided, what="the exporter")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            yield None if process.poll() is not None else port
        finally:
            process.terminate()


def is_accepted(path: Path) -> bool:
    try:
        load(path)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("name", [*ALIKE, *ONLY_EXPORTER, *ONLY_GATEWAY])
def test_both_accept_and_refuse_the_same(directory: Path, name: str) -> None:
    path = write(directory, {**ALIKE, **ONLY_EXPORTER, **ONLY_GATEWAY}[name])
    with exporter(path) as port:
        expected = (
            (name in ONLY_EXPORTER, name in ONLY_GATEWAY) if name not in ALIKE else (not name.startswith("bad"),) * 2
        )
        assert (port is not None, is_accepted(path)) == expected


def get(address: tuple[str, int], *, secure: bool, password: str, certificate: Path | None) -> tuple[object, ...]:
    """Returns the status and some headers of a response, or that there is none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(*address, context=context, timeout=60)
        if secure
        else http.client.HTTPConnection(*address, timeout=60)
    )
    headers = {"Authorization": basic("admin", password)} if password else {}
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            body = answer.read() if answer.status == 400 else b""
            return answer.status, answer.getheader("X-Frame-Options"), answer.getheader("X-XSS-Protection"), body
    except (OSError, http.client.HTTPException):
        return ("no response",)


@pytest.mark.parametrize("name", [name for name in ALIKE if not name.startswith("bad")])
async def test_both_serve_the_same_clients(directory: Path, name: str) -> None:
    import asyncio

    path = write(directory, ALIKE[name])
    clients = [
        (secure, password, certificate)
        for secure in (False, True)
        for password in ("", "wrong", "secret")
        for certificate in ((None, directory / "client.crt") if secure else (None,))
    ]

    def ask(port: int) -> list[tuple[object, ...]]:
        return [get(("127.0.0.1", port), secure=s, password=p, certificate=c) for s, p, c in clients]

    async with serving(access_control=AccessControl(WebConfigFile(path, SystemClock()))) as served:
        ours = await asyncio.to_thread(ask, int(served.server.addresses[0].rpartition(":")[2]))
    with exporter(path) as port:
        assert port is not None
        theirs = await asyncio.to_thread(ask, port)
    assert ours == theirs
