"""The Merkle root of the results that a witness received."""

from __future__ import annotations

import hashlib

from psyche_cli.model.merkle import merkle_root


def leaf(item: bytes) -> bytes:
    return hashlib.sha256(b"\0" + item).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def test_no_items_have_the_empty_root() -> None:
    assert merkle_root([]) == bytes(32)


def test_one_item_is_its_leaf() -> None:
    assert merkle_root([b"a"]) == leaf(b"a")
    assert merkle_root([b"a"]).hex() == "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c"


def test_an_odd_level_repeats_its_last_node() -> None:
    a, b, c, d, e = map(leaf, (b"a", b"b", b"c", b"d", b"e"))
    assert merkle_root([b"a", b"b", b"c"]) == node(node(a, b), node(c, c))
    right = node(e, e)
    assert merkle_root([b"a", b"b", b"c", b"d", b"e"]) == node(node(node(a, b), node(c, d)), node(right, right))


def test_the_order_matters() -> None:
    assert merkle_root([b"a", b"b"]) != merkle_root([b"b", b"a"])
