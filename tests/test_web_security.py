"""TLS, passwords and limits of the HTTP server, with real clients."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.frontends.prometheus.access_control import AccessControl
from gateway.frontends.prometheus.authentication import ATTEMPTS, MAX_WAITING, Access, Authentication
from gateway.frontends.prometheus.web_config_file import WebConfigFile
from gateway.samples import SampleSet
from tests.certificates import Authority
from tests.conftest import Script
from tests.fakes import FakeClock
from tests.http_server import HASHES, ScriptCollector, Served, basic, request, serving
from tests.programs import installed
from tests.waiting import until

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
USERS = f"basic_auth_users:\n  admin: {HASHES['secret']}\n"


class Site:
    """A directory with a web configuration, and certificates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "web.yaml"
        self.authority = Authority(directory)
        self.authority.sign("server")
        self.control: AccessControl

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self.path.chmod(0o600)

    @contextlib.asynccontextmanager
    async def serving(self, text: str, **settings: Any) -> AsyncIterator[Served]:
        self.write(text)
        healthy_is_open = bool(settings.pop("healthy_is_open", False))
        self.control = AccessControl(WebConfigFile(self.path, SystemClock()), healthy_is_open=healthy_is_open)
        async with serving(access_control=self.control, **settings) as served:
            yield served

    def client(self, *certificate: Path) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        for path in certificate:
            context.load_cert_chain(path, path.with_suffix(".key"))
        return context

    async def status(self, served: Served, path: str = "/-/healthy", *, password: str = "", user: str = "admin") -> int:
        """Returns the status of a response over a new connection."""
        authorization = {"Authorization": basic(user, password)} if password else {}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.client())) as session,
            session.get(
                f"{served.server.scheme}://{served.server.addresses[0]}{path}", headers=authorization
            ) as answer,
        ):
            return answer.status

    def sample(self, name: str, *labels: str) -> float:
        samples = SampleSet()
        self.control.add_samples(samples)
        values = {metric.name: family for metric, family in samples.samples_by_metric.items()}
        return float(values[f"ha_cluster_gateway_{name}"][labels])  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# --- TLS -------------------------------------------------------------------------------------------------------------


async def curl(served: Served, *arguments: str | Path, scheme: str = "https", path: str = "/-/healthy") -> str:
    """Returns what curl prints, or its message."""
    url = f"{scheme}://{served.server.addresses[0]}{path}"
    process = await asyncio.create_subprocess_exec(
        installed("curl"),
        "-sS",
        "--max-time",
        "20",
        *map(str, arguments),
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


async def s_client(served: Served, *arguments: str) -> str:
    """Returns what openssl prints about a connection."""
    process = await asyncio.create_subprocess_exec(
        installed("openssl"),
        "s_client",
        "-connect",
        served.server.addresses[0],
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.daemon
async def test_pages_of_all_sizes_over_tls(site: Site) -> None:
    async with site.serving(TLS) as served:
        authority = ("--cacert", site.authority.certificate)
        assert await curl(served, *authority) == "healthy\n"
        page = await curl(served, *authority, path="/metrics")
        assert "ha_cluster_gateway_web_config_last_reload_successful 1\n" in page
        assert "SSL certificate problem" in await curl(served)
        assert await curl(served, *authority, "--http2", "-o", os.devnull, "-w", "%{http_version}") == "1.1"


async def test_large_pages_over_tls(site: Site, script: Script) -> None:
    site.write(TLS)
    control = AccessControl(WebConfigFile(site.path, SystemClock()))
    collector = ScriptCollector({"x": script("echo 5")}, extra_samples=20_000)
    async with (
        serving(collector, access_control=control) as served,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=site.client())) as session,
    ):
        for _ in range(3):
            async with session.get(f"https://{served.server.addresses[0]}/metrics") as answer:
                assert (await answer.text()).count("large{") == 20_000


