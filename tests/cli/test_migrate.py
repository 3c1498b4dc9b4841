"""``migrate`` and the ``apply`` of its plans through the command line, against a local validator."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account

from psyche_cli.errors import ExitCode
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.operations.localnet.account_sources import accounts_from_directories
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.load import parse_run_file
from psyche_cli.run_file.write import run_file_toml
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of
from tests.cli.killing import killed
from tests.cli.test_layouts import lay_out
from tests.support.counts import Loads
from tests.support.declared_runs import EpochEnds, run_as_dumped
from tests.support.layout_images import BY_NAME

OLD = ("--run-id", "test")
STEP = 41


class Place:
    """A house with an old run, and the files of its migration."""

    def __init__(self, house: House, tmp_path: Path) -> None:
        self.house = house
        self.file, self.plan_file = tmp_path / "new.toml", tmp_path / "plan.json"
        self.export = tmp_path / "new-export"
        house.cli.clock = EpochEnds(house)

    def migrate(self, *words: object) -> Outcome:
        """The plan as a JSON document."""
        return self.house.cli("migrate", *OLD, "--to", self.file, *words, "--output", "json")

    def planned(self, *words: object) -> Any:
        """The plan, which has steps and no obstacles, and is written to the plan file."""
        outcome = self.migrate(*words, "-o", self.plan_file)
        assert outcome.code is ExitCode.DIFFERS, outcome.stderr
        data = outcome.json["data"]
        assert not data["obstacles"], data["obstacles"]
        return data

    def apply(self) -> Outcome:
        return self.house.cli("apply", self.plan_file, "--yes", "--output", "json")

    def is_done(self) -> bool:
        """Whether the new run is as its file says, and nothing is left to do or was sent to see that."""
        sent, run = self.house.chain.sent, parse_run_file(self.file.read_text(), self.file)
        codes = [
            self.migrate().code,
            self.house.cli("plan", self.file).code,
            self.apply().code,
        ]
        dump = self.house.cli("config", "dump", "--full", "--run-id", run.run_id).stdout
        dumped = parse_run_file(dump, self.file)
        for key in ("metadata", "config", "join", "treasurer", "state", "client_version"):
            assert getattr(run_as_dumped(dumped), key) == getattr(run_as_dumped(run), key), key
        return codes == [ExitCode.OK] * 3 and self.house.chain.sent == sent

    @property
    def lamports(self) -> int:
        return self.house.chain.rpc.balance(address_of(self.house.owner))

    def account(self, address: Any) -> Account | None:
        found: Account | None = self.house.chain.dispatcher.context.bank.accounts.get(address)
        return found if found is not None and found.lamports > 0 else None

    def step_is(self, step: int, checkpoint: str = "saved/here") -> None:
        """Let the old run be at a step with a checkpoint, which its members share among themselves."""

        def change(image: Any) -> None:
            coordinator = image.state.coordinator
            coordinator.progress.step = step
            coordinator.model.LLM.checkpoint.tag = 3  # P2P
            content = checkpoint.encode()
            coordinator.model.LLM.checkpoint.P2P.repo_id[:] = list(content.ljust(64, b"\0"))

        self.house.edit(change)

    def set_rounds(self, rounds: int) -> None:
        """Set the rounds of an epoch of the old run, which has layout v0."""
        address = self.house.instance().coordinator_account
        account = self.account(address)
        assert account is not None
        data = bytearray(account.data)
        image = BY_NAME["v0"].image.from_buffer(data, DISCRIMINATOR_BYTES)
        image.state.coordinator.config.rounds_per_epoch = rounds
        bank = self.house.chain.dispatcher.context.bank
        bank.set_account(address, Account(account.lamports, bytes(data), account.owner))


def kinds(data: Any) -> list[str]:
    return [step["kind"] for step in data["steps"]]


def started(place: Place, state: RunState, *, pending_pause: bool = False) -> None:
    """Bring the old run into a state."""
    if state == RunState.UNINITIALIZED:
        return
    place.house.cli.json("set-paused", *OLD, "--resume")
    place.step_is(STEP)
    place.house.enter(state, pending_pause=pending_pause)


STATES = [state for state in RunState if state != RunState.FINISHED]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.lower())
def test_a_treasurer_is_wanted(place: Place, loads: Loads, state: RunState) -> None:
    """In every state of the old run: its rent is back to the lamport, and training continues at its step."""
    house = place.house
    mint = house.new_mint()
    house.run()
    house.join(house.stranger)
    started(place, state)
    start = house.chain.dispatcher.context.bank.save()
    ids = [None, "other"]
    for new_id in [ids[state % 2]] if loads.level == "usual" else ids:
        house.chain.dispatcher.context.bank.restore(start)
        for written in (place.file, place.plan_file):
            written.unlink(missing_ok=True)
        shutil.rmtree(place.export, ignore_errors=True)
        _migrate_to_a_treasurer(place, state, mint, new_id)


def _migrate_to_a_treasurer(place: Place, state: RunState, mint: str, new_id: str | None) -> None:
    house = place.house
    instance = house.instance()
    plan = place.planned("--treasurer-collateral-mint", mint, *(["--to-run-id", new_id] if new_id else []))
    runs = not state.is_halted
    begun = state != RunState.UNINITIALIZED
    assert kinds(plan) == [
        *(["pause-old", "wait-old"] if runs else []),
        *["export", "recreate", "update"],
        *(["set-step"] if begun else []),
        *(["resume"] if runs else []),
    ]
    before = place.lamports
    done = place.apply().data
    at_once = state in (RunState.WAITING_FOR_MEMBERS, RunState.WARMUP)
    assert kinds(done) == [kind for kind in kinds(plan) if kind != "wait-old" or not at_once]
    assert before - place.lamports == plan["fee_lamports"] + plan["rent_lamports"]
    assert plan["migration"]["recovered_lamports"] == 830_244_480 + 2_094_960
    assert place.account(instance.coordinator_account) is None
    assert (place.account(instance.address) is None) == (new_id is not None)
    account = house.driver(new_id or "test").account
    assert account.step == (STEP if begun else 0)
    model: Any = account.model
    saved = "saved/here" if begun else "example-org/tiny-llama-init"
    assert model["LLM"]["checkpoint"] == {"Hub": {"repo_id": saved, "revision": None}}
    assert house.dump(new_id or "test")["treasurer_run"]["collateral_mint"] == mint
    assert place.is_done()


def test_a_pause_that_is_pending_already(place: Place) -> None:
    place.house.run()
    started(place, RunState.ROUND_TRAIN, pending_pause=True)
    plan = place.planned("--join-authority", address_of(place.house.stranger), "--to-run-id", "other")
    assert kinds(plan)[:3] == ["wait-old", "export", "recreate"]
    place.apply().data  # noqa: B018 -- asserts that it succeeded
    assert place.is_done()


def test_the_join_authority_is_lost(place: Place) -> None:
    """The new join authority authorizes everyone again; delegates only their grantees can."""
    house = place.house
    house.cli.json("create-run", *OLD, "--join-authority", address_of(house.stranger))
    wallet = {"WALLET_PRIVATE_KEY_PATH": str(house.stranger)}
    for words in (["--permissionless"], ["--authorizer", address_of(house.owner)]):
        assert house.cli("join-authorization-create", *words, variables=wallet).code is ExitCode.OK
    delegate = ["--join-authority", address_of(house.stranger), "--delegates-added", address_of(house.stranger)]
    house.cli.json("join-authorization-delegate", *delegate)
    plan = place.planned("--join-authority", address_of(house.owner))
    assert kinds(plan) == ["export", "recreate", "authorize", "authorize"]
    assert "1 grantee has delegates, which only the grantees can authorize again" in place.file.read_text()
    place.apply().data  # noqa: B018
    assert house.instance().join_authority == address_of(house.owner)
    assert place.account(authorization_address(address_of(house.owner), ANYONE)) is not None
    assert place.is_done()


@pytest.mark.parametrize("layout", ["v0", "v1-reprc", "v2-claimer"])
def test_the_layout_is_retired(place: Place, layout: str) -> None:
    """The old run can neither be paused nor closed, so the new one has another id, and the old one stays as it is."""
    house = place.house
    house.run()
    house.join(house.stranger)
    started(place, RunState.ROUND_TRAIN)
    lay_out(house, layout)
    old = house.instance()
    if layout == "v0":
        place.set_rounds(4)
    before, lamports = place.account(old.coordinator_account), place.lamports
    plan = place.planned()
    assert kinds(plan)[:2] == ["export", "create"]
    assert (plan["run_id"], plan["migration"]["closes"]) == ("test-2", False)
    place.apply().data  # noqa: B018
    assert place.account(old.coordinator_account) == before
    assert lamports - place.lamports == plan["fee_lamports"] + plan["rent_lamports"]
    assert house.driver("test-2").account.step == STEP
    if layout == "v0":
        config = house.driver("test-2").account.config
        assert config["epoch_time"] == 10 + 4 * (10 + 2)
    assert place.is_done()


@pytest.mark.parametrize("words", [[], ["--no-treasurer"], ["another mint"]], ids=["same", "none", "another"])
def test_a_run_with_a_treasurer_is_left(place: Place, words: list[str]) -> None:
    """It can never be closed: it stays paused, and its members can still claim."""
    house = place.house
    house.run(treasurer=True)
    house.cli.json("set-future-epoch-rates", *OLD, "--earning-rate", "2.5")
    house.cli.json("treasurer-top-up-rewards", *OLD, "--collateral-amount", "10")
    started(place, RunState.WAITING_FOR_MEMBERS)
    if words == ["another mint"]:
        words = ["--treasurer-collateral-mint", house.new_mint()]
    plan = place.planned(*words)
    assert kinds(plan)[:4] == ["pause-old", "wait-old", "export", "create"]
    place.apply().data  # noqa: B018
    assert house.driver().stage == RunState.PAUSED
    assert house.dump()["treasurer_run"]["funded_collateral_amount"] == 10
    assert (house.dump("test-2")["treasurer_run"] is not None) == (words != ["--no-treasurer"])
    assert ("earning_rate" in place.file.read_text()) == (not words)
    assert place.is_done()


def test_step_and_checkpoint_follow_a_run_that_trains(place: Place) -> None:
    """Members save a checkpoint and finish steps after the plan was made, before the pause takes effect."""
    house = place.house
    house.run()
    started(place, RunState.ROUND_TRAIN)
    plan = place.planned()
    assert "\nstart_step" not in place.file.read_text()
    assert plan["migration"]["continues"]
    place.step_is(STEP + 7)
    place.apply().data  # noqa: B018
    assert house.driver().account.step == STEP + 7
    assert place.is_done()


def test_a_finished_run_needs_more_steps(place: Place) -> None:
    place.house.run()
    started(place, RunState.FINISHED)
    place.step_is(500)
    refused = place.migrate("--to-run-id", "other")
    [obstacle] = refused.json["data"]["obstacles"]
    assert obstacle["key"] == "config.total_steps"
    place.file.write_text(place.file.read_text().replace("total_steps = 500", "total_steps = 900"))
    assert "set-step" in kinds(place.planned())
    place.apply().data  # noqa: B018
    assert place.house.driver("other").account.step == 500
    assert place.is_done()


def test_a_file_without_a_step_continues_at_that_of_the_old_run(place: Place) -> None:
    place.house.run()
    started(place, RunState.PAUSED)
    place.migrate("--to-run-id", "other")
    text = place.file.read_text()
    place.file.write_text(text.replace(f"start_step = {STEP}\n", "").replace("saved/here", "another/place"))
    place.planned()
    place.apply().data  # noqa: B018
    account: Any = place.house.driver("other").account
    assert account.step == STEP
    checkpoint = {"Hub": {"repo_id": "another/place", "revision": None}}
    assert account.model["LLM"]["checkpoint"] == checkpoint, "another one in the file is kept"


def test_a_retired_layout_with_a_treasurer(place: Place) -> None:
    place.house.run(treasurer=True)
    started(place, RunState.PAUSED)
    lay_out(place.house, "v2-claimer")
    mint = place.house.dump()["treasurer_run"]["collateral_mint"]
    assert kinds(place.planned())[:2] == ["export", "create"]
    place.apply().data  # noqa: B018
    assert place.house.dump("test-2")["treasurer_run"]["collateral_mint"] == mint
    assert place.is_done()


def test_the_plan_compares_both_runs(place: Place) -> None:
    house = place.house
    house.run()
    house.cli.json("set-future-epoch-rates", *OLD, "--earning-rate", "1500")
    place.migrate("--to-run-id", "other", "--join-authority", address_of(house.stranger))
    text = place.file.read_text().replace("epoch_time = 60", "epoch_time = 61").replace('name = ""', 'name = "New"')
    place.file.write_text(text.replace('earning_rate = "1500"', "earning_rate = 1_500"))
    changes = {one["key"]: (one["before"], one["after"]) for one in place.planned()["migration"]["changes"]}
    assert changes == {
        "run_id": ("test", "other"),
        "join.authority": (str(address_of(house.owner)), str(address_of(house.stranger))),
        "metadata.name": ("", "New"),
        "config.epoch_time": (60, 61),
    }
    shown = house.cli("migrate", *OLD, "--to", place.file).stdout
    assert "Compared with run test:\n       run_id: 'test' -> 'other'" in shown


# --- the export


def test_the_export_has_everything(place: Place) -> None:
    house = place.house
    house.run()
    house.join(house.stranger)
    before = {
        address: place.account(address)
        for address in (
            house.instance().address,
            house.instance().coordinator_account,
            authorization_address(address_of(house.owner), ANYONE),
        )
    }
    dump, toml = house.dump(), house.cli("config", "dump", "--full", *OLD).stdout
    place.planned("--to-run-id", "other")
    place.apply().data  # noqa: B018
    exported = accounts_from_directories([place.export / "accounts"])
    for address, account in before.items():
        assert account is not None
        kept = exported[address]
        assert (kept.lamports, kept.data, kept.owner) == (account.lamports, account.data, account.owner)
    assert json.loads((place.export / "old-run.json").read_text()) == dump
    assert (place.export / "old-run.toml").read_text() == toml
    assert json.loads((place.export / "manifest.json").read_text())["coordinator_account"] in place.file.read_text()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _cut(folder / "old-run.json"),
        lambda folder: (folder / "old-run.toml").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "manifest.json").unlink(),
    ],
)
def test_a_damaged_export_is_refused(place: Place, damage: Callable[[Path], Any]) -> None:
    """Killed after the export: what it has written is compared with its checksums before the run is closed."""
    place.house.run()
    place.planned("--to-run-id", "other")
    killed(place.house, "simulateTransaction", "apply", place.plan_file, "--yes", executes=False)
    damage(place.export)
    refused = place.apply()
    assert refused.code is ExitCode.USAGE
    assert "is not the export of a run, or it was changed" in refused.json["error"]["message"]
    assert place.account(place.house.instance().coordinator_account) is not None


def test_a_run_that_changed_after_its_export_is_exported_again(place: Place) -> None:
    house = place.house
    house.run()
    started(place, RunState.PAUSED)
    house.cli.json("join-authorization-create", "--permissionless")
    place.planned("--to-run-id", "other")
    killed(house, "simulateTransaction", "apply", place.plan_file, "--yes", executes=False)
    house.join(house.stranger)  # is remembered, although the run is paused
    assert kinds(place.apply().data)[:2] == ["export", "recreate"]
    dump = json.loads((place.export / "old-run.json").read_text())
    assert len(dump["coordinator_account"]["clients"]) == 1


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.ROUND_TRAIN], ids=["paused", "training"])
def test_a_dry_run_exports_nothing(place: Place, state: RunState) -> None:
    """It simulates what the old run as it is allows: the new one can be created if the old one is paused."""
    place.house.run()
    started(place, state)
    place.planned("--treasurer-collateral-mint", place.house.new_mint())
    sent = place.house.chain.sent
    data = place.house.cli("apply", place.plan_file, "--dry-run", "--output", "json").data
    simulated = {one["label"]: one["simulated"] for one in data["transactions"]}
    if state == RunState.PAUSED:
        assert simulated["recreate run"]
    else:
        assert simulated["pause"]
        assert sum(simulated.values()) == 1
    assert place.house.chain.sent == sent
    assert not place.export.exists()


# --- interruptions


@pytest.mark.parametrize("executes", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("new_id", ["test", "other"])
def test_killed_at_every_transaction(place: Place, loads: Loads, new_id: str, executes: bool) -> None:
    """The same command continues: nothing is closed, created or paid twice."""
    house, bank = place.house, place.house.chain.dispatcher.context.bank
    mint = house.new_mint()
    house.run()
    house.join(house.stranger)
    started(place, RunState.ROUND_TRAIN)
    place.planned("--treasurer-collateral-mint", mint, "--to-run-id", new_id)
    text = place.file.read_text() + '\n[rewards]\nearning_rate = "2"\n\n[funding]\nkeep_epochs = 5\n'
    place.file.write_text(text)
    place.plan_file.unlink()
    plan = place.planned()
    assert kinds(plan) == [
        *("pause-old", "wait-old", "export", "recreate", "top-up", "set-rates", "update", "set-step", "resume")
    ]
    state, lamports, total = bank.save(), place.lamports, plan["transactions"]
    assert total == 7
    for nth in range(1, total + 1, loads.of(usual=3, ci=1)):
        bank.restore(state)
        if place.export.exists():
            place.export.rename(place.export.with_name(f"export-{executes}-{nth}"))
        before = bank.history.total
        killed(house, "sendTransaction", "apply", place.plan_file, "--yes", executes=executes, nth=nth)
        place.apply().data  # noqa: B018
        assert bank.history.total - before == total
        assert lamports - place.lamports == plan["fee_lamports"] + plan["rent_lamports"]
        assert house.dump(new_id)["treasurer_run"]["funded_collateral_amount"] == 10
        assert house.driver(new_id).account.step == STEP
        assert place.is_done()


# --- plans that no longer fit


def test_the_id_is_that_of_another_run_meanwhile(place: Place) -> None:
    """The old run was closed, and another one created with its id: it is not closed."""
    house = place.house
    house.run()
    place.planned("--treasurer-collateral-mint", house.new_mint())
    house.cli.json("close-run", *OLD, "--yes")
    house.run()
    other = house.instance().coordinator_account
    sent = house.chain.sent
    refused = place.apply()
    assert refused.code is not ExitCode.OK
    assert house.chain.sent == sent
    assert house.instance().coordinator_account == other


def test_the_old_run_was_closed_meanwhile(place: Place) -> None:
    place.house.run()
    place.planned("--to-run-id", "other")
    place.house.cli.json("close-run", *OLD, "--yes")
    sent = place.house.chain.sent
    refused = place.apply()
    assert refused.code is ExitCode.REFUSED
    assert "it was closed without creating the new run" in refused.json["error"]["message"]
    assert place.house.chain.sent == sent


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda house: house.cli.json("update-config", *OLD, "--name", "Another"), "old.metadata.name"),
        (lambda house: house.cli.json("update-config", *OLD, "--client-version", "v9"), "old.client_version"),
        (lambda house: house.cli.json("update-config", *OLD, "--restart-from-step", "3"), "old.step"),
        (lambda house: house.cli.json("create-run", "--run-id", "other"), None),
    ],
    ids=["name", "version", "step", "new-run"],
)
def test_a_plan_whose_ground_has_moved(place: Place, change: Callable[[House], Any], key: str | None) -> None:
    place.house.run()
    started(place, RunState.PAUSED)
    place.planned("--to-run-id", "other")
    change(place.house)
    sent = place.house.chain.sent
    refused = place.apply()
    error = refused.json["error"]
    if key is None:
        assert refused.code is ExitCode.REFUSED
        assert "run other already exists" in error["message"]
    else:
        assert error["code"] == "stale_plan"
        assert key in [one["key"] for one in error["context"]["moved"]]
    assert place.house.chain.sent == sent


# --- obstacles


def obstacles(place: Place, *words: object) -> dict[str, str]:
    outcome = place.migrate(*words)
    assert outcome.code is ExitCode.DIFFERS, outcome.stderr
    return {one["key"]: one["message"] for one in outcome.json["data"]["obstacles"]}


def test_the_same_id_with_a_treasurer(place: Place) -> None:
    place.house.run(treasurer=True)
    found = obstacles(place, "--to-run-id", "test")
    assert "can never be closed, because it has a treasurer: choose another id" in found["run_id"]


def test_another_main_authority(place: Place) -> None:
    place.house.run()
    words = ("--wallet-private-key-path", place.house.stranger)
    found = obstacles(place, *words, "--to-run-id", "other")
    assert "pauses and closes run test" in found["old.main_authority"]


def test_the_new_id_is_taken(place: Place) -> None:
    place.house.run()
    place.house.run("other")
    assert obstacles(place, "--to-run-id", "other") == {"run_id": "run other already exists: choose another id"}


def test_the_treasurer_index_is_taken(place: Place) -> None:
    """Anyone can create a treasurer with any index: the old run is not closed before that is known."""
    house = place.house
    house.run()
    mint = house.new_mint()
    index = house.cli.json("create-run", "--run-id", "x", "--treasurer-collateral-mint", mint)["treasurer"]["index"]
    place.migrate("--treasurer-collateral-mint", mint)
    place.file.write_text(place.file.read_text().replace("[treasurer]\n", f'[treasurer]\nindex = "{index}"\n'))
    assert "choose another treasurer.index" in obstacles(place)["treasurer.index"]


@pytest.mark.parametrize(("left", "enough"), [(6_000_000, True), (5_000_000, False)])
def test_the_rent_of_the_old_run_pays_for_the_new_one(place: Place, left: int, enough: bool) -> None:
    """A treasurer takes 0.00432216 SOL more."""
    house = place.house
    house.run()
    mint = house.new_mint()
    bank = house.chain.dispatcher.context.bank
    wallet = place.account(address_of(house.owner))
    assert wallet is not None
    bank.set_account(address_of(house.owner), Account(left, b"", wallet.owner))
    if not enough:
        assert "that a wallet must keep" in obstacles(place, "--treasurer-collateral-mint", mint)["wallet"]
        return
    plan = place.planned("--treasurer-collateral-mint", mint)
    place.apply().data  # noqa: B018
    assert place.lamports == left - plan["fee_lamports"] - plan["rent_lamports"]


def test_points_are_lost(place: Place) -> None:
    house = place.house
    house.run()
    house.join(house.stranger)

    def earn(image: Any) -> None:
        image.state.clients_state.clients.data[0].earned = 1234

    house.edit(earn)
    outcome = place.migrate("--to-run-id", "other", "-o", place.plan_file)
    text = "deletes it for good, and the 1,234 points of 1 member with it, which the export lists."
    assert any(text in warning for warning in outcome.json["warnings"])
    unconfirmed = house.cli("apply", place.plan_file, "--output", "json")
    assert unconfirmed.json["error"]["code"] == "not_confirmed"
    assert text in unconfirmed.stderr + unconfirmed.stdout
    done = place.apply().json
    assert done["warnings"] == ["The members of run test have to be started again for run other."]


# --- command line


def test_options_for_a_file_that_exists(place: Place) -> None:
    place.house.run()
    place.migrate()
    refused = place.migrate("--to-run-id", "other")
    assert refused.code is ExitCode.INTERNAL  # 2 would mean that there is a plan
    assert "exists, so it says what the new run is" in refused.json["error"]["message"]


def test_options_that_exclude_each_other(place: Place) -> None:
    words = ("--no-treasurer", "--treasurer-collateral-mint", address_of(place.house.owner))
    assert "exclude each other" in place.migrate(*words).json["error"]["message"]


def test_a_run_that_does_not_exist(place: Place) -> None:
    assert place.migrate().json["error"]["code"] == "run_not_found"
    assert not place.file.exists()


@pytest.mark.parametrize(("run_id", "next_id"), [("a", "a-2"), ("a-2", "a-3"), ("x" * 32, "x" * 30 + "-2")])
def test_the_next_id(place: Place, run_id: str, next_id: str) -> None:
    mint = place.house.new_mint()
    place.house.cli.json("create-run", "--run-id", run_id, "--treasurer-collateral-mint", mint)
    outcome = place.house.cli("migrate", "--run-id", run_id, "--to", place.file, "--output", "json")
    assert outcome.json["data"]["run_id"] == next_id


def test_the_written_file_is_a_run_file(place: Place) -> None:
    place.house.run()
    place.migrate()
    text = place.file.read_text()
    run = parse_run_file(text, place.file)
    assert run_file_toml(run) in text
