"""TLS for the HTTP server: contexts of Python's ssl from a web configuration, and what certificates contain."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.frontends.prometheus.handshake import ServerContext
from gateway.frontends.prometheus.web_config import ClientAuth, TlsConfig, TlsVersion

_VERSIONS = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}

_AVAILABLE = {
    TlsVersion.TLS10: ssl.HAS_TLSv1,
    TlsVersion.TLS11: ssl.HAS_TLSv1_1,
    TlsVersion.TLS12: ssl.HAS_TLSv1_2,
    TlsVersion.TLS13: ssl.HAS_TLSv1_3,
}

_VERIFY_MODES = {
    ClientAuth.NONE: ssl.CERT_NONE,
    # a certificate that is neither verified nor used need not be requested
    ClientAuth.REQUEST: ssl.CERT_NONE,
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}

_OLD_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"
"""For TLS 1.0 and 1.1: Python's default has no suite that they know."""
_OLD_LEVEL = "@SECLEVEL=0"
"""For TLS 1.0 and 1.1: OpenSSL's higher levels do not allow their signatures."""

_PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class TlsError(Exception):
    """TLS cannot be configured like that.

    Attributes:
        key: the key of ``tls_server_config``.
        message: why.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class PemFiles:
    """The content of the files that a ``TlsConfig`` names, or of the texts in it.

    Attributes:
        certificate: the certificate of the server, with intermediate certificates.
        private_key: its key.
        client_ca: the certificates that those of clients are verified with; None for those of the system.
    """

    certificate: bytes
    private_key: bytes
    client_ca: bytes | None


def make_context(tls: TlsConfig, files: PemFiles) -> ssl.SSLContext:
    """Returns the context for the connections of a server.

    Raises:
        TlsError: a file is invalid, or Python's ssl or this OpenSSL cannot do something.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _set_versions(context, tls)
    _set_cipher_suites(context, tls)
    _set_curves(context, tls)
    _load_certificate(context, tls, files)
    context.verify_mode = _VERIFY_MODES[tls.client_auth]
    # as in Go, the certificate of an intermediate authority is enough
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.client_ca is not None and tls.client_ca is not None:
        _load_authorities(context, tls.client_ca.key, files.client_ca)
    elif context.verify_mode is not ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    return context


def expiry_of(certificate: bytes) -> float:
    """Returns the time in Unix seconds at which the first certificate of a file expires."""
    return x509.load_pem_x509_certificates(certificate)[0].not_valid_after_utc.timestamp()


def alternative_names(certificate: bytes) -> frozenset[str]:
    """Returns the subject alternative names of a certificate in DER: DNS names, e-mail and IP addresses, and URIs.

    Raises:
        ValueError: they are malformed.
    """
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from None
    return frozenset(
        [
            *names.get_values_for_type(x509.DNSName),
            *names.get_values_for_type(x509.RFC822Name),
            *names.get_values_for_type(x509.UniformResourceIdentifier),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        ]
    )


# --- Versions, suites, curves ----------------------------------------------------------------------------------------


def _set_versions(context: ssl.SSLContext, tls: TlsConfig) -> None:
    for key, version in (("min_version", tls.min_version), ("max_version", tls.max_version)):
        if not _AVAILABLE[version]:
            raise TlsError(key, f"this OpenSSL ({ssl.OPENSSL_VERSION}) does not have {version.name}")
    minimum = tls.min_version
    if tls.cipher_suites == ():  # only those of TLS 1.3
        if tls.max_version < TlsVersion.TLS13:
            raise TlsError("cipher_suites", f"there is no suite for max_version, {tls.max_version.name}")
        minimum = TlsVersion.TLS13
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are insecure
        context.minimum_version = _VERSIONS[minimum]
        context.maximum_version = _VERSIONS[tls.max_version]


def _set_cipher_suites(context: ssl.SSLContext, tls: TlsConfig) -> None:
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    names = tls.cipher_suites or ()
    suites = (*(names or (_OLD_SUITES,)), _OLD_LEVEL) if tls.min_version < TlsVersion.TLS12 else names
    if not suites:
        return
    try:
        context.set_ciphers(":".join(suites))
    except ssl.SSLError:
        missing = list(names)
    else:
        enabled = {suite["name"] for suite in context.get_ciphers()}
        missing = [suite for suite in names if suite not in enabled]
    if missing:
        raise TlsError("cipher_suites", f"this OpenSSL ({ssl.OPENSSL_VERSION}) does not offer {', '.join(missing)}")


def _set_curves(context: ssl.SSLContext, tls: TlsConfig) -> None:
    if not tls.curves:
        return
    set_groups = getattr(context, "set_groups", None)  # since Python 3.15
    if set_groups is None and len(tls.curves) > 1:
        raise TlsError(
            "curve_preferences",
            "before Python 3.15, ssl can only offer one curve; name only one, or none for X25519, P-256 and others",
        )
    try:
        if set_groups is not None:
            set_groups(":".join(tls.curves))
        else:
            context.set_ecdh_curve(tls.curves[0])
    except (ssl.SSLError, ValueError):
        message = f"this OpenSSL ({ssl.OPENSSL_VERSION}) does not offer {', '.join(tls.curves)}"
        raise TlsError("curve_preferences", message) from None


# --- Certificates ----------------------------------------------------------------------------------------------------


def _load_certificate(context: ssl.SSLContext, tls: TlsConfig, files: PemFiles) -> None:
    chain = _parse_certificates(tls.certificate.key, files.certificate)
    private_key = _PRIVATE_KEY.search(files.private_key)
    key = tls.private_key.key
    if private_key is None:
        raise TlsError(key, "there is no private key in PEM")
    try:
        public_key = load_pem_private_key(private_key[0], None).public_key()
        matches = _encode(public_key) == _encode(chain[0].public_key())
    except TypeError:
        raise TlsError(key, "the private key is encrypted; decrypt it, for example with openssl pkey") from None
    except Exception:  # noqa: BLE001 - cryptography has many, for each kind of key
        raise TlsError(key, "the private key is damaged, or of an unknown kind") from None
    if not matches:
        raise TlsError(key, "the private key does not belong to the certificate")
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain) + private_key[0] + b"\n"
    with _in_memory(pem) as path:
        try:
            context.load_cert_chain(path, password=lambda: b"")
        except OSError as error:  # ssl.SSLError is one
            raise _refused(tls.certificate.key, error) from None


def _load_authorities(context: ssl.SSLContext, key: str, content: bytes) -> None:
    authorities = _parse_certificates(key, content)
    try:
        context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in authorities))
    except OSError as error:  # cryptography does not decode everything that OpenSSL does, such as names
        raise _refused(key, error) from None


def _refused(key: str, error: OSError) -> TlsError:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return TlsError(key, f"OpenSSL refuses the certificate: {reason}")


def _encode(public_key: object) -> bytes:
    encoded: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _parse_certificates(key: str, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except (ValueError, x509.InvalidVersion):
        raise TlsError(key, "there is no valid certificate in PEM") from None


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Yields the path of a file that exists in memory only: Python's ssl reads certificates from files."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