@pytest.mark.daemon
async def test_plain_http_to_the_tls_port(site: Site) -> None:
    async with site.serving(TLS) as served:
        answer = await curl(served, "-i", scheme="http")
        assert answer.startswith("HTTP/1.0 400 Bad Request\r\n")
        assert answer.endswith("\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
        assert site.sample("http_refused_total", "handshake") == 1
        for garbage in (b"\x00" * 100, b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-x\r\n"):
            with contextlib.suppress(ConnectionError):
                await served.raw(garbage)
        await until(lambda: served.server.connections == 0)
        assert await site.status(served) == 200


async def test_slow_handshakes_have_a_deadline_and_make_room(site: Site) -> None:
    async with site.serving(TLS, client_timeout=2.5, max_connections=8) as served:
        host, _, port = served.server.addresses[0].rpartition(":")
        hello = b"\x16\x03\x01\x01\x00\x01"
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(8)]
        for _, writer in slow[:4]:
            writer.write(hello)
        await until(lambda: served.server.connections == 8)

        async def is_served() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                return await site.status(served) == 200
            return False

        await until(is_served)  # as soon as one of them has had a second
        async with asyncio.timeout(10):
            for reader, writer in slow:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
        await until(lambda: served.server.connections == 0)


@pytest.mark.daemon
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_only_clients_with_an_allowed_certificate_are_served(site: Site, version: str) -> None:
    site.authority.sign("client", ["prometheus.example.org"])
    site.authority.sign("expired", ["prometheus.example.org"], lifetime=-1)
    site.authority.sign("unnamed", ["grafana.example.org", "10.0.0.1"])
    (site.directory / "elsewhere").mkdir()
    stranger = Authority(site.directory / "elsewhere", "stranger").sign("stranger", ["prometheus.example.org"])
    settings = (
        f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n"
        "  client_allowed_sans: [prometheus.example.org]\n"
    )
    async with site.serving(settings) as served:

        async def get(certificate: Path | None) -> str:
            files = () if certificate is None else ("--cert", certificate, "--key", certificate.with_suffix(".key"))
            return await curl(served, "--tls-max", version, "--cacert", site.authority.certificate, *files)

        with capture_logs() as logs:
            assert await get(site.directory / "client.crt") == "healthy\n"
            missing = "certificate required" if version == "1.3" else "handshake failure"
            assert missing in await get(None)
            expired = "alert certificate expired" if version == "1.3" else "certificate verification failed"
            assert expired in await get(site.directory / "expired.crt")
            assert "alert unknown ca" in await get(stranger)
            unnamed = await get(site.directory / "unnamed.crt")
            assert unnamed == "the certificate has none of the names in client_allowed_sans\n"
        assert [log["reason"] for log in logs if log["event"] == "clients refused"] == ["handshake", "certificate"]
        assert site.sample("http_refused_total", "handshake") == 3
        assert site.sample("http_refused_total", "certificate") == 1


@pytest.mark.daemon
@pytest.mark.parametrize(
    ("settings", "arguments", "expected"),
    [
        ("", ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], "alert protocol version"),
        ("", ["-tls1_2"], "Protocol  : TLSv1.2"),
        ("", ["-tls1_3"], "New, TLSv1.3"),
        ("min_version: TLS13", ["-tls1_2"], "alert protocol version"),
        ("max_version: TLS12", ["-tls1_3"], "alert protocol version"),
        ("min_version: TLS10", ["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"], "Protocol  : TLSv1\n"),
        ("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", ["-tls1_2"], "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (
            "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            "handshake failure",
        ),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", ["-tls1_2"], "alert protocol version"),
        ("curve_preferences: [CurveP384]", ["-tls1_3", "-curves", "P-384"], "Server Temp Key: ECDH, secp384r1"),
        ("curve_preferences: [CurveP384]", ["-tls1_3", "-curves", "X25519"], "handshake failure"),
        ("client_auth_type: RequestClientCert", ["-tls1_3"], "New, TLSv1.3"),
    ],
)
async def test_what_tls_offers(site: Site, settings: str, arguments: list[str], expected: str) -> None:
    async with site.serving(f"{TLS}  {settings}\n") as served:
        assert expected in await s_client(served, *arguments)


