"""The parameters of all RPC and PubSub methods of Solana's nodes (Agave 3.1).

``localnet_...`` methods are not listed; they check their own parameters.
"""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.fault import invalid_params
from psyche_cli.localnet.rpc.parameter_kinds import (
    COMMITMENT_LEVEL,
    FLAG,
    TEXT,
    U8,
    U64,
    USIZE,
    Choice,
    Defaulted,
    Optional,
    Sequence,
    Structure,
    Untagged,
)
from psyche_cli.localnet.rpc.signature import Signature

_ACCOUNT_ENCODING: Final = Choice(("binary", "base58", "base64", "jsonParsed", "base64+zstd"))
_TRANSACTION_ENCODING: Final = Choice(("binary", "base64", "base58", "json", "jsonParsed"))
_DETAILS: Final = Choice(("full", "signatures", "none", "accounts"))

_COMMITMENT: Final = Structure("CommitmentConfig", {"commitment": COMMITMENT_LEVEL})
_CONTEXT: Final = Structure("RpcContextConfig", {"minContextSlot": Optional(U64)}, commitment=True)
_ACCOUNT: Final = Structure(
    "RpcAccountInfoConfig",
    {
        "encoding": Optional(_ACCOUNT_ENCODING),
        "dataSlice": Optional(Structure("UiDataSliceConfig", {"offset": USIZE, "length": USIZE})),
        "minContextSlot": Optional(U64),
    },
    commitment=True,
)
_MEMCMP: Final = Structure(
    "Memcmp",
    {"offset": USIZE},
    base=Structure(
        "RpcMemcmpInner",
        {
            "bytes": Untagged("DataType", (TEXT, Sequence(U8))),
            "encoding": Optional(Choice(("base58", "base64", "bytes"))),
        },
    ),
)
_FILTER: Final = Choice(("dataSize", "memcmp", "tokenAccountState"), {"dataSize": U64, "memcmp": _MEMCMP})
_PROGRAM_ACCOUNTS: Final = Structure(
    "RpcProgramAccountsConfig",
    {"filters": Optional(Sequence(_FILTER)), "withContext": Optional(FLAG), "sortResults": Optional(FLAG)},
    base=_ACCOUNT,
)
_TOKEN_FILTER: Final = Choice(("mint", "programId"), {"mint": TEXT, "programId": TEXT})
_LEADERS: Final = Structure("RpcLeaderScheduleConfig", {"identity": Optional(TEXT)}, commitment=True)
_RANGE: Final = Structure("RpcBlockProductionConfigRange", {"firstSlot": U64, "lastSlot": Optional(U64)})
_PRODUCTION: Final = Structure(
    "RpcBlockProductionConfig", {"identity": Optional(TEXT), "range": Optional(_RANGE)}, commitment=True
)
_VOTE_ACCOUNTS: Final = Structure(
    "RpcGetVoteAccountsConfig",
    {
        "votePubkey": Optional(TEXT),
        "keepUnstakedDelinquents": Optional(FLAG),
        "delinquentSlotDistance": Optional(U64),
    },
    commitment=True,
)
_LARGEST: Final = Structure(
    "RpcLargestAccountsConfig",
    {"filter": Optional(Choice(("circulating", "nonCirculating"))), "sortResults": Optional(FLAG)},
    commitment=True,
)
_SUPPLY: Final = Structure(
    "RpcSupplyConfig", {"excludeNonCirculatingAccountsList": Defaulted(FLAG, False)}, commitment=True
)
_EPOCH: Final = Structure("RpcEpochConfig", {"epoch": Optional(U64), "minContextSlot": Optional(U64)}, commitment=True)
_STATUSES: Final = Structure("RpcSignatureStatusConfig", {"searchTransactionHistory": FLAG})
_AIRDROP: Final = Structure("RpcRequestAirdropConfig", {"recentBlockhash": Optional(TEXT)}, commitment=True)
_SEND: Final = Structure(
    "RpcSendTransactionConfig",
    {
        "skipPreflight": Defaulted(FLAG, False),
        "preflightCommitment": Optional(COMMITMENT_LEVEL),
        "encoding": Optional(_TRANSACTION_ENCODING),
        "maxRetries": Optional(USIZE),
        "minContextSlot": Optional(U64),
    },
)
_SIMULATED_ACCOUNTS: Final = Structure(
    "RpcSimulateTransactionAccountsConfig", {"encoding": Optional(_ACCOUNT_ENCODING), "addresses": Sequence(TEXT)}
)
_SIMULATE: Final = Structure(
    "RpcSimulateTransactionConfig",
    {
        "sigVerify": Defaulted(FLAG, False),
        "replaceRecentBlockhash": Defaulted(FLAG, False),
        "encoding": Optional(_TRANSACTION_ENCODING),
        "accounts": Optional(_SIMULATED_ACCOUNTS),
        "minContextSlot": Optional(U64),
        "innerInstructions": Defaulted(FLAG, False),
    },
    commitment=True,
)
_BLOCK: Final = Structure(
    "RpcBlockConfig",
    {
        "encoding": Optional(_TRANSACTION_ENCODING),
        "transactionDetails": Optional(_DETAILS),
        "rewards": Optional(FLAG),
        "maxSupportedTransactionVersion": Optional(U8),
    },
    commitment=True,
)
_TRANSACTION: Final = Structure(
    "RpcTransactionConfig",
    {"encoding": Optional(_TRANSACTION_ENCODING), "maxSupportedTransactionVersion": Optional(U8)},
    commitment=True,
)
_SIGNATURES: Final = Structure(
    "RpcSignaturesForAddressConfig",
    {
        "before": Optional(TEXT),
        "until": Optional(TEXT),
        "limit": Optional(USIZE),
        "minContextSlot": Optional(U64),
    },
    commitment=True,
)
_BLOCK_SUBSCRIPTION: Final = Structure(
    "RpcBlockSubscribeConfig",
    {
        "encoding": Optional(_TRANSACTION_ENCODING),
        "transactionDetails": Optional(_DETAILS),
        "showRewards": Optional(FLAG),
        "maxSupportedTransactionVersion": Optional(U8),
    },
    commitment=True,
)


