"""``advise`` on runs of a local validator, whose members have a known pace."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.members.crowd import Habits
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.load import load_run_config
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Chain, CommandLine, Outcome
from tests.cli.test_layouts import lay_out
from tests.history.endpoints import Altered
from tests.support.run_driver import CONFIG, RunDriver

RUN = ("--run-id", "test")


def play(house: House, *, epochs: int = 3, clients: int = 4, habits: Habits, **config: int) -> RunDriver:
    """Play a run of simulated members for some epochs."""
    members = {"min_clients": clients - habits.absent, "init_min_clients": clients}
    run = house.driver().create({**CONFIG, "total_steps": 1000, "epoch_time": 30, **members, **config})
    run.resume()
    run.play(lambda now: now.account.epoch >= epochs, clients=clients, habits=habits)
    return run


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A chain of its own with a run that has been played. Tests must not change it."""
    home = tmp_path_factory.mktemp("played")
    chain, files = Chain.start(home, stopped_at=1_800_000_000, owner=1_000)
    cli = CommandLine(home, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(files["owner"])})
    house = House(chain, cli, files["owner"], files["owner"])
    play(house, habits=Habits(train_seconds=4), warmup_time=28)
    return house


def advise(house: House, *words: object) -> Any:
    return house.cli.json("advise", *RUN, *words)


def setting(data: Any, key: str) -> Any:
    [found] = [one for one in data["settings"] if one["key"] == f"config.{key}"]
    return found


def figures(data: Any, key: str) -> dict[str, float]:
    return {one["name"]: one["value"] for one in setting(data, key)["evidence"]}


def verdict(data: Any, key: str) -> tuple[str, int | None]:
    found = setting(data, key)
    return found["verdict"], found["advised"]


def changes(data: Any) -> dict[str, int]:
    return {one["key"]: one["advised"] for one in data["settings"] if one["verdict"] == "change"}


def test_limits_that_are_far_too_long(still_house: House) -> None:
    """Rounds of 4 s, warmups and checkpoints in the second in which they begin."""
    play(still_house, habits=Habits(train_seconds=4), max_round_train_time=28, warmup_time=24)
    data = advise(still_house)
    assert (data["source"], data["epochs"], data["reliable"], data["gaps"]) == ("history", 3, True, 0)
    of_rounds = figures(data, "max_round_train_time")
    assert of_rounds["rounds"] == data["rounds"] > 10
    assert [of_rounds[f"last_report_{name}"] for name in ("median", "p95", "maximum")] == [4, 4, 4]
    assert of_rounds["reports_in_time"] == of_rounds["reports_expected"] == 4 * data["rounds"]
    assert of_rounds["rounds_timed_out"] == 0
    assert changes(data) == {
        "config.max_round_train_time": 8,  # 4 * 1.5 + 2
        "config.round_witness_time": 2,
        "config.warmup_time": 2,
        "config.cooldown_time": 4,  # half
    }
    assert figures(data, "round_witness_time")["share_of_rounds"] == round(100 * 3 / 7, 1)
    for effect in data["effects"]:
        assert effect["after"]["steps_per_hour"] > effect["before"]["steps_per_hour"]
    assert "+max_round_train_time = 8\n" in data["diff"]
    assert advise(still_house) == data


def test_members_that_are_slower_than_a_round(still_house: House) -> None:
    """Reports come 4 s after max_round_train_time, in RoundWitness. With the advised value they come in time."""
    run = play(still_house, habits=Habits(train_seconds=24), round_witness_time=5, epoch_time=60)
    data = advise(still_house)
    assert verdict(data, "max_round_train_time") == ("change", 38)  # 24 * 1.5 + 2
    of_rounds = figures(data, "max_round_train_time")
    assert of_rounds["rounds_with_late_reports"] == of_rounds["rounds_timed_out"] == of_rounds["rounds"]
    assert (of_rounds["reports_in_time"], of_rounds["last_report_maximum"]) == (0, 24)
    assert verdict(data, "round_witness_time") == ("keep", None)
    run.pause()
    run.play(lambda now: now.state == RunState.PAUSED, clients=4, habits=Habits(train_seconds=24))
    run.update(config={**run.account.config, "max_round_train_time": 38})
    run.resume()
    assert advise(still_house)["rounds"] == 0, "rounds before a change of the configuration are no evidence for it"
    run.play(lambda now: now.account.epoch >= 6, clients=4, habits=Habits(train_seconds=24))
    again = advise(still_house)
    assert figures(again, "max_round_train_time")["rounds_with_late_reports"] == 0
    assert verdict(again, "max_round_train_time") == ("keep", None)
    assert any(one.startswith("The facts are from step ") for one in again["notes"])


