"""The journal and the commands that settle what an interrupted command left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, U64_MAX
from psyche_cli.localnet.in_process import InProcessTransport, create_dispatcher
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.sending.journal import FILE_NAME
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome, address_of
from tests.cli.killing import killed
from tests.faults.clock import ScheduleClock
from tests.support.secret_forms import FORMS, leaked
from tests.support.state_home import state_home

SIGNATURE = "5" * 88
SEND, LANDED = "sendTransaction", "getTransaction"
TOP_UP = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5")


def file_of(house: House) -> Path:
    return state_home(house.cli.home) / "psyche-cli" / FILE_NAME


def without_waiting(house: House) -> CommandLine:
    """The same command line with a clock that skips all pauses."""
    return CommandLine(house.cli.home, house.cli.open_transport, house.cli.variables, ScheduleClock())


def transactions(house: House, *words: str) -> list[Any]:
    found: list[Any] = house.cli.json("tx", "list", *words)["transactions"]
    return found


def vault(house: House) -> int:
    dump = house.cli.json("rewards", "list", "--run-id", "test")
    held: int = dump["vault_balance"]["base_units"]
    return held


def expire_everything(house: House) -> None:
    """Let 400 slots pass."""
    house.cli.json("localnet", "warp", "--slots", "400")


def test_a_transaction_is_recorded_and_settled(house: House) -> None:
    assert transactions(house) == []
    assert not file_of(house).exists()
    outcome = house.cli("create-run", "--run-id", "test", "--output", "json")
    [landed] = outcome.json["transactions"]
    assert transactions(house) == []
    [record] = transactions(house, "--all")
    assert record["signature"] == landed["signature"]
    assert (record["state"], record["slot"], record["error"]) == ("landed", landed["slot"], None)
    assert (record["command"], record["label"], record["run_id"]) == ("create-run", "create run", "test")
    assert record["wallet"] == str(address_of(house.owner))
    assert record["genesis_hash"] == str(house.chain.rpc.genesis_hash())
    assert record["created_accounts"] == [
        {"address": outcome.data["coordinator_account"], "role": "coordinator account"}
    ]
    assert transactions(house, "--all", "--run-id", "another") == []
    assert "landed: create run (run test)" in house.cli("tx", "list", "--all").stdout


def test_it_is_on_disk_before_the_first_byte_leaves_and_only_its_owner_can_read_it(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    assert house.chain.sent == 0
    [record] = transactions(house)
    assert record["state"] == "unsettled"
    assert file_of(house).stat().st_mode & 0o777 == 0o600
    assert file_of(house).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("executes", [False, True], ids=["never arrived", "arrived"])
def test_resume_sends_the_same_bytes(house: House, executes: bool) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=executes)
    [record] = transactions(house)
    outcome = house.cli("tx", "resume", "--output", "json")
    [settled] = outcome.data["settled"]
    assert (settled["signature"], settled["state"]) == (record["signature"], "landed")
    assert [receipt["signature"] for receipt in outcome.json["transactions"]] == [record["signature"]]
    assert str(house.instance().coordinator_account) == record["created_accounts"][0]["address"]
    assert transactions(house) == []
    assert house.cli.json("tx", "resume")["settled"] == []


def test_resume_of_one_transaction(house: House) -> None:
    for run_id in ("one", "two"):
        killed(house, SEND, "create-run", "--run-id", run_id, executes=False)
    first, second = transactions(house)
    assert [one["signature"] for one in house.cli.json("tx", "resume", second["signature"])["settled"]] == [
        second["signature"]
    ]
    assert [one["signature"] for one in transactions(house)] == [first["signature"]]
    assert house.cli.json("tx", "resume", second["signature"])["settled"] == []


def test_resume_settles_an_expired_transaction(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    expire_everything(house)
    [settled] = without_waiting(house).json("tx", "resume")["settled"]
    assert settled["state"] == "expired"
    assert house.cli.json("create-run", "--run-id", "test")["run_id"] == "test"


@pytest.mark.parametrize("method", [SEND, LANDED], ids=["while sending", "after landing"])
@pytest.mark.parametrize("executes", [False, True], ids=["before", "after"])
def test_a_repeated_top_up_pays_once(house: House, method: str, executes: bool) -> None:
    house.run(treasurer=True)
    killed(house, method, *TOP_UP, executes=executes)
    [record] = transactions(house)
    again = house.cli(*TOP_UP, "--output", "json")
    assert again.data["transferred"]["base_units"] == 5_000_000
    assert again.data["vault_balance"]["base_units"] == vault(house) == 5_000_000
    assert [receipt["signature"] for receipt in again.json["transactions"]] == [record["signature"]]
    assert "by an earlier attempt" in again.json["summary"]
    assert record["signature"] in again.stderr
    house.cli.json(*TOP_UP)
    assert vault(house) == 10_000_000, "a completed top-up can be repeated"


def test_a_payment_is_unsettled_until_the_user_has_been_told(house: House) -> None:
    house.run(treasurer=True)
    reads = 3  # the last one is after the transaction has landed
    killed(house, "getMultipleAccounts", *TOP_UP, executes=True, nth=reads)
    assert vault(house) == 5_000_000
    killed(house, "getMultipleAccounts", *TOP_UP, executes=True, nth=1)
    house.cli.json(*TOP_UP)
    assert vault(house) == 5_000_000


def test_the_whole_balance_is_not_refused_to_a_repetition(house: House) -> None:
    house.run(treasurer=True)
    words = (*TOP_UP[:-1], "1000000")
    killed(house, SEND, *words, executes=True)
    assert house.cli.json(*words)["transferred"]["amount"] == 1_000_000


def test_another_amount_is_another_payment_with_a_warning(house: House) -> None:
    house.run(treasurer=True)
    killed(house, SEND, *TOP_UP, executes=True)
    [record] = transactions(house)
    outcome = house.cli(*TOP_UP[:-1], "7", "--output", "json")
    assert outcome.code is ExitCode.OK
    assert "outcome of earlier transactions for this run is unknown" in outcome.stderr
    assert record["signature"] in outcome.stderr
    assert vault(house) == 12_000_000


def test_a_second_create_run_settles_the_first_and_makes_no_second_account(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    outcome = house.cli("create-run", "--run-id", "test", "--output", "json")
    assert outcome.data["coordinator_account"] == str(house.instance().coordinator_account)
    assert outcome.data["locked_lamports"] > 0
    assert house.chain.sent == 1, "the second only resent the bytes of the first"
    assert len(coordinator_accounts(house)) == 1


def test_a_second_create_run_with_other_options_settles_the_first(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    outcome = house.cli("create-run", "--run-id", "test", "--name", "A name", "--output", "json")
    assert outcome.json["error"]["code"] == "already_exists"
    assert outcome.json["error"]["context"]["as_requested"] is False
    assert len(coordinator_accounts(house)) == 1


def coordinator_accounts(house: House) -> list[Any]:
    return house.chain.rpc.program_accounts(PUBLISHED.coordinator, [{"dataSize": COORDINATOR_ACCOUNT_BYTES}])


def test_a_failed_transaction_is_recorded_with_its_error(house: House) -> None:
    house.run()
    killed(house, SEND, "set-paused", "--run-id", "test", "--resume", executes=False)
    house.edit(lambda image: setattr(image.state.coordinator.config, "total_steps", 0))
    [settled] = house.cli.json("tx", "resume")["settled"]
    assert settled["state"] == "failed"
    assert "InstructionError" in settled["error"]


def test_a_transaction_that_was_never_sent(house: House) -> None:
    class Refusing:
        label = "refusing"

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if SEND.encode() in body:
                request = json.loads(body)
                return json.dumps({"id": request["id"], "error": {"code": -32601, "message": "no"}}).encode()
            return house.chain.transport("").send(body, timeout=timeout)

        def close(self) -> None: ...

    cli = CommandLine(house.cli.home, lambda _url: Refusing(), house.cli.variables)
    assert cli("create-run", "--run-id", "test").code is ExitCode.NETWORK
    assert [record["state"] for record in transactions(house, "--all")] == ["not_sent"]


def test_status(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    [record] = transactions(house)
    signature = record["signature"]
    data = house.cli.json("tx", "status", signature)
    assert (data["status"], data["same_cluster"], data["record"]["state"]) == ("unknown", True, "unsettled")
    assert "psyche-cli tx resume" in house.cli("tx", "status", signature).stderr
    house.cli.json("tx", "resume")
    data = house.cli.json("tx", "status", signature)
    assert (data["status"], data["confirmation"], data["error"]) == ("landed", "finalized", None)
    file_of(house).unlink()
    assert house.cli.json("tx", "status", signature)["record"] is None
    assert house.cli("tx", "status", SIGNATURE).code is ExitCode.NOT_FOUND
    assert house.cli("tx", "status", "nonsense").code is ExitCode.USAGE


def test_a_private_key_is_not_taken_for_a_signature(house: House) -> None:
    key = FORMS["base58"](bytes(json.loads(house.owner.read_text())))
    for verb in ("status", "resume", "forget"):
        outcome = house.cli("tx", verb, key, "--output", "json")
        assert outcome.code is ExitCode.USAGE
        assert "private key was given" in outcome.stderr
        assert not leaked(key, outcome.stdout + outcome.stderr)


def test_forget(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    [record] = transactions(house)
    signature = record["signature"]
    refused = house.cli("tx", "forget", signature, "--output", "json")
    assert refused.json["error"]["code"] == "not_confirmed"
    assert "it may still land" in refused.stderr
    expire_everything(house)
    assert house.cli.json("tx", "forget", signature)["transaction"]["state"] == "forgotten"
    assert house.cli.json("tx", "forget", signature)["already_so"] is True
    assert transactions(house) == []
    assert house.cli("tx", "forget", SIGNATURE).code is ExitCode.NOT_FOUND


def test_forget_settled_transactions_by_age(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    house.cli.json("create-run", "--run-id", "another")
    forget = ("tx", "forget", "--settled", "--older-than")
    data = house.cli.json(*forget, "1h")
    assert (data["already_so"], data["removed"], data["older_than_seconds"]) == (True, 0, 3600)
    later = CommandLine(house.cli.home, house.cli.open_transport, house.cli.variables, ScheduleClock(now=10**9))
    assert {record["state"] for record in transactions(house, "--all")} == {"unsettled", "landed"}
    before = len(house.chain.requests)
    assert (
        later("tx", "forget", "--settled").stdout == "Removed 1 settled transaction older than 90d from the journal.\n"
    )
    assert len(house.chain.requests) == before
    assert [record["state"] for record in transactions(house, "--all")] == ["unsettled"]
    assert later.json("tx", "forget", "--settled")["already_so"] is True


@pytest.mark.parametrize(
    "words", [(), (SIGNATURE, "--settled"), (SIGNATURE, "--older-than", "1d"), ("--settled", "--older-than", "1y")]
)
def test_forget_takes_a_signature_or_an_age(house: House, words: tuple[str, ...]) -> None:
    assert house.cli("tx", "forget", *words).code is ExitCode.USAGE


def test_forget_settled_without_a_journal_creates_none(house: House) -> None:
    assert house.cli.json("tx", "forget", "--settled")["removed"] == 0
    assert not file_of(house).parent.exists()


def test_a_list_is_limited_to_the_latest_settled_ones(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    for run_id in "abc":
        house.cli.json("create-run", "--run-id", run_id)
    data = house.cli.json("tx", "list", "--all", "--limit", "2")
    assert data["left_out"] == 1
    states = [record["state"] for record in data["transactions"]]
    assert sorted(states) == ["landed", "landed", "unsettled"]
    assert (
        "3 transactions, 1 unsettled. Not listed: 1 older." in house.cli("tx", "list", "--all", "--limit", "2").stdout
    )
    assert house.cli.json("tx", "list")["left_out"] == 0


def test_forget_without_an_endpoint(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    [record] = transactions(house)
    requests = len(house.chain.requests)
    assert house.cli.json("tx", "forget", record["signature"], "--yes")["already_so"] is False
    assert len(house.chain.requests) == requests


def test_transactions_of_another_cluster_are_left_alone(house: House) -> None:
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    [record] = transactions(house)
    other = create_dispatcher()
    cli = CommandLine(house.cli.home, lambda _url: InProcessTransport(other), house.cli.variables)
    outcome = cli("tx", "resume", "--output", "json")
    assert outcome.data["on_other_clusters"] == [record["signature"]]
    assert outcome.data["settled"] == []
    refused = cli("tx", "forget", record["signature"])
    assert "serves a different cluster" in refused.stderr
    assert cli.json("tx", "status", record["signature"])["same_cluster"] is False


def test_the_journal_contains_no_key_and_no_url(house: House) -> None:
    secret_url = "http://user:pass-word@127.0.0.1:8899/path-secret?key=query-secret"
    house.cli.json("create-run", "--run-id", "test", "--rpc", secret_url)
    house.cli.json("join-authorization-create", "--permissionless", "--rpc", secret_url)
    content = file_of(house).read_bytes()
    key = bytes(json.loads(house.owner.read_text()))
    assert key not in content
    assert key[:32] not in content
    text = content.decode("latin-1")
    for form in FORMS.values():
        assert form(key) not in text
    for part in ("user:", "pass-word", "path-secret", "query-secret"):
        assert part not in text
    assert str(address_of(house.owner)) in text


def damaged(house: House, content: bytes | None = None) -> Outcome:
    if content is not None:
        file_of(house).write_bytes(content)
    return house.cli("create-run", "--run-id", "two", "--output", "json")


def test_a_damaged_journal_is_refused_before_anything_is_sent(house: House) -> None:
    for number in range(8):
        house.cli.json("create-run", "--run-id", f"run-{number}")
    whole, sent = file_of(house).read_bytes(), house.chain.sent
    page = 4096
    for content in (b"not a database" * 500, whole[:-page], whole[:page] + bytes(page) + whole[2 * page :]):
        outcome = damaged(house, content)
        assert outcome.code is ExitCode.JOURNAL
        assert outcome.json["error"]["code"] == "journal_damaged"
        assert outcome.json["error"]["context"]["path"] == str(file_of(house))
        assert outcome.json["error"]["context"]["sent"] is False
        assert house.cli("tx", "list").code is ExitCode.JOURNAL
    assert house.chain.sent == sent
    assert damaged(house, whole).code is ExitCode.OK


def test_a_newer_journal_is_refused(house: House) -> None:
    import sqlite3

    house.run(configured=False)
    connection = sqlite3.connect(file_of(house))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    outcome = damaged(house)
    assert (outcome.code, outcome.json["error"]["code"]) == (ExitCode.JOURNAL, "journal_too_new")
    assert outcome.json["error"]["context"]["version"] == 99


def test_a_journal_that_cannot_be_written_is_refused_before_anything_is_sent(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = house.cli("create-run", "--run-id", "one", "--state-dir", tmp_path / "file" / "x", "--output", "json")
    assert (outcome.code, outcome.json["error"]["code"]) == (ExitCode.JOURNAL, "journal_error")
    assert "The transaction was not sent." in outcome.stderr
    assert house.chain.sent == 0


def test_the_folder_can_be_chosen(house: House, tmp_path: Path) -> None:
    house.cli.json("create-run", "--run-id", "one", "--state-dir", tmp_path / "here")
    variables = {"PSYCHE_CLI_STATE_DIR": str(tmp_path / "there")}
    assert house.cli("create-run", "--run-id", "two", variables=variables).code is ExitCode.OK
    for folder, run_id in (("here", "one"), ("there", "two")):
        [record] = house.cli.json("tx", "list", "--all", "--state-dir", tmp_path / folder)["transactions"]
        assert record["run_id"] == run_id
    assert not file_of(house).exists()


def test_suggested_commands_name_the_chosen_folder(house: House, tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "my folder"))
    killed(house, SEND, "create-run", "--run-id", "test", *where, executes=False)
    suggested = f"--state-dir '{tmp_path}/my folder'"
    assert house.cli("tx", "list", *where).stderr.endswith(f"Next: psyche-cli tx resume {suggested}\n")
    outcome = house.cli("update-config", "--run-id", "test", "--client-version", "v2", *where)
    assert f"Hint: To settle them: psyche-cli tx resume {suggested}\n" in outcome.stderr


def test_an_endpoint_that_refuses_batches_is_asked_one_by_one(house: House) -> None:
    class WithoutBatches:
        label = "without batches"
        batches = 0

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if body.startswith(b"["):
                self.batches += 1
                return b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Batches are not supported"}}'
            return house.chain.transport("").send(body, timeout=timeout)

        def close(self) -> None: ...

    endpoint = WithoutBatches()
    cli = CommandLine(house.cli.home, lambda _url: endpoint, house.cli.variables)
    assert cli("create-run", "--run-id", "test").code is ExitCode.OK
    assert endpoint.batches == 1
    assert house.chain.requests[-5:] == [
        "getMultipleAccounts", "simulateTransaction", "getGenesisHash", "sendTransaction", "getTransaction",
    ]  # fmt: skip


def test_an_endpoint_whose_ledger_is_too_short_cannot_say_that_it_expired(house: House) -> None:
    """Without the block, "unknown to the node" does not mean "did not land"."""
    killed(house, SEND, "create-run", "--run-id", "test", executes=False)
    expire_everything(house)

    class ShortLedger:
        label = "short"

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if b"getFirstAvailableBlock" in body:
                request = json.loads(body)
                return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": U64_MAX}).encode()
            return house.chain.transport("").send(body, timeout=timeout)

        def close(self) -> None: ...

    cli = CommandLine(house.cli.home, lambda _url: ShortLedger(), house.cli.variables, ScheduleClock())
    outcome = cli("tx", "resume", "--output", "json")
    assert outcome.code is ExitCode.UNKNOWN
    assert "does not reach back" in outcome.stderr
    [record] = transactions(house)
    blocked = cli("create-run", "--run-id", "test", "--rpc", "devnet", "--output", "json")
    assert blocked.code is ExitCode.UNKNOWN
    advice = blocked.json["error"]["hint"]
    assert advice.endswith(f"to determine it: psyche-cli tx resume {record['signature']} --rpc devnet")
    assert house.chain.requests.count(SEND) >= 1
    assert coordinator_accounts(house) == []
    assert without_waiting(house).json("tx", "resume")["settled"][0]["state"] == "expired"


def test_a_key_is_not_taken_for_the_folder(house: House) -> None:
    key = FORMS["base58"](bytes(json.loads(house.owner.read_text())))
    for words in (("tx", "list"), ("create-run", "--run-id", "test")):
        outcome = house.cli(*words, "--state-dir", key)
        assert outcome.code is ExitCode.USAGE
        assert not leaked(key, outcome.stdout + outcome.stderr)