async def test_certificates_that_clients_may_leave_out(site: Site) -> None:
    client = site.authority.sign("client", ["x"])
    expired = site.authority.sign("expired", ["x"], lifetime=-1)
    settings = f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: authority.crt\n"
    async with site.serving(settings) as served:
        for certificates in ([], [client]):
            connector = aiohttp.TCPConnector(ssl=site.client(*certificates))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(f"https://{served.server.addresses[0]}/-/healthy") as answer,
            ):
                assert answer.status == 200
        connector = aiohttp.TCPConnector(ssl=site.client(expired))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"https://{served.server.addresses[0]}/-/healthy")
        site.write(f"{settings}  client_allowed_sans: [x]\n")
        assert await site.status(served) == 403


# --- Changes ---------------------------------------------------------------------------------------------------------


def fingerprint(served: Served) -> bytes:
    host, _, port = served.server.addresses[0].rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=60).encode()


async def test_a_renewed_certificate_is_used_for_the_next_connection(site: Site) -> None:
    async with site.serving(TLS) as served:
        certificate = site.directory / "server.crt"
        for days in (50, 60):
            site.authority.sign("server", lifetime=days + 0.5)
            shown = await asyncio.to_thread(fingerprint, served)
            assert shown.strip() == certificate.read_bytes().strip()
            left = (site.sample("web_certificate_expiry_timestamp_seconds") - time.time()) / 86400
            assert left == pytest.approx(days + 0.5, abs=0.1)


async def test_a_new_password_replaces_the_old_one_at_once(site: Site) -> None:
    async with site.serving(USERS) as served:
        for old, new in (("secret", "other"), ("other", "third"), ("third", "secret")):
            assert await site.status(served, password=old) == 200
            # the same size, and mostly the same moment
            site.write(USERS.replace(HASHES["secret"], HASHES[new]))
            assert await site.status(served, password=old) == 401
            assert await site.status(served, password=new) == 200


async def test_an_invalid_file_changes_nothing(site: Site) -> None:
    async with site.serving(TLS + USERS) as served:
        started = site.sample("web_config_last_reload_success_timestamp_seconds")
        key = (site.directory / "server.key").read_bytes()

        def break_key() -> None:
            site.write(TLS + USERS)
            (site.directory / "server.key").write_bytes(b"half")

        broken: list[tuple[Callable[[], object], str]] = [
            (lambda: site.write("junk"), "expected a table of keys and values"),
            (lambda: site.write(TLS), "passwords would be switched off; restart the gateway to do that"),
            (lambda: site.write(USERS), "TLS would be switched off"),
            (lambda: site.write(""), "TLS, passwords would be switched off"),
            (site.path.unlink, "No such file or directory"),
            (break_key, "key_file: there is no private key in PEM"),
        ]
        for change, message in broken:
            with capture_logs() as logs:
                change()
                for _ in range(3):
                    assert await site.status(served, password="secret") == 200
                    assert await site.status(served) == 401
            errors = [log["problems"] for log in logs if log["event"] == "web configuration not reloaded"]
            assert len(errors) == 1
            assert message in errors[0]
            assert site.sample("web_config_last_reload_successful") == 0
            assert site.sample("web_config_last_reload_success_timestamp_seconds") == started
        (site.directory / "server.key").write_bytes(key)
        assert await site.status(served, password="secret") == 200
        assert site.sample("web_config_last_reload_successful") == 1


async def test_tls_can_be_switched_on(site: Site) -> None:
    async with site.serving("") as served, aiohttp.ClientSession() as session:
        async with session.get(f"{served.url}/-/healthy") as answer:
            assert answer.status == 200
        site.write(TLS)
        async with session.get(f"{served.url}/-/healthy") as answer:  # over the same connection
            assert answer.status == 400
        assert await site.status(served) == 200


