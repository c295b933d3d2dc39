"""The web configuration: what is read from it, what is refused, and how the message names it."""

from __future__ import annotations

import ssl
from pathlib import Path, PurePosixPath

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.commands.check.check_result import Outcome
from gateway.commands.check.web_config import check_web_config
from gateway.config import loader
from gateway.config.config import Config
from gateway.config.web_options import WebConfig
from gateway.errors import ConfigError
from gateway.frontends.prometheus.tls import alternative_names
from gateway.frontends.prometheus.web_config import (
    CIPHER_SUITES,
    CURVES,
    ClientAuth,
    RateLimit,
    TlsConfig,
    TlsVersion,
    WebConfiguration,
)
from gateway.frontends.prometheus.web_config_file import LoadedWebConfig, load
from gateway.frontends.prometheus.web_config_parser import parse
from tests.certificates import Authority
from tests.programs import ROOT

HASH = "$2y$04$oc4GJH2EurCIA6ctLBDb/uXGVzDuOQ7CinRZxPT6L9MZ2MKkoNNrC"
"""A hash of ``secret``: as cheap as possible."""

TLS = "cert_file: server.crt, key_file: /keys/server.key"


def read(text: str) -> WebConfiguration:
    return parse(text, PurePosixPath("/etc/web/web.yaml"))


def read_tls(text: str) -> TlsConfig:
    tls = read(f"tls_server_config: {{{TLS}, {text}}}").tls
    assert tls is not None
    return tls


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert all(problem.startswith("/etc/web/web.yaml: ") for problem in caught.value.problems)
    return [problem.removeprefix("/etc/web/web.yaml: ") for problem in caught.value.problems]


# --- Accepted --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "tls_server_config:\nbasic_auth_users: {}\n", "{}"])
def test_an_empty_configuration_protects_nothing(text: str) -> None:
    assert read(text) == WebConfiguration()


def test_the_defaults_of_tls() -> None:
    tls = read(f"tls_server_config: {{{TLS}}}").tls
    assert tls is not None
    assert (tls.certificate.path, tls.private_key.path) == (
        PurePosixPath("/etc/web/server.crt"),
        PurePosixPath("/keys/server.key"),
    )
    assert (tls.min_version, tls.max_version, tls.client_auth) == (TlsVersion.TLS12, TlsVersion.TLS13, ClientAuth.NONE)
    assert (tls.client_ca, tls.client_allowed_sans, tls.cipher_suites, tls.curves) == (None, None, None, ())
    assert tls.prefer_server_cipher_suites


def test_everything_about_tls() -> None:
    tls = read_tls(
        "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: [a, 10.0.0.1], "
        "min_version: TLS10, max_version: TLS12, prefer_server_cipher_suites: no, curve_preferences: [X25519], "
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]"
    )
    assert tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY
    assert tls.client_ca is not None
    assert tls.client_ca.path == PurePosixPath("/etc/web/ca.crt")
    assert tls.client_allowed_sans == frozenset({"a", "10.0.0.1"})
    assert (tls.min_version, tls.max_version) == (TlsVersion.TLS10, TlsVersion.TLS12)
    assert not tls.prefer_server_cipher_suites
    assert tls.cipher_suites == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert tls.curves == ("X25519",)


def test_an_empty_list_of_names_allows_nobody() -> None:
    assert (
        read_tls("client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: []").client_allowed_sans
        == frozenset()
    )


