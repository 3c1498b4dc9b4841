"""Programs are deployed, upgraded, extended and closed by the upgradeable loader."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.undeployed import program_returning
from psyche_cli.resources import program_path
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from tests.localnet.harness import BASE64, Chain, HandClock, text
from tests.localnet.lives import Life
from tests.localnet.loader import Deployer

HEADER = 45
WORKS, FAILS = program_returning(0), program_returning(7)
MIN_EXTENSION = 10_240
"""The least by which later versions of the loader extend a program."""
FAILED = {"InstructionError": [0, {"Custom": 7}]}


@pytest.fixture
def deployer(chain: Chain) -> Deployer:
    return Deployer(chain)


def data_of(chain: Chain, address: Pubkey) -> bytes:
    account = chain.value("getAccountInfo", str(address), BASE64)
    assert account is not None
    return base64.b64decode(account["data"][0])


def invoke(chain: Chain, program: Pubkey) -> Any:
    """The outcome of an invocation, in a later slot."""
    chain.pass_slots(1)
    return chain.value("simulateTransaction", text(chain.sign(Instruction(program, b"", []))), BASE64)


def runs(chain: Chain, program: Pubkey) -> bool:
    """Whether an invocation succeeds."""
    outcome = invoke(chain, program)
    return outcome["err"] is None and outcome["logs"][-1] == f"Program {program} success"


def test_deploy(chain: Chain, deployer: Deployer) -> None:
    loaded = {item["pubkey"] for item in chain.result("getProgramAccounts", str(UPGRADEABLE_LOADER), BASE64)}
    code, program = program_path("authorizer").read_bytes(), deployer.program.pubkey()
    deployer.deploy(code, max_size=2 * len(code))
    slot = chain.result("getSlot")
    assert "DeclaredProgramIdMismatch" in invoke(chain, program)["logs"][1]
    account = chain.value("getAccountInfo", str(program), BASE64)
    assert (account["executable"], account["owner"]) == (True, str(UPGRADEABLE_LOADER))
    assert base64.b64decode(account["data"][0]) == b"\2\0\0\0" + bytes(deployer.program_data)
    data = data_of(chain, deployer.program_data)
    assert data[:HEADER] == b"\3\0\0\0" + slot.to_bytes(8, "little") + b"\1" + bytes(deployer.wallet)
    assert data[HEADER:] == code + bytes(len(code))
    listed = {item["pubkey"]: item for item in chain.result("getProgramAccounts", str(UPGRADEABLE_LOADER), BASE64)}
    assert set(listed) - loaded == {str(program), str(deployer.program_data)}, "the buffer is gone"


def test_upgraded_code_runs(chain: Chain, deployer: Deployer) -> None:
    program = deployer.program.pubkey()
    deployer.deploy(WORKS)
    assert runs(chain, program)
    # Both in the slot of the deployment, which a cluster's loader refuses: a later slot begins.
    deployer.upgrade(FAILS)
    assert invoke(chain, program)["err"] == FAILED
    deployer.upgrade(WORKS)
    assert runs(chain, program)


def test_extended_program_takes_longer_code(chain: Chain, deployer: Deployer) -> None:
    program, code = deployer.program.pubkey(), WORKS + bytes(MIN_EXTENSION)
    deployer.deploy(FAILS)
    buffer = deployer.buffer(code)
    too_long = chain.error("sendTransaction", text(deployer.sign(deployer.upgrade_from(buffer))), BASE64)
    assert too_long["data"]["err"] == {"InstructionError": [0, "AccountDataTooSmall"]}
    extra = len(code) - len(FAILS)
    deployer.land(deployer.extend(extra))
    assert len(data_of(chain, deployer.program_data)) == HEADER + len(code)
    assert invoke(chain, program)["err"] == FAILED
    deployer.land(deployer.upgrade_from(buffer))
    assert runs(chain, program)


def test_closed_program_is_not_deployed(chain: Chain, deployer: Deployer) -> None:
    program = deployer.program.pubkey()
    deployer.deploy(WORKS)
    before = chain.balance(deployer.wallet)
    rent = chain.balance(deployer.program_data)
    deployer.close_program()
    assert chain.balance(deployer.wallet) == before + rent - 5000
    assert chain.value("getAccountInfo", str(deployer.program_data)) is None
    assert chain.value("getAccountInfo", str(program), BASE64)["executable"]
    outcome = invoke(chain, program)
    assert outcome["err"] == {"InstructionError": [0, "UnsupportedProgramId"]}
    assert outcome["logs"] == [
        f"Program {program} invoke [1]",
        "Program is not deployed",
        f"Program {program} failed: Unsupported program id",
    ]
    landed = chain.send(chain.sign(Instruction(program, b"", [])), skipPreflight=True)
    assert chain.status(landed)["err"] == outcome["err"]


def test_closed_buffer_returns_its_lamports(chain: Chain, deployer: Deployer) -> None:
    buffer = deployer.buffer(WORKS)
    before, rent = chain.balance(deployer.wallet), chain.balance(buffer)
    deployer.land(deployer.close(buffer))
    assert chain.balance(deployer.wallet) == before + rent - 5000
    assert chain.value("getAccountInfo", str(buffer)) is None


def test_authorities(chain: Chain, deployer: Deployer) -> None:
    other = Keypair().pubkey()
    buffer = deployer.buffer(FAILS)
    deployer.land(deployer.set_authority(buffer, other))
    assert data_of(chain, buffer)[5:37] == bytes(other)
    deployer.deploy(WORKS)
    deployer.land(deployer.set_authority(deployer.program_data, None))
    assert data_of(chain, deployer.program_data)[12] == 0
    final = chain.error("sendTransaction", text(deployer.sign(deployer.upgrade_from(deployer.buffer(FAILS)))), BASE64)
    assert final["data"]["err"] == {"InstructionError": [0, "Immutable"]}
    assert runs(chain, deployer.program.pubkey())


def test_damaged_code_is_not_deployed(chain: Chain, deployer: Deployer) -> None:
    with pytest.raises(AssertionError, match="invalid account data for instruction"):
        deployer.deploy(WORKS[:-100])
    assert chain.value("getAccountInfo", str(deployer.program.pubkey())) is None


def test_snapshots_restore_the_code_of_their_time(chain: Chain, deployer: Deployer) -> None:
    program = deployer.program.pubkey()
    empty = chain.result("localnet_takeSnapshot")
    deployer.deploy(WORKS)
    deployed = chain.result("localnet_takeSnapshot")
    deployer.upgrade(FAILS)
    upgraded = chain.result("localnet_takeSnapshot")
    deployer.close_program()
    closed = chain.result("localnet_takeSnapshot")
    for _ in range(2):
        chain.result("localnet_restoreSnapshot", deployed)
        assert runs(chain, program)
        chain.result("localnet_restoreSnapshot", upgraded)
        assert invoke(chain, program)["err"] == FAILED
        chain.result("localnet_restoreSnapshot", closed)
        assert invoke(chain, program)["err"] == {"InstructionError": [0, "UnsupportedProgramId"]}
        chain.result("localnet_restoreSnapshot", empty)
        assert invoke(chain, program)["err"] == "ProgramAccountNotFound"
    deployer.deploy(WORKS)
    assert runs(chain, program)


def test_set_account_replaces_the_code(chain: Chain, deployer: Deployer) -> None:
    program = deployer.program.pubkey()
    deployer.deploy(WORKS)
    before = chain.value("getAccountInfo", str(deployer.program_data), BASE64)
    data = base64.b64decode(before["data"][0])
    for code, fails in ((FAILS, True), (data[HEADER:], False)):
        content = base64.b64encode(data[:HEADER] + code).decode()
        chain.result("localnet_setAccount", str(deployer.program_data), {**before, "data": [content, "base64"]})
        assert (invoke(chain, program)["err"] is not None) is fails
    damaged = {**before, "data": [base64.b64encode(data[:150]).decode(), "base64"]}
    assert chain.error("localnet_setAccount", str(deployer.program_data), damaged)["code"] == -32602
    assert chain.value("getAccountInfo", str(deployer.program_data), BASE64) == before
    assert runs(chain, program)


def test_stand_ins_are_upgradeable_programs_without_authority() -> None:
    genesis = Genesis()
    assert {genesis.authority_of(program) for program in genesis.programs} == {Pubkey.default()}
    assert len(genesis.program_addresses()) == 2 * len(genesis.programs)


def test_ledger_restores_deployed_programs(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    program = Keypair()
    steps: list[tuple[Callable[[Deployer], object], object]] = [
        (lambda deployer: deployer.deploy(WORKS), None),
        (lambda deployer: deployer.upgrade(FAILS), FAILED),
        (lambda deployer: deployer.close_program(), {"InstructionError": [0, "UnsupportedProgramId"]}),
    ]
    for change, error in steps:
        life = Life(tmp_path, payer, clock)
        change(Deployer(life.chain, program))
        assert invoke(life.chain, program.pubkey())["err"] == error
        life.end()
        life = Life(tmp_path, payer, clock)
        assert invoke(life.chain, program.pubkey())["err"] == error
        life.end()