async def test_files_are_read_once_they_are_settled(site: Site) -> None:
    site.write(USERS)
    clock = FakeClock(epoch=time.time() + 60)
    file = WebConfigFile(site.path, clock)
    loaded = await file.get()
    site.path.chmod(0o400)
    os.utime(site.path)
    assert (await file.get()) == loaded
    assert await file.get() is await file.get()


# --- Passwords -------------------------------------------------------------------------------------------------------


async def test_every_path_requires_a_password(site: Site) -> None:
    async with site.serving(USERS) as served:
        for path in ("/metrics", "/", "/-/healthy", "/-/ready", "/missing"):
            for headers, status in (
                ({}, 401),
                ({"Authorization": basic("admin", "wrong")}, 401),
                ({"Authorization": basic("nobody", "secret")}, 401),
                ({"Authorization": basic("admin", HASHES["secret"])}, 401),
                ({"Authorization": "Bearer x"}, 401),
                ({"Authorization": "Basic !!!"}, 401),
                ({"Authorization": "Basic " + base64.b64encode(b"admin").decode()}, 401),
                ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, 401),
                ({"Authorization": basic("admin", "secret")}, 404 if path == "/missing" else 200),
                (
                    {"Authorization": basic("admin", "secret").replace("Basic", "bAsIc")},
                    404 if path == "/missing" else 200,
                ),
            ):
                async with served.get(path, headers=headers) as answer:
                    assert (path, headers, answer.status) == (path, headers, status)
                    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
                    if status == 401:
                        expected = (
                            "the user or the password is wrong" if headers else "a user and a password are required"
                        )
                        assert await answer.text() == f"{expected}\n"


async def test_the_health_check_can_be_open(site: Site) -> None:
    async with site.serving(USERS, healthy_is_open=True) as served:
        for path, status in (("/-/healthy", 200), ("/-/ready", 401), ("/metrics", 401)):
            async with served.get(path) as answer:
                assert answer.status == status


async def test_long_passwords_count_as_in_go(site: Site) -> None:
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    async with site.serving(f"basic_auth_users: {{admin: '{long}'}}") as served:
        for length, status in ((71, 401), (72, 200), (100, 200)):
            assert await site.status(served, password="x" * length) == status


async def test_headers_are_in_every_response(site: Site) -> None:
    headers = "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: default-src 'none'}}\n"
    async with site.serving(headers + USERS) as served:
        for path, password in (("/", "secret"), ("/metrics", "secret"), ("/missing", "secret"), ("/", "wrong")):
            async with served.get(path, headers={"Authorization": basic("admin", password)}) as answer:
                assert answer.headers["X-Frame-Options"] == "deny"
                assert "Content-Security-Policy" in answer.headers


async def test_ten_thousand_wrong_passwords(site: Site) -> None:
    async with site.serving(USERS) as served:
        assert await site.status(served, password="secret") == 200
        headers = [f"Authorization: {basic('admin', str(number))}" for number in range(2_000)]
        with capture_logs() as logs:
            for _ in range(5):
                pieces = [request("/metrics", header) for header in headers]
                pieces.append(request("/metrics", "Connection: close"))
                # in portions that fit into what a client may send before it gets a response
                for start in range(0, len(pieces), 200):
                    portion = [*pieces[start : start + 200], request("/-/healthy", "Connection: close")]
                    answer = await served.raw(b"".join(portion), wait=30)
                    assert answer.count(b"HTTP/1.1 429 ") + answer.count(b"HTTP/1.1 401 ") == answer.count(b"HTTP/1.1 ")
                assert await site.status(served, password="secret") == 200
        refusals = [log["reason"] for log in logs if log["event"] == "clients refused"]
        assert sorted(refusals) == ["busy", "password"]
        assert site.sample("http_refused_total", "busy") > 9_000


