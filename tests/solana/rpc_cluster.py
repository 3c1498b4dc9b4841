"""An RPC client of a scripted cluster, and accounts in their JSON form."""

import base64
from typing import Any

import zstandard
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.solana.rpc.client import RpcClient

from .scripted import FakeClock, ScriptedCluster, scripted_answers

A, B, OWNER = (Pubkey.new_unique() for _ in range(3))
SIGNATURE = Signature.default()
HASH = Hash(bytes(range(32)))


def client(method: str, *answers: Any, **settings: Any) -> tuple[RpcClient, ScriptedCluster]:
    """A client of a cluster with these responses to ``method``."""
    cluster = ScriptedCluster(FakeClock())
    cluster.handlers[method] = scripted_answers(list(answers))
    return RpcClient(cluster, cluster.clock, **settings), cluster


def valued(value: Any) -> dict[str, Any]:
    return {"context": {"slot": 1, "apiVersion": "2.0.0"}, "value": value}


def account_json(data: bytes, encoding: str = "base64+zstd", **changes: Any) -> dict[str, Any]:
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(data) if encoding == "base64+zstd" else data
    fields = {
        "data": [base64.b64encode(packed).decode(), encoding],
        "executable": False,
        "lamports": 830244480,
        "owner": str(OWNER),
        "rentEpoch": 18446744073709551615,
        "space": len(data),
    }
    return {**fields, **changes}
