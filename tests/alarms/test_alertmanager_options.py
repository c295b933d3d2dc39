"""The options of an Alertmanager as a target: what is read, and how what does not fit together is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.loader import load
from gateway.frontends.prometheus.alertmanager.target import Alertmanagers, Tls, Url
from tests.alarms.target_files import MANAGER, SECRET, problems
from tests.certificates import Authority

URL = (
    'expected "http://HOST:PORT" or "https://HOST:PORT", with a path if Alertmanager has a prefix, without a user, a '
    "password or a query; or a list of these, found another value"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.conf"


def private(tmp_path: Path, name: str, content: str) -> Path:
    path = tmp_path / name
    path.write_text(content)
    path.chmod(0o600)
    return path


def test_a_cluster_of_alertmanagers(file: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.sign("gateway")
    key = certificate.with_suffix(".key")
    password = private(tmp_path, "password", f"{SECRET}\n")
    file.write_text(
        f"""
[[alarms.target]]
kind = "alertmanager"
url = ["https://am1.example:9093/prefix/", "https://[2001:db8::1]"]
user = "gateway"
password_file = "{password}"
ca_file = "{authority.certificate}"
cert_file = "{certificate}"
key_file = "{key}"
server_name = "am.example"
labels = ["site=berlin", "team=a=b"]
{MANAGER}"""
    )
    alarms = load(file, {}).alarms
    (group,) = alarms.alertmanagers
    assert group == Alertmanagers(
        urls=(
            Url("https://am1.example:9093/prefix", "https", "am1.example", 9093),
            Url("https://[2001:db8::1]", "https", "2001:db8::1", 443),
        ),
        authorization="Basic Z2F0ZXdheTphIHBhc3N3b3JkIG9mIG1pbmU=",
        tls=Tls(ca_file=authority.certificate, cert_file=certificate, key_file=key, server_name="am.example"),
        labels={"site": "berlin", "team": "a=b"},
    )
    assert group.names == ("https://am1.example:9093/prefix", "https://[2001:db8::1]")
    assert "Basic" not in repr(group)
    assert [target.name for target in alarms.snmp_targets] == ["manager:162"]


def test_a_bearer_token(file: Path, tmp_path: Path) -> None:
    token = private(tmp_path, "token", "abc.def\n")
    file.write_text(
        f'[[alarms.target]]\nkind = "alertmanager"\nurl = "http://am:9093"\nbearer_token_file = "{token}"\n'
    )
    (group,) = load(file, {}).alarms.alertmanagers
    assert group.authorization == "Bearer abc.def"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", ["url: missing"]),
        (
            'url = "http://am"\naddress = "m"\nversion = "2c"\ncommunity = "c"\nretries = 1\npriv = "AES"',
            [
                f'{name}: not used with kind = "alertmanager"'
                for name in ("address", "version", "community", "retries", "priv")
            ],
        ),
        ('url = "http://am"\nurls = "x"', ["urls: unknown key, did you mean url?"]),
        *((f"url = {url}", [f"url: {URL}"]) for url in ('"am:9093"', '"ftp://am"', '"http://u:p@am"', '"http://a/?b"')),
        *((f"url = {url}", [f"url: {URL}"]) for url in ('"http://am:0"', '"http://am:99999"', "[]", "[1]", "{}")),
        ('url = ["http://am", "http://AM/"]', ["url: expected each URL once, found another value"]),
        ('url = "http://am"\nuser = "u"', ["password: missing: user requires it, or password_file"]),
        ('url = "http://am"\npassword = "a password of mine"', ["user: missing: password requires it"]),
        (
            'url = "http://am"\nuser = "u:v"\npassword = "p"',
            ["user: basic authentication does not allow a colon in the name"],
        ),
        ('url = "http://am"\nserver_name = "x"', ["server_name: only used with a URL that begins with https://"]),
        (
            'url = "http://am"\ninsecure_skip_verify = true',
            ["insecure_skip_verify: only used with a URL that begins with https://"],
        ),
        ('url = "https://am"\nca_file = "/no/such"', ["ca_file: cannot read the file: No such file or directory"]),
        (
            'url = "http://am"\nlabels = ["severity=critical"]',
            [
                "labels: expected each label once, and none that the gateway sets: alertname, cluster, collector, "
                "condition, constraint, device, instance, link, node, object, operation, peer, peer_address, resource, "
                "sender, severity, test, volume, found another value"
            ],
        ),
        (
            'url = "http://am"\nlabels = ["1=2"]',
            ['labels: expected a list of at most 16 labels, such as ["site=berlin"], found another value'],
        ),
    ],
)
def test_each_mistake_in_an_alertmanager_is_named(table: str, expected: list[str], file: Path) -> None:
    text = f'[[alarms.target]]\nkind = "alertmanager"\n{table}\n'
    assert problems(text, file) == [f"alarms.target[1].{line}" for line in expected]


def test_fields_of_alertmanager_are_refused_for_snmp(file: Path) -> None:
    assert problems(f'{MANAGER}url = "http://am"\nca_file = "/x"\n', file) == [
        'alarms.target[1].url: not used with kind = "inform"',
        'alarms.target[1].ca_file: not used with kind = "inform"',
    ]


def test_a_key_that_everyone_can_read_is_refused(file: Path, tmp_path: Path) -> None:
    key = private(tmp_path, "key", "a key")
    key.chmod(0o644)
    table = f'url = "https://am"\ncert_file = "{key}"\nkey_file = "{key}"'
    (problem,) = problems(f'[[alarms.target]]\nkind = "alertmanager"\n{table}\n', file)
    assert problem == f"alarms.target[1].key_file: everyone can read {key}; run chmod o-r {key}"


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_files_without_certificates_are_refused(content: str, file: Path, tmp_path: Path) -> None:
    """Otherwise only the delivery of alerts would fail."""
    key = Authority(tmp_path).sign("gateway").with_suffix(".key")
    other = private(tmp_path, "other", content)
    table = f'url = "https://am"\nca_file = "{other}"\ncert_file = "{other}"\nkey_file = "{key}"'
    assert problems(f'[[alarms.target]]\nkind = "alertmanager"\n{table}\n', file) == [
        f"alarms.target[1].{name}: expected certificates in PEM, without errors, in {other}"
        for name in ("ca_file", "cert_file")
    ]


def test_the_key_of_another_certificate_is_refused(file: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("gateway"), authority.sign("other").with_suffix(".key")
    table = f'url = "https://am"\ncert_file = "{certificate}"\nkey_file = "{key}"'
    expected = f"expected the private key of {certificate}, in PEM and without a passphrase, in {key}"
    text = f'[[alarms.target]]\nkind = "alertmanager"\n{table}\n'
    assert problems(text, file) == [f"alarms.target[1].key_file: {expected}"]


def test_no_two_tables_have_the_same_alertmanager(file: Path) -> None:
    table = '[[alarms.target]]\nkind = "alertmanager"\nurl = ["http://am:9093"]\n'
    assert problems(table * 2, file) == ["alarms.target: [2] is the same receiver as [1], http://am:9093"]


def test_alertmanager_can_be_the_only_receiver(file: Path) -> None:
    file.write_text('[alarms]\nnative = false\n[[alarms.target]]\nkind = "alertmanager"\nurl = "http://am:9093"\n')
    assert load(file, {}).alarms.alertmanagers
