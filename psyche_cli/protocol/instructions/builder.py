"""Every instruction of the three programs, and the few of other programs that a run needs.

The bytes come from AnchorPy and the IDLs in ``idl/`` (see ``anchor_programs``); the values go in as plain Python (see
``anchor_values``). AnchorPy is imported when the first instruction is made.
"""

from __future__ import annotations

from psyche_cli.protocol.instructions.authorizer import AuthorizerInstructions
from psyche_cli.protocol.instructions.coordinator import CoordinatorInstructions
from psyche_cli.protocol.instructions.tokens import TokenInstructions
from psyche_cli.protocol.instructions.treasurer import TreasurerInstructions


class Instructions(CoordinatorInstructions, AuthorizerInstructions, TreasurerInstructions, TokenInstructions):
    """Makes instructions for the programs under ``programs``.

    All amounts are integers: lamports, base units of a mint, or points (1 point pays 1 base unit). Tables (metadata,
    config, model, progress, repository) are plain values in serde shape. What cannot be encoded raises
    ConfigurationError (config, model) or UsageError.
    """