def _or_encoding(structure: Structure) -> Optional:
    """An options object, or just the encoding, as older clients send it."""
    return Optional(Untagged("RpcEncodingConfigWrapper", (Optional(_TRANSACTION_ENCODING), Optional(structure))))


def _or_slot(name: str, structure: Structure) -> Optional:
    """A slot or, if that is omitted, the options object."""
    return Optional(Untagged(name, (Optional(U64), Optional(structure))))


_NOTHING: Final = Signature()
_CONTEXT_ONLY: Final = Signature(Optional(_CONTEXT))

SIGNATURES: Final[dict[str, Signature]] = {
    "getAccountInfo": Signature(TEXT, Optional(_ACCOUNT)),
    "getBalance": Signature(TEXT, Optional(_CONTEXT)),
    "getBlock": Signature(U64, _or_encoding(_BLOCK)),
    "getBlockCommitment": Signature(U64),
    "getBlockHeight": _CONTEXT_ONLY,
    "getBlockProduction": Signature(Optional(_PRODUCTION)),
    "getBlockTime": Signature(U64),
    "getBlocks": Signature(U64, _or_slot("RpcBlocksConfigWrapper", _CONTEXT), Optional(_CONTEXT)),
    "getBlocksWithLimit": Signature(U64, USIZE, Optional(_CONTEXT)),
    "getClusterNodes": _NOTHING,
    "getEpochInfo": _CONTEXT_ONLY,
    "getEpochSchedule": _NOTHING,
    "getFeeForMessage": Signature(TEXT, Optional(_CONTEXT)),
    "getFirstAvailableBlock": _NOTHING,
    "getGenesisHash": _NOTHING,
    "getHealth": _NOTHING,
    "getHighestSnapshotSlot": _NOTHING,
    "getIdentity": _NOTHING,
    "getInflationGovernor": Signature(Optional(_COMMITMENT)),
    "getInflationRate": _NOTHING,
    "getInflationReward": Signature(Sequence(TEXT), Optional(_EPOCH)),
    "getLargestAccounts": Signature(Optional(_LARGEST)),
    "getLatestBlockhash": _CONTEXT_ONLY,
    "getLeaderSchedule": Signature(_or_slot("RpcLeaderScheduleConfigWrapper", _LEADERS), Optional(_LEADERS)),
    "getMaxRetransmitSlot": _NOTHING,
    "getMaxShredInsertSlot": _NOTHING,
    "getMinimumBalanceForRentExemption": Signature(USIZE, Optional(_COMMITMENT)),
    "getMultipleAccounts": Signature(Sequence(TEXT), Optional(_ACCOUNT)),
    "getProgramAccounts": Signature(TEXT, Optional(_PROGRAM_ACCOUNTS)),
    "getRecentPerformanceSamples": Signature(Optional(USIZE)),
    "getRecentPrioritizationFees": Signature(Optional(Sequence(TEXT))),
    "getSignatureStatuses": Signature(Sequence(TEXT), Optional(_STATUSES)),
    "getSignaturesForAddress": Signature(TEXT, Optional(_SIGNATURES)),
    "getSlot": _CONTEXT_ONLY,
    "getSlotLeader": _CONTEXT_ONLY,
    "getSlotLeaders": Signature(U64, U64),
    "getStakeMinimumDelegation": _CONTEXT_ONLY,
    "getSupply": Signature(Optional(_SUPPLY)),
    "getTokenAccountBalance": Signature(TEXT, Optional(_COMMITMENT)),
    "getTokenAccountsByDelegate": Signature(TEXT, _TOKEN_FILTER, Optional(_ACCOUNT)),
    "getTokenAccountsByOwner": Signature(TEXT, _TOKEN_FILTER, Optional(_ACCOUNT)),
    "getTokenLargestAccounts": Signature(TEXT, Optional(_COMMITMENT)),
    "getTokenSupply": Signature(TEXT, Optional(_COMMITMENT)),
    "getTransaction": Signature(TEXT, _or_encoding(_TRANSACTION)),
    "getTransactionCount": _CONTEXT_ONLY,
    "getVersion": _NOTHING,
    "getVoteAccounts": Signature(Optional(_VOTE_ACCOUNTS)),
    "isBlockhashValid": Signature(TEXT, Optional(_CONTEXT)),
    "minimumLedgerSlot": _NOTHING,
    "requestAirdrop": Signature(TEXT, U64, Optional(_AIRDROP)),
    "sendTransaction": Signature(TEXT, Optional(_SEND)),
    "simulateTransaction": Signature(TEXT, Optional(_SIMULATE)),
}
"""The RPC methods."""

