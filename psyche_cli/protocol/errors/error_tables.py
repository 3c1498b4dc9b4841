"""Names, messages and hints for the programs' error codes.

The IDLs of the three Psyche programs contain their names and messages. This module adds those of Anchor, the framework
that all three use, of the system program and of SPL Token, and a hint for each error that a run owner can resolve.
"""

from __future__ import annotations

FRAMEWORK: dict[int, tuple[str, str]] = {
    101: ("InstructionFallbackNotFound", "The program does not know the instruction"),
    102: ("InstructionDidNotDeserialize", "The program could not decode the instruction's arguments"),
    2000: ("ConstraintMut", "An account that the program modifies was passed as read-only"),
    2003: ("ConstraintRaw", "An account violates a constraint of the program"),
    2004: ("ConstraintOwner", "An account is owned by the wrong program"),
    2006: ("ConstraintSeeds", "An account is not at the address that the program derives for it"),
    2009: ("ConstraintAssociated", "A token account is not the associated one"),
    2011: ("ConstraintClose", "The account that receives the rent is itself being closed"),
    2012: ("ConstraintAddress", "An account is not at the expected address"),
    2015: ("ConstraintTokenOwner", "A token account has the wrong owner"),
    3000: ("AccountDiscriminatorAlreadySet", "The account is already initialized"),
    3001: ("AccountDiscriminatorNotFound", "The account is too short to be one of the program's"),
    3002: ("AccountDiscriminatorMismatch", "The account is of another type"),
    3003: ("AccountDidNotDeserialize", "The account's data cannot be deserialized"),
    3005: ("AccountNotEnoughKeys", "The instruction has too few accounts"),
    3006: ("AccountNotMutable", "An account that the program modifies was passed as read-only"),
    3007: ("AccountOwnedByWrongProgram", "An account is owned by the wrong program"),
    3008: ("InvalidProgramId", "A program is not the expected one"),
    3009: ("InvalidProgramExecutable", "A program account is not executable"),
    3010: ("AccountNotSigner", "A signature is missing"),
    3011: ("AccountNotSystemOwned", "An account is not a plain wallet"),
    3012: ("AccountNotInitialized", "An account does not exist"),
    3016: ("AccountReallocExceedsLimit", "An account would grow by more than 10,240 bytes in one instruction"),
    4101: ("TryingToInitPayerAsProgramAccount", "The payer and the new account are the same account"),
}

SYSTEM: dict[int, tuple[str, str]] = {
    0: ("AccountAlreadyInUse", "The account to create already exists"),
    1: ("ResultWithNegativeLamports", "The paying account does not hold enough lamports"),
    2: ("InvalidProgramId", "An account cannot be assigned to this program"),
    3: ("InvalidAccountDataLength", "An account of this size cannot be created"),
    4: ("MaxSeedLengthExceeded", "A seed of an address is too long"),
    5: ("AddressWithSeedMismatch", "An address does not match its seed"),
}

SPL_TOKEN: dict[int, tuple[str, str]] = {
    0: ("NotRentExempt", "A token account is not rent-exempt"),
    1: ("InsufficientFunds", "The token account does not hold enough tokens"),
    2: ("InvalidMint", "The mint is invalid"),
    3: ("MintMismatch", "The token account has a different mint"),
    4: ("OwnerMismatch", "The token account has a different owner"),
    5: ("FixedSupply", "The supply of this mint is fixed"),
    6: ("AlreadyInUse", "The token account or mint already exists"),
    9: ("UninitializedState", "The token account or mint is not initialized"),
    12: ("InvalidInstruction", "The program does not know the instruction"),
    14: ("Overflow", "The amount overflows"),
    17: ("AccountFrozen", "The token account is frozen"),
    18: ("MintDecimalsMismatch", "The mint has a different number of decimals"),
}

TRANSACTION: dict[str, tuple[str, str]] = {
    "AccountNotFound": (
        "The fee payer does not exist on this cluster",
        "The wallet has never received SOL on this cluster. Fund it, or check --rpc.",
    ),
    "InsufficientFundsForFee": ("The fee payer does not hold enough SOL for the fee", "Fund the wallet."),
    "InsufficientFundsForRent": (
        "An account would be left with less SOL than its rent exemption",
        "Fund the wallet. An account must keep a minimum balance or be emptied completely.",
    ),
    "InvalidAccountForFee": ("The fee payer is not a plain wallet", "Sign with a wallet that holds SOL."),
    "BlockhashNotFound": ("The transaction's blockhash is unknown or too old", "Run the command again."),
    "AlreadyProcessed": ("The transaction has already been processed", "Check its signature."),
    "ProgramAccountNotFound": (
        "A program that the transaction uses does not exist on this cluster",
        "Check --rpc and the program ids.",
    ),
    "InvalidProgramForExecution": (
        "A program that the transaction uses is not executable on this cluster",
        "Check --rpc and the program ids.",
    ),
    "SignatureFailure": ("Signature verification failed", ""),
    "AccountInUse": ("An account is in use by another transaction", "Run the command again."),
}