async def test_the_rate_limit(site: Site) -> None:
    async with site.serving("rate_limit: {interval: 1h, burst: 3}\n") as served:
        statuses = [await site.status(served) for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        site.write("rate_limit: {interval: 1ms, burst: 100}\n")
        assert await site.status(served) == 200


# --- Authentication, without a server --------------------------------------------------------------------------------


class Checker:
    """Counts the hashes that are computed, and computes none."""

    def __init__(self, *, password: bytes = b"secret") -> None:
        self.calls: list[tuple[bytes, bytes]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self._password = password

    def __call__(self, password: bytes, password_hash: bytes) -> bool:
        self.go_on.wait(10)
        self.calls.append((password, password_hash))
        return password == self._password


async def test_results_are_kept_and_shared() -> None:
    checker = Checker()
    authentication = Authentication(FakeClock(), check_password=checker)
    users = {"admin": HASHES["secret"]}

    async def ask(password: str, source: str = "a", user: str = "admin") -> Access:
        return await authentication.authenticate(basic(user, password), users, source)

    results = await asyncio.gather(*(ask("secret", source) for source in "abcdef" * 20))
    assert {*results} == {Access.GRANTED}
    assert {await ask("wrong") for _ in range(50)} == {Access.DENIED}
    # an unknown user is denied even with the password of its invented hash, and takes as long as a known one
    assert {await ask("secret", user="nobody") for _ in range(50)} == {Access.DENIED}
    assert [password for password, _ in checker.calls] == [b"secret", b"wrong", b"secret"]
    invented = checker.calls[-1][1].decode()
    assert invented != HASHES["secret"]
    assert not bcrypt.checkpw(b"secret", invented.encode())
    users["admin"] = HASHES["other"]
    assert await ask("secret", "z") is Access.GRANTED
    assert len(checker.calls) == 4
    authentication.close()


async def test_a_password_that_bcrypt_refuses_is_wrong() -> None:
    def refuse(password: bytes, password_hash: bytes) -> bool:
        raise ValueError("password may not contain NUL bytes")

    authentication = Authentication(FakeClock(), check_password=refuse)
    users = {"admin": HASHES["secret"]}
    assert await authentication.authenticate(basic("admin", "a\0b"), users, "a") is Access.DENIED
    authentication.close()


async def test_wrong_passwords_are_limited_for_each_source() -> None:
    clock, checker = FakeClock(), Checker()
    authentication = Authentication(clock, check_password=checker)
    users = {"admin": HASHES["secret"]}

    async def ask(password: str, source: str) -> Access:
        return await authentication.authenticate(basic("admin", password), users, source)

    first = [await ask(str(number), "attacker") for number in range(1_000)]
    assert first == [Access.DENIED] * ATTEMPTS + [Access.LIMITED] * (1_000 - ATTEMPTS)
    assert len(checker.calls) == ATTEMPTS
    assert await ask("secret", "prometheus") is Access.GRANTED
    assert await ask("secret", "attacker") is Access.GRANTED  # known already
    clock.now += 2
    assert await ask("x", "attacker") is Access.DENIED
    assert await ask("y", "attacker") is Access.LIMITED
    authentication.close()


async def test_attempts_that_wait_are_limited() -> None:
    checker = Checker()
    checker.go_on.clear()
    authentication = Authentication(FakeClock(), check_password=checker)
    users = {"admin": HASHES["secret"]}
    attempts = [
        asyncio.ensure_future(authentication.authenticate(basic("admin", str(number)), users, str(number // 4)))
        for number in range(400)
    ]
    await until(lambda: sum(attempt.done() for attempt in attempts) == 400 - MAX_WAITING)
    checker.go_on.set()
    results = await asyncio.gather(*attempts)
    assert results.count(Access.DENIED) == len(checker.calls) == MAX_WAITING
    authentication.close()
