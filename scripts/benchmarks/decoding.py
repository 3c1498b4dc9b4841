"""Decoding of a coordinator account (119,160 bytes) with 256 clients in each of its lists."""

from __future__ import annotations

import hashlib

from psyche_cli.json_text import json_text
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.operations.observe.dump_shapes import run_dump
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance
from psyche_cli.protocol.layouts.v1 import CoordinatorImage
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.raw_account import RawAccount
from scripts.benchmarks.table import Table, milliseconds


def measure(table: Table) -> None:
    """Decode the fields that most commands read, then the whole account."""
    raw = full_account()
    key = raw.address
    instance = CoordinatorInstance(key, 0, 255, key, key, key, "bench")

    def look() -> None:
        account = decode_coordinator_account(raw)
        assert (account.run_state, account.step, account.config, len(account.model)) is not None

    table.section("decoding 119,160 bytes, 256 clients in each list")
    table.time("checks, state, step, config, model", milliseconds(look, 500), "target: under 1 ms")
    dump = milliseconds(lambda: run_dump(instance, decode_coordinator_account(raw)), 100)
    table.time("the whole dump", dump, "target: under 5 ms")
    text = milliseconds(lambda: json_text(run_dump(instance, decode_coordinator_account(raw))), 100)
    table.time("the whole dump as JSON text", text)


def full_account() -> RawAccount:
    """A coordinator account whose three lists of clients are full."""
    image = CoordinatorImage()
    image.version = 1
    epoch_state, clients = image.state.coordinator.epoch_state, image.state.clients_state.clients
    for vector in (epoch_state.clients, epoch_state.exited_clients, clients):
        vector.len = MAX_CLIENTS
        for index in range(MAX_CLIENTS):
            vector.data[index].id.signer[:] = hashlib.sha256(bytes([index])).digest()
    data = account_discriminator("CoordinatorAccount") + bytes(image)
    return RawAccount(PUBLISHED.coordinator, PUBLISHED.coordinator, 0, data)