def test_users_headers_and_a_rate_limit() -> None:
    configuration = read(
        f"basic_auth_users: {{admin: '{HASH}', 0123: '{HASH.replace('$2y', '$2b')}'}}\n"
        "http_server_config:\n"
        "  http2: off\n"
        "  headers:\n"
        "    X-Frame-Options: deny\n"
        "    X-XSS-Protection: 1\n"
        "    Strict-Transport-Security:\n"
        "rate_limit: {interval: 1m500ms, burst: 3}\n"
    )
    assert configuration.users == {"admin": HASH, "0123": HASH.replace("$2y", "$2b")}
    assert configuration.headers == {"X-Frame-Options": "deny", "X-XSS-Protection": "1"}
    assert configuration.rate_limit == RateLimit(interval=60.5, burst=3)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1.0), ("1h", 3600.0), ("1.5s", 1.5), (".5s", 0.5), ("2000000", 0.002), ("3us", 3e-6), ("+1m", 60.0)],
)
def test_durations_are_read_as_in_go(text: str, seconds: float) -> None:
    limit = read(f"rate_limit: {{interval: {text}, burst: 1}}").rate_limit
    assert limit is not None
    assert limit.interval == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["rate_limit: {interval: 0, burst: 3}", "rate_limit: {burst: 3}", "rate_limit:"])
def test_no_rate_limit(text: str) -> None:
    assert read(text).rate_limit is None


def test_tables_can_be_shared() -> None:
    text = f"x: &x {{{TLS}}}\n"
    assert problems(text) == ["x: unknown key"]
    text = f"tls_server_config:\n  <<: {{{TLS}}}\n  key_file: other.key\n"
    tls = read(text).tls
    assert tls is not None
    assert tls.private_key.path == PurePosixPath("/etc/web/other.key")


# --- Refused ---------------------------------------------------------------------------------------------------------

T = "tls_server_config"

