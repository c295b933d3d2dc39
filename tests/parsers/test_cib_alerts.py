"""``cibadmin --query --scope alerts``."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.cib_alerts import parse


def test_the_paths_of_alert_agents_are_read() -> None:
    assert parse(b'<alerts><alert id="a" path="/usr/bin/x"><recipient id="r" value="v"/></alert></alerts>\n') == (
        "/usr/bin/x",
    )
    assert parse(b"<alerts/>") == ()


@pytest.mark.parametrize("output", [b"", b"<constraints/>", b"<alerts>", b"no"])
def test_other_documents_are_rejected(output: bytes) -> None:
    with pytest.raises(ParseError):
        parse(output)