INSTRUCTION: dict[str, tuple[str, str]] = {
    "MissingRequiredSignature": ("A signature is missing", ""),
    "ProgramFailedToComplete": ("The program aborted", ""),
    "ComputationalBudgetExceeded": ("The program exceeded its compute budget", ""),
    "InsufficientFunds": ("An account does not hold enough lamports", "Fund the wallet."),
    "IllegalOwner": ("An account is owned by the wrong program", ""),
    "UnsupportedProgramId": ("The program does not exist on this cluster", "Check --rpc and the program ids."),
    "IncorrectProgramId": ("A program is not the expected one", "Check --rpc and the program ids."),
    "InvalidAccountData": ("An account's data is not what the program expects", ""),
    "AccountAlreadyInitialized": ("The account is already initialized", ""),
    "UninitializedAccount": ("An account is not initialized", ""),
}

_WAIT_FOR_PAUSE = "Pause the run (set-paused) and wait until its state is Paused: the current epoch must end first."

HINTS: dict[tuple[str, int], str] = {
    ("coordinator", 6000): "A finished run cannot be changed. Create a new one.",
    ("coordinator", 6001): _WAIT_FOR_PAUSE,
    ("coordinator", 6002): "The coordinator account must be exactly 119,160 bytes long.",
    ("coordinator", 6003): "At most 256 wallets can ever join a run.",
    (
        "coordinator",
        6004,
    ): "The run configuration violates a rule; update-config reports which one before sending. A run without a "
    "configuration cannot be resumed.",
    (
        "coordinator",
        6005,
    ): "The model or the step of the run is invalid; update-config reports the reason before sending. A run without a "
    "model cannot be resumed.",
    ("coordinator", 6006): "The run's step must be at least 1.",
    ("coordinator", 6007): "Only a wallet that has joined the run may do this.",
    ("coordinator", 6008): "A client must join with the wallet that signs.",
    ("coordinator", 6009): _WAIT_FOR_PAUSE,
    ("coordinator", 6012): "This instruction is not allowed in the run's current state.",
    (
        "coordinator",
        6015,
    ): "The run is halted (uninitialized, paused or finished). It can be neither paused nor ticked.",
    (
        "coordinator",
        6018,
    ): "Only a paused run can be resumed. A pause that is pending takes effect when the epoch ends.",
    ("coordinator", 6022): "The number of joined wallets has reached global_batch_size_end.",
    ("coordinator", 6023): "Choose a run id of at most 32 bytes.",
    ("authorizer", 6000): "Deactivate the authorization first.",
    ("authorizer", 6001): "An authorization with delegates can be closed 30 days after the grantor deactivated it.",
    ("treasurer", 6000): "Claim at most the earned points that have not been claimed yet.",
    ("treasurer", 6001): "Choose a run id of at most 32 bytes.",
    (
        "system",
        0,
    ): "A run, authorization or treasurer with this name already exists, so it does not need to be created again.",
    ("system", 1): "Fund the wallet: it pays for the fee and for the rent of new accounts.",
    ("spl-token", 1): "The sending token account needs more tokens. Before a claim, top up the treasurer.",
}
"""Hints by program and code."""

ACCOUNT_HINTS: dict[tuple[int, str], str] = {
    (2003, "authority"): "The wallet is not the main authority of the run.",
    (2003, "coordinator_instance"): "The wallet is not the main authority of the run, or the accounts do not belong "
    "together.",
    (
        2003,
        "run",
    ): "The wallet is not the main authority of the treasurer's run, or the accounts do not belong together.",
    (
        2003,
        "coordinator_account",
    ): "It is not the account of this run, or its version is not supported by the program.",
    (2003, "authorization"): "It is inactive, or was granted by or to another key.",
    (2003, "user_collateral"): "It must have the run's mint, be owned by the user and have no delegate.",
    (2006, "coordinator_instance"): "Check the run id and the program ids.",
    (3007, "coordinator_account"): "It does not exist, or it was created by another build of the program.",
    (3007, "collateral_mint"): "The collateral must be a mint of the SPL Token program.",
    (3012, "coordinator_instance"): "No run with this id exists on this cluster.",
    (3012, "authorization"): "Create it first with join-authorization-create.",
    (3012, "run"): "The run has no treasurer.",
    (3012, "participant"): "Register the user with the treasurer first.",
    (3012, "collateral_mint"): "This mint does not exist on this cluster.",
}
"""Hints by Anchor error code and the account named in the program's log."""

CLAIMER: dict[tuple[str, int], tuple[str, str]] = {
    ("coordinator", 6024): ("FixedStringTooLong", "A text is too long"),
    ("treasurer", 6002): ("ClaimerSignerMismatch", "The signer is not the claimer of the member"),
    ("treasurer", 6003): ("ClaimedPointsExceedEarnedPoints", "The claimed points exceed the earned points"),
}
"""Numbers that only the programs of layout v2-claimer use. The treasurer's 6000 and 6001 have other meanings there."""

CLAIMER_HINTS: dict[tuple[str, str], str] = {
    ("treasurer", "RunIdInvalidLength"): HINTS[("treasurer", 6001)],
    ("treasurer", "ParticipantClientNotFound"): "Only a wallet that has joined the run can have rewards.",
    ("treasurer", "ClaimerSignerMismatch"): "Rewards are claimed by the claimer that the member named when it joined.",
    ("treasurer", "ClaimedPointsExceedEarnedPoints"): HINTS[("treasurer", 6000)],
}
"""By the name of the error."""
