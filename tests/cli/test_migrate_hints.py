"""What ``migrate`` and ``apply`` say when a migration departs from the old run, or is in the way of something."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.harness import address_of, environment_of
from tests.cli.killing import killed
from tests.cli.test_layouts import lay_out
from tests.cli.test_migrate import OLD, STEP, Place, kinds, obstacles, started
from tests.support.counts import Loads

FEE = 10_000
"""Of the transaction that creates a run, in lamports: it has two signatures."""


def again(place: Place, *words: object) -> str:
    """The command that plans the migration again."""
    more = "".join(f" {word}" for word in words)
    return f"psyche-cli migrate --run-id test --to {place.file}{more} -o NEW.json"


@pytest.mark.parametrize(
    ("reached", "warning"),
    [
        (STEP + 23, "is at step 64, but the file says start_step = 41: 23 steps of its training are dropped."),
        (STEP - 1, "is at step 40, but the file says start_step = 41: 1 step is never trained."),
    ],
    ids=["earlier", "later"],
)
def test_the_file_names_another_step_than_the_run_has_reached(place: Place, reached: int, warning: str) -> None:
    """The file was written before the run went on: the plan and the question say so, and a stale plan leads to it."""
    place.house.run()
    started(place, RunState.PAUSED)
    place.planned("--to-run-id", "other")
    assert f"start_step = {STEP}" in place.file.read_text()
    place.step_is(reached, "saved/later")
    error = place.apply().json["error"]
    assert (error["code"], error["hint"]) == ("stale_plan", f"Make a new plan: {again(place)}")
    place.plan_file.unlink()
    outcome = place.migrate("-o", place.plan_file)
    changes = {one["key"]: (one["before"], one["after"]) for one in outcome.json["data"]["migration"]["changes"]}
    assert changes["start_step"] == (reached, STEP)
    for expected in (warning, "That of run test is "):
        assert any(expected in one for one in outcome.json["warnings"]), outcome.json["warnings"]
    question = place.house.cli("apply", place.plan_file, "--output", "json").stderr
    assert warning in question


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.ROUND_TRAIN], ids=["paused", "training"])
def test_a_run_that_is_continued_departs_from_nothing(place: Place, state: RunState) -> None:
    place.house.run()
    started(place, state)
    outcome = place.migrate("--to-run-id", "other")
    assert not [one for one in outcome.json["warnings"] if "the file says" in one.lower() or "belongs to" in one]
    keys = {one["key"] for one in outcome.json["data"]["migration"]["changes"]}
    assert not keys & {"start_step", "main_authority", "join.authority"}


def test_another_wallet_replaces_a_run_that_stays(place: Place) -> None:
    house = place.house
    house.run()
    started(place, RunState.PAUSED)
    lay_out(house, "v2-claimer")
    outcome = place.migrate("--wallet-private-key-path", house.stranger, "--to-run-id", "other")
    owner, other = str(address_of(house.owner)), str(address_of(house.stranger))
    changes = {one["key"]: (one["before"], one["after"]) for one in outcome.json["data"]["migration"]["changes"]}
    assert changes["main_authority"] == (owner, other)
    assert f"Run other belongs to {other}, and not to {owner} as run test does." in outcome.json["warnings"]


def test_what_members_of_a_retired_run_can_no_longer_claim(place: Place) -> None:
    house = place.house
    house.run(treasurer=True)
    house.join(house.stranger)

    def earn(image: Any) -> None:
        image.state.clients_state.clients.data[0].earned = 1_500_000

    house.edit(earn)
    lay_out(house, "v2-claimer")
    assert any("can no longer claim 1.5 that they" in warning for warning in place.migrate().json["warnings"])


def test_a_new_run_without_any_difference(place: Place) -> None:
    place.house.run()
    assert "The new run has the same values as run test." in place.migrate().json["warnings"]


def test_members_whom_the_wallet_cannot_authorize(place: Place) -> None:
    house = place.house
    house.run()
    house.cli.json("join-authorization-create", "--permissionless")
    found = obstacles(place, "--join-authority", address_of(house.stranger))
    assert "with its key first (join-authorization-create, join-authorization-delete)" in found["join"]


@pytest.mark.parametrize("has_step", [False, True], ids=["no-step", "step"])
def test_the_run_file_is_applied_after_an_interruption(place: Place, has_step: bool) -> None:
    """It does not say at which step the run continues, which is known since the old one was paused."""
    house = place.house
    house.run()
    started(place, RunState.ROUND_TRAIN)
    place.planned()
    killed(house, "sendTransaction", "apply", place.plan_file, "--yes", executes=True, nth=2)
    if has_step:
        text = place.file.read_text()
        place.file.write_text(text.replace('state = "running"', f'state = "running"\nstart_step = {STEP}', 1))
        assert house.cli("apply", place.file, "--yes").code is ExitCode.OK
    else:
        planned = house.cli("plan", place.file, "--output", "json").json["data"]["obstacles"]
        assert [one["key"] for one in planned] == ["start_step"]
        refused = house.cli("apply", place.file, "--yes")
        assert refused.code is ExitCode.REFUSED
        assert f"which was at step {STEP}" in refused.stderr
        assert house.driver().stage == RunState.UNINITIALIZED
        place.apply().data  # noqa: B018
    assert house.driver().account.step == STEP
    assert place.is_done()


def test_the_new_run_was_started_by_hand_at_the_first_step(place: Place) -> None:
    house = place.house
    house.run()
    started(place, RunState.ROUND_TRAIN)
    place.planned()
    killed(house, "sendTransaction", "apply", place.plan_file, "--yes", executes=True, nth=3)
    house.cli.json("set-paused", *OLD, "--resume")
    warning = f"Run test is at step 1, but the run that it replaces had reached step {STEP}"
    for outcome in (place.migrate(), place.apply()):
        assert any(one.startswith(warning) for one in outcome.json["warnings"]), outcome.stderr


def test_the_next_command_names_the_export(place: Place) -> None:
    place.house.run()
    folder = place.export.with_name("elsewhere")
    outcome = place.house.cli("migrate", *OLD, "--to", place.file, "--to-run-id", "other", "--export-dir", folder)
    assert f"Next: {again(place, '--export-dir', folder)}\n" in outcome.stderr


def test_nothing_is_written_without_a_plan(place: Place) -> None:
    place.house.run()
    words = ("--treasurer-collateral-mint", address_of(place.house.stranger))
    assert "does not exist" in place.migrate(*words).json["error"]["message"]
    assert not place.file.exists()
    dashed = place.house.cli("migrate", *OLD, "--to", "-", "--output", "json")
    assert "--to needs a file" in dashed.json["error"]["message"]


def test_the_next_id_is_one_that_no_run_has(place: Place) -> None:
    house = place.house
    house.run(treasurer=True)
    house.cli.json("create-run", "--run-id", "test-2")
    house.cli.json("create-run", "--run-id", "test-3")
    assert place.migrate().json["data"]["run_id"] == "test-4"


def test_the_new_join_authority_admits_everyone_to_its_other_runs(place: Place) -> None:
    """The old run does not admit everyone: that is no reason to lock members out of others."""
    house = place.house
    house.cli.json("join-authorization-create", "--permissionless")
    house.cli.json("create-run", *OLD, "--join-authority", address_of(house.stranger))
    outcome = place.migrate("--join-authority", address_of(house.owner))
    assert "deauthorize" not in kinds(outcome.json["data"])
    assert f"{address_of(house.owner)} admits everyone to its runs, so also to this one." in outcome.json["warnings"]


def test_obstacles_are_found_before_a_rehearsal(place: Place) -> None:
    """The id is that of another run, of which nothing is copied."""
    house = place.house
    house.run(treasurer=True)
    place.migrate("--to-run-id", "other")
    house.run("other")
    refused = place.migrate("--rehearse")
    assert refused.code is ExitCode.REFUSED
    assert "run_id: run other already exists" in refused.json["error"]["message"]


def test_the_old_run_holds_more_than_its_rent(place: Place) -> None:
    house = place.house
    house.run()
    address = house.instance().coordinator_account
    account = place.account(address)
    assert account is not None
    bank = house.chain.dispatcher.context.bank
    bank.set_account(address, Account(account.lamports + 300_000_000, account.data, account.owner))
    shown = house.cli("migrate", *OLD, "--to", place.file, "--to-run-id", "other").stdout
    assert "0.3 SOL of the 1.13233944 SOL of run test are returned" in shown


# --- the export


def unusable_parent(folder: Path) -> Path:
    return folder / "missing" / "export"


def unusable_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "export"


@pytest.mark.parametrize("unusable", [unusable_parent, unusable_file])
def test_an_export_that_cannot_be_written_is_an_obstacle(place: Place, tmp_path: Path, unusable: Any) -> None:
    """Before the old run is paused."""
    house = place.house
    house.run()
    started(place, RunState.ROUND_TRAIN)
    folder = unusable(tmp_path)
    found = obstacles(place, "--export-dir", folder, "-o", place.plan_file)
    assert found == {"export": f"the folder {folder.parent} does not exist"}
    sent = house.chain.sent
    refused = place.apply()
    assert refused.code is ExitCode.REFUSED
    assert refused.json["error"]["hint"].endswith(again(place, "--export-dir", folder))
    assert house.chain.sent == sent


def test_other_files_in_an_export_are_kept(place: Place) -> None:
    """The run has changed since it was exported, so it must be exported again."""
    house = place.house
    house.run()
    started(place, RunState.PAUSED)
    house.cli.json("join-authorization-create", "--permissionless")
    place.planned("--to-run-id", "other")
    killed(house, "simulateTransaction", "apply", place.plan_file, "--yes", executes=False)
    notes = place.export / "NOTES.txt"
    notes.write_text("my notes")
    house.join(house.stranger)  # is remembered, although the run is paused
    sent = house.chain.sent
    refused = place.apply()
    assert f"export: {notes} would be deleted" in refused.json["error"]["message"]
    assert house.chain.sent == sent
    assert notes.read_text() == "my notes"
    notes.rename(place.export.with_name("NOTES.txt"))
    assert "export" in kinds(place.apply().data)


def test_an_export_of_another_run(place: Place) -> None:
    house = place.house
    house.run()
    place.planned("--to-run-id", "other")
    house.run("another")
    other = ["migrate", "--run-id", "another", "--to", place.file.with_name("a.toml"), "-o", place.file.with_name("a")]
    house.cli(*other, "--to-run-id", "x", "--export-dir", place.export)
    house.cli("apply", place.file.with_name("a"), "--yes")
    refused = place.apply().json["error"]
    assert refused["hint"] == f"Choose another folder: {again(place, '--export-dir', 'FOLDER')}"


def test_the_run_is_migrated_again_with_the_same_folder(place: Place) -> None:
    """The export says that the run was replaced before: what is in the way is named."""
    house = place.house
    house.run()
    place.planned("--treasurer-collateral-mint", house.new_mint())
    place.apply().data  # noqa: B018
    present = house.instance().coordinator_account
    text = place.file.read_text().replace(str(address_of(house.owner)), str(address_of(house.stranger)))
    place.file.write_text(text)
    outcome = place.migrate()
    assert outcome.json["data"]["obstacles"][0]["key"] == "join.authority"
    [warning] = [one for one in outcome.json["warnings"] if "has been replaced" in one]
    assert str(present) in warning
    assert "choose another --export-dir" in warning


def test_a_run_that_was_replaced_and_whose_export_is_gone(place: Place) -> None:
    place.house.run(treasurer=True)
    place.planned()
    place.apply().data  # noqa: B018
    shutil.rmtree(place.export)
    assert "--export-dir with the export of the old run" in obstacles(place)["run_id"]


# --- two processes


def interposed(place: Place, method: str, nth: int) -> int:
    """The exit code of an apply, while another process, with another state folder, carries out the whole plan.

    It does so before the ``nth`` request of a method.
    """
    house = place.house
    inner, calls = house.chain.transport, [0]

    class Transport:
        def __init__(self, url: str) -> None:
            self._inner = inner(url)

        @property
        def label(self) -> str:
            return self._inner.label

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if method.encode() in body:
                calls[0] += 1
                if calls[0] == nth:
                    words = ("apply", place.plan_file, "--yes", "--state-dir", place.file.with_name("state"))
                    assert house.cli(*words).code is ExitCode.OK
            return self._inner.send(body, timeout=timeout)

        def close(self) -> None:
            self._inner.close()

    environment = environment_of(house.cli).replaced(open_transport=Transport)
    code = main(["apply", str(place.plan_file), "--yes"], environment)
    assert calls[0] >= nth, "the other process never ran"
    return code


@pytest.mark.parametrize("new_id", ["test", "other"])
def test_two_processes_at_once(place: Place, loads: Loads, new_id: str) -> None:
    """Whenever the other one does everything, the first one ends well: nothing is in its way, or paid twice."""
    house, bank = place.house, place.house.chain.dispatcher.context.bank
    mint = house.new_mint()
    house.run()
    started(place, RunState.PAUSED)
    place.planned("--treasurer-collateral-mint", mint, "--to-run-id", new_id)
    before, paid = bank.save(), set()
    moments = [("getMultipleAccounts", nth) for nth in range(1, 13)] + [("sendTransaction", 1)]
    for method, nth in moments[1 :: loads.of(usual=4, ci=1)] + moments[-1:]:
        bank.restore(before)
        shutil.rmtree(place.export, ignore_errors=True)
        assert interposed(place, method, nth) == 0, (method, nth)
        paid.add(place.lamports)
    assert max(paid) - min(paid) <= FEE, "at most that of a transaction that has failed"
