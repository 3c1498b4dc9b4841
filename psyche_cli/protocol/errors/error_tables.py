"""What the error codes of the programs mean, and what a run owner can do about them.

Names and messages of our three programs are in their IDLs; here are those of the framework (Anchor), which all three
share, of the system program and of SPL Token, and the advice.
"""

from __future__ import annotations

FRAMEWORK: dict[int, tuple[str, str]] = {
    101: ("InstructionFallbackNotFound", "The program does not know the instruction"),
    102: ("InstructionDidNotDeserialize", "The program could not decode the instruction's arguments"),
    2000: ("ConstraintMut", "An account that the program changes was passed read-only"),
    2003: ("ConstraintRaw", "An account does not meet a condition of the program"),
    2004: ("ConstraintOwner", "An account belongs to the wrong program"),
    2006: ("ConstraintSeeds", "An account is not at the address that the program derives for it"),
    2009: ("ConstraintAssociated", "A token account is not the associated one"),
    2011: ("ConstraintClose", "The account that receives the rent is itself being closed"),
    2012: ("ConstraintAddress", "An account is not at the expected address"),
    2015: ("ConstraintTokenOwner", "A token account belongs to somebody else"),
    3000: ("AccountDiscriminatorAlreadySet", "The account is already initialised"),
    3001: ("AccountDiscriminatorNotFound", "The account is too short to be one of the program's"),
    3002: ("AccountDiscriminatorMismatch", "The account is of another type"),
    3003: ("AccountDidNotDeserialize", "The account's content cannot be decoded"),
    3005: ("AccountNotEnoughKeys", "The instruction names too few accounts"),
    3006: ("AccountNotMutable", "An account that the program changes was passed read-only"),
    3007: ("AccountOwnedByWrongProgram", "An account belongs to another program than expected"),
    3008: ("InvalidProgramId", "A program is not the expected one"),
    3009: ("InvalidProgramExecutable", "A program account is not executable"),
    3010: ("AccountNotSigner", "A signature is missing"),
    3011: ("AccountNotSystemOwned", "An account is not a plain wallet"),
    3012: ("AccountNotInitialized", "An account does not exist"),
    3016: ("AccountReallocExceedsLimit", "An account would grow by more than 10,240 bytes at once"),
    4101: ("TryingToInitPayerAsProgramAccount", "The payer cannot be the account to create"),
}

SYSTEM: dict[int, tuple[str, str]] = {
    0: ("AccountAlreadyInUse", "An account to be created exists already"),
    1: ("ResultWithNegativeLamports", "The paying account does not hold enough lamports"),
    2: ("InvalidProgramId", "An account cannot be assigned to this program"),
    3: ("InvalidAccountDataLength", "An account of this size cannot be created"),
    4: ("MaxSeedLengthExceeded", "A seed of an address is too long"),
    5: ("AddressWithSeedMismatch", "An address does not follow from its seed"),
}

SPL_TOKEN: dict[int, tuple[str, str]] = {
    0: ("NotRentExempt", "A token account lacks lamports for its rent"),
    1: ("InsufficientFunds", "The token account does not hold enough tokens"),
    2: ("InvalidMint", "The mint is not valid"),
    3: ("MintMismatch", "The token account is of another mint"),
    4: ("OwnerMismatch", "The token account belongs to somebody else"),
    5: ("FixedSupply", "No more tokens of this mint can be made"),
    6: ("AlreadyInUse", "The token account or mint exists already"),
    9: ("UninitializedState", "The token account or mint is not initialised"),
    12: ("InvalidInstruction", "The program does not know the instruction"),
    14: ("Overflow", "The amount overflows"),
    17: ("AccountFrozen", "The token account is frozen"),
    18: ("MintDecimalsMismatch", "The mint has another number of decimals"),
}

TRANSACTION: dict[str, tuple[str, str]] = {
    "AccountNotFound": (
        "The fee payer does not exist on this cluster",
        "The wallet never received SOL here. Fund it, or check --rpc.",
    ),
    "InsufficientFundsForFee": ("The fee payer does not hold enough SOL for the fee", "Fund the wallet."),
    "InsufficientFundsForRent": (
        "An account would be left with less SOL than its rent exemption",
        "Fund the wallet: it must keep a minimum, or be emptied.",
    ),
    "InvalidAccountForFee": ("The fee payer is not a plain wallet", "Sign with a wallet that holds SOL."),
    "BlockhashNotFound": ("The transaction's blockhash is unknown or too old", "Repeat the command."),
    "AlreadyProcessed": ("The transaction has landed before", "Look its signature up."),
    "ProgramAccountNotFound": (
        "A program that the transaction uses does not exist on this cluster",
        "Check --rpc, and the program ids.",
    ),
    "InvalidProgramForExecution": (
        "A program that the transaction uses is not executable on this cluster",
        "Check --rpc, and the program ids.",
    ),
    "SignatureFailure": ("A signature does not verify", ""),
    "AccountInUse": ("An account is in use by another transaction", "Repeat the command."),
}