REFUSED = [
    ("junk", ["expected a table of keys and values"]),
    ("[1]", ["expected a table of keys and values"]),
    ("a: b: c", ["not YAML: mapping values are not allowed here (at line 1)"]),
    ("a: !!python/object/apply:os.system [x]", ["not YAML: could not determine a constructor for the tag "]),
    ("[" * 2000, ["not YAML: "]),
    ("tls_server_confg: {}", ["tls_server_confg: unknown key, did you mean tls_server_config?"]),
    (f"{T}: {{cert_filse: x}}", [f"{T}.cert_filse: unknown key, did you mean cert_file?"]),
    (f"{T}: {{{TLS}}}\n{T}: {{}}", ["not YAML: found a key twice (at line 2)"]),
    (f"basic_auth_users: {{a: '{HASH}', a: '{HASH}'}}", ["not YAML: found a key twice (at line 1)"]),
    (f"{T}: [x]", [f"{T}: expected a table of keys and values"]),
    (f"{T}: {{cert_file: x}}", [f"{T}: key or key_file is missing"]),
    (f"{T}: {{key_file: x}}", [f"{T}: cert or cert_file is missing"]),
    (f"{T}: {{cert: '', key_file: x}}", [f"{T}: cert or cert_file is missing"]),
    (f"{T}: {{client_auth_type: NoClientCert}}", [f"{T}: cert or cert_file", f"{T}: key or key_file"]),
    (f"{T}: {{{TLS}, cert: x}}", [f"{T}.cert: cert_file is set, too; leave one of them out"]),
    (f"{T}: {{{TLS}, client_ca_file: x}}", [f"{T}.client_auth_type: is missing: without it, client_ca_file has"]),
    (f"{T}: {{{TLS}, client_allowed_sans: [x]}}", [f"{T}.client_auth_type: is missing: without it, client_allowed"]),
    (f"{T}: {{client_allowed_sans: [x]}}", [f"{T}.client_allowed_sans: has no effect without a certificate"]),
    (f"{T}: {{{TLS}, client_auth_type: x}}", [f'{T}.client_auth_type: expected one of "NoClientCert", "RequestClie']),
    (f"{T}: {{{TLS}, client_auth_type: RequireAnyClientCert}}", [f"{T}.client_auth_type: Python's ssl cannot accept"]),
    (f"{T}: {{{TLS}, client_auth_type: RequireClientCert}}", [f"{T}.client_auth_type: Python's ssl cannot accept"]),
    (
        f"{T}: {{{TLS}, client_auth_type: RequestClientCert, client_allowed_sans: [x]}}",
        [f"{T}.client_allowed_sans: Python's ssl cannot accept"],
    ),
    (f"{T}: {{{TLS}, min_version: TLS9}}", [f'{T}.min_version: expected one of "TLS10", "TLS11", "TLS12", "TLS13"']),
    (
        f"{T}: {{{TLS}, min_version: TLS13, max_version: TLS12}}",
        [f"{T}.min_version: TLS13 is above max_version, TLS12"],
    ),
    (f"{T}: {{{TLS}, cipher_suites: [RSA]}}", [f'{T}.cipher_suites: expected one of "TLS_RSA_WITH_AES_128_CBC_SHA"']),
    (f"{T}: {{{TLS}, curve_preferences: [CurveP1]}}", [f'{T}.curve_preferences: expected one of "CurveP256"']),
    (f"{T}: {{{TLS}, curve_preferences: X25519}}", [f"{T}.curve_preferences: expected a list of names"]),
    (f"{T}: {{{TLS}, prefer_server_cipher_suites: maybe}}", [f"{T}.prefer_server_cipher_suites: expected true or fal"]),
    (f'{T}: {{key_file: x, cert_file: "a\\0b"}}', [f"{T}.cert_file: expected a text", f"{T}: cert or cert_file is"]),
    (f'{T}: {{key_file: x, cert: "\\ud800"}}', [f"{T}.cert: expected a text", f"{T}: cert or cert_file is missing"]),
    ("http_server_config: {http3: true}", ["http_server_config.http3: unknown key, did you mean http2?"]),
    ("http_server_config: {headers: {Server: x}}", ["http_server_config.headers.Server: unknown key"]),
    ("http_server_config: {headers: {x-frame-options: deny}}", ["http_server_config.headers.x-frame-options: unknown"]),
    (
        "http_server_config: {headers: {X-Frame-Options: DENY}}",
        ['http_server_config.headers.X-Frame-Options: expected one of "deny", "sameorigin", found "DENY"'],
    ),
    (
        'http_server_config: {headers: {Content-Security-Policy: "a\\r\\nb: c"}}',
        ["http_server_config.headers.Content-Security-Policy: expected a text in one line"],
    ),
    ("basic_auth_users: {a: S3cret}", ["basic_auth_users.[1]: expected a bcrypt hash that begins with $2a$, $2b$ or"]),
    (f"basic_auth_users: {{a: '{HASH[:-1]}'}}", ["basic_auth_users.[1]: expected a bcrypt hash"]),
    (
        f"basic_auth_users: {{a: '{HASH.replace('$04', '$19')}'}}",
        ["basic_auth_users.[1]: expected a hash with a cost "],
    ),
    (f"basic_auth_users: {{'{HASH}': S3cret}}", ["basic_auth_users.[1]: expected a bcrypt hash"]),
    (f"basic_auth_users: {{'a:b': '{HASH}'}}", ["basic_auth_users.[1]: expected the name of a user, without colon"]),
    ("rate_limit: {interval: 1s, burst: 0}", ["rate_limit.burst: expected a whole number of at least 1"]),
    ("rate_limit: {interval: 1s}", ["rate_limit.burst: is missing"]),
    ("rate_limit: {interval: soon, burst: 1}", ['rate_limit.interval: expected a duration such as "1s"']),
    ("rate_limit: {interval: -1s, burst: 1}", ['rate_limit.interval: expected a duration such as "1s"']),
    ("rate_limit: {interval: 25h, burst: 1}", ["rate_limit.interval: expected a duration of at most 24 hours"]),
    ("rate_limit: {interval: 1s, burst: -1}", ["rate_limit.burst: expected a whole number of at least 1"]),
    ("rate_limit: {interval: 1, burst: x}\nx: 1", ["rate_limit.burst: expected a whole", "x: unknown key"]),
]