SUBSCRIPTIONS: Final[dict[str, Signature]] = {
    "accountSubscribe": Signature(TEXT, Optional(_ACCOUNT)),
    "blockSubscribe": Signature(
        Choice(("all", "mentionsAccountOrProgram"), {"mentionsAccountOrProgram": TEXT}), Optional(_BLOCK_SUBSCRIPTION)
    ),
    "logsSubscribe": Signature(
        Choice(("all", "allWithVotes", "mentions"), {"mentions": Sequence(TEXT)}),
        Optional(Structure("RpcTransactionLogsConfig", commitment=True)),
    ),
    "programSubscribe": Signature(TEXT, Optional(_PROGRAM_ACCOUNTS)),
    "rootSubscribe": _NOTHING,
    "signatureSubscribe": Signature(
        TEXT,
        Optional(
            Structure("RpcSignatureSubscribeConfig", {"enableReceivedNotification": Optional(FLAG)}, commitment=True)
        ),
    ),
    "slotSubscribe": _NOTHING,
    "slotsUpdatesSubscribe": _NOTHING,
    "voteSubscribe": _NOTHING,
}
"""The PubSub methods that subscribe."""


def checked_params(method: str, params: Json) -> list[Json]:
    """The parameters of a request to an RPC method, as its signature reads them. Raises RpcFault (-32602).

    Those of ``localnet_...`` methods are returned as received.
    """
    signature = SIGNATURES.get(method)
    if signature is not None:
        return signature.read(params)
    if isinstance(params, dict):
        raise invalid_params("`params` should be an array")
    return [] if params is None else params
