"""Sending and simulating transactions with arbitrary instructions."""

from __future__ import annotations

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
    with session.writing() as operation:
        return operation.sender.send(instructions, session.wallet, extra_signers, label=label)


def simulate(
    session: SigningSession, instructions: Sequence[Instruction], *, extra_signers: Sequence[Wallet] = ()
) -> Simulation:
    """Simulate a transaction and return its logs and compute units. Sends nothing.

    Raises the errors that ``send`` raises if the simulation fails.
    """
    with session.writing() as operation:
        return operation.sender.simulate(instructions, session.wallet, extra_signers)
