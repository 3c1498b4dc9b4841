"""What an exported transaction does, in words."""

from __future__ import annotations

from psyche_cli.protocol.instructions.descriptions import describe_instructions
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.sending.partly_signed import PartlySigned


def what_it_does(transaction: PartlySigned) -> list[str]:
    """One line for each instruction, and lines for the fee payer and the signers; from the message alone."""
    described = describe_instructions(decode_message(bytes(transaction.message)))
    lines = [
        f"{number}. {one.program_name}: {one.words}" + (f" ({one.problem})" if one.problem else "")
        for number, one in enumerate(described, start=1)
    ]
    signers = ", ".join(map(str, transaction.signers))
    return ["The transaction:", *(f"  {line}" for line in lines), f"  fee payer and signers: {signers}"]


def in_one_line(transaction: PartlySigned) -> str:
    """The same as one sentence."""
    described = describe_instructions(decode_message(bytes(transaction.message)))
    return f"The transaction {'; '.join(one.words for one in described)}."