def test_members_that_never_witness(still_house: House) -> None:
    """Nothing shows how long they take, so no number is advised, also not for what depends on it."""
    play(still_house, habits=Habits(train_seconds=40), epochs=12)
    data = advise(still_house)
    assert verdict(data, "max_round_train_time") == ("unknown", None)
    assert "Nobody reported 12 of 12 rounds" in setting(data, "max_round_train_time")["reason"]
    assert verdict(data, "epoch_time") == ("unknown", None)
    assert verdict(data, "round_witness_time") == ("keep", None)
    assert data["notes"] == ["12 of 12 epochs ended early because nobody reported a round."]


def test_rounds_that_wait_for_a_member_that_does_not_report(still_house: House) -> None:
    """One of five is dropped in the fourth round of each epoch, and joins again: it may be too slow.

    The others reported late, because they waited for it, which is no reason for more time either.
    """
    play(still_house, habits=Habits(train_seconds=4, absent=1), clients=5, max_round_train_time=40, epoch_time=100)
    data = advise(still_house)
    of_rounds = figures(data, "max_round_train_time")
    assert of_rounds["rounds_timed_out"] == of_rounds["rounds_with_missing_reports"] > 0
    assert of_rounds["members_dropped"] == data["epochs"] == 3
    assert of_rounds["seconds_waited_for_missing_reports"] == of_rounds["rounds_timed_out"] * (40 - 4)
    assert verdict(data, "max_round_train_time") == ("unknown", None)
    assert "of 1 member that may be slow rather than gone" in setting(data, "max_round_train_time")["reason"]
    assert verdict(data, "epoch_time") == ("keep", None)
    assert "dropped in 3 of 3 epochs" in setting(data, "epoch_time")["reason"]


