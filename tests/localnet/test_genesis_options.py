"""Genesis options: accounts from files and other clusters, mint, faucet, slots; and the export of programs."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from pathlib import Path

import pytest
import zstandard
from solders.account import Account
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli import base58
from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.localnet.chain.undeployed import program_returning
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.operations.localnet.account_sources import accounts_from_files
from psyche_cli.solana.deployments import program_data_address
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM
from psyche_cli.solana.rpc.http import HttpTransport
from tests.localnet.harness import BASE64, MEMO, SOL, some_program, text
from tests.localnet.loader import set_authority
from tests.localnet.test_command import refused, run, running
from tests.support.patience import PATIENCE

UPGRADEABLE_LOADER = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")


def write_account(path: Path, address: Pubkey, lamports: int, data: bytes, owner: Pubkey) -> None:
    content = {
        "pubkey": str(address),
        "account": {
            "lamports": lamports,
            "data": [base64.b64encode(data).decode(), "base64"],
            "owner": str(owner),
            "executable": False,
            "rentEpoch": 18446744073709551615,
            "space": len(data),
        },
    }
    path.write_text(json.dumps(content))


def test_accounts_from_files_mint_faucet_and_first_slot(tmp_path: Path) -> None:
    owner, inside, elsewhere, mint = (Pubkey.new_unique() for _ in range(4))
    file = tmp_path / "account.json"
    write_account(file, inside, 3 * SOL, b"content", owner)
    words = ("--account", "-", str(file), "--account", str(elsewhere), str(file), "--mint", str(mint))
    with running(
        tmp_path, *words, "--faucet-sol", "12.5", "--warp-slot", "5000", "--clock", "fixed:86400"
    ) as validator:
        accounts = validator.value("getMultipleAccounts", [str(inside), str(elsewhere)])
        assert [account["lamports"] for account in accounts] == [3 * SOL, 3 * SOL]
        assert base64.b64decode(accounts[0]["data"][0]) == b"content"
        assert validator.value("getBalance", str(mint)) == 500_000_000 * SOL
        largest = {item["lamports"] for item in validator.value("getLargestAccounts")}
        assert 12_500_000_000 in largest
        assert validator.result("getSlot") >= 5000
        assert validator.result("getBlockTime", 5000) == 86400


def test_clones_from_another_cluster(tmp_path: Path) -> None:
    account, program, program_data, plain = (Pubkey.new_unique() for _ in range(4))
    code = some_program()
    # An upgradeable program as clusters hold it: a pointer, and a 45-byte header before the code, room after it.
    pointer = (2).to_bytes(4, "little") + bytes(program_data)
    data = (3).to_bytes(4, "little") + bytes(41) + code + bytes(1000)
    source = Genesis(
        programs={},
        accounts={
            account: Account(5 * SOL, b"cloned", plain),
            program: Account(SOL, pointer, UPGRADEABLE_LOADER),
            program_data: Account(SOL, data, UPGRADEABLE_LOADER),
        },
    )
    with LocalValidator(LocalnetOptions(source, rpc_port=0)) as origin:
        words = ("--url", origin.rpc_url, "--clone", str(account))
        programs = ("--clone-upgradeable-program", str(program), "--clone-upgradeable-program", str(MEMO))
        with running(tmp_path, *words, *programs) as validator:
            copied = validator.value("getAccountInfo", str(account), {"encoding": "base64"})
            assert (copied["lamports"], copied["owner"], copied["data"][0]) == (5 * SOL, str(plain), "Y2xvbmVk")
            payer = Keypair()
            validator.result("requestAirdrop", str(payer.pubkey()), SOL)
            signature = validator.send(payer, Instruction(program, b"hello", []))
            assert validator.value("getSignatureStatuses", [signature])[0]["err"] is None
        missing = run(tmp_path, "--rpc-port", "0", "--url", origin.rpc_url, "--clone", str(plain))
        assert missing.returncode == 5
        assert str(plain) in missing.stderr
        wrong = run(tmp_path, "--rpc-port", "0", *words[:2], "--clone-upgradeable-program", str(account))
        assert wrong.returncode == 11
        assert "is not a program" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--reset",), 2, "--ledger"),
        (("--slot-time", "-1"), 2, "slot"),
        (("--slot-time", "nan"), 2, "slot"),
        (("--clock", "yesterday"), 2, "clock"),
        (("--warp-slot", "0"), 2, "warp-slot"),
        (("--warp-slot", str(2**64 - 1)), 2, "warp-slot"),
        (("--mint", str(MEMO), "--airdrop", f"{MEMO}=18000000000"), 2, "exceeds the maximum balance of an account"),
        (("--mint", "nobody"), 2, "--mint"),
        (("--faucet-sol", "much"), 2, "--faucet-sol"),
        (("--account", "-"), 2, "two values"),
        (("--upgradeable-program", "coordinator", "x.so"), 2, "three values"),
        (("--upgradeable-program", "nobody", "x.so", "none"), 2, "--upgradeable-program"),
        (("--upgradeable-program", "coordinator", "absent.so", "nobody"), 2, "upgrade authority"),
        (("--upgradeable-program", "coordinator", "absent.so", "none"), 11, "Cannot read the program file"),
        (
            (
                "--upgradeable-program",
                "treasurer",
                "a.so",
                str(MEMO),
                "--upgradeable-program",
                "treasurer",
                "b.so",
                "none",
            ),
            2,
            "twice",
        ),
        (("--bpf-program", "treasurer", "a.so", "--upgradeable-program", "treasurer", "a.so", "none"), 2, "twice"),
        (("--account", "-", "absent.json"), 11, "Cannot read the account file"),
        (("--clone", "11111111111111111111111111111111", "--url", "http://127.0.0.1:1"), 10, "127.0.0.1:1"),
    ],
)
def test_wrong_options(tmp_path: Path, words: tuple[str, ...], code: int, expected: str) -> None:
    outcome = refused(tmp_path, "--rpc-port", "0", *words)
    assert (outcome.code, outcome.stdout) == (code, "")
    assert expected in outcome.stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"account":{}}', '{"account":{"lamports":1}}', '{"account":5}'])
def test_files_that_hold_no_account(tmp_path: Path, content: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(content)
    outcome = refused(tmp_path, "--rpc-port", "0", "--account", "-", str(file))
    assert outcome.code is ExitCode.LOCALNET
    assert "does not contain a valid account" in outcome.stderr


@pytest.mark.parametrize("encoding", ["base58", "base64", "base64+zstd"])
def test_account_files_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    file, address, content = tmp_path / "account.json", Pubkey.new_unique(), b"content " * 10
    write_account(file, address, SOL, content, Pubkey.new_unique())
    written = json.loads(file.read_text())
    packed = zstandard.ZstdCompressor().compress(content) if encoding.endswith("zstd") else content
    text = base58.encode(packed) if encoding == "base58" else base64.b64encode(packed).decode()
    written["account"]["data"] = [text, encoding]
    file.write_text(json.dumps(written))
    assert accounts_from_files([("-", file)])[address].data == content


def test_upgradeable_program_from_files_in_any_order(tmp_path: Path) -> None:
    program, code_at = Pubkey.new_unique(), Pubkey.new_unique()
    program_file, code_file = tmp_path / "program.json", tmp_path / "code.json"
    pointer = (2).to_bytes(4, "little") + bytes(code_at)
    code = (3).to_bytes(4, "little") + bytes(41) + some_program()
    write_account(program_file, program, SOL, pointer, UPGRADEABLE_LOADER)
    program_file.write_text(program_file.read_text().replace('"executable": false', '"executable": true'))
    write_account(code_file, code_at, SOL, code, UPGRADEABLE_LOADER)
    words = (
        "--account",
        "-",
        str(program_file),
        "--account",
        "-",
        str(code_file),
        "--ledger",
        str(tmp_path / "ledger"),
    )
    payer = Keypair()
    for words_of_start in (words, words[-2:]):
        with running(tmp_path, *words_of_start) as validator:
            validator.result("requestAirdrop", str(payer.pubkey()), SOL)
            signature = validator.send(payer, Instruction(program, b"hello", []))
            assert validator.value("getSignatureStatuses", [signature])[0]["err"] is None
    with running(tmp_path, *words[:3]) as validator:
        validator.result("requestAirdrop", str(payer.pubkey()), SOL)
        invocation = Instruction(program, b"hello", [])
        assert validator.value("getAccountInfo", str(program))["executable"]
        unsent = text(VersionedTransaction(Message([invocation], payer.pubkey()), [payer]))
        options = {"encoding": "base64", "replaceRecentBlockhash": True}
        outcome = validator.value("simulateTransaction", unsent, options)
        assert outcome["err"] == {"InstructionError": [0, "UnsupportedProgramId"]}
        failed = f"Program {program} failed: Unsupported program id"
        assert outcome["logs"] == [f"Program {program} invoke [1]", "Program is not deployed", failed]


def test_remote_control_from_the_command_line(tmp_path: Path) -> None:
    file, address = tmp_path / "account.json", Pubkey.new_unique()
    write_account(file, address, SOL, b"set", Pubkey.new_unique())
    with running(tmp_path, "--quiet", "--clock", "fixed:1000") as validator:
        rpc = ("--rpc", validator.rpc_url, "--output", "json")
        assert json.loads(run(tmp_path, "warp", "3600", *rpc).stdout)["data"]["unix_timestamp"] == 4600
        before = validator.result("getSlot")
        assert json.loads(run(tmp_path, "warp", "--slots", "1000", *rpc).stdout)["data"]["slot"] >= before + 1000
        assert run(tmp_path, "warp", *rpc).returncode == 2
        snapshot = json.loads(run(tmp_path, "snapshot", *rpc).stdout)["data"]["snapshot"]
        assert run(tmp_path, "set-account", str(address), str(file), *rpc).returncode == 0
        assert validator.value("getBalance", str(address)) == SOL
        assert run(tmp_path, "restore", str(snapshot), *rpc).returncode == 0
        assert validator.value("getBalance", str(address)) == 0
        assert run(tmp_path, "restore", "99", *rpc).returncode == 2
        assert run(tmp_path, "reset", *rpc).returncode == 0
        assert validator.result("getTransactionCount") == 0


def test_log_shows_requests_and_program_logs(tmp_path: Path) -> None:
    with running(tmp_path, "--log") as validator:
        payer = Keypair()
        validator.result("requestAirdrop", str(payer.pubkey()), SOL)
        validator.send(payer, Instruction(MEMO, b"hello", []))
        _, _, talk = validator.stop()
    assert "requestAirdrop: ok" in talk
    assert "getLatestBlockhash: ok" in talk
    assert f"    Program {MEMO} success" in talk


def test_the_log_has_nothing_that_acts_on_a_terminal_and_no_secret(tmp_path: Path) -> None:
    with running(tmp_path, "--log", "--url", "http://127.0.0.1:1/SECRETSECRET") as validator:
        for method in ("get\x1b[31mHealth", "get\u202eHealth\r\n", "SECRETSECRET"):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
            transport = HttpTransport(validator.rpc_url)
            transport.send(body, timeout=PATIENCE)
            transport.close()
        _, _, log = validator.stop()
    assert log.replace("\n", "").isprintable()
    assert "get\N{REPLACEMENT CHARACTER}[31mHealth" in log
    assert "SECRETSECRET" not in log


def test_export_of_the_programs(tmp_path: Path) -> None:
    folder = tmp_path / "all programs"
    done = run(tmp_path, "programs", "--export", str(folder), "--output", "json")
    data = json.loads(done.stdout)["data"]
    assert {item["name"]: item["id"] for item in data["programs"]} == {
        name: str(address) for name, address in PSYCHE_PROGRAMS.items()
    }
    for item in data["programs"]:
        content = Path(item["path"]).read_bytes()
        assert content.startswith(b"\x7fELF")
        assert hashlib.sha256(content).hexdigest() == item["sha256"]
    flags = data["solana_test_validator_flags"]
    assert flags[:3] == ["--bpf-program", str(PSYCHE_PROGRAMS["coordinator"]), str(folder / "coordinator.so")]
    said = run(tmp_path, "programs", "--export", str(folder))
    [command] = [line for line in said.stderr.splitlines() if "solana-test-validator" in line]
    assert shlex.split(command.partition(": ")[2]) == ["solana-test-validator", "--reset", *flags]
    # The same flags start this validator.
    with running(tmp_path, *flags) as validator:
        assert validator.result("getHealth") == "ok"


def test_upgradeable_program_is_upgraded_by_its_authority(tmp_path: Path) -> None:
    authority, program, fixed = Keypair(), Pubkey.new_unique(), Pubkey.new_unique()
    keypair, file = tmp_path / "authority.json", tmp_path / "program.so"
    keypair.write_text(authority.to_json())
    file.write_bytes(program_returning(7))
    words = ("--upgradeable-program", str(program), str(file), str(keypair))
    with running(tmp_path, *words, "--upgradeable-program", str(fixed), str(file), "none") as validator:
        parsed = {"encoding": "jsonParsed"}
        code_at = [str(program_data_address(each)) for each in (program, fixed)]
        authorities = [
            account["data"]["parsed"]["info"]["authority"]
            for account in validator.value("getMultipleAccounts", code_at, parsed)
        ]
        assert authorities == [str(authority.pubkey()), str(Pubkey.default())]
        validator.result("requestAirdrop", str(authority.pubkey()), SOL)
        signature = validator.send(authority, set_authority(program_data_address(program), authority.pubkey(), None))
        assert validator.value("getSignatureStatuses", [signature])[0]["err"] is None
        data = base64.b64decode(validator.value("getAccountInfo", code_at[0], BASE64)["data"][0])
        assert data[12] == 0


def test_programs_of_the_vm_can_be_replaced(tmp_path: Path) -> None:
    payer, file = Keypair(), tmp_path / "program.so"
    file.write_bytes(program_returning(7))
    with running(tmp_path, "--bpf-program", str(TOKEN_2022_PROGRAM), str(file)) as validator:
        validator.result("requestAirdrop", str(payer.pubkey()), SOL)
        unsent = VersionedTransaction(Message([Instruction(TOKEN_2022_PROGRAM, b"", [])], payer.pubkey()), [payer])
        options = {"encoding": "base64", "replaceRecentBlockhash": True}
        outcome = validator.value("simulateTransaction", text(unsent), options)
        assert outcome["err"] == {"InstructionError": [0, {"Custom": 7}]}


def test_accounts_of_a_directory(tmp_path: Path) -> None:
    folder, owner = tmp_path / "accounts", Pubkey.new_unique()
    folder.mkdir()
    addresses = [Pubkey.new_unique() for _ in range(3)]
    for number, address in enumerate(addresses):
        write_account(folder / f"{number}.json", address, (number + 1) * SOL, b"content", owner)
    (folder / "readme.txt").write_text("no account")
    write_account(tmp_path / "other.json", addresses[0], 9 * SOL, b"", owner)
    words = ("--account-dir", str(folder), "--account", "-", str(tmp_path / "other.json"))
    with running(tmp_path, *words) as validator:
        accounts = validator.value("getMultipleAccounts", [str(address) for address in addresses])
        assert [account["lamports"] for account in accounts] == [9 * SOL, 2 * SOL, 3 * SOL]


@pytest.mark.parametrize("content", ["", "[]", '{"account": {"lamports": 1}}', "[1, 2, 3]"])
def test_directories_with_a_file_that_is_no_account(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "accounts"
    folder.mkdir()
    write_account(folder / "a.json", Pubkey.new_unique(), SOL, b"", Pubkey.new_unique())
    (folder / "b.json").write_text(content)
    outcome = refused(tmp_path, "--rpc-port", "0", "--account-dir", str(folder))
    assert outcome.code is ExitCode.LOCALNET
    assert str(folder / "b.json") in outcome.stderr
    assert "account" in outcome.stderr


def test_directories_that_cannot_be_loaded(tmp_path: Path) -> None:
    absent = refused(tmp_path, "--rpc-port", "0", "--account-dir", str(tmp_path / "absent"))
    assert absent.code is ExitCode.LOCALNET
    assert f"Cannot read the account directory {tmp_path / 'absent'}" in absent.stderr
    folder, address = tmp_path / "accounts", Pubkey.new_unique()
    folder.mkdir()
    for name in ("a.json", "b.json"):
        write_account(folder / name, address, SOL, b"", Pubkey.new_unique())
    twice = refused(tmp_path, "--rpc-port", "0", "--account-dir", str(folder))
    assert twice.code is ExitCode.LOCALNET
    assert f"{folder / 'b.json'} and {folder / 'a.json'} are both files of the account {address}" in twice.stderr
