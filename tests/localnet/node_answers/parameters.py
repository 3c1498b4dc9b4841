"""The parameters of all methods, each with its kind, and what a node answers to wrong values of each kind."""

from __future__ import annotations

from typing import Any, Final

INVALID_PARAMS: Final = -32602
KEY: Final = "11111111111111111111111111111112"
NOBODY: Final = "11111111111111111111111111111113"
MINT: Final = {"mint": KEY}
TOKENS: Final = {"programId": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"}
SIGNATURE: Final = "1" * 64
MESSAGE: Final = "AAAA"
"""Not a message."""

Wrong = list[tuple[Any, str]]


def wrong_type(value: str, expected: str) -> str:
    """The message for a value of another type."""
    return f"Invalid params: invalid type: {value}, expected {expected}."


def _whole_number(kind: str, most: int) -> Wrong:
    return [
        ("5", wrong_type('string "5"', kind)),
        (1.5, wrong_type("floating point `1.5`", kind)),
        (5.0, wrong_type("floating point `5.0`", kind)),
        (True, wrong_type("boolean `true`", kind)),
        ([], wrong_type("sequence", kind)),
        (-1, f"Invalid params: invalid value: integer `-1`, expected {kind}."),
        (2**64, wrong_type("floating point `1.8446744073709552e19`", kind)),
        *(
            [(most + 1, f"Invalid params: invalid value: integer `{most + 1}`, expected {kind}.")]
            if most < 2**64
            else []
        ),
    ]


def _choice(*names: str) -> Wrong:
    quoted = [f"`{name}`" for name in names]
    expected = " or ".join(quoted) if len(names) == 2 else "one of " + ", ".join(quoted)
    return [
        ("wrong", f"Invalid params: unknown variant `wrong`, expected {expected}."),
        (7, wrong_type("integer `7`", "string or map")),
        ({}, "Invalid params: invalid value: map, expected map with a single key."),
        ({"wrong": 1}, f"Invalid params: unknown variant `wrong`, expected {expected}."),
    ]


def structure(name: str, *, plain: bool = False) -> Wrong:
    """The wrong values of an options object, which only some (``plain``) allow to be a list."""
    return [
        (7, wrong_type("integer `7`", f"struct {name}")),
        ("text", wrong_type('string "text"', f"struct {name}")),
        *([] if plain else [([], wrong_type("sequence", f"struct {name}"))]),
    ]


def _each(message: str, values: tuple[Any, ...]) -> Wrong:
    return [(value, message) for value in values]


_TEXT: Final[Wrong] = [
    (5, wrong_type("integer `5`", "a string")),
    ([], wrong_type("sequence", "a string")),
    (False, wrong_type("boolean `false`", "a string")),
    ({}, wrong_type("map", "a string")),
]
_BASE58: Final[Wrong] = [
    ("", "Invalid param: WrongSize"),
    ("x", "Invalid param: WrongSize"),
    ("0OIl", "Invalid param: Invalid"),
    ("1" * 100, "Invalid param: WrongSize"),
]
_NULL_TEXT: Final[Wrong] = [(None, wrong_type("null", "a string"))]
_TRANSACTION_ENCODING: Final = ("binary", "base64", "base58", "json", "jsonParsed")
_UNTAGGED: Final = "Invalid params: data did not match any variant of untagged enum"

KINDS: Final[dict[str, Wrong]] = {
    "text": _TEXT,
    "key": [*_TEXT, *_NULL_TEXT, *_BASE58],
    "optional key": [*_TEXT, *_BASE58],
    "least slot": _whole_number("u64", 2**64),
    "optional hash": [*_TEXT, ("x", "Invalid param: WrongSize"), ("0OIl", "Invalid param: Invalid")],
    "hash": [*_TEXT, *_NULL_TEXT, ("x", "WrongSize"), ("0OIl", "Invalid")],
    "keys": [
        (7, wrong_type("integer `7`", "a sequence")),
        ({}, wrong_type("map", "a sequence")),
        ([5], wrong_type("integer `5`", "a string")),
        (["x"], "Invalid param: WrongSize"),
    ],
    "u64": [*_whole_number("u64", 2**64), (None, wrong_type("null", "u64"))],
    "optional u64": _whole_number("u64", 2**64),
    "usize": [*_whole_number("usize", 2**64), (None, wrong_type("null", "usize"))],
    "optional usize": _whole_number("usize", 2**64),
    "optional u8": _whole_number("u8", 255),
    "flag": [("yes", wrong_type('string "yes"', "a boolean")), (None, wrong_type("null", "a boolean"))],
    "optional flag": [("yes", wrong_type('string "yes"', "a boolean")), (0, wrong_type("integer `0`", "a boolean"))],
    "commitment": [],
    "level": _choice("processed", "confirmed", "finalized"),
    "account encoding": _choice("binary", "base58", "base64", "jsonParsed", "base64+zstd"),
    "transaction encoding": _choice(*_TRANSACTION_ENCODING),
    "slice": [
        *structure("UiDataSliceConfig", plain=True),
        ({"offset": 1}, "Invalid params: missing field `length`."),
        ({"offset": -1, "length": 8}, "Invalid params: invalid value: integer `-1`, expected usize."),
        ([1], "Invalid params: invalid length 1, expected struct UiDataSliceConfig with 2 elements."),
        ([1, 2, 3], "Invalid params: invalid length 3, expected fewer elements in array."),
    ],
    "filters": [
        (7, wrong_type("integer `7`", "a sequence")),
        ([{"dataSize": 1}] * 5, "Too many filters provided; max 4"),
        ([{"dataSize": "1"}], wrong_type('string "1"', "u64")),
        ([{"wrong": 1}], _choice("dataSize", "memcmp", "tokenAccountState")[0][1]),
        ([{"tokenAccountState": True}], wrong_type("boolean `true`", "unit")),
        (["memcmp"], wrong_type("unit variant", "newtype variant")),
        ([{}], "Invalid params: invalid value: map, expected map with a single key."),
        ([{"memcmp": {"bytes": "1"}}], "Invalid params: missing field `offset`."),
        ([{"memcmp": {"offset": 0}}], "Invalid params: missing field `bytes`."),
        ([{"memcmp": {"offset": 0, "bytes": 5}}], f"{_UNTAGGED} DataType."),
        ([{"memcmp": {"offset": 0, "bytes": [256]}}], f"{_UNTAGGED} DataType."),
        (
            [{"memcmp": {"offset": 0, "bytes": "0OIl"}}],
            "Invalid param: Base58DecodeError(InvalidCharacter { character: '0', index: 0 })",
        ),
        (
            [{"memcmp": {"offset": 0, "bytes": "!", "encoding": "base64"}}],
            "Invalid param: Base64DecodeError(InvalidByte(0, 33))",
        ),
        ([{"memcmp": {"offset": 0, "bytes": "1" * 176}}], "Invalid param: DataTooLarge"),
        ([{"memcmp": {"offset": 0, "bytes": "1" * 129}}], "Invalid param: DataTooLarge"),
        ([{"memcmp": {"offset": 0, "bytes": [1] * 129}}], "Invalid param: DataTooLarge"),
    ],
    "selection": [
        ({}, "Invalid params: invalid value: map, expected map with a single key."),
        ({**MINT, **TOKENS}, "Invalid params: invalid value: map, expected map with a single key."),
        ({"wrong": KEY}, _choice("mint", "programId")[0][1]),
        ({"mint": "x"}, "Invalid param: WrongSize"),
        ({"mint": NOBODY}, "Invalid param: could not find mint"),
        ({"programId": KEY}, "Invalid param: unrecognized Token program id"),
    ],
    "largest": _choice("circulating", "nonCirculating"),
    "block options": _each(f"{_UNTAGGED} RpcEncodingConfigWrapper.", (7, [], "wrong")),
    "inside block options": _each(f"{_UNTAGGED} RpcEncodingConfigWrapper.", (300, -1, "wrong", [])),
    "inside end slot": _each(f"{_UNTAGGED} RpcBlocksConfigWrapper.", ("5", -1, True)),
    "end slot": _each(f"{_UNTAGGED} RpcBlocksConfigWrapper.", ("x", -1, 1.5, [])),
    "schedule slot": _each(f"{_UNTAGGED} RpcLeaderScheduleConfigWrapper.", ("x", -1, [])),
    "range": [
        *structure("RpcBlockProductionConfigRange", plain=True),
        ({}, "Invalid params: missing field `firstSlot`."),
        ({"firstSlot": 5, "lastSlot": 3}, "lastSlot, 3, cannot be less than firstSlot, 5"),
    ],
    "simulated accounts": [
        *structure("RpcSimulateTransactionAccountsConfig", plain=True),
        ({"encoding": "base64"}, "Invalid params: missing field `addresses`."),
    ],
    "transaction": [*_TEXT, *_NULL_TEXT, ("AAAA", "failed to deserialize solana_transaction::versioned::")],
    "message": [
        *_TEXT,
        *_NULL_TEXT,
        ("!!", "invalid base64 encoding: InvalidByte(0, 33)"),
        (
            MESSAGE,
            (
                "failed to deserialize solana_message::non_bpf_modules::versions::VersionedMessage: "
                "io error: failed to fill whole buffer"
            ),
        ),
    ],
}
"""By kind, wrong values and the message (or its beginning) of the error, whose code is -32602."""

Parameter = tuple[str, dict[str, str]]
"""The kind of a parameter and, of options, the kinds of its fields."""

_CONTEXT: Final = {"commitment": "commitment", "minContextSlot": "least slot"}
_ACCOUNT: Final = {**_CONTEXT, "encoding": "account encoding", "dataSlice": "slice"}
_LEVEL: Final[Parameter] = ("plain struct CommitmentConfig", {"commitment": "level"})
_CONTEXT_OPTIONS: Final[Parameter] = ("struct RpcContextConfig", _CONTEXT)
_ACCOUNT_OPTIONS: Final[Parameter] = ("struct RpcAccountInfoConfig", _ACCOUNT)


def _plain(kind: str) -> Parameter:
    return kind, {}


def _options(name: str, plain: str = "", /, **fields: str) -> Parameter:
    return f"{plain}struct {name}", fields


METHODS: Final[dict[str, tuple[list[Any], list[Parameter]]]] = {
    "getAccountInfo": ([KEY], [_plain("key"), _ACCOUNT_OPTIONS]),
    "getBalance": ([KEY], [_plain("key"), _CONTEXT_OPTIONS]),
    "getBlock": (
        [0],
        [
            _plain("u64"),
            (
                "block options",
                {
                    "encoding": "inside block options",
                    "transactionDetails": "inside block options",
                    "rewards": "inside block options",
                    "maxSupportedTransactionVersion": "inside block options",
                    "commitment": "commitment",
                },
            ),
        ],
    ),
    "getBlockCommitment": ([0], [_plain("u64")]),
    "getBlockHeight": ([], [_CONTEXT_OPTIONS]),
    "getBlockProduction": (
        [],
        [_options("RpcBlockProductionConfig", identity="optional key", range="range", commitment="commitment")],
    ),
    "getBlockTime": ([0], [_plain("u64")]),
    "getBlocks": (
        [0],
        [
            _plain("u64"),
            ("end slot", {"minContextSlot": "inside end slot", "commitment": "commitment"}),
            _CONTEXT_OPTIONS,
        ],
    ),
    "getBlocksWithLimit": ([0, 1], [_plain("u64"), _plain("usize"), _CONTEXT_OPTIONS]),
    "getEpochInfo": ([], [_CONTEXT_OPTIONS]),
    "getFeeForMessage": ([MESSAGE], [_plain("message"), _CONTEXT_OPTIONS]),
    "getInflationGovernor": ([], [_LEVEL]),
    "getInflationReward": ([[KEY]], [_plain("keys"), _options("RpcEpochConfig", epoch="optional u64", **_CONTEXT)]),
    "getLargestAccounts": (
        [],
        [_options("RpcLargestAccountsConfig", filter="largest", sortResults="optional flag", commitment="commitment")],
    ),
    "getLatestBlockhash": ([], [_CONTEXT_OPTIONS]),
    "getLeaderSchedule": (
        [10**12],
        [
            _plain("schedule slot"),
            _options("RpcLeaderScheduleConfig", identity="optional key", commitment="commitment"),
        ],
    ),
    "getMinimumBalanceForRentExemption": ([0], [_plain("usize"), _LEVEL]),
    "getMultipleAccounts": ([[KEY]], [_plain("keys"), _ACCOUNT_OPTIONS]),
    "getProgramAccounts": (
        [KEY],
        [
            _plain("key"),
            _options(
                "RpcProgramAccountsConfig",
                filters="filters",
                withContext="optional flag",
                sortResults="optional flag",
                **_ACCOUNT,
            ),
        ],
    ),
    "getRecentPerformanceSamples": ([], [_plain("optional usize")]),
    "getRecentPrioritizationFees": ([], [_plain("keys")]),
    "getSignatureStatuses": (
        [[SIGNATURE]],
        [_plain("keys"), _options("RpcSignatureStatusConfig", "plain ", searchTransactionHistory="flag")],
    ),
    "getSignaturesForAddress": (
        [KEY],
        [
            _plain("key"),
            _options(
                "RpcSignaturesForAddressConfig",
                before="optional key",
                until="optional key",
                limit="optional usize",
                **_CONTEXT,
            ),
        ],
    ),
    "getSlot": ([], [_CONTEXT_OPTIONS]),
    "getSlotLeader": ([], [_CONTEXT_OPTIONS]),
    "getSlotLeaders": ([0, 1], [_plain("u64"), _plain("u64")]),
    "getStakeMinimumDelegation": ([], [_CONTEXT_OPTIONS]),
    "getSupply": (
        [],
        [_options("RpcSupplyConfig", excludeNonCirculatingAccountsList="flag", commitment="commitment")],
    ),
    "getTokenAccountBalance": ([KEY], [_plain("key"), _LEVEL]),
    "getTokenAccountsByDelegate": ([KEY, TOKENS], [_plain("key"), _plain("selection"), _ACCOUNT_OPTIONS]),
    "getTokenAccountsByOwner": ([KEY, TOKENS], [_plain("key"), _plain("selection"), _ACCOUNT_OPTIONS]),
    "getTokenLargestAccounts": ([KEY], [_plain("key"), _LEVEL]),
    "getTokenSupply": ([KEY], [_plain("key"), _LEVEL]),
    "getTransaction": (
        [SIGNATURE],
        [
            _plain("key"),
            (
                "block options",
                {
                    "encoding": "inside block options",
                    "maxSupportedTransactionVersion": "inside block options",
                    "commitment": "commitment",
                },
            ),
        ],
    ),
    "getTransactionCount": ([], [_CONTEXT_OPTIONS]),
    "getVoteAccounts": (
        [],
        [
            _options(
                "RpcGetVoteAccountsConfig",
                votePubkey="optional key",
                keepUnstakedDelinquents="optional flag",
                delinquentSlotDistance="optional u64",
                commitment="commitment",
            )
        ],
    ),
    "isBlockhashValid": (["1" * 32], [_plain("hash"), _CONTEXT_OPTIONS]),
    "requestAirdrop": (
        [KEY, 10**9],
        [
            _plain("key"),
            _plain("u64"),
            _options("RpcRequestAirdropConfig", recentBlockhash="optional hash", commitment="commitment"),
        ],
    ),
    "sendTransaction": (
        [],
        [
            _plain("transaction"),
            _options(
                "RpcSendTransactionConfig",
                "plain ",
                skipPreflight="flag",
                preflightCommitment="level",
                encoding="transaction encoding",
                maxRetries="optional usize",
                minContextSlot="least slot",
            ),
        ],
    ),
    "simulateTransaction": (
        [],
        [
            _plain("transaction"),
            _options(
                "RpcSimulateTransactionConfig",
                sigVerify="flag",
                replaceRecentBlockhash="flag",
                innerInstructions="flag",
                encoding="transaction encoding",
                accounts="simulated accounts",
                **_CONTEXT,
            ),
        ],
    ),
}
"""Each method with right parameters (a transaction or message is added by the test), and the kinds of all it takes."""

WITHOUT_PARAMETERS: Final = (
    "getClusterNodes", "getEpochSchedule", "getFirstAvailableBlock", "getGenesisHash", "getHealth",
    "getHighestSnapshotSlot", "getIdentity", "getInflationRate", "getMaxRetransmitSlot", "getMaxShredInsertSlot",
    "getVersion", "minimumLedgerSlot",
)  # fmt: skip


def wrong_values(kind: str) -> Wrong:
    """The wrong values of a kind."""
    plain, _, name = kind.rpartition("struct ")
    return structure(name, plain=plain == "plain ") if name != kind else KINDS[kind]