def test_longer_rounds_under_an_earlier_configuration(still_house: House) -> None:
    """They keep the limit until the model changes."""
    run = play(still_house, epochs=1, habits=Habits(train_seconds=30), max_round_train_time=60, epoch_time=100)

    def again(**tables: Any) -> Any:
        run.pause()
        run.update(**tables)
        run.resume()
        last = run.account.epoch + 4
        run.play(lambda now: now.account.epoch >= last, clients=4, habits=Habits(train_seconds=4))
        return advise(still_house)

    data = again(config={**run.account.config, "cooldown_time": 6})
    reason = setting(data, "max_round_train_time")["reason"]
    assert verdict(data, "max_round_train_time") == ("keep", None), reason
    assert "within 4 s, and within 30 s under an earlier configuration" in reason
    assert figures(data, "max_round_train_time")["last_report_maximum"] == 4
    llm: dict[str, Any] = dict(load_run_config(MINIMAL).model["LLM"])
    model = {"LLM": {**llm, "max_seq_len": llm["max_seq_len"] // 2}}
    assert verdict(again(model=model), "max_round_train_time") == ("change", 8)


def test_a_member_that_stops_and_comes_back(still_house: House) -> None:
    """It reported rounds as fast as the others before it stopped, and joins the next epoch."""
    limits = {"max_round_train_time": 40, "epoch_time": 200, "min_clients": 3}
    run = play(still_house, epochs=1, clients=5, habits=Habits(train_seconds=4), **limits)
    until = run.account.epoch + 2
    run.play(lambda now: now.account.progress["step"] >= 40, clients=5, habits=Habits(train_seconds=4))
    run.play(lambda now: now.account.epoch > until - 2, clients=5, habits=Habits(train_seconds=4, absent=1))
    run.play(lambda now: now.account.epoch >= until, clients=5, habits=Habits(train_seconds=4))
    data = advise(still_house)
    of_rounds = figures(data, "max_round_train_time")
    assert (of_rounds["members_dropped"], of_rounds["rounds_with_missing_reports"]) == (1, 2)
    assert verdict(data, "max_round_train_time") == ("change", 11)  # rounds of 4 s may become 6 s with 3 members


def test_min_clients_above_the_members_that_stay(still_house: House) -> None:
    """Each epoch loses one of three members and ends, although two are left."""
    play(still_house, habits=Habits(train_seconds=4, absent=1), clients=3, min_clients=3, epochs=4, epoch_time=400)
    data = advise(still_house)
    assert verdict(data, "min_clients") == ("change", 2)
    found = figures(data, "min_clients")
    assert (found["epochs_ended_by_too_few_members"], found["members_at_end_minimum"]) == (4, 2)
    assert verdict(data, "init_min_clients") == ("keep", None)


def test_a_run_that_waits_for_members_that_do_not_come(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "min_clients": 4, "init_min_clients": 5})
    run.resume()
    run.join(0, 1, 2)
    run.wait(60)
    assert verdict(advise(still_house), "init_min_clients") == ("unknown", None), "a minute is not long"
    run.wait(7200)
    data = advise(still_house)
    assert verdict(data, "init_min_clients") == ("change", 3)
    assert verdict(data, "min_clients") == ("change", 3)
    assert figures(data, "init_min_clients")["joined_now"] == 3
    [before_and_after, *_] = data["effects"]
    assert (before_and_after["before"]["is_stuck"], before_and_after["after"]["is_stuck"]) == (True, False)
    assert before_and_after["after"]["steps_per_hour"] > 0


def test_rules_that_forbid_the_advice(still_house: House) -> None:
    """There cannot be fewer members than witnesses."""
    run = still_house.driver().create({**CONFIG, "min_clients": 4, "init_min_clients": 5, "witness_nodes": 4})
    run.resume()
    run.join(0, 1, 2)
    run.wait(7200)
    data = advise(still_house)
    assert verdict(data, "init_min_clients") == ("keep", None)
    assert "witness_nodes is 4" in setting(data, "init_min_clients")["reason"]
    assert data["diff"] == ""


def test_epochs_that_begin_without_most_members(still_house: House) -> None:
    """One member is enough to begin, and five others come a little later, when the epoch has begun."""
    run = still_house.driver().create({**CONFIG, "min_clients": 1, "init_min_clients": 1, "total_steps": 1000})
    run.resume()
    run.add_members(6)
    for _ in range(3):
        run.start_training(0)
        run.join(1, 2, 3, 4, 5)
        run.wait(2)
        run.play_to_cooldown()
        run.wait(200)
        run.tick()
        run.pause()
        run.resume()  # the members that joined must join again, and are late again
    data = advise(still_house)
    assert verdict(data, "init_min_clients") == ("change", 3)
    assert figures(data, "init_min_clients")["members_median"] == 1


def test_a_warmup_that_is_too_short(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "total_steps": 1000})
    run.resume()
    for _ in range(3):
        run.enter_warmup(0, 1, 2)
        run.wait(5)
        run.report_warmup(0, 1)
        assert run.tick(5) == RunState.ROUND_TRAIN
        run.wait(6)
        run.report_warmup(2)
        run.play_to_cooldown()
        run.end_cooldown()
    data = advise(still_house)
    assert verdict(data, "warmup_time") == ("change", 26)  # 16 * 1.5 + 2
    found = figures(data, "warmup_time")
    assert (found["warmups"], found["warmups_timed_out"], found["warmups_with_late_reports"]) == (3, 3, 3)
    assert [found[f"last_report_{name}"] for name in ("median", "maximum")] == [16, 16]


def test_epochs_that_are_too_short(still_house: House) -> None:
    """Most of the time passes between the epochs. Longer epochs pay less per day, which the advice says."""
    play(still_house, habits=Habits(train_seconds=2), epoch_time=21, cooldown_time=60, warmup_time=2)
    data = advise(still_house)
    kind, advised = verdict(data, "epoch_time")
    assert kind == "change"
    assert 21 < (advised or 0) <= 4 * 21
    assert "rewards per day" in setting(data, "epoch_time")["reason"]
    assert figures(data, "epoch_time")["share_of_time_in_rounds"] < 50
    effect = data["effects"][0]
    assert effect["after"]["share_in_rounds"] > effect["before"]["share_in_rounds"]


def test_nobody_ticks(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "total_steps": 1000})
    run.resume()
    for _ in range(3):
        run.start_training(0, 1, 2)
        run.play_to_cooldown()
        run.tick(500)
    [note] = advise(still_house)["notes"]
    assert "because nobody ticked" in note


