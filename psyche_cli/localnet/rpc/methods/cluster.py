"""RPC methods about the cluster as a whole: time, versions, and other properties that CLIs query."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.limits import U16_MAX
from psyche_cli.localnet.chain.vm_features import feature_set_id
from psyche_cli.localnet.rpc.context import API_VERSION, MethodTable, RpcContext
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params, node_unhealthy
from psyche_cli.localnet.rpc.params import Params, pubkey_of
from psyche_cli.localnet.rpc.recent_slots import MAX_SAMPLES
from psyche_cli.solana.rpc.codes import NO_SNAPSHOT

_MAX_FEE_ACCOUNTS: Final = 128


def _get_slot(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    return context.bank.slot


def _get_newest_slot(context: RpcContext, _params: Params) -> Json:
    return context.bank.slot


def _get_block_height(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    return context.bank.chain.tip.height


def _get_epoch_info(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    bank = context.bank
    epoch, index = bank.epoch_schedule.get_epoch_and_slot_index(bank.slot)
    return {
        "absoluteSlot": bank.slot,
        "blockHeight": bank.chain.tip.height,
        "epoch": epoch,
        "slotIndex": index,
        "slotsInEpoch": bank.epoch_schedule.get_slots_in_epoch(epoch),
        "transactionCount": bank.history.total,
    }


def _get_epoch_schedule(context: RpcContext, _params: Params) -> Json:
    schedule = context.bank.epoch_schedule
    return {
        "slotsPerEpoch": schedule.slots_per_epoch,
        "leaderScheduleSlotOffset": schedule.leader_schedule_slot_offset,
        "warmup": schedule.warmup,
        "firstNormalEpoch": schedule.first_normal_epoch,
        "firstNormalSlot": schedule.first_normal_slot,
    }


def _get_transaction_count(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    return context.bank.history.total


def _get_recent_prioritization_fees(context: RpcContext, params: Params) -> Json:
    addresses = params.raw(0) or []
    if len(addresses) > _MAX_FEE_ACCOUNTS:
        raise invalid_params(f"Too many inputs provided; max {_MAX_FEE_ACCOUNTS}")
    return context.recent.prices([pubkey_of(address) for address in addresses])


def _get_recent_performance_samples(context: RpcContext, params: Params) -> Json:
    limit = MAX_SAMPLES if params.raw(0) is None else params.unsigned(0)
    if limit > MAX_SAMPLES:
        raise invalid_params(f"Invalid limit; max {MAX_SAMPLES}")
    return context.recent.samples(limit)


def _get_identity(context: RpcContext, _params: Params) -> Json:
    return {"identity": str(context.identity)}


def _get_genesis_hash(context: RpcContext, _params: Params) -> Json:
    return str(context.bank.chain.genesis_hash)


def _get_first_available_block(context: RpcContext, _params: Params) -> Json:
    return context.bank.first_available_slot


def _get_cluster_nodes(context: RpcContext, _params: Params) -> Json:
    return [
        {
            "pubkey": str(context.identity),
            "gossip": None,
            "rpc": context.rpc_address,
            "pubsub": context.pubsub_address,
            "serveRepair": None,
            "tpu": None,
            "tpuForwards": None,
            "tpuForwardsQuic": None,
            "tpuQuic": None,
            "tpuVote": None,
            "tvu": None,
            "version": API_VERSION,
            "featureSet": feature_set_id(),
            "shredVersion": _shred_version(bytes(context.bank.chain.genesis_hash)),
        }
    ]


def _shred_version(genesis_hash: bytes) -> int:
    """The shred version of a cluster without hard forks: the xor of the 16-bit words of the genesis hash, plus 1."""
    high = low = 0
    for index in range(0, len(genesis_hash), 2):
        high ^= genesis_hash[index]
        low ^= genesis_hash[index + 1]
    return min((high << 8 | low) + 1, U16_MAX)


def _get_version(_context: RpcContext, _params: Params) -> Json:
    return {"solana-core": API_VERSION, "feature-set": feature_set_id()}


def _get_highest_snapshot_slot(_context: RpcContext, _params: Params) -> Json:
    raise RpcFault(NO_SNAPSHOT, "No snapshot")


def _get_health(context: RpcContext, _params: Params) -> Json:
    problem = context.bank.journal.problem
    if problem is not None:
        raise node_unhealthy(problem)
    return "ok"


METHODS: Final[MethodTable] = {
    "getSlot": _get_slot,
    "getBlockHeight": _get_block_height,
    "getEpochInfo": _get_epoch_info,
    "getEpochSchedule": _get_epoch_schedule,
    "getTransactionCount": _get_transaction_count,
    "getRecentPrioritizationFees": _get_recent_prioritization_fees,
    "getIdentity": _get_identity,
    "getGenesisHash": _get_genesis_hash,
    "getFirstAvailableBlock": _get_first_available_block,
    "minimumLedgerSlot": _get_first_available_block,
    "getMaxRetransmitSlot": _get_newest_slot,
    "getMaxShredInsertSlot": _get_newest_slot,
    "getClusterNodes": _get_cluster_nodes,
    "getHighestSnapshotSlot": _get_highest_snapshot_slot,
    "getHealth": _get_health,
    "getVersion": _get_version,
    "getRecentPerformanceSamples": _get_recent_performance_samples,
}
