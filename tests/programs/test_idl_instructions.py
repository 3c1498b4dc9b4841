"""The instructions that the framework adds to every program, which store an IDL on-chain."""

from __future__ import annotations

import struct

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from .chain import ABORT, AUTHORIZER, COORDINATOR, SOL, SYSTEM, TREASURER, Chain, Outcome, find_pda, meta, wallet

TAG = bytes.fromhex("40f4bc78a7e9690a")
EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")
HEAD = 44  # discriminator, authority, length of the text
AUTHORITY, OTHER = wallet("idl authority").pubkey(), wallet("other").pubkey()


class Idl:
    """The IDL of one program, and calls about it."""

    def __init__(self, program: Pubkey) -> None:
        self.chain, self.program = Chain(), program
        for key in (AUTHORITY, OTHER):
            self.chain.fund(key, SOL)
        self.base, _ = find_pda(program)
        self.address = Pubkey.create_with_seed(self.base, "anchor:idl", program)
        self.buffer = wallet("idl buffer").pubkey()

    def send(self, arguments: bytes, *accounts: tuple[Pubkey, str]) -> Outcome:
        metas = [meta(key, flags) for key, flags in accounts]
        return self.chain.send(Instruction(self.program, TAG + arguments, metas))

    def create(self, room: int) -> Outcome:
        accounts = [(AUTHORITY, "sw"), (self.address, "w"), (self.base, ""), (SYSTEM, ""), (self.program, "")]
        return self.send(b"\0" + struct.pack("<Q", room), *accounts)

    def create_buffer(self, length: int) -> Outcome:
        self.chain.put(self.buffer, bytes(length), self.program)
        return self.send(b"\1", (self.buffer, "w"), (AUTHORITY, "s"))

    def write(self, text: bytes, to: Pubkey | None = None, signer: Pubkey = AUTHORITY) -> Outcome:
        return self.send(b"\2" + struct.pack("<I", len(text)) + text, (to or self.address, "w"), (signer, "s"))

    def set_buffer(self, buffer: Pubkey | None = None) -> Outcome:
        return self.send(b"\3", (buffer or self.buffer, "w"), (self.address, "w"), (AUTHORITY, "s"))

    def resize(self, length: int) -> Outcome:
        accounts = [(self.address, "w"), (AUTHORITY, "sw"), (SYSTEM, "")]
        return self.send(b"\6" + struct.pack("<Q", length), *accounts)

    @property
    def text(self) -> bytes:
        data = self.chain.data(self.address)
        (length,) = struct.unpack_from("<I", data, 40)
        return data[HEAD : HEAD + length]


def must(outcome: Outcome) -> Outcome:
    assert outcome.code is None, outcome.logs
    return outcome


@pytest.mark.parametrize("program", [COORDINATOR, AUTHORIZER, TREASURER])
def test_life_of_an_idl(program: Pubkey) -> None:
    idl = Idl(program)
    chain = idl.chain
    assert must(idl.create(60)).logs[1] == "Program log: Instruction: IdlCreateAccount"
    head = bytes.fromhex("184662bf3a907b9e") + bytes(AUTHORITY)
    assert chain.data(idl.address) == head + bytes(4 + 60)
    assert chain.lamports(idl.address) == chain.svm.minimum_balance_for_rent_exemption(HEAD + 60)
    assert idl.create(60).code == 0

    must(idl.resize(200))
    assert chain.data(idl.address) == head + bytes(4 + 156)
    must(idl.resize(200))
    assert idl.resize(199).code == ABORT

    must(idl.write(b"abc"))
    must(idl.write(b"de"))
    assert idl.text == b"abcde"
    outcome = idl.resize(300)
    assert (outcome.code, outcome.said("AnchorError occurred. Error Code: IdlAccountNotEmpty.")) == (1002, True)

    must(idl.create_buffer(HEAD + 10))
    must(idl.write(b"new text", to=idl.buffer))
    must(idl.set_buffer())
    assert idl.text == b"new text"

    must(idl.send(b"\4" + bytes(OTHER), (idl.address, "w"), (AUTHORITY, "s")))
    assert idl.write(b"x").code == 2001
    must(idl.write(b"!", signer=OTHER))
    assert idl.text == b"new text!"

    before = chain.lamports(AUTHORITY) + chain.lamports(idl.address)
    must(idl.send(b"\5", (idl.address, "w"), (OTHER, "s"), (AUTHORITY, "w")))
    assert not chain.exists(idl.address)
    assert chain.lamports(AUTHORITY) == before


def test_accounts_grow_by_10000_bytes_at_most() -> None:
    idl = Idl(COORDINATOR)
    idl.chain.fund(AUTHORITY, 100 * SOL)
    must(idl.create(1_000_000))
    assert len(idl.chain.data(idl.address)) == 10_000
    must(idl.resize(50_000))
    assert len(idl.chain.data(idl.address)) == 20_000
    assert idl.create(2**64 - 1).code == ABORT


def test_text_that_does_not_fit() -> None:
    idl = Idl(TREASURER)
    must(idl.create(10))
    must(idl.write(b"0123456789"))
    assert idl.write(b"x").code == ABORT
    must(idl.create_buffer(HEAD + 20))
    must(idl.write(b"0123456789a", to=idl.buffer))
    outcome = idl.set_buffer()
    assert outcome.code == 2506
    assert outcome.logs[-4:-2] == ("Program log: Left: 10", "Program log: Right: 11")
    assert idl.set_buffer(buffer=idl.address).code == ABORT


def test_buffers_are_zeroed_accounts_of_the_program() -> None:
    idl = Idl(AUTHORIZER)
    assert [idl.create_buffer(length).code for length in (0, 7, 8, HEAD - 1, HEAD)] == [ABORT, ABORT, 3003, 3003, None]
    outcome = idl.send(b"\1", (idl.buffer, "w"), (AUTHORITY, "s"))
    assert outcome.code == 2013
    assert outcome.said("AnchorError caused by account: buffer. Error Code: ConstraintZero.")


def test_other_programs_and_addresses() -> None:
    idl = Idl(COORDINATOR)
    create = b"\0" + struct.pack("<Q", 10)
    accounts = [(AUTHORITY, "sw"), (idl.address, "w"), (idl.base, ""), (SYSTEM, "")]
    outcome = idl.send(create, *accounts, (TREASURER, ""))
    assert (outcome.code, outcome.said("AnchorError occurred. Error Code: IdlInstructionInvalidProgram.")) == (
        1001,
        True,
    )
    elsewhere = [(AUTHORITY, "sw"), (OTHER, "w"), (idl.base, ""), (SYSTEM, ""), (COORDINATOR, "")]
    assert idl.send(create, *elsewhere).code == "MissingAccount"
    assert idl.send(create, *elsewhere, (idl.address, "w")).code == "MissingAccount"


def test_nobody_is_no_authority() -> None:
    idl = Idl(COORDINATOR)
    must(idl.create(10))
    must(idl.send(b"\4" + bytes(32), (idl.address, "w"), (AUTHORITY, "s")))
    outcome = idl.write(b"x", signer=SYSTEM)
    assert (outcome.code, outcome.said("AnchorError caused by account: authority. Error Code: ConstraintRaw.")) == (
        2003,
        True,
    )


def test_events_are_refused() -> None:
    for program in (COORDINATOR, AUTHORIZER, TREASURER):
        outcome = Chain().send(Instruction(program, EVENT_TAG + b"any", []))
        assert outcome.code == 1500
        assert outcome.said("AnchorError occurred. Error Code: EventInstructionStub. Error Number: 1500.")
