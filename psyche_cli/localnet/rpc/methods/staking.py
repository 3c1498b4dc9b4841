"""RPC methods about leaders, stake, votes and inflation. One validator leads every slot and never misses one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.chain.cluster_identity import VOTE_ACCOUNT, VOTES_KEPT, votes_for
from psyche_cli.localnet.chain.stakes import active_stake
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Config, Params, pubkey_of
from psyche_cli.localnet.rpc.steps import SlowResult
from psyche_cli.solana.programs import VOTE_PROGRAM
from psyche_cli.solana.rpc.codes import BLOCK_NOT_AVAILABLE

_SLOTS_AT_ONCE: Final = 8192
_MAX_LEADERS: Final = 5000
_NODE: Final = slice(4, 36)
_COMMISSION: Final = 68
"""The places of the identity and the commission in a vote account."""
_MINIMUM_DELEGATION: Final = 1_000_000_000
_SECONDS_PER_YEAR: Final = 365.242_199 * 86_400
_SECONDS_PER_SLOT: Final = 0.4
"""The length of a slot by which a node computes the inflation, whatever the slots really last."""

_INITIAL, _TERMINAL, _TAPER, _FOUNDATION, _FOUNDATION_YEARS = 0.08, 0.015, 0.15, 0.05, 7.0


def _last_scheduled_epoch(context: RpcContext) -> int:
    """Leaders are known until the end of the next epoch."""
    return context.bank.epoch_schedule.get_epoch(context.bank.slot) + 1


def _require_leaders(context: RpcContext, first: int, count: int) -> None:
    """Raise RpcFault (-32602) if the leader of one of these slots is not known yet."""
    schedule, last = context.bank.epoch_schedule, _last_scheduled_epoch(context)
    if count and schedule.get_epoch(min(first + count - 1, U64_MAX)) > last:
        epoch = max(schedule.get_epoch(first), last + 1)
        raise invalid_params(f"Invalid slot range: leader schedule for epoch {epoch} is unavailable")


def _get_slot_leader(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    return str(context.identity)


def _get_slot_leaders(context: RpcContext, params: Params) -> Json:
    first, limit = params.unsigned(0), params.unsigned(1)
    if limit > _MAX_LEADERS:
        raise invalid_params(f"Invalid limit; max {_MAX_LEADERS}")
    _require_leaders(context, first, limit)
    return [str(context.identity)] * limit


def _get_leader_schedule(context: RpcContext, params: Params) -> Json:
    slot = params.raw(0)
    config = params.config(0 if isinstance(slot, dict) else 1)
    identity = config.text("identity")
    if identity is not None:
        pubkey_of(identity)
    schedule = context.bank.epoch_schedule
    epoch = schedule.get_epoch(slot if isinstance(slot, int) else context.bank.slot)
    if epoch > _last_scheduled_epoch(context):
        return None
    leader = str(context.identity)
    return SlowResult(_leads_all(leader, schedule.get_slots_in_epoch(epoch))) if identity in (None, leader) else {}


def _leads_all(leader: str, slots: int) -> Iterator[str]:
    """The JSON text of a schedule in which one identity leads all slots of an epoch."""
    yield f'{{"{leader}":['
    for first in range(0, slots, _SLOTS_AT_ONCE):
        numbers = range(first, min(first + _SLOTS_AT_ONCE, slots))
        yield ("," if first else "") + ",".join(map(str, numbers))
    yield "]}"


def _get_block_production(context: RpcContext, params: Params) -> Json:
    config, bank = params.config(0), context.bank
    identity = config.text("identity")
    if identity is not None:
        pubkey_of(identity)
    first, last = _production_range(context, config.config("range"))
    leader = str(context.identity)
    produced = len(bank.chain.slots(first, last))
    return context.with_context(
        {
            "byIdentity": {leader: [last - first + 1, produced]} if identity in (None, leader) else {},
            "range": {"firstSlot": first, "lastSlot": last},
        }
    )


def _production_range(context: RpcContext, wanted: Config | None) -> tuple[int, int]:
    bank, schedule = context.bank, context.bank.epoch_schedule
    if wanted is None:
        return schedule.get_first_slot_in_epoch(schedule.get_epoch(bank.slot)), bank.slot
    first, last = wanted.unsigned("firstSlot") or 0, wanted.unsigned("lastSlot")
    last = bank.slot if last is None else last
    if last < first:
        raise invalid_params(f"lastSlot, {last}, cannot be less than firstSlot, {first}")
    if last > bank.slot:
        raise invalid_params(f"lastSlot, {last}, is too large; max {bank.slot}")
    return first, last


def _get_stake_minimum_delegation(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    return context.with_context(_MINIMUM_DELEGATION)


def _active_stake(context: RpcContext) -> Counter[Pubkey]:
    bank = context.bank
    return active_stake(bank.accounts, bank.epoch_schedule.get_epoch(bank.slot))


def _get_block_commitment(context: RpcContext, params: Params) -> Json:
    """The stake by the number of votes after a block: the validator has voted for every block for the longest time."""
    slot, total = params.unsigned(0), _active_stake(context).total()
    exists = context.bank.chain.block(slot) is not None
    return {"commitment": [0] * VOTES_KEPT + [total] if exists else None, "totalStake": total}


def _get_vote_accounts(context: RpcContext, params: Params) -> Json:
    """The validator is current; other vote accounts have never voted, so that those with stake are delinquent."""
    config, bank, stake = params.config(0), context.bank, _active_stake(context)
    wanted = config.text("votePubkey")
    only = None if wanted is None else pubkey_of(wanted)
    current, delinquent = [], []
    for vote in bank.accounts.index.owned_by(VOTE_PROGRAM):
        account = bank.accounts.get(vote)
        if account is None or len(account.data) <= _COMMISSION or only not in (None, vote):
            continue
        view = {
            "votePubkey": str(vote),
            "nodePubkey": str(Pubkey(account.data[_NODE])),
            "activatedStake": stake[vote],
            "epochVoteAccount": stake[vote] > 0,
            "commission": account.data[_COMMISSION],
        }
        if vote == VOTE_ACCOUNT:
            votes = votes_for(bank.chain, bank.epoch_schedule)
            credits = [list(entry) for entry in votes.epoch_credits]
            current.append({**view, "lastVote": votes.last, "epochCredits": credits, "rootSlot": votes.root or 0})
        elif stake[vote] or config.flag("keepUnstakedDelinquents"):
            delinquent.append({**view, "lastVote": 0, "epochCredits": [], "rootSlot": 0})
    return {"current": current, "delinquent": delinquent}


def _get_inflation_reward(context: RpcContext, params: Params) -> Json:
    """Rewards are in the first block of the following epoch, so those of the current epoch are not available."""
    addresses, config = params.items(0), params.config(1)
    for address in addresses:
        pubkey_of(address)
    bank, schedule = context.bank, context.bank.epoch_schedule
    config.require_slot(bank.slot)
    epoch = config.unsigned("epoch")
    if epoch is None:
        epoch = max(schedule.get_epoch(bank.slot) - 1, 0)
    first = min((epoch + 1) * schedule.slots_per_epoch, U64_MAX)
    if first > bank.slot:
        raise RpcFault(BLOCK_NOT_AVAILABLE, f"Block not available for slot {first}")
    return [None] * len(addresses)


def _get_inflation_governor(_context: RpcContext, _params: Params) -> Json:
    return {
        "initial": _INITIAL,
        "terminal": _TERMINAL,
        "taper": _TAPER,
        "foundation": _FOUNDATION,
        "foundationTerm": _FOUNDATION_YEARS,
    }


def _get_inflation_rate(context: RpcContext, _params: Params) -> Json:
    """The rates of the current epoch, by the time from the start of the chain to the start of the epoch."""
    schedule = context.bank.epoch_schedule
    epoch = schedule.get_epoch(context.bank.slot)
    years = schedule.get_first_slot_in_epoch(epoch) * _SECONDS_PER_SLOT / _SECONDS_PER_YEAR
    total = max(_INITIAL * (1.0 - _TAPER) ** years, _TERMINAL)
    foundation = total * _FOUNDATION if years < _FOUNDATION_YEARS else 0.0
    return {"total": total, "validator": total - foundation, "foundation": foundation, "epoch": epoch}


METHODS: Final[MethodTable] = {
    "getSlotLeader": _get_slot_leader,
    "getSlotLeaders": _get_slot_leaders,
    "getLeaderSchedule": _get_leader_schedule,
    "getBlockProduction": _get_block_production,
    "getStakeMinimumDelegation": _get_stake_minimum_delegation,
    "getBlockCommitment": _get_block_commitment,
    "getVoteAccounts": _get_vote_accounts,
    "getInflationReward": _get_inflation_reward,
    "getInflationGovernor": _get_inflation_governor,
    "getInflationRate": _get_inflation_rate,
}
