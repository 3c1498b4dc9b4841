"""The validator's identity, its vote account, and stake delegated to it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.litesvm import FeatureSet
from solders.pubkey import Pubkey

from psyche_cli.localnet.local_validator import LocalValidator
from psyche_cli.solana.programs import FEATURE_PROGRAM, STAKE_CONFIG, STAKE_PROGRAM, VOTE_PROGRAM
from tests.localnet.harness import BASE64, PARSED, SOL, Chain, text
from tests.localnet.stakes import create_stake, deactivate, delegate, withdraw

SLOTS = 432_000
"""The slots of an epoch."""
EXEMPT = 2**64 - 1
STAKED = 999_999_997_717_120
"""A million SOL without the rent of 200 bytes, in lamports."""


def votes(chain: Chain) -> Any:
    """The entry of the validator in getVoteAccounts."""
    answer = chain.result("getVoteAccounts")
    assert answer["delinquent"] == []
    [own] = answer["current"]
    return own


def test_one_identity_leads_every_slot(chain: Chain) -> None:
    identity = chain.result("getIdentity")["identity"]
    assert chain.result("getSlotLeader") == identity
    assert chain.result("getLeaderSchedule") == {identity: list(range(SLOTS))}
    assert votes(chain)["nodePubkey"] == identity
    assert chain.balance(Pubkey.from_string(identity)) == 500 * SOL
    assert list(chain.value("getBlockProduction")["byIdentity"]) == [identity]


def test_votes_for_every_block(chain: Chain) -> None:
    assert votes(chain)["activatedStake"] == STAKED
    chain.pass_slots(60)
    own, slot = votes(chain), chain.result("getSlot")
    assert (own["lastVote"], own["rootSlot"]) == (slot - 1, slot - 32)
    assert own["epochCredits"] == [[0, 16 * (chain.result("getBlockHeight") - 32), 0]]
    assert (own["commission"], own["epochVoteAccount"]) == (0, True)
    state = chain.value("getAccountInfo", own["votePubkey"], PARSED)["data"]["parsed"]["info"]
    assert state["nodePubkey"] == own["nodePubkey"]
    assert state["rootSlot"] == own["rootSlot"]
    assert [vote["slot"] for vote in state["votes"]] == list(range(slot - 31, slot))
    assert [vote["confirmationCount"] for vote in state["votes"]] == list(range(31, 0, -1))
    assert state["authorizedVoters"] == [{"epoch": 0, "authorizedVoter": own["votePubkey"]}]
    assert state["epochCredits"] == [
        {"epoch": epoch, "credits": str(credits), "previousCredits": str(previous)}
        for epoch, credits, previous in own["epochCredits"]
    ]
    assert state["lastTimestamp"]["slot"] == slot - 1


def test_credits_are_counted_by_epoch(chain: Chain) -> None:
    chain.result("localnet_warpSlots", SLOTS - 10)
    before = votes(chain)["epochCredits"][0]
    chain.pass_slots(100)
    [[epoch, credits, previous]] = votes(chain)["epochCredits"]
    assert epoch == 1
    in_epoch = chain.result("getSlot") - 31 - SLOTS
    assert credits - previous == 16 * in_epoch
    assert credits - before[1] == 16 * 100


def test_stake_at_genesis(chain: Chain) -> None:
    [stake] = chain.result("getProgramAccounts", str(STAKE_PROGRAM), PARSED)
    info = stake["account"]["data"]["parsed"]["info"]
    delegation = info["stake"]["delegation"]
    assert (delegation["voter"], delegation["stake"]) == (votes(chain)["votePubkey"], str(STAKED))
    assert info["meta"]["rentExemptReserve"] == "2282880"
    assert stake["account"]["lamports"] == 1_000_000 * SOL
    commitment = chain.result("getBlockCommitment", chain.result("getSlot"))
    assert commitment == {"commitment": [0] * 31 + [STAKED], "totalStake": STAKED}
    assert chain.result("getBlockCommitment", 10**9) == {"commitment": None, "totalStake": STAKED}


def test_delegate_deactivate_withdraw(chain: Chain) -> None:
    owner, stake = chain.payer.pubkey(), Keypair()
    vote = Pubkey.from_string(votes(chain)["votePubkey"])
    lamports = 5 * SOL
    instructions = [*create_stake(owner, stake.pubkey(), lamports), delegate(owner, stake.pubkey(), vote)]
    chain.send(chain.sign(*instructions, others=(stake,)))
    parsed = chain.value("getAccountInfo", str(stake.pubkey()), PARSED)["data"]["parsed"]
    assert (parsed["type"], parsed["info"]["stake"]["delegation"]["voter"]) == ("delegated", str(vote))
    delegated = int(parsed["info"]["stake"]["delegation"]["stake"])
    assert delegated == lamports - 2_282_880
    assert votes(chain)["activatedStake"] == STAKED, "it is activated with the next epoch"
    chain.result("localnet_warpSlots", SLOTS)
    assert votes(chain)["activatedStake"] == STAKED + delegated
    chain.send(chain.sign(deactivate(owner, stake.pubkey())))
    assert votes(chain)["activatedStake"] == STAKED + delegated
    early = chain.error("sendTransaction", text(chain.sign(withdraw(owner, stake.pubkey(), lamports))), BASE64)
    assert early["data"]["err"] == {"InstructionError": [0, "InsufficientFunds"]}
    chain.result("localnet_warpSlots", SLOTS)
    assert votes(chain)["activatedStake"] == STAKED
    before = chain.balance(owner)
    chain.send(chain.sign(withdraw(owner, stake.pubkey(), lamports)))
    assert chain.balance(owner) == before + lamports - 5000
    assert chain.value("getAccountInfo", str(stake.pubkey())) is None


def test_minimum_delegation(chain: Chain) -> None:
    owner, minimum = chain.payer.pubkey(), chain.value("getStakeMinimumDelegation")
    vote = Pubkey.from_string(votes(chain)["votePubkey"])
    for lamports, enough in ((minimum - 1, False), (minimum, True)):
        stake = Keypair()
        instructions = create_stake(owner, stake.pubkey(), 2_282_880 + lamports)
        chain.send(chain.sign(*instructions, others=(stake,)))
        answer = chain.call("sendTransaction", text(chain.sign(delegate(owner, stake.pubkey(), vote))), BASE64)
        assert ("result" in answer) is enough


def test_vote_account_continues_after_a_restore(chain: Chain) -> None:
    chain.pass_slots(10)
    snapshot = chain.result("localnet_takeSnapshot")
    chain.pass_slots(50)
    chain.result("localnet_restoreSnapshot", snapshot)
    own = votes(chain)
    state = chain.value("getAccountInfo", own["votePubkey"], PARSED)["data"]["parsed"]["info"]
    assert (state["votes"][-1]["slot"], state["rootSlot"]) == (own["lastVote"], own["rootSlot"])
    assert own["lastVote"] == chain.result("getSlot") - 1


def test_version_and_features(chain: Chain) -> None:
    features = FeatureSet.all_enabled().active
    known = sha256(b"".join(sorted(bytes(feature) for feature in features))).digest()
    number = int.from_bytes(known[:4], "little")
    assert chain.result("getVersion")["feature-set"] == number
    [node] = chain.result("getClusterNodes")
    assert (node["featureSet"], node["version"]) == (number, chain.result("getVersion")["solana-core"])
    assert 0 < node["shredVersion"] < 2**16
    accounts = {item["pubkey"]: item["account"] for item in chain.result("getProgramAccounts", str(FEATURE_PROGRAM))}
    refuses_deployments = Pubkey.from_string("EmhbpdVtZ2hWRGFWBDjn2i3SJD8Z36z4mpMcZJEnebnP")
    assert set(accounts) == {str(feature) for feature in features} - {str(refuses_deployments)}
    activated = chain.value("getAccountInfo", next(iter(accounts)), PARSED)
    assert (activated["data"], activated["lamports"]) == (["AQAAAAAAAAAA", "base64"], 953_520)


def test_nodes_have_the_addresses_of_the_servers(validator: LocalValidator) -> None:
    nodes: Any = validator.call("getClusterNodes")
    assert (f"http://{nodes[0]['rpc']}", f"ws://{nodes[0]['pubsub']}") == (validator.rpc_url, validator.ws_url)


@pytest.mark.parametrize(
    ("address", "epoch"),
    [
        ("SysvarC1ock11111111111111111111111111111111", 0),
        ("11111111111111111111111111111111", 0),
        ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", EXEMPT),
        ("So11111111111111111111111111111111111111112", EXEMPT),
        (str(STAKE_CONFIG), EXEMPT),
    ],
)
def test_rent_epochs(chain: Chain, address: str, epoch: int) -> None:
    assert chain.value("getAccountInfo", address, BASE64)["rentEpoch"] == epoch


def test_rent_epochs_of_new_accounts(chain: Chain) -> None:
    funded, airdropped = Pubkey.new_unique(), Pubkey.new_unique()
    chain.send(chain.transfer(funded, SOL))
    chain.result("requestAirdrop", str(airdropped), SOL)
    for address in (chain.payer.pubkey(), funded, airdropped):
        assert chain.value("getAccountInfo", str(address))["rentEpoch"] == EXEMPT
    [vote] = chain.result("getProgramAccounts", str(VOTE_PROGRAM), BASE64)
    assert vote["account"]["rentEpoch"] == EXEMPT