def written(house: House, folder: Path, *, inline: bool) -> Path:
    """The run file of the run, with comments and a layout of its own, and its configuration in it or beside it."""
    dumped = house.cli("config", "dump", "--full", *RUN).stdout
    head, _, configuration = dumped.partition("[config]\n")
    configuration = "[config]\n" + configuration.replace("max_round_train_time = ", "max_round_train_time   =   ")
    configuration = configuration.replace("epoch_time", "# how long?\r\nepoch_time")
    file = folder / "run.toml"
    if inline:
        file.write_bytes(f"{head}{configuration}".encode())
    else:
        (folder / "own").mkdir()
        (folder / "own" / "config.toml").write_bytes(configuration.encode())
        file.write_text(head.replace("run_id", 'configuration = "own/config.toml"\nrun_id', 1))
    return file


def patched(outcome: Outcome, folder: Path) -> None:
    """Carry out the command line that the output suggests."""
    [line] = [line for line in outcome.stderr.splitlines() if line.startswith("Next: patch ")]
    subprocess.run(["sh", "-c", line.removeprefix("Next: ")], cwd=folder, check=True, stdout=subprocess.PIPE)


@pytest.mark.parametrize(("inline", "elsewhere"), [(True, True), (False, False), (False, True)])
def test_the_diff_is_applied_by_patch(
    played: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: bool, elsewhere: bool
) -> None:
    """Patch changes the advised values and nothing else, also from another folder, and plan shows these changes."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    file = written(played, folder, inline=inline)
    monkeypatch.chdir(tmp_path if elsewhere else folder)
    if elsewhere:
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
    changed = file if inline else folder / "own" / "config.toml"
    before = changed.read_bytes()
    outcome = played.cli("advise", *RUN, "--file", file, "-o", tmp_path / "the.diff")
    assert outcome.code is ExitCode.OK, outcome.stderr
    diff = (tmp_path / "the.diff").read_bytes().decode()
    assert diff.replace("\r", "\N{REPLACEMENT CHARACTER}") in outcome.stdout
    patched(outcome, Path.cwd())
    wanted = before.replace(b"max_round_train_time   =   20", b"max_round_train_time   =   8")
    for old, new in (
        (b"round_witness_time = 3", b"round_witness_time = 2"),
        (b"warmup_time = 28", b"warmup_time = 2"),
        (b"cooldown_time = 7", b"cooldown_time = 4"),
    ):
        wanted = wanted.replace(old, new)
    assert changed.read_bytes() == wanted != before
    plan = played.cli("plan", file, "--output", "json").json["data"]
    keys = [change["key"] for step in plan["steps"] for change in step["changes"]]
    data = advise(played, "--file", file)
    assert set(changes(data)) <= set(keys)
    assert data["diff"] == ""
    assert "The file has the advised values already." in data["notes"]
    if not inline:
        assert played.cli("config", "check", changed).code is ExitCode.OK


def test_the_dumped_file_is_patched(played: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    played.cli.json("config", "dump", "--full", *RUN, "-o", "run.toml")
    outcome = played.cli("advise", *RUN, "-o", "advice.diff")
    assert [line for line in outcome.stderr.splitlines() if line.startswith("Next: ")] == [
        "Next: psyche-cli config dump --run-id test --full -o run.toml",
        "Next: patch -p0 < advice.diff",
        "Next: psyche-cli plan run.toml",
    ]
    patched(outcome, tmp_path)
    assert "max_round_train_time = 8" in (tmp_path / "run.toml").read_text()
    assert advise(played, "--file", "run.toml")["diff"] == ""


def test_a_file_that_differs_from_the_run(played: House, tmp_path: Path) -> None:
    file = written(played, tmp_path, inline=True)
    file.write_bytes(file.read_bytes().replace(b"epoch_time = 30", b"epoch_time = 90"))
    outcome = played.cli("advise", *RUN, "--file", file)
    assert "differs from the run in epoch_time" in outcome.stderr
    assert "+cooldown_time = 4" in outcome.stdout
    assert "90" not in [line[1:] for line in outcome.stdout.splitlines() if line[:1] in "+-"]


def test_a_file_in_which_the_advice_is_not_valid(played: House, tmp_path: Path) -> None:
    """Its epochs are shorter than the advised time of a round."""
    file = written(played, tmp_path, inline=True)
    text = file.read_bytes().replace(b"epoch_time = 30", b"epoch_time = 7").replace(b"   =   20", b" = 5")
    file.write_bytes(text.replace(b"warmup_time = 28", b"warmup_time = 1"))
    outcome = played.cli("advise", *RUN, "--file", file, "--output", "json")
    assert outcome.code is ExitCode.CONFIGURATION
    error = outcome.json["error"]
    assert "not valid together with the others" in error["message"]
    assert [one["rule"] for one in error["context"]["problems"]] == ["MaxRoundTrainTime"]


def test_a_private_key_in_a_comment_is_not_shown(played: House, tmp_path: Path) -> None:
    file = written(played, tmp_path, inline=True)
    key = played.owner.read_text()
    file.write_bytes(file.read_bytes().replace(b"round_witness_time = 3", f"round_witness_time = 3 # {key}".encode()))
    outcome = played.cli("advise", *RUN, "--file", file, "-o", tmp_path / "the.diff")
    assert outcome.code is ExitCode.USAGE
    assert "looks like a private key" in outcome.stderr
    assert key not in outcome.stdout + outcome.stderr
    assert not (tmp_path / "the.diff").exists()


# --- histories ----------------------------------------------------------------------------------------------------


def refusal(house: House, *words: object) -> tuple[ExitCode, str]:
    outcome = house.cli("advise", *words, "--output", "json")
    return outcome.code, outcome.json["error"]["message"]


def test_runs_without_a_story(still_house: House) -> None:
    assert refusal(still_house, *RUN)[0] is ExitCode.NOT_FOUND
    still_house.run(configured=False)
    code, message = refusal(still_house, *RUN)
    assert (code, message) == (ExitCode.REFUSED, "Run 'test' has no configuration yet.")
    still_house.run("other")
    data = still_house.cli.json("advise", "--run-id", "other")
    assert (data["rounds"], data["epochs"], data["diff"]) == (0, 0, "")
    assert {one["verdict"] for one in data["settings"]} == {"unknown"}
    shown = still_house.cli("advise", "--run-id", "other").stdout
    assert "Run other: too little evidence for advice, 0 rounds in 0 epochs." in shown


def test_a_run_with_a_treasurer(still_house: House) -> None:
    """Its owner acts through the treasurer; a new configuration makes the facts begin anew."""
    run = still_house.driver()
    config = {**CONFIG, "total_steps": 1000, "epoch_time": 30, "min_clients": 4, "init_min_clients": 4}
    run.create(config, mint=run.new_mint(6, 10**9))
    run.set_rates(earning=1000)
    run.resume()
    run.play(lambda now: now.account.epoch >= 1, clients=4, habits=Habits(train_seconds=4))
    run.pause()
    run.update(config={**config, "max_round_train_time": 25})
    run.resume()
    run.play(lambda now: now.account.epoch >= 5, clients=4, habits=Habits(train_seconds=6))
    data = advise(still_house)
    assert (data["reliable"], data["epochs"]) == (True, 4)
    assert verdict(data, "max_round_train_time") == ("change", 11)
    assert figures(data, "max_round_train_time")["last_report_median"] == 6


def test_a_few_rounds_are_too_little_evidence(still_house: House) -> None:
    run = still_house.driver().create({**CONFIG, "max_round_train_time": 50})
    run.resume()
    run.play(lambda now: now.account.step >= 10, clients=4, habits=Habits(train_seconds=4))
    data = advise(still_house)
    assert data["rounds"] == 9
    assert changes(data) == {}
    assert "Too little evidence: 9 rounds" in setting(data, "max_round_train_time")["reason"]


def test_a_paused_a_finished_and_a_closed_run(still_house: House, tmp_path: Path) -> None:
    run = play(still_house, habits=Habits(train_seconds=4), total_steps=40)
    while_running = advise(still_house)
    run.pause()
    assert run.look().state == RunState.PAUSED
    paused = advise(still_house)
    assert changes(paused) == changes(while_running) != {}
    run.resume()
    run.play(lambda _: False, clients=4, habits=Habits(train_seconds=4))
    assert run.look().state == RunState.FINISHED
    finished = advise(still_house)
    assert changes(finished) == changes(paused)
    assert (
        "The run is Finished, and can no longer be configured: the advice is for another one like it."
        in finished["notes"]
    )
    assert "--- run.toml" in finished["diff"]
    file = written(still_house, tmp_path, inline=True)
    run.close()
    closed = advise(still_house)
    assert changes(closed) == changes(finished)
    assert "The run is closed: the advice is for another one like it." in closed["notes"]
    assert "--- config.toml" in closed["diff"]
    assert changes(advise(still_house, "--file", file)) == changes(finished)
    run.create({**CONFIG, "total_steps": 1000})
    assert advise(still_house)["rounds"] == 0
    assert changes(advise(still_house, "--incarnation", 1)) == changes(finished)
    assert refusal(still_house, *RUN, "--incarnation", 3)[0] is ExitCode.USAGE


def test_without_requests_and_from_an_archive(played: House, tmp_path: Path) -> None:
    data = advise(played)
    offline = advise(played, "--no-sync")
    assert offline["settings"] == data["settings"]
    archive = tmp_path / "run.zip"
    played.cli.json("history", "export", *RUN, "-o", archive)
    assert advise(played, "--archive", archive)["settings"] == data["settings"]


def test_a_ledger_that_begins_too_late(still_house: House) -> None:
    """The states of the run are not known, so nothing is advised."""
    play(still_house, habits=Habits(train_seconds=4), epochs=1)
    connect, oldest = still_house.cli.open_transport, [0]

    def later(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "getSignaturesForAddress":
            answer["result"] = [one for one in answer["result"] if one["slot"] >= oldest[0]]
        elif request["method"] == "getFirstAvailableBlock":
            answer["result"] = oldest[0]

    oldest[0] = still_house.driver().clock.slot - 20
    still_house.cli.open_transport = lambda url: Altered(connect(url), later)
    code, message = refusal(still_house, *RUN)
    assert code is ExitCode.HISTORY
    assert "its creation is in a gap of the ledger" in message
    still_house.cli.open_transport = connect
    assert advise(still_house)["gaps"] == 0


def test_a_transaction_that_is_missing(played: House, tmp_path: Path) -> None:
    """Facts from there on are not used."""
    whole = advise(played)
    lines = played.cli("history", *RUN, "--kind", "tick", "--format", "csv").stdout.splitlines()
    ticks = [row["signature"] for row in csv.DictReader(lines)]
    hidden = ticks[len(ticks) // 2]
    connect = played.cli.open_transport

    def without(request: dict[str, Any], answer: dict[str, Any]) -> None:
        if request["method"] == "getSignaturesForAddress":
            answer["result"] = [one for one in answer["result"] if one["signature"] != hidden]

    played.cli.open_transport = lambda url: Altered(connect(url), without)
    try:
        outcome = played.cli("advise", *RUN, "--state-dir", tmp_path / "state", "--output", "json")
    finally:
        played.cli.open_transport = connect
    data = outcome.json["data"]
    assert data["reliable"] is False
    assert 0 < data["rounds"] < whole["rounds"]
    assert any("disagree" in one for one in outcome.json["warnings"])
    for name in ("joined_now", "seconds_waiting_now"):
        now = figures(data, "init_min_clients")[name]
        assert now == figures(whole, "init_min_clients")[name], "from the account, not from the replay"


def test_another_layout(still_house: House) -> None:
    still_house.run()
    lay_out(still_house, "v2-dev")
    assert refusal(still_house, *RUN)[0] is ExitCode.ACCOUNT


def test_refused_options(played: House, tmp_path: Path) -> None:
    file = written(played, tmp_path, inline=True)
    existing = tmp_path / "existing"
    existing.touch()
    for words, message in (
        ((), "Specify either --run-id or --config."),
        ((*RUN, "--config", file), "Specify either --run-id or --config."),
        ((*RUN, "--clients", 3), "--clients needs --config."),
        (("--config", file, "--file", file), "--file needs --run-id."),
        (("--run-id", "other", "--file", file), f"{file} is the file of run 'test', not of 'other'."),
        ((*RUN, "-o", existing), f"The file {existing} already exists and will not be overwritten."),
    ):
        assert refusal(played, *words) == (ExitCode.USAGE, message)
    file.write_text('version = 1\nrun_id = "test"\n')
    assert refusal(played, *RUN, "--file", file) == (
        ExitCode.CONFIGURATION,
        f"The run file {file} has no configuration.",
    )


# --- simulations --------------------------------------------------------------------------------------------------


def test_a_configuration_and_a_run_file_are_simulated(offline: CommandLine, tmp_path: Path) -> None:
    """Offline, with the same advice for both; what is not given is listed as assumed."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.toml").write_bytes(MINIMAL.read_bytes())
    run_file = tmp_path / "run.toml"
    run_file.write_text('version = 1\nrun_id = "test"\nconfiguration = "own/config.toml"\n')
    words = ("--clients", 3, "--train-seconds", 30, "--warmup-seconds", 2)
    found = [offline.json("advise", "--config", path, *words) for path in (folder / "config.toml", run_file)]
    assert changes(found[0]) == changes(found[1]) == {"config.max_round_train_time": 47, "config.warmup_time": 5}
    for data in found:
        assert (data["source"], data["run_id"], data["file"]) == ("simulation", None, str(folder / "config.toml"))
        pace = "rounds of 30 s, with every batch size and number of members"
        assert data["assumptions"] == ["3 members", pace, "warmups of 2 s", "someone ticks every second"]
        [whole, _] = data["effects"]
        assert (whole["before"]["epochs_ended_early"], whole["after"]["epochs_ended_early"]) == (12, 0)
    bare = offline.json("advise", "--config", run_file)
    assert bare["assumptions"][0] == "1 member, which is init_min_clients; change it with --clients"
    assert bare["assumptions"][1].startswith("rounds of 10 s, the slowest")
    assert (verdict(bare, "max_round_train_time"), verdict(bare, "warmup_time")) == (("unknown", None),) * 2
    assert offline("advise", "--config", run_file, variables={"RUN_ID": "other"}).code is ExitCode.OK


