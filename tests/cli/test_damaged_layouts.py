"""Damaged accounts of every layout: each has values or one named error, and nothing in them reaches a terminal."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from solders.account import Account

from psyche_cli.errors import AccountError, ExitCode
from psyche_cli.operations.observe.dump_shapes import coordinator_dump, published
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.layouts.known import LAYOUTS, Layout
from psyche_cli.protocol.programs import PUBLISHED
from tests.cli.conftest import House
from tests.cli.harness import CommandLine
from tests.cli.test_strangers import check
from tests.protocol.images import raw
from tests.protocol.leaf_images import Leaf, leaves, write_image
from tests.support import strangers

EVERY = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
AT_ONCE, IN_A_FILE = 50, 20
"""Numbers of images that are derived from the same one, and of accounts in a file."""


def mutated(layout: Layout, draw: random.Random, at_once: int = AT_ONCE) -> Iterator[bytes]:
    """Endless accounts of a layout with random values, hostile texts and random bytes at the places that matter."""
    table = leaves(layout.name)
    texts = [leaf for leaf in table if leaf.type == "text"]
    places = [
        leaf for leaf in table if leaf.type in ("tag", "enum", "bool", "flag") or leaf.path.endswith((".len", "head"))
    ]
    while True:
        fixed = {"checkpoint": 1 + draw.randrange(5)} if layout.name == "v1-reprc" else {}
        image = write_image(layout.name, layout.version, draw, **fixed).data
        for _ in range(at_once):
            data = bytearray(image)
            for leaf in draw.sample(texts, 2):
                text = strangers.name_bytes(draw, leaf.size)
                data[leaf.offset : leaf.offset + len(text)] = text
            for _ in range(draw.randrange(4)):
                data[_place(draw.choice(places), draw)] = draw.choice(
                    [0, 1, 2, 5, 6, 31, 32, 127, 128, draw.randrange(256)]
                )
            for _ in range(draw.randrange(3)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            yield bytes(data)


def _place(leaf: Leaf, draw: random.Random) -> int:
    inside = sum(draw.randrange(count) * stride for count, stride in leaf.repetitions)
    return leaf.offset + inside + draw.randrange(leaf.size)


@EVERY
def test_an_account_has_values_or_a_named_error(layout: Layout, full: bool) -> None:
    draw = random.Random(f"{layout.name} decoded")
    values = errors = 0
    # A new image takes as long as 40 damaged accounts, and all its values as long as 20 dumps.
    count, at_once, rarely = (100_000, 1000, 100) if full else (200, AT_ONCE, 20)
    for number, data in zip(range(count), mutated(layout, draw, at_once), strict=False):
        try:
            account = decode_coordinator_account(raw(data))
            json.dumps(published(account.as_dict()) if number % rarely == 0 else coordinator_dump(account))
            values += 1
        except AccountError:
            errors += 1
    assert values > 0
    assert errors > 0


@EVERY
@pytest.mark.parametrize("options", [(), ("--full",), ("--output", "json")], ids=["dump", "full", "json"])
def test_decode_prints_no_control_characters(
    offline: CommandLine, tmp_path: Path, layout: Layout, options: tuple[str, ...], full: bool
) -> None:
    draw = random.Random(f"{layout.name} {options}")
    file = tmp_path / "accounts.json"
    images = mutated(layout, draw)
    for _ in range(15 if full else 1):
        data = [base64.b64encode(next(images)).decode() for _ in range(IN_A_FILE)]
        owner = str(PUBLISHED.coordinator)
        file.write_text(json.dumps([{"account": {"data": [one, "base64"], "owner": owner}} for one in data]))
        outcome = offline("decode", file, *options)
        check(outcome.stdout + outcome.stderr)
        assert outcome.code is ExitCode.OK
        found = json.loads(outcome.stdout)["accounts"]
        assert len(found) == IN_A_FILE
        assert all((one["content"] is None) is (one["error"] is not None) for one in found)


@EVERY
def test_verbs_of_a_run_print_no_control_characters(house: House, layout: Layout, full: bool) -> None:
    house.run()
    address = house.instance().coordinator_account
    bank = house.chain.dispatcher.context.bank
    codes = set()
    draw = random.Random(f"{layout.name} dumped")
    verbs = [("json-dump-run", "--run-id", "test"), ("list-runs",), ("list-runs", "--output", "json")]
    verbs += [(verb, "--run-id", "test") for verb in ("show", "explain", "members", "cost", "set-paused")]
    for number, data in zip(range(600 if full else 40), mutated(layout, draw), strict=False):
        bank.set_account(address, Account(10**9, data, PUBLISHED.coordinator))
        outcome = house.cli(*verbs[number % len(verbs)])
        check(outcome.stdout + outcome.stderr)
        assert "internal error" not in outcome.stderr.lower(), outcome.stderr
        assert "Traceback" not in outcome.stderr, outcome.stderr
        codes.add(outcome.code)
    assert {ExitCode.OK, ExitCode.ACCOUNT} <= codes
