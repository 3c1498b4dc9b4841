"""All instructions of the three Psyche programs, and the instructions of other programs that a run needs.

AnchorPy encodes them according to the IDLs in ``idl/`` (see ``anchor_programs``), from plain Python values (see
``anchor_values``). AnchorPy is imported when the first instruction is built.
"""

from __future__ import annotations

from psyche_cli.protocol.instructions.authorizer import AuthorizerInstructions
from psyche_cli.protocol.instructions.coordinator import CoordinatorInstructions
from psyche_cli.protocol.instructions.tokens import TokenInstructions
from psyche_cli.protocol.instructions.treasurer import TreasurerInstructions


class Instructions(CoordinatorInstructions, AuthorizerInstructions, TreasurerInstructions, TokenInstructions):
    """Builds instructions for the program ids ``programs``.

    All amounts are integers: lamports, base units of a mint, or points (1 point pays 1 base unit). Tables (metadata,
    config, model, progress, repository) are plain values in serde shape. Values that cannot be encoded raise
    ConfigurationError (config, model) or UsageError.
    """
