"""Every method's response parses with solders' strict response types."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from solders.rpc import responses as r
from spl.token.constants import TOKEN_PROGRAM_ID

from psyche_cli.localnet.rpc.dispatcher import all_methods
from tests.localnet.harness import BASE64, FEE, PARSED, SOL, Chain, start_chain, text
from tests.localnet.tokens import NewMint, new_mint


class Furnished:
    """A chain with a mint, a landed transfer and a failed one."""

    def __init__(self) -> None:
        self.chain: Chain = start_chain()
        self.payer = str(self.chain.payer.pubkey())
        self.mint: NewMint = new_mint(self.chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=7_000_000)
        self.minted = self.chain.send(self.chain.sign(*self.mint.instructions, others=(self.mint.mint,)))
        self.failed = self.chain.send(self.chain.transfer(self.mint.address, 1000 * SOL), skipPreflight=True)
        self.chain.pass_slots(3)


FURNISHED = Furnished()
PAYER, MINT, HOLDER = FURNISHED.payer, str(FURNISHED.mint.address), str(FURNISHED.mint.holder)
VERSION = {"maxSupportedTransactionVersion": 0}


def transfer() -> str:
    return text(FURNISHED.chain.transfer(FURNISHED.mint.address, SOL))


def message() -> str:
    return base64.b64encode(bytes(FURNISHED.chain.transfer(FURNISHED.mint.address, SOL).message)).decode()


Case = tuple[str, Any, Callable[[], list[Any]]]


def after_an_epoch(*params: Any) -> list[Any]:
    """The parameters, once the first epoch has ended, before which nobody can have been rewarded."""
    FURNISHED.chain.result("localnet_warpSlots", 432_000)
    return list(params)


CASES: list[Case] = [
    ("getAccountInfo", r.GetAccountInfoResp, lambda: [PAYER, BASE64]),
    ("getAccountInfo", r.GetAccountInfoResp, lambda: [HOLDER, {"encoding": "base64+zstd"}]),
    ("getAccountInfo", r.GetAccountInfoResp, lambda: [PAYER, {"encoding": "base58"}]),
    ("getAccountInfo", r.GetAccountInfoResp, lambda: ["11111111111111111111111111111112", BASE64]),
    ("getAccountInfo", r.GetAccountInfoJsonParsedResp, lambda: [HOLDER, PARSED]),
    ("getAccountInfo", r.GetAccountInfoMaybeJsonParsedResp, lambda: [PAYER, PARSED]),
    ("getMultipleAccounts", r.GetMultipleAccountsResp, lambda: [[PAYER, MINT, HOLDER], BASE64]),
    ("getMultipleAccounts", r.GetMultipleAccountsMaybeJsonParsedResp, lambda: [[PAYER, MINT], PARSED]),
    ("getProgramAccounts", r.GetProgramAccountsResp, lambda: [str(TOKEN_PROGRAM_ID), BASE64]),
    ("getProgramAccounts", r.GetProgramAccountsJsonParsedResp, lambda: [str(TOKEN_PROGRAM_ID), PARSED]),
    ("getProgramAccounts", r.GetProgramAccountsWithContextResp,
     lambda: [str(TOKEN_PROGRAM_ID), {**BASE64, "withContext": True}]),
    ("getBalance", r.GetBalanceResp, lambda: [PAYER]),
    ("getMinimumBalanceForRentExemption", r.GetMinimumBalanceForRentExemptionResp, lambda: [165]),
    ("getLargestAccounts", r.GetLargestAccountsResp, list),
    ("getSupply", r.GetSupplyResp, list),
    ("getTokenAccountBalance", r.GetTokenAccountBalanceResp, lambda: [HOLDER]),
    ("getTokenSupply", r.GetTokenSupplyResp, lambda: [MINT]),
    ("getTokenLargestAccounts", r.GetTokenLargestAccountsResp, lambda: [MINT]),
    ("getTokenAccountsByOwner", r.GetTokenAccountsByOwnerResp, lambda: [PAYER, {"mint": MINT}, BASE64]),
    ("getTokenAccountsByOwner", r.GetTokenAccountsByOwnerJsonParsedResp, lambda: [PAYER, {"mint": MINT}, PARSED]),
    ("getTokenAccountsByDelegate", r.GetTokenAccountsByDelegateResp, lambda: [PAYER, {"mint": MINT}, BASE64]),
    ("sendTransaction", r.SendTransactionResp, lambda: [transfer(), BASE64]),
    ("simulateTransaction", r.SimulateTransactionResp,
     lambda: [transfer(), {**BASE64, "innerInstructions": True, "accounts": {"addresses": [PAYER, MINT]}}]),
    ("simulateTransaction", r.SimulateTransactionResp,
     lambda: [transfer(), {**BASE64, "replaceRecentBlockhash": True}]),
    ("getLatestBlockhash", r.GetLatestBlockhashResp, list),
    ("isBlockhashValid", r.IsBlockhashValidResp, lambda: [str(FURNISHED.chain.blockhash())]),
    ("getFeeForMessage", r.GetFeeForMessageResp, lambda: [message()]),
    ("requestAirdrop", r.RequestAirdropResp, lambda: [PAYER, FEE]),
    ("getSignatureStatuses", r.GetSignatureStatusesResp, lambda: [[FURNISHED.minted, FURNISHED.failed, "1" * 64]]),
    ("getTransaction", r.GetTransactionResp, lambda: [FURNISHED.minted, VERSION]),
    ("getTransaction", r.GetTransactionResp, lambda: [FURNISHED.minted, {**VERSION, **PARSED}]),
    ("getTransaction", r.GetTransactionResp, lambda: [FURNISHED.minted, {**VERSION, **BASE64}]),
    ("getTransaction", r.GetTransactionResp, lambda: [FURNISHED.failed]),
    ("getTransaction", r.GetTransactionResp, lambda: ["1" * 64]),
    ("getSignaturesForAddress", r.GetSignaturesForAddressResp, lambda: [PAYER]),
    ("getBlock", r.GetBlockResp, lambda: [1, VERSION]),
    ("getBlock", r.GetBlockResp, lambda: [1, {**VERSION, **PARSED}]),
    ("getBlock", r.GetBlockResp, lambda: [1, {**VERSION, "transactionDetails": "signatures"}]),
    ("getBlock", r.GetBlockResp, lambda: [1, {**VERSION, "transactionDetails": "none", "rewards": False}]),
    ("getBlocks", r.GetBlocksResp, lambda: [0]),
    ("getBlocksWithLimit", r.GetBlocksWithLimitResp, lambda: [0, 2]),
    ("getBlockTime", r.GetBlockTimeResp, lambda: [1]),
    ("getBlockCommitment", r.GetBlockCommitmentResp, lambda: [1]),
    ("getBlockHeight", r.GetBlockHeightResp, list),
    ("getBlockProduction", r.GetBlockProductionResp, list),
    ("getClusterNodes", r.GetClusterNodesResp, list),
    ("getEpochInfo", r.GetEpochInfoResp, list),
    ("getEpochSchedule", r.GetEpochScheduleResp, list),
    ("getFirstAvailableBlock", r.GetFirstAvailableBlockResp, list),
    ("getGenesisHash", r.GetGenesisHashResp, list),
    ("getHealth", r.GetHealthResp, list),
    ("getHighestSnapshotSlot", None, list),
    ("getIdentity", r.GetIdentityResp, list),
    ("getInflationGovernor", r.GetInflationGovernorResp, list),
    ("getInflationRate", r.GetInflationRateResp, list),
    ("getInflationReward", r.GetInflationRewardResp, lambda: after_an_epoch([PAYER])),
    ("getLeaderSchedule", r.GetLeaderScheduleResp, list),
    ("getMaxRetransmitSlot", r.GetMaxRetransmitSlotResp, list),
    ("getMaxShredInsertSlot", r.GetMaxShredInsertSlotResp, list),
    ("getRecentPerformanceSamples", r.GetRecentPerformanceSamplesResp, list),
    ("getRecentPrioritizationFees", None, lambda: [[PAYER]]),
    ("getSlot", r.GetSlotResp, list),
    ("getSlotLeader", r.GetSlotLeaderResp, list),
    ("getSlotLeaders", r.GetSlotLeadersResp, lambda: [0, 3]),
    ("getStakeMinimumDelegation", None, list),
    ("getTransactionCount", r.GetTransactionCountResp, list),
    ("getVersion", r.GetVersionResp, list),
    ("getVoteAccounts", r.GetVoteAccountsResp, list),
    ("localnet_status", None, list),
    ("localnet_stop", None, list),
    ("localnet_warpSlots", None, lambda: [1]),
    ("localnet_warpSeconds", None, lambda: [1]),
    ("localnet_setAccount", None, lambda: ["11111111111111111111111111111113", {"lamports": 1}]),
    ("localnet_takeSnapshot", None, list),
    ("localnet_restoreSnapshot", None, lambda: [1]),
    ("localnet_dropSnapshot", None, lambda: [1]),
    ("localnet_reset", None, list),
    ("minimumLedgerSlot", r.MinimumLedgerSlotResp, list),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "response", "params"), CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)]
)
def test_answer_parses_strictly(method: str, response: Any, params: Callable[[], list[Any]]) -> None:
    answer = FURNISHED.chain.raw(method, *params())
    if response is None:
        # solders has no type for it.
        assert FURNISHED.chain.call(method, *params()).keys() in (
            {"jsonrpc", "result", "id"},
            {"jsonrpc", "error", "id"},
        )
        return
    parsed = response.from_json(answer)
    assert isinstance(parsed, response), parsed


def test_every_method_is_among_the_cases() -> None:
    assert {case[0] for case in CASES} == set(all_methods())


def test_refusals_parse_as_their_own_types() -> None:
    refused = text(FURNISHED.chain.transfer(FURNISHED.mint.address, 1000 * SOL))
    raw = FURNISHED.chain.raw
    for parsed, kind in (
        (r.SendTransactionResp.from_json(raw("sendTransaction", refused, BASE64)), "SendTransactionPreflightFailure"),
        (r.GetBalanceResp.from_json(raw("getBalance", "nonsense")), "InvalidParams"),
        (r.GetSlotResp.from_json(raw("getSlot", {"minContextSlot": 2**40})), "MinContextSlotNotReached"),
        (r.GetBlockResp.from_json(raw("getBlock", 10**9)), "BlockNotAvailable"),
        (r.GetSlotResp.from_json(raw("getNothing")), "MethodNotFound"),
    ):
        assert type(parsed).__name__ == f"{kind}Message"
