"""``rehearse --run-id`` with real processes: members join a run of a local validator, and leave it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.wallet import Wallet
from tests.cli.harness import CommandLine
from tests.cli.schema_check import check_output
from tests.support.rehearsed_runs import FAST, ONE_EPOCH, RehearsalHost, rehearsal_host

STANDING = ("--slot-time", "0", "--clock", "fixed:1800000000")
DOUBLE = ("--slot-time", "0.1", "--clock", "scale:2")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalHost]:
    """A validator whose clock runs twice as fast."""
    with rehearsal_host(tmp_path_factory.mktemp("x"), LocalValidatorProcess(DOUBLE)) as found:
        yield found


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalHost]:
    """A validator whose clock stands still."""
    with rehearsal_host(tmp_path_factory.mktemp("x"), LocalValidatorProcess(STANDING)) as found:
        yield found


def test_members_join_train_and_leave_as_the_run_is_permitted(running: RehearsalHost) -> None:
    run = running.new_run("free", starts=False)
    running.own(run.owner, "join-authorization-delete", "--permissionless")
    paused = running.call_here("rehearse", "--run-id", "free", *ONE_EPOCH)
    assert paused.code == ExitCode.REFUSED
    assert "Run 'free' was never started" in paused.stderr
    assert f"set-paused --run-id free --resume --rpc {running.rpc}" in paused.stderr
    run.resume()
    closed = running.call_here("rehearse", "--run-id", "free", *ONE_EPOCH)
    assert closed.code == ExitCode.REFUSED
    assert "may not join run 'free'" in closed.stderr
    assert "join-authorization-create --permissionless" in closed.stderr
    assert not (running.folder / "s" / "workers").exists()

    running.own(run.owner, "join-authorization-create", "--permissionless")
    data = running.rehearsed("free", *ONE_EPOCH)
    assert (data["mode"], data["end"], data["epochs"], data["agreed"]) == ("free", "epochs", 1, True)
    assert (data["path"], data["run_id"]) == (None, "free")
    assert [one["worker"] for one in data["member_list"]] == ["TERMINATED", "TERMINATED"]
    earned = [one["earned"]["base_units"] for one in data["member_list"]]
    assert sum(earned) == 10_000  # on a busy machine, a member may be too late for the real clock
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == earned
    assert running.is_clean()


def test_a_run_that_its_owner_pauses_ends_the_rehearsal_before_its_goal(running: RehearsalHost) -> None:
    run = running.new_run("paused")
    process = running.start_rehearsal("paused")
    run.pause()
    output, errors = process.communicate(timeout=200)
    assert process.returncode == ExitCode.NOT_REACHED, errors
    data = json.loads(output)["data"]
    assert (data["end"], data["state"]) == ("paused", "Paused")
    assert data["reason"] == "The run was paused before the requested number of epochs or steps."
    assert [one["worker"] for one in data["member_list"]] == ["TERMINATED", "TERMINATED"]
    assert running.is_clean()


def test_too_few_members_are_announced_and_the_rehearsal_ends_by_itself(running: RehearsalHost) -> None:
    running.new_run("few", init_min_clients=3)
    done = running.call("rehearse", "--run-id", "few", *ONE_EPOCH, "--output", "json")
    assert done.returncode == ExitCode.NEVER, done.stderr
    assert check_output(("rehearse",), done.stdout) is not None
    warning, _, rest = done.stderr.partition("Funding the members.")
    assert "WaitingForMembers forever: 2 members join, but init_min_clients is 3." in warning
    assert "Starting the workers." in rest
    data = json.loads(done.stdout)["data"]
    assert (data["end"], data["steps"]) == ("stuck", 0)
    assert data["reason"] == "The run stays in WaitingForMembers: 2 joined, but init_min_clients is 3."
    assert running.is_clean()


def test_a_signal_ends_all_that_the_rehearsal_started(running: RehearsalHost, full: bool) -> None:
    cases = [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
    for stop, code in cases if full else cases[:1]:
        running.new_run(stop.name)
        process = running.start_rehearsal(stop.name)
        process.send_signal(stop)
        output, errors = process.communicate(timeout=100)
        assert process.returncode == code, errors
        document = json.loads(output)
        assert document["exit_code"] == code
        assert document["error"]["message"] == f"The rehearsal of run {stop.name!r} was interrupted."
        assert "sent" not in document["error"]  # members may have sent transactions
        assert "Traceback" not in errors
        assert running.is_clean()


def test_a_validator_that_ends_ends_the_rehearsal(tmp_path: Path) -> None:
    with rehearsal_host(tmp_path, LocalValidatorProcess(DOUBLE)) as found:
        found.new_run("x")
        process = found.start_rehearsal("x")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == ExitCode.NETWORK, errors
    assert json.loads(output)["error"]["code"] == "unreachable"
    assert "Traceback" not in errors
    assert found.is_clean()


def test_a_validator_whose_clock_stands_still_is_moved(standing: RehearsalHost) -> None:
    standing.new_run("still")
    data = standing.rehearsed("still", *ONE_EPOCH)
    assert (data["mode"], data["end"], data["epochs"], data["agreed"]) == ("turns", "epochs", 1, True)
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == [5000, 5000]


def test_a_run_in_any_state_with_members_that_do_not_respond_anymore(standing: RehearsalHost, full: bool) -> None:
    for state in (RunState.ROUND_TRAIN, RunState.WARMUP, RunState.COOLDOWN) if full else (RunState.ROUND_TRAIN,):
        standing.new_run(state.name).play(lambda now, state=state: now.state == state, clients=3)  # type: ignore[misc]
        data = standing.rehearsed(state.name, *FAST, "--epochs", "2")
        check_second_epoch(data)
        late = "Members 1, 2 were not in epoch 0, which began before they joined."
        assert [one["sentence"] for one in data["advice"]].count(late) == (state != RunState.COOLDOWN)


def check_second_epoch(data: dict[str, Any]) -> None:
    """Only the members of the rehearsal take part in the second epoch."""
    assert (data["end"], data["agreed"]) == ("epochs", True)
    last = data["epoch_list"][-1]
    assert (last["clients"], last["clients_left"], last["paid"]["base_units"]) == (2, 2, 10_000)
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == [5000, 5000]
    assert [one["worker"] for one in data["member_list"]] == ["TERMINATED", "TERMINATED"]


def test_a_finished_run_cannot_be_rehearsed(standing: RehearsalHost) -> None:
    standing.new_run("finished", total_steps=4).play(lambda now: now.state == RunState.FINISHED, clients=2)
    done = standing.call_here("rehearse", "--run-id", "finished", *ONE_EPOCH)
    assert done.code == ExitCode.REFUSED
    assert "Run 'finished' is Finished, so it cannot be joined anymore." in done.stderr


def test_a_vault_that_holds_too_little_is_announced_and_pays_what_it_has(standing: RehearsalHost) -> None:
    standing.new_run("poor", tokens=3)
    done = standing.call("rehearse", "--run-id", "poor", *ONE_EPOCH, "--output", "json")
    assert done.returncode == 0, done.stderr
    warning, _, _ = done.stderr.partition("Funding the members.")
    assert "The vault holds 3, but 0 is owed already and this rehearsal earns up to 10" in warning
    assert "treasurer-top-up-rewards --run-id poor --collateral-amount 7" in warning
    document = json.loads(done.stdout)
    members = document["data"]["member_list"]
    assert [one["worker"] for one in members] == ["TERMINATED", "TERMINATED"]
    assert [one["earned"]["base_units"] for one in members] == [5000, 5000]
    assert sorted(one["claimed"]["base_units"] for one in members) == [0, 3000]
    assert document["warnings"] == ["7 of the rewards were not claimed, because the vault holds 0 and needs 7."]


def test_members_join_with_their_own_wallets_as_delegates_of_an_authorizer(standing: RehearsalHost) -> None:
    wallets, files = (
        [Wallet.generate(), Wallet.generate()],
        [standing.folder / "one.json", standing.folder / "two.json"],
    )
    for wallet, file in zip(wallets, files, strict=True):
        wallet.write_keypair_file(file)
    stranger, authorizer = Wallet.generate(), Wallet.generate()
    standing.client.request_airdrop(authorizer.address, 10**9)
    owner = standing.new_run("closed").owner
    standing.own(owner, "join-authorization-delete", "--permissionless")
    standing.own(owner, "join-authorization-create", "--authorizer", str(authorizer.address))
    delegates = [word for wallet in wallets for word in ("--delegates-added", str(wallet.address))]
    standing.own(authorizer, "join-authorization-delegate", "--join-authority", str(owner.address), *delegates)
    options = [*ONE_EPOCH, *(word for file in files for word in ("--member-wallet", str(file)))]
    wrong = standing.call_here("rehearse", "--run-id", "closed", *options, "--authorizer", str(stranger.address))
    assert wrong.code == ExitCode.REFUSED
    assert f"nor {stranger.address} with this wallet among its delegates" in wrong.stderr
    data = standing.rehearsed("closed", *options, "--authorizer", str(authorizer.address))
    assert [one["wallet"] for one in data["member_list"]] == [str(wallet.address) for wallet in wallets]
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == [5000, 5000]
    assert all(file.exists() for file in files)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Specify either --config or --run-id"),
        (("--config", "configs/minimal.toml", "--run-id", "x"), "Specify either --config or --run-id"),
        (("--run-id", "x", "--earning-rate", "5"), "Cannot use --earning-rate-total-shared together with --run-id"),
        (("--config", "configs/minimal.toml", "--rpc", "devnet"), "Cannot use --rpc together with --config"),
        (("--config", "configs/minimal.toml", "--yes"), "Cannot use --yes together with --config"),
        (("--run-id", "x", "--allow-public-cluster"), "--allow-public-cluster needs the wallets of the members"),
        (
            ("--run-id", "x", "--member-wallet", "a", "--members", "2"),
            "--members 2 does not fit the number of --member",
        ),
    ],
)
def test_options_that_do_not_fit(offline: CommandLine, options: tuple[str, ...], message: str) -> None:
    done = offline("rehearse", *options)
    assert (done.code, message in done.stderr) == (ExitCode.USAGE, True), done.stderr


def test_one_wallet_for_two_members(standing: RehearsalHost) -> None:
    standing.new_run("twice")
    Wallet.generate().write_keypair_file(standing.folder / "both.json")
    wallet = ("--member-wallet", str(standing.folder / "both.json"))
    done = standing.call_here("rehearse", "--run-id", "twice", *ONE_EPOCH, *wallet, *wallet)
    assert (done.code, "are the same wallet" in done.stderr) == (ExitCode.USAGE, True), done.stderr


def test_a_run_that_does_not_exist(running: RehearsalHost) -> None:
    done = running.call_here("rehearse", "--run-id", "none", *ONE_EPOCH)
    assert done.code == ExitCode.NOT_FOUND
    assert "Run 'none' does not exist" in done.stderr
