"""Sending and simulating transactions with arbitrary instructions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from solders.instruction import Instruction

from psyche_cli.api.sessions import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.solana.rpc.types import Simulation
from psyche_cli.solana.wallet import Wallet


def send(
    session: SigningSession,
    instructions: Sequence[Instruction],
    *,
    extra_signers: Sequence[Wallet] = (),
    label: str = "transaction",
) -> Receipt:
    """Simulate, sign once, then send and resend the same bytes until the transaction has landed at ``confirmed``.

    The session's wallet pays. Raises ProgramRefused or another Refused with ``sent`` False (the simulation failed,
    nothing was paid) or True (the transaction failed on-chain, the fee was paid); TransactionExpired (it can no longer
    land, retrying is safe); TransactionUnknown (it may still land: check ``signature`` before retrying).

    In a session with a journal, a call that repeats an interrupted one, with the same instructions and label, returns
    the receipt of that one if it has landed.

    >>> from psyche_cli import api
    >>> from solders.system_program import TransferParams, transfer
    >>> payer, other = api.Wallet.generate(), api.Wallet.generate()
    >>> genesis = api.Genesis(balances={payer.address: 10**9})
    >>> with api.InProcessValidator(genesis) as validator:
    ...     with api.open_signing_session(validator, wallet=payer) as session:
    ...         to_other = transfer(
    ...             TransferParams(from_pubkey=payer.address, to_pubkey=other.address, lamports=10**8)
    ...         )
    ...         receipt = api.send(session, [to_other], label="gift")
    ...         receipt.label, receipt.fee_lamports, session.rpc.balance(other.address)
    ('gift', 5000, 100000000)
    """
    digest = hashlib.sha256(b"".join(map(bytes, instructions))).hexdigest()
    with session.writing("send", label=label, instructions=digest) as operation:
        if operation.earlier is not None:
            return operation.earlier
        return operation.send(instructions, extra_signers=extra_signers, label=label, pays_again=True)


def simulate(
    session: SigningSession, instructions: Sequence[Instruction], *, extra_signers: Sequence[Wallet] = ()
) -> Simulation:
    """Simulate a transaction and return its logs and compute units. Sends nothing.

    Raises the errors that ``send`` raises if the simulation fails.
    """
    with session.writing() as operation:
        return operation.sender.simulate(instructions, session.wallet, extra_signers)
