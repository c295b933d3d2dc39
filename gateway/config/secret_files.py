"""Secrets, keys and certificates in files of their own, and in credentials of systemd."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gateway.files import TrustedFile, UntrustedPathError, explain, read_trusted_file
from gateway.options.readers import InvalidValueError, InvalidValuesError, Problem, absolute_path

T = TypeVar("T")

CREDENTIAL = "credential:"
"""Begins the name of a credential of the service, instead of the path of a file."""

_CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd passes the directory of the service's credentials (systemd.exec(5))."""

_MAX_SIZE = 64 * 1024
"""Bytes that the file of a secret may have; only its first line is used."""

_MAX_CERTIFICATES = 1024 * 1024
"""Bytes that a file of certificates may have: enough for those of all public authorities."""

FILE_HELP = (
    "File whose first line is {}, instead of {}: a path, or "
    f"{CREDENTIAL}NAME for a credential of systemd. Not everyone may read it; only root and the gateway may write it."
)
"""The help of a field that names the file: what its first line is, and the field that it replaces."""


def secret_file(read: Callable[[Any], T]) -> Callable[[Any], T]:
    """Returns a reader of the name of a file; the value is the first line of the file.

    No message shows the name, because it may be the secret itself. The parts of its path are shown that exist, and that
    others can change.

    Args:
        read: reads the first line, without white space around it.
    """

    def read_first_line(value: Any) -> T:
        file = _read(_locate(value), private=True, max_size=_MAX_SIZE)
        try:
            return read(file.content.decode("utf-8").partition("\n")[0].strip())
        except UnicodeDecodeError:
            raise _problem("the file is not text in UTF-8") from None
        except InvalidValueError as error:
            raise _problem(f"expected {error} in the first line of the file") from None

    return read_first_line


def trusted_path(*, private: bool = False) -> Callable[[Any], Path]:
    """Returns a reader of the path of a file that a library reads later; only root and the gateway may write it.

    Args:
        private: whether it must not be readable by everyone.
    """

    def read(value: Any) -> Path:
        path = _locate(value)
        _read(path, private=private, max_size=_MAX_CERTIFICATES)
        return path

    return read


def _read(path: Path, *, private: bool, max_size: int) -> TrustedFile:
    try:
        file = read_trusted_file(path, max_size=max_size)
        if private:
            file.require_private()
    except UntrustedPathError as error:
        raise _problem(str(error)) from None
    except OSError as error:
        is_denied = isinstance(error, PermissionError)
        raise _problem(f"cannot read the file: {explain(error, path)}", is_denied=is_denied) from None
    return file


def _locate(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith(CREDENTIAL):
        try:
            return absolute_path(value)
        except InvalidValueError as error:
            raise InvalidValueError(f"{error}, or {CREDENTIAL}NAME") from None
    name = value.removeprefix(CREDENTIAL)
    if not name or "/" in name or not name.isprintable():
        raise InvalidValueError(f"{CREDENTIAL}NAME, with the name of a credential")
    directory = os.environ.get(_CREDENTIALS_DIRECTORY)
    if not directory:
        raise _problem(f"{_CREDENTIALS_DIRECTORY} is not set: only systemd passes credentials, to the service")
    return Path(directory, name)


def _problem(message: str, *, is_denied: bool = False) -> InvalidValuesError:
    return InvalidValuesError(Problem("", message, is_denied=is_denied))
