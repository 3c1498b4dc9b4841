"""A process to be killed, which executes transactions as fast as possible and prints each signature afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tests.localnet.harness import HandClock
from tests.localnet.lives import Life

INDEXED_AT_ONCE = 6
CAPACITY = 100
"""So that transactions are often added to the indexes, and removed."""

RECEIVER = Pubkey.from_bytes(bytes([7] * 32))
FIRST_LAMPORTS = 1_000_000
"""The lamports of the first transfer of a chain; each later one transfers one more."""


def payer() -> Keypair:
    return Keypair.from_seed(bytes([3] * 32))


def main(folder: Path) -> None:
    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    say("starting")
    clock = HandClock()
    life = Life(folder, payer(), clock, indexed_at_once=INDEXED_AT_ONCE, capacity=CAPACITY)
    number = life.bank.history.total
    while True:
        say(life.chain.send(life.chain.transfer(RECEIVER, FIRST_LAMPORTS + number)))
        number += 1
        if number % 20 == 0:
            life.chain.pass_slots(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
