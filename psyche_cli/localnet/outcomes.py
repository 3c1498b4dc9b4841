"""What LiteSVM reports of an execution, in the RPC interface's form."""

from __future__ import annotations

import base64
from typing import Any, cast

from solders.transaction_metadata import TransactionMetadata

from psyche_cli.localnet import base58
from psyche_cli.localnet.rpc_fault import Json


def inner_instructions(meta: TransactionMetadata) -> Json:
    """The instructions that programs invoked, by the index of the instruction that caused them."""
    outer = []
    for index, inner in enumerate(meta.inner_instructions()):
        if not inner:
            continue
        instructions = []
        for item in inner:
            compiled = item.instruction()
            instructions.append(
                {
                    "programIdIndex": compiled.program_id_index,
                    "accounts": list(compiled.accounts),
                    "data": base58.encode(bytes(compiled.data)),
                    # stack_height() and return_data() are missing from solders' type stubs.
                    "stackHeight": cast(Any, item).stack_height(),
                }
            )
        outer.append({"index": index, "instructions": instructions})
    return outer


def return_data(meta: TransactionMetadata) -> Json:
    """What the last program returned, or None."""
    returned = cast(Any, meta).return_data()
    data = bytes(returned.data)
    if not data:
        return None
    return {"programId": str(returned.program_id), "data": [base64.b64encode(data).decode(), "base64"]}
