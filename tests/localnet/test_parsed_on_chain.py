"""jsonParsed of what real transactions made: a deployed program, a stake and its end, and the vote account."""

from __future__ import annotations

import base64
from typing import Any

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.undeployed import program_returning
from psyche_cli.solana.programs import CLOCK_SYSVAR, RENT_SYSVAR, STAKE_CONFIG, SYSTEM_PROGRAM, SYSVARS
from tests.localnet.harness import PARSED, SOL, Chain
from tests.localnet.loader import Deployer
from tests.localnet.stakes import create_stake, deactivate, delegate, withdraw

CODE = program_returning(0)
NONE = 2**64 - 1


def account(chain: Chain, address: Pubkey) -> Any:
    return chain.value("getAccountInfo", str(address), PARSED)["data"]


def instructions(chain: Chain, signature: str) -> list[Any]:
    """The parsed instructions of a transaction, with the inner ones of all at the end."""
    transaction = chain.result("getTransaction", signature, PARSED)
    inner = [item for outer in transaction["meta"]["innerInstructions"] for item in outer["instructions"]]
    return [item["parsed"] for item in (*transaction["transaction"]["message"]["instructions"], *inner)]


def texts(**keys: Pubkey) -> dict[str, str]:
    return {name: str(key) for name, key in keys.items()}


def test_a_deployed_program(chain: Chain) -> None:
    deployer = Deployer(chain)
    wallet, program, data = deployer.wallet, deployer.program.pubkey(), deployer.program_data
    buffer = deployer.buffer(CODE)
    content = [base64.b64encode(CODE).decode(), "base64"]
    assert account(chain, buffer) == {
        "program": "bpf-upgradeable-loader",
        "parsed": {"type": "buffer", "info": {"authority": str(wallet), "data": content}},
        "space": 37 + len(CODE),
    }
    deployed = instructions(chain, deployer.deploy(CODE))
    assert [item["type"] for item in deployed] == ["createAccount", "deployWithMaxDataLen", "createAccount"]
    info = deployed[1]["info"]
    assert info == {
        "maxDataLen": len(CODE),
        "bufferAccount": info["bufferAccount"],
        **texts(
            payerAccount=wallet, programDataAccount=data, programAccount=program, rentSysvar=RENT_SYSVAR,
            clockSysvar=CLOCK_SYSVAR, systemProgram=SYSTEM_PROGRAM, authority=wallet,
        ),
    }  # fmt: skip
    assert account(chain, program)["parsed"] == {"type": "program", "info": {"programData": str(data)}}
    parsed = account(chain, data)["parsed"]
    shown = {"slot": parsed["info"]["slot"], "authority": str(wallet), "data": content}
    assert parsed == {"type": "programData", "info": shown}
    assert shown["slot"] <= chain.result("getSlot")
    chain.pass_slots(1)
    [extended, *_] = instructions(chain, deployer.land(deployer.extend(9)))
    assert extended == {
        "type": "extendProgram",
        "info": {
            "additionalBytes": 9,
            **texts(programDataAccount=data, programAccount=program, systemProgram=SYSTEM_PROGRAM, payerAccount=wallet),
        },
    }
    chain.pass_slots(1)
    [ended] = instructions(chain, deployer.land(deployer.set_authority(data, None)))
    assert ended["info"] == {**texts(account=data, authority=wallet), "newAuthority": None}
    # The bytes of the last authority remain where they were, as on a cluster.
    final = account(chain, data)["parsed"]["info"]
    assert final["authority"] is None
    assert base64.b64decode(final["data"][0]) == bytes(wallet) + CODE + bytes(9)


def test_a_stake_from_its_creation_to_its_end(chain: Chain) -> None:
    owner, stake = chain.payer.pubkey(), Keypair()
    [validator] = chain.result("getVoteAccounts")["current"]
    vote = Pubkey.from_string(validator["votePubkey"])
    key = stake.pubkey()
    created = chain.send(chain.sign(*create_stake(owner, key, 5 * SOL), others=(stake,)))
    authorized = texts(staker=owner, withdrawer=owner)
    lockup = {"unixTimestamp": 0, "epoch": 0, "custodian": str(Pubkey.default())}
    assert instructions(chain, created)[1] == {
        "type": "initialize",
        "info": {**texts(stakeAccount=key, rentSysvar=RENT_SYSVAR), "authorized": authorized, "lockup": lockup},
    }
    meta = {"authorized": authorized, "lockup": lockup, "rentExemptReserve": "2282880"}
    assert account(chain, key)["parsed"] == {"type": "initialized", "info": {"meta": meta, "stake": None}}
    delegated = chain.send(chain.sign(delegate(owner, key, vote)))
    sysvars = texts(clockSysvar=CLOCK_SYSVAR, stakeHistorySysvar=SYSVARS["stakeHistory"])
    assert instructions(chain, delegated) == [
        {
            "type": "delegate",
            "info": {
                **sysvars,
                **texts(stakeAccount=key, voteAccount=vote, stakeConfigAccount=STAKE_CONFIG, stakeAuthority=owner),
            },
        }
    ]
    parsed = account(chain, key)["parsed"]
    delegation = parsed["info"]["stake"]["delegation"]
    assert (parsed["type"], parsed["info"]["meta"]) == ("delegated", meta)
    assert (delegation["voter"], delegation["stake"]) == (str(vote), str(5 * SOL - 2_282_880))
    assert delegation["deactivationEpoch"] == str(NONE)
    chain.send(chain.sign(deactivate(owner, key)))
    ended = account(chain, key)["parsed"]["info"]["stake"]["delegation"]
    assert ended["deactivationEpoch"] == str(chain.result("getEpochInfo")["epoch"])
    withdrawn = chain.send(chain.sign(withdraw(owner, key, 5 * SOL)))
    info = {**sysvars, **texts(stakeAccount=key, destination=owner, withdrawAuthority=owner), "lamports": 5 * SOL}
    assert instructions(chain, withdrawn) == [{"type": "withdraw", "info": info}]


def test_the_vote_account_is_the_one_that_the_cluster_reports(chain: Chain) -> None:
    [validator] = chain.result("getVoteAccounts")["current"]
    shown = account(chain, Pubkey.from_string(validator["votePubkey"]))
    info = shown["parsed"]["info"]
    assert (shown["program"], shown["parsed"]["type"]) == ("vote", "vote")
    assert (info["nodePubkey"], info["commission"]) == (validator["nodePubkey"], validator["commission"])
    assert info["nodePubkey"] == chain.result("getIdentity")["identity"]