@pytest.mark.parametrize(("text", "causes"), REFUSED)
def test_each_mistake_is_named_without_secrets(text: str, causes: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(causes)
    assert all(problem.startswith(cause) for problem, cause in zip(found, causes, strict=True)), found
    assert not any("S3cret" in problem or HASH in problem for problem in found)


def test_the_documented_example_is_valid() -> None:
    page = (ROOT / "docs" / "prometheus.md").read_text()
    configuration = read(page.partition("```yaml\n# web.yaml\n")[2].partition("```")[0])
    assert configuration.tls is not None
    assert configuration.tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY
    assert bcrypt.checkpw(b"quorum", configuration.users["prometheus"].encode())
    assert configuration.headers
    assert configuration.rate_limit == RateLimit(interval=0.1, burst=20)


# --- Files -----------------------------------------------------------------------------------------------------------


def load_text(directory: Path, text: str, *, mode: int = 0o600) -> LoadedWebConfig:
    path = directory / "web.yaml"
    path.write_text(text)
    path.chmod(mode)
    return load(path)


def load_tls(directory: Path, settings: str = "", **options: int) -> LoadedWebConfig:
    text = f"tls_server_config: {{cert_file: server.crt, key_file: server.key, {settings}}}"
    return load_text(directory, text, **options)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path)
    authority.sign("server")
    return authority


def test_all_suites_and_each_curve(authority: Authority) -> None:
    directory = authority.directory
    for suite in CIPHER_SUITES:
        assert load_tls(directory, f"cipher_suites: [{suite}]").context is not None
    assert load_tls(directory, f"cipher_suites: [{', '.join(CIPHER_SUITES)}]").context is not None
    for curve in CURVES:
        assert load_tls(directory, f"curve_preferences: [{curve}]").context is not None


def test_certificates_can_be_inline(authority: Authority) -> None:
    directory = authority.directory

    def indent(name: str) -> str:
        return (directory / name).read_text().replace("\n", "\n    ")

    text = (
        f"tls_server_config:\n  cert: |\n    {indent('server.crt')}\n  key: |\n    {indent('server.key')}\n"
        f"  client_ca: |\n    {indent('authority.crt')}\n  client_auth_type: VerifyClientCertIfGiven\n"
    )
    assert load_text(directory, text).context is not None
    with pytest.raises(ConfigError, match=r"tls_server_config.key: everyone can read .*/web.yaml; run chmod o-r"):
        load_text(directory, text, mode=0o644)


FILES = [
    ("server.crt", None, "cert_file: {}/server.crt: No such file or directory"),
    ("server.key", None, "key_file: {}/server.key: No such file or directory"),
    ("authority.crt", None, "client_ca_file: {}/authority.crt: No such file or directory"),
    ("server.crt", b"", "cert_file: there is no valid certificate in PEM"),
    ("server.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cert_file: there is no valid"),
    ("authority.crt", b"junk", "client_ca_file: there is no valid certificate in PEM"),
    ("server.key", b"junk", "key_file: there is no private key in PEM"),
    (
        "server.key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "key_file: the private key is dam",
    ),
]


@pytest.mark.parametrize(("name", "content", "cause"), FILES)
def test_files_that_are_missing_or_damaged(authority: Authority, name: str, content: bytes | None, cause: str) -> None:
    path = authority.directory / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_tls(authority.directory, "client_ca_file: authority.crt, client_auth_type: VerifyClientCertIfGiven")
    prefix = f"{authority.directory}/web.yaml: tls_server_config."
    assert caught.value.problems[0].startswith(prefix + cause.format(authority.directory))


@pytest.mark.parametrize(
    ("part", "damaged", "cause"),
    [
        (b"authority", b"\xffuthority", "OpenSSL refuses the certificate: not enough data"),  # not UTF-8
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x06", "there is no valid certificate in PEM"),  # version 7
    ],
)
def test_an_authority_that_only_one_library_refuses(
    part: bytes, damaged: bytes, cause: str, authority: Authority
) -> None:
    der = ssl.PEM_cert_to_DER_cert(authority.certificate.read_text())
    assert part in der
    authority.certificate.write_text(ssl.DER_cert_to_PEM_cert(der.replace(part, damaged)))
    with pytest.raises(ConfigError, match=f"client_ca_file: {cause}"):
        load_tls(authority.directory, "client_ca_file: authority.crt, client_auth_type: VerifyClientCertIfGiven")