def test_a_symbolic_link_and_more_members_than_can_join(offline: CommandLine, tmp_path: Path) -> None:
    """The diff is that of the file to which the link leads."""
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "config.toml"
    real.write_text(MINIMAL.read_text().replace("max_round_train_time = 10", "max_round_train_time = 40"))
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    words = ("--config", link, "--clients", 20, "--train-seconds", 2, "-o", tmp_path / "out.diff")
    outcome = offline("advise", *words)
    patched(outcome, tmp_path)
    assert "max_round_train_time = 5\n" in real.read_text()
    assert "4 members cannot join: the run is limited to 16 wallets" in outcome.stderr
    assert "16 members as assumed" in outcome.stdout


def test_members_that_stop_in_a_simulation(offline: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    text = MINIMAL.read_text().replace("\nmin_clients = 1", "\nmin_clients = 3")
    config.write_text(text.replace("init_min_clients = 1", "init_min_clients = 5"))
    data = offline.json("advise", "--config", config, "--clients", 5, "--drop", "1@40", "--drop", "1@80")
    assert "1 member stops at step 40" in data["assumptions"]
    assert verdict(data, "init_min_clients") == ("change", 4)
    assert "The run would wait forever for 5 members; 4 have joined." in setting(data, "init_min_clients")["reason"]
    again = offline.json("advise", "--config", config, "--clients", 5, "--drop", "1@40", "--drop", "1@60")
    assert verdict(again, "init_min_clients") == ("change", 3), "one more stops later"
    assert [one["after"]["is_stuck"] for one in again["effects"]] == [False, False]


def test_refused_simulations(offline: CommandLine, tmp_path: Path) -> None:
    for words, code in (
        (("--config", tmp_path / "missing.toml"), ExitCode.CONFIGURATION),
        (("--config", MINIMAL, "--drop", "9@2", "--clients", 2), ExitCode.USAGE),
        (("--config", MINIMAL, "--join", "x"), ExitCode.USAGE),
        (("--config", MINIMAL, "--no-sync"), ExitCode.USAGE),
    ):
        assert offline("advise", *words).code is code, words
    wide = tmp_path / "wide.toml"
    wide.write_bytes(MINIMAL.read_text().encode("utf-16"))
    outcome = offline("advise", "--config", wide)
    assert (outcome.code, "UTF-16" in outcome.stderr) == (ExitCode.CONFIGURATION, True)
