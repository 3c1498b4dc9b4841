"""The VM leaves no MMX registers in use, with which the next floating-point operations would result in NaN."""

from __future__ import annotations

import numpy

from tests.localnet.harness import Chain, text
from tests.localnet.tokens import new_mint


def quotient() -> float:
    """A division for which numpy uses the x87 unit."""
    with numpy.errstate(invalid="ignore"):
        return float(numpy.floor_divide(7.5, 2.0))


def test_floating_point_works_after_a_transaction(chain: Chain) -> None:
    new = new_mint(chain.payer.pubkey(), rent=10**7, decimals=2, base_units=5)
    transaction = chain.sign(*new.instructions, others=(new.mint,))
    simulated = chain.value("simulateTransaction", text(transaction), {"encoding": "base64"})
    assert (simulated["err"], quotient()) == (None, 3)
    chain.send(transaction)
    assert quotient() == 3
