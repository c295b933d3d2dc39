"""Object identifiers as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.snmp import oid as oids

SUBIDS = st.lists(st.integers(0, oids.MAX_SUBID), max_size=oids.MAX_SUBIDS).map(tuple)


def test_numbers_are_four_bytes_each() -> None:
    assert oids.encode((1, 3, 2**32 - 1)) == b"\0\0\0\1\0\0\0\3\xff\xff\xff\xff"
    assert oids.decode(b"\0\0\0\1\0\0\0\3\xff\xff\xff\xff") == (1, 3, 2**32 - 1)
    assert oids.encode(()) == b""
    assert oids.decode(b"") == ()


@pytest.mark.parametrize("text", ["1.3.6.1", ".1.3.6.1"])
def test_text_is_read_with_or_without_a_leading_dot(text: str) -> None:
    assert oids.parse(text) == oids.encode((1, 3, 6, 1))
    assert oids.dotted(oids.parse(text)) == "1.3.6.1"


@pytest.mark.parametrize(
    "text", ["", ".", "1..3", "1.3.", "..1", "iso.3", "-1.3", "1.3.6.1 ", "1.\u0663", "1.4294967296"]
)
def test_an_invalid_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="found"):
        oids.parse(text)


def test_too_many_sub_identifiers() -> None:
    assert len(oids.encode([1] * 128)) == 512
    with pytest.raises(ValueError, match="129 sub-identifiers, at most 128 are allowed"):
        oids.encode([1] * 129)


@given(SUBIDS, SUBIDS)
def test_bytes_sort_like_object_identifiers(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert (oids.encode(one) < oids.encode(other)) == (one < other)
    assert oids.decode(oids.encode(one)) == one


@pytest.mark.parametrize(
    ("subids", "after"),
    [((1, 3, 6), (1, 3, 7)), ((1, 3, 2**32 - 1), (1, 4)), ((2**32 - 1, 2**32 - 1), ()), ((), ())],
)
def test_the_name_after_a_subtree(subids: tuple[int, ...], after: tuple[int, ...]) -> None:
    assert oids.after_subtree(oids.encode(subids)) == oids.encode(after)


@given(SUBIDS.filter(lambda subids: 0 < len(subids) < 100), st.lists(st.integers(0, oids.MAX_SUBID), max_size=8))
def test_a_subtree_ends_before_after_subtree(subtree: tuple[int, ...], below: list[int]) -> None:
    end = oids.after_subtree(oids.encode(subtree))
    assert not end or oids.encode((*subtree, *below)) < end
    assert not end or not end.startswith(oids.encode(subtree))