def test_a_key_of_another_certificate(authority: Authority) -> None:
    authority.sign("other")
    (authority.directory / "other.key").replace(authority.directory / "server.key")
    with pytest.raises(ConfigError, match="key_file: the private key does not belong to the certificate"):
        load_tls(authority.directory)


def test_files_that_others_can_read_or_change(authority: Authority) -> None:
    key, certificate = authority.directory / "server.key", authority.directory / "server.crt"
    key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"key_file: everyone can read .*server\.key; run chmod o-r"):
        load_tls(authority.directory)
    key.chmod(0o600)
    certificate.chmod(0o664)
    with pytest.raises(ConfigError, match=r"cert_file: the group \w+ can write .*server\.crt; run chmod go-w"):
        load_tls(authority.directory)
    certificate.chmod(0o644)
    with pytest.raises(ConfigError, match=r"everyone can write .*web\.yaml; run chmod go-w"):
        load_tls(authority.directory, mode=0o666)
    assert load_tls(authority.directory, mode=0o644).context is not None
    assert load_text(authority.directory, f"basic_auth_users: {{a: '{HASH}'}}", mode=0o644).public_hashes


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ("curve_preferences: [CurveP256, X25519]", "curve_preferences: before Python 3.15, ssl can only offer one"),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12", "cipher_suites: there is no suite for max_"),
    ],
)
def test_what_ssl_cannot_do(authority: Authority, settings: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        load_tls(authority.directory, settings)


def test_the_alternative_names_of_a_certificate_are_read(tmp_path: Path) -> None:
    names = ["node1", "10.0.0.1", "2001:db8::1", "ops@example.org", "spiffe://example.org/prometheus"]
    pem = Authority(tmp_path).sign("client", names).read_bytes()
    assert alternative_names(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)) == set(names)
    pem = Authority(tmp_path).sign("client", []).read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    assert alternative_names(der) == set()
    with pytest.raises(ValueError, match="6 is not a valid X509 version"):
        alternative_names(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x06"))


# --- The command line ------------------------------------------------------------------------------------------------


def test_the_file_of_the_exporter_is_used_if_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ha_cluster_exporter.web.yaml"
    monkeypatch.setattr(loader, "DEFAULT_WEB_FILE", path)
    assert loader.load(None, {}).web.config_file is None
    path.touch()
    assert loader.load(None, {}).web.config_file == path
    assert loader.load(None, {}, search=False).web.config_file is None
    assert loader.load(None, {"web.config_file": "other.yaml"}).web.config_file == Path("other.yaml")
    assert loader.load(None, {"web.config_file": ""}).web.config_file is None


def checked(path: Path | None) -> list[tuple[bool, str]]:
    results = check_web_config(Config(web=WebConfig(config_file=path)))
    return [(result.outcome is Outcome.OK, f"{result.subject}: {result.text}") for result in results]


def test_check_warns_of_a_certificate_that_expires(authority: Authority) -> None:
    path = authority.directory / "web.yaml"
    assert checked(None) == []
    for lifetime, good, text in ((40.5, True, " UTC"), (29.5, False, ", in 29 days"), (-1, False, "expired on ")):
        authority.sign("server", lifetime=lifetime)
        load_tls(authority.directory)
        first, second = checked(path)
        assert first == (True, f"web configuration {path}: TLS, NoClientCert, no users")
        assert second[0] is good
        assert text in second[1]
    load_text(authority.directory, f"basic_auth_users: {{a: '{HASH}'}}", mode=0o644)
    assert checked(path) == [
        (True, f"web configuration {path}: no TLS, 1 user"),
        (False, f"web configuration {path}: everyone can read the hashes of the passwords, and try to guess them"),
    ]
    path.write_text("x: 1\ny: 2\n")
    assert checked(path) == [(False, f"web configuration {path}: {key}: unknown key") for key in "xy"]
