"""The lines of the validator's log."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.resources import idl_path
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from tests.cli.conftest import MINIMAL
from tests.localnet.harness import MEMO, SOL, Chain, move
from tests.localnet.test_command import run, running


def line_of(chain: Chain, *instructions: Instruction, preflight: bool = True) -> tuple[str, str]:
    """The log line of one transaction, split into the text before the signature, and the signature."""
    chain.log.clear()
    signature = chain.send(chain.sign(*instructions), skipPreflight=not preflight)
    [line] = chain.log
    assert line.endswith(f"  {signature}")
    return line.removesuffix(f"  {signature}"), signature


def memo(text: bytes) -> Instruction:
    return Instruction(MEMO, text, [])


def test_program_instruction_payer_result_and_units(chain: Chain) -> None:
    line, _ = line_of(chain, move(chain.payer, Pubkey.new_unique(), SOL))
    assert line == f"slot 1  system::transfer  by {chain.payer.pubkey()}  ok  150 CU"


def test_several_instructions_in_order_repetitions_counted(chain: Chain) -> None:
    to = Pubkey.new_unique()
    transfers = [move(chain.payer, to, SOL + n) for n in range(3)]
    line, _ = line_of(chain, set_compute_unit_limit(50_000), *transfers, memo(b"\x1b[31m"), move(chain.payer, to, SOL))
    assert line.split("  ")[1] == "system::transfer x3 + memo + system::transfer"


def test_many_instructions_are_cut(chain: Chain) -> None:
    to = Pubkey.new_unique()
    instructions = [memo(b"a") if n % 2 else move(chain.payer, to, SOL + n) for n in range(9)]
    named = line_of(chain, *instructions)[0].split("  ")[1].split(" + ")
    assert named == ["system::transfer", "memo"] * 3 + ["3 more"]


def test_the_compute_budget_alone_is_named(chain: Chain) -> None:
    line, _ = line_of(chain, set_compute_unit_limit(50_000), set_compute_unit_price(1))
    assert line.split("  ")[1] == "compute-budget x2"


def test_a_failure_by_the_programs_name_for_it(chain: Chain) -> None:
    line, _ = line_of(chain, move(chain.payer, Pubkey.new_unique(), 1000 * SOL), preflight=False)
    assert (
        "failed: Error processing Instruction 0: custom program error: 0x1 (system: ResultWithNegativeLamports)" in line
    )


def test_a_failure_without_a_number(chain: Chain) -> None:
    line, _ = line_of(chain, Instruction(SYSTEM_PROGRAM, b"\xff\xff\xff\xff", []), preflight=False)
    assert "  system::unknown  " in line
    assert line.split("  ")[3] == "failed: Error processing Instruction 0: invalid instruction data"


def test_a_program_that_is_not_known_by_its_address(chain: Chain) -> None:
    program = Pubkey.new_unique()
    chain.log.clear()
    signature = chain.send(chain.sign(Instruction(program, b"\x1b]0;title\x07", [])), skipPreflight=True)
    [line] = chain.log
    assert f"  {program}  by {chain.payer.pubkey()}  " in line
    assert line.endswith(signature)
    assert line.isprintable()


def test_a_transaction_that_is_dropped(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), SOL)
    forged = type(transaction).populate(transaction.message, [Signature.new_unique()])
    chain.log.clear()
    signature = chain.send(forged, skipPreflight=True)
    [line] = chain.log
    assert line.startswith(f"dropped  system::transfer  by {chain.payer.pubkey()}  ")
    assert line.endswith(f"  Transaction did not pass signature verification  {signature}")


def test_an_airdrop_by_its_amount(chain: Chain) -> None:
    to = Pubkey.new_unique()
    signature = chain.result("requestAirdrop", str(to), 1_500_000_001)
    assert chain.log == [f"slot 1  airdrop of 1.500000001 SOL to {to}  ok  {signature}"]


@pytest.mark.parametrize("program", PSYCHE_PROGRAMS)
def test_every_instruction_of_the_psyche_programs_has_its_name(chain: Chain, program: str) -> None:
    """The programs are not loaded: the log shows the requested instructions."""
    names = [item["name"] for item in json.loads(idl_path(program).read_text())["instructions"]]
    assert len(names) > 3
    for camel in names:
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel)
        data = hashlib.sha256(f"global:{snake}".encode()).digest()[:8]
        account = AccountMeta(chain.payer.pubkey(), is_signer=True, is_writable=True)
        line, _ = line_of(chain, Instruction(PSYCHE_PROGRAMS[program], data, [account]), preflight=False)
        assert f"  {program}::{snake}  by " in line


def test_the_life_of_a_run_as_the_operator_sees_it(tmp_path: Path) -> None:
    """With the treasurer's inner calls of the coordinator in brackets."""
    from tests.cli.test_processes import Shell

    owner = json.loads(run(tmp_path, "new-wallet", str(tmp_path / "owner.json"), "--output", "json").stdout)
    address = owner["data"]["address"]
    with running(tmp_path, "--airdrop", f"{address}=10") as validator:
        shell = Shell(tmp_path, {"RPC": validator.rpc_url, "WALLET_PRIVATE_KEY_PATH": "owner.json", "RUN_ID": "test"})
        mint = shell.json("localnet", "new-mint")["mint"]
        shell.run("create-run", "--treasurer-collateral-mint", mint)
        shell.run("update-config", "--config-path", MINIMAL)
        shell.run("create-run", "--run-id", "plain")
        shell.run("update-config", "--run-id", "plain", "--config-path", MINIMAL)
        shell.run("set-paused", "--run-id", "plain", "--resume")
        code, _, log = validator.stop()
    assert code == 0
    *shown, end = log.splitlines()
    assert end == "The local validator has stopped."
    lines = [line.split("  ") for line in shown]
    assert [(line[1], line[2], line[3]) for line in lines] == [
        (what, f"by {address}", "ok")
        for what in (
            "system::create_account + spl-token::initialize_mint + associated-token::create_idempotent",
            "system::create_account + treasurer::run_create [coordinator::init_coordinator]",
            "treasurer::run_update [coordinator::update]",
            "system::create_account + coordinator::init_coordinator",
            "coordinator::update",
            "coordinator::set_paused",
        )
    ]
