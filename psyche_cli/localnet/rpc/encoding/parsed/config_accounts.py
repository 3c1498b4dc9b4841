"""The parsed form of accounts of the config program: what validators publish about themselves, and the stake config."""

from __future__ import annotations

import json
from typing import Final

from psyche_cli.json_values import Json, refuse_constant
from psyche_cli.localnet.rpc.encoding.parsed.accounts import ChainAccount
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    boolean,
    f64,
    key,
    record,
    short_vector,
    state,
    text,
    u8,
)
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import STAKE_CONFIG

_VALIDATOR_INFO: Final = "Va1idator1nfo111111111111111111111111111111"
"""The first key of an account with information about a validator."""
_KEYS: Final = short_vector(record(pubkey=key, signer=boolean))


def parse(found: ChainAccount) -> Json:
    """The config account. Raises ValueError."""
    reader = ByteReader(found.account.data)
    keys = _KEYS(reader)
    if found.address == STAKE_CONFIG:
        return state("stakeConfig", record(warmupCooldownRate=f64, slashPenalty=u8)(reader))
    if not keys or keys[0]["pubkey"] != _VALIDATOR_INFO:
        raise ValueError("neither the stake config nor information about a validator")
    return state("validatorInfo", {"keys": keys, "configData": _json_value(text(8)(reader))})


def _json_value(content: str) -> Json:
    """The value of a JSON text. Raises ValueError for one that not every JSON reader takes."""
    try:
        value = json.loads(content, parse_constant=refuse_constant)
        # Python also reads numbers beyond a double and halves of surrogate pairs.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value