INSTRUCTION: dict[str, tuple[str, str]] = {
    "MissingRequiredSignature": ("A signature is missing", ""),
    "ProgramFailedToComplete": ("The program aborted", ""),
    "ComputationalBudgetExceeded": ("The program used up its compute units", ""),
    "InsufficientFunds": ("An account does not hold enough lamports", "Fund the wallet."),
    "IllegalOwner": ("An account belongs to the wrong program", ""),
    "UnsupportedProgramId": ("The program does not exist on this cluster", "Check --rpc, and the program ids."),
    "IncorrectProgramId": ("A program is not the expected one", "Check --rpc, and the program ids."),
    "InvalidAccountData": ("An account's content is not what the program expects", ""),
    "AccountAlreadyInitialized": ("The account is already initialised", ""),
    "UninitializedAccount": ("An account is not initialised", ""),
}

_WAIT_FOR_PAUSE = "Pause the run (set-paused) and wait until its state is Paused: an epoch under way ends first."

HINTS: dict[tuple[str, int], str] = {
    ("coordinator", 6000): "A finished run cannot be changed. Create a new one.",
    ("coordinator", 6001): _WAIT_FOR_PAUSE,
    ("coordinator", 6002): "The coordinator account must be created with exactly 119,160 bytes.",
    ("coordinator", 6003): "A run has room for 256 wallets in its whole life.",
    ("coordinator", 6004): "One rule of the run configuration is broken; update-config names it before sending. "
    "A run without configuration cannot be resumed.",
    ("coordinator", 6005): "The model (or the step) of the run is not usable; update-config names the reason before "
    "sending. A run without model cannot be resumed.",
    ("coordinator", 6006): "The run's step must be at least 1.",
    ("coordinator", 6007): "Only a wallet that has joined the run may do this.",
    ("coordinator", 6008): "A client joins with the wallet that signs.",
    ("coordinator", 6009): _WAIT_FOR_PAUSE,
    ("coordinator", 6012): "The run is in another state than this instruction is for.",
    (
        "coordinator",
        6015,
    ): "The run is halted: uninitialised, paused or finished. It cannot be paused again, nor ticked.",
    (
        "coordinator",
        6018,
    ): "Only a paused run can be resumed. A pause that is pending takes effect when the epoch ends.",
    ("coordinator", 6022): "As many wallets have joined as global_batch_size_end allows.",
    ("coordinator", 6023): "Choose a run id of at most 32 bytes.",
    ("authorizer", 6000): "Switch the authorization off first.",
    ("authorizer", 6001): "An authorization with delegates can be closed 30 days after the grantor switched it off.",
    ("treasurer", 6000): "Claim at most the points that are earned and not yet claimed.",
    ("treasurer", 6001): "Choose a run id of at most 32 bytes.",
    (
        "system",
        0,
    ): "A run, authorization or treasurer of this name was created before; so it need not be created again.",
    ("system", 1): "Fund the wallet: it pays for the fee and for the rent of new accounts.",
    ("spl-token", 1): "The sending token account needs more tokens. Before a claim, top the treasurer up.",
}
"""What to do, by program and code."""

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
    ): "It is not the account of this run, or has a version that the program does not know.",
    (2003, "authorization"): "It is switched off, or was granted by or to somebody else.",
    (2003, "user_collateral"): "It must be of the run's mint, belong to the user and have no delegate.",
    (2006, "coordinator_instance"): "Check the run id and the program ids.",
    (3007, "coordinator_account"): "It does not exist (any more), or belongs to another build of the program.",
    (3007, "collateral_mint"): "The collateral must be a mint of the classic SPL Token program.",
    (3012, "coordinator_instance"): "There is no run of this id on this cluster.",
    (3012, "authorization"): "It has to be created first, with join-authorization-create.",
    (3012, "run"): "The run has no treasurer.",
    (3012, "participant"): "The user has to be registered with the treasurer first.",
    (3012, "collateral_mint"): "There is no such mint on this cluster.",
}
"""What to do, by framework code and the account that the program names."""
