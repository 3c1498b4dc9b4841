"""``monitor``: every rule fired and cleared by a real run, and destinations that fail."""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from solders.instruction import Instruction

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.members.records import WitnessFigures, witness_record
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.operations.monitoring.rules import KINDS
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine, Outcome, address_of
from tests.cli.test_authority import deploy
from tests.cli.test_limits_of_commands import SilentNode
from tests.cli.test_processes import Shell, shell  # noqa: F401 -- a fixture
from tests.support.run_driver import BLOOM_KEYS, Failed, RunDriver

NAN_FOLLOWS = 123.25
"""Stands for NaN, which psyche-cli refuses to encode."""
EXAMPLE = Path(__file__).resolve().parents[2] / "configs" / "monitoring" / "rules.toml"


@dataclass
class Receiver:
    """A real HTTP server that records the notifications that it gets. ``statuses`` are its next responses."""

    server: ThreadingHTTPServer
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hooks/the-secret-part?key=another-secret"

    @property
    def events(self) -> list[tuple[str, str, str | None]]:
        return [(body["event"], body["rule"], body["run_id"]) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = made.statuses.pop(0) if made.statuses else 204
            if status == 0:  # too slow
                made.release.wait()
                return
            made.got.append((self.headers.get("Idempotency-Key", ""), body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", self.path)
            text = b"" if status == 204 else self.path.encode()  # echoes the secrets
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


class ShiftedClock(SystemClock):
    """The clock of a machine whose time the test sets."""

    def __init__(self, unix: float) -> None:
        self.unix = unix

    def unix_time(self) -> float:
        return self.unix


class Monitor:
    """A rules file, and the command that checks it."""

    def __init__(self, house: House, receiver: Receiver | None, rules: str) -> None:
        self.house = house
        self.path = house.cli.home / "rules.toml"
        to = "" if receiver is None else f'[[destination]]\nname = "ops"\nkind = "webhook"\nurl = "{receiver.url}"\n'
        self.path.write_text(f"{rules}\n{to}")
        self.clock = ShiftedClock(1_800_000_000)
        self.cli = CommandLine(house.cli.home, house.chain.transport, dict(house.cli.variables), self.clock)

    def check(self, *words: object) -> Outcome:
        return self.cli("monitor", "--rules", self.path, "--run-id", "test", "--once", *words)

    def active(self) -> list[str]:
        """The rules with an active alarm after a check."""
        outcome = self.check("--output", "json")
        data = outcome.json["data"]
        assert outcome.code == (ExitCode.NO if data["active"] else ExitCode.OK), outcome.stderr
        return [one["rule"] for one in data["active"]]


def rule(kind: str, **values: object) -> str:
    return "\n".join(
        ["[[rule]]", f'kind = "{kind}"', *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    )


@pytest.fixture
def run(still_house: House) -> RunDriver:
    made = still_house.driver().create()
    made.resume()
    return made


FIRED_AND_CLEARED = ["fired", "cleared"]


def check_pair(receiver: Receiver, kind: str) -> None:
    """The alarm was sent once when it began and once when it ended."""
    assert [event for event, name, _ in receiver.events if name == kind] == FIRED_AND_CLEARED
    keys = [key for key, _ in receiver.got]
    assert len({*keys}) == len(keys)


def test_funding(still_house: House, receiver: Receiver) -> None:
    still_house.run(treasurer=True)
    amount = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount")
    still_house.cli.json(*amount, "100")
    still_house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "12.5")
    monitor = Monitor(still_house, receiver, rule("funding_below", epochs=10, clear_at=12))
    assert monitor.active() == ["funding_below"]
    still_house.cli.json(*amount, "37.5")  # 11 epochs: no longer below 10, but not at 12 either
    assert monitor.active() == ["funding_below"]
    still_house.cli.json(*amount, "12.5")
    assert monitor.active() == []
    check_pair(receiver, "funding_below")
    _, body = receiver.got[0]
    assert body["sentence"] == "The vault pays for 8 more epochs."
    assert {"name": "vault balance", "value": "100"} in body["evidence"]


def test_an_overdue_state(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    monitor = Monitor(still_house, receiver, rule("state_overdue", seconds=60))
    run.enter_warmup(0, 1, 2)
    run.wait(30)
    assert monitor.active() == []
    run.wait(60)
    assert monitor.active() == ["state_overdue"]
    assert monitor.active() == ["state_overdue"]
    run.tick()
    assert monitor.active() == []
    check_pair(receiver, "state_overdue")


def test_too_few_members_for_some_time(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    monitor = Monitor(still_house, receiver, rule("members_below", members=3, **{"for": "30s", "clear_for": "10s"}))
    assert monitor.active() == []
    run.join(0, 1)
    run.wait(29)
    assert monitor.active() == []
    run.wait(1)
    assert monitor.active() == ["members_below"]
    run.join(2)
    assert monitor.active() == ["members_below"]  # not for long enough
    run.wait(10)
    assert monitor.active() == []
    check_pair(receiver, "members_below")


def report(run: RunDriver, losses: dict[int, float]) -> None:
    """Play a round whose witnesses report losses."""
    run.wait(1)
    look = run.look()
    selection = CommitteeSelection.of(look.round, look.account.config)
    clients = [client.id.wallet for client in look.account.epoch_clients]
    for member, loss in losses.items():
        wallet = run.members[member]
        index = clients.index(wallet.address)
        record = witness_record(selection.witness_position(index), index, clients, (), BLOOM_KEYS)
        figures = WitnessFigures(loss=NAN_FOLLOWS if math.isnan(loss) else loss)
        witness = run.actions.witness(wallet.address, record, figures, look.account.step)
        if not math.isnan(loss):
            run.send(wallet, witness)
            continue
        data = witness.data.replace(struct.pack("<f", NAN_FOLLOWS), struct.pack("<f", loss))
        with pytest.raises(Failed):  # the program rejects it, so the transaction is in the ledger as a failed one
            run.send(wallet, Instruction(witness.program_id, data, witness.accounts))
    if run.stage == RunState.ROUND_TRAIN:
        run.tick(run.account.config["max_round_train_time"])
    run.tick(run.account.config["round_witness_time"])


def test_a_loss_that_is_not_a_number(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    monitor = Monitor(still_house, receiver, rule("loss_not_a_number", steps=2))
    run.start_training(0, 1, 2)
    nan, infinite = float("nan"), float("inf")
    report(run, {0: 1.0, 1: nan, 2: 1.0})  # a liar alone is no alarm
    report(run, {0: nan, 1: infinite, 2: 1.0})
    assert monitor.active() == []
    report(run, {0: infinite, 1: -infinite, 2: infinite})
    assert monitor.active() == ["loss_not_a_number"]
    report(run, {0: 1.0, 1: nan, 2: 1.0})
    assert monitor.active() == []
    check_pair(receiver, "loss_not_a_number")


def test_a_rising_loss(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    monitor = Monitor(still_house, receiver, rule("loss_rising", steps=2))
    run.start_training(0, 1, 2)
    for loss in (3.0, 2.0, 2.5):
        report(run, {0: loss, 1: loss, 2: 100.0 - loss})  # the liar does not move the median
        assert monitor.active() == []
    report(run, {0: 2.6, 1: 2.6, 2: 0.0})
    assert monitor.active() == ["loss_rising"]
    report(run, {0: 2.4, 1: 2.4, 2: 1000.0})
    assert monitor.active() == []
    check_pair(receiver, "loss_rising")


def test_a_pause_by_an_unexpected_signer(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    owner, stranger = address_of(still_house.owner), address_of(still_house.stranger)
    monitor = Monitor(still_house, receiver, rule("paused", signers=[str(stranger)]))
    assert monitor.active() == []
    still_house.cli.json("set-paused", "--run-id", "test")
    assert monitor.active() == ["paused"]
    still_house.cli.json("set-paused", "--run-id", "test", "--resume")
    assert monitor.active() == []
    check_pair(receiver, "paused")
    assert receiver.got[0][1]["sentence"] == f"The run is paused; signed by {owner}."
    expected = Monitor(still_house, None, 'name = "expected"\n' + rule("paused", signers=[str(owner)]))
    still_house.cli.json("localnet", "warp", "1")
    still_house.cli.json("set-paused", "--run-id", "test")
    assert expected.active() == []


def test_a_changed_configuration(still_house: House, receiver: Receiver) -> None:
    still_house.run()
    stranger = str(address_of(still_house.stranger))
    monitor = Monitor(still_house, receiver, rule("configuration_changed", signers=[stranger], keep="1h"))
    assert monitor.active() == []  # what was changed before the first check is no news
    still_house.cli.json("update-config", "--run-id", "test", "--name", "new name")
    assert monitor.active() == ["configuration_changed"]
    still_house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "5")
    assert monitor.active() == ["configuration_changed", "configuration_changed"]  # each change is an alarm of its own
    assert monitor.active() == ["configuration_changed", "configuration_changed"]
    still_house.cli.json("localnet", "warp", "3600")
    assert monitor.active() == []
    assert [event for event, _, _ in receiver.events] == ["fired", "fired", "cleared", "cleared"]
    assert "(metadata)" in receiver.got[0][1]["sentence"]
    assert "(reward rates)" in receiver.got[1][1]["sentence"]


def test_an_upgraded_program(still_house: House, receiver: Receiver) -> None:
    still_house.run()
    monitor = Monitor(still_house, receiver, rule("program_upgraded", keep="1h"))
    assert monitor.active() == []
    slot = still_house.chain.rpc.chain_position().slot
    deploy(still_house, "coordinator", slot, None)
    assert monitor.active() == ["program_upgraded"]
    assert monitor.active() == ["program_upgraded"]
    monitor.clock.unix += 3600
    assert monitor.active() == []
    check_pair(receiver, "program_upgraded")
    assert receiver.got[0][1]["subject"] == f"coordinator {slot}"


def test_an_authority_without_sol(still_house: House, receiver: Receiver) -> None:
    still_house.run()
    balance = still_house.cli.json("balance")["lamports"]
    monitor = Monitor(still_house, receiver, rule("authority_sol_below", sol="100000", clear_at_sol="100001"))
    assert balance < 100_000 * 10**9
    assert monitor.active() == ["authority_sol_below"]
    still_house.cli.json("localnet", "airdrop", address_of(still_house.owner), "100001")
    assert monitor.active() == []
    check_pair(receiver, "authority_sol_below")


def test_a_stale_endpoint(still_house: House, receiver: Receiver) -> None:
    still_house.run()
    monitor = Monitor(still_house, receiver, rule("endpoint_stale", seconds=120))
    assert monitor.active() == []
    monitor.clock.unix += 130  # the clock of the cluster stands still
    assert monitor.active() == ["endpoint_stale"]
    still_house.cli.json("localnet", "warp", "130")
    assert monitor.active() == []
    check_pair(receiver, "endpoint_stale")
    assert receiver.got[0][1]["run_id"] is None


def test_an_endpoint_that_does_not_respond(still_house: House, receiver: Receiver) -> None:
    still_house.run()
    monitor = Monitor(still_house, receiver, rule("endpoint_stale", seconds=120) + "\n" + rule("paused"))
    assert monitor.active() == []

    class Clock(ShiftedClock):
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    clock = Clock(monitor.clock.unix + 60)
    dead = CommandLine(
        still_house.cli.home,
        lambda url: SilentNode(still_house.chain.transport(url), 0, clock),  # type: ignore[arg-type]
        dict(still_house.cli.variables),
        clock,
    )
    words = ("monitor", "--rules", monitor.path, "--run-id", "test", "--once", "--output", "json")
    outcome = dead(*words)
    assert (outcome.code, outcome.json["data"]["active"]) == (ExitCode.NETWORK, [])
    clock.unix += 70
    outcome = dead(*words)
    assert outcome.code is ExitCode.NETWORK
    assert [one["rule"] for one in outcome.json["data"]["active"]] == ["endpoint_stale"]
    assert "does not respond" in receiver.got[0][1]["sentence"]


def test_a_closed_run_ends_its_alarms(still_house: House, run: RunDriver, receiver: Receiver) -> None:
    monitor = Monitor(still_house, receiver, rule("paused"))
    still_house.cli.json("set-paused", "--run-id", "test")
    assert monitor.active() == ["paused"]
    still_house.cli.json("close-run", "--run-id", "test", "--yes")
    assert monitor.active() == []
    check_pair(receiver, "paused")
    assert receiver.got[1][1]["sentence"] == "The run was closed."


# --- destinations ---------------------------------------------------------------------------------------------------


def paused_monitor(house: House, receiver: Receiver) -> Monitor:
    run = house.driver().create()
    run.resume()
    house.cli.json("set-paused", "--run-id", "test")
    return Monitor(house, receiver, rule("paused"))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "it responded with HTTP status 500"),
        (404, "it responded with HTTP status 404"),
        (307, "it responded with HTTP status 307, a redirect, which is not followed"),
    ],
)
def test_a_destination_that_fails_is_tried_again_later_and_reported_once(
    still_house: House, receiver: Receiver, status: int, reason: str
) -> None:
    monitor = paused_monitor(still_house, receiver)
    receiver.statuses = [status, status]
    first = monitor.check()
    assert first.code is ExitCode.NETWORK
    assert f"The destination 'ops' failed: {reason}. Its notifications are sent again later." in first.stderr
    assert len(receiver.got) == 1
    waiting = monitor.check()  # it is not due yet
    assert (waiting.code, len(receiver.got)) == (ExitCode.NETWORK, 1)
    monitor.clock.unix += 5
    again = monitor.check()
    assert len(receiver.got) == 2
    assert "The destination" not in again.stderr  # it was reported
    monitor.clock.unix += 10
    last = monitor.check()
    assert last.code is ExitCode.NO
    assert "The destination 'ops' accepts notifications again." in last.stderr
    assert len({key for key, _ in receiver.got}) == 1  # one notification, with the same idempotency key
    assert [body["id"] for key, body in receiver.got] == [key for key, _ in receiver.got]
    for outcome in (first, waiting, again, last):
        assert "secret" not in outcome.stdout + outcome.stderr


def test_a_destination_that_is_too_slow(
    still_house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = paused_monitor(still_house, receiver)
    receiver.statuses = [0]
    with monkeypatch.context() as patch:
        patch.setattr("psyche_cli.operations.monitoring.destinations.ATTEMPT_SECONDS", 0.5)
        outcome = monitor.check()
    assert outcome.code is ExitCode.NETWORK
    assert "it did not respond within" in outcome.stderr
    receiver.statuses = []
    monitor.clock.unix += 5
    assert monitor.check().code is ExitCode.NO
    assert receiver.events == [("fired", "paused", "test")]


def test_a_destination_that_cannot_be_reached(still_house: House, receiver: Receiver) -> None:
    monitor = paused_monitor(still_house, receiver)
    text = monitor.path.read_text()
    monitor.path.write_text(text.replace(receiver.url, "http://127.0.0.1:9/the-secret-part"))
    outcome = monitor.check("--output", "json")
    assert outcome.code is ExitCode.NETWORK
    data = outcome.json["data"]
    assert (data["failed_destinations"], data["waiting"], data["delivered"]) == (["ops"], 1, 0)
    assert "ops: it cannot be reached" in outcome.json["warnings"][0]
    assert "secret" not in outcome.stdout + outcome.stderr


def test_notifications_are_given_up_after_a_week_or_without_their_destination(
    still_house: House, receiver: Receiver
) -> None:
    monitor = paused_monitor(still_house, receiver)
    receiver.statuses = [500, 500]
    assert monitor.check().code is ExitCode.NETWORK
    monitor.clock.unix += 7 * 86_400 + 1
    outcome = monitor.check()
    assert "for the destination 'ops' was given up: it could not be delivered for 7 days." in outcome.stderr
    assert outcome.code is ExitCode.NO
    still_house.cli.json("set-paused", "--run-id", "test", "--resume")
    receiver.statuses = [500]
    assert monitor.check().code is ExitCode.NETWORK
    monitor.path.write_text(rule("paused"))
    outcome = monitor.check()
    assert "for the destination 'ops' was given up: the rules file no longer has it." in outcome.stderr
    assert outcome.code is ExitCode.OK


def test_only_severe_alarms_go_to_a_destination_that_wants_them(still_house: House, receiver: Receiver) -> None:
    monitor = paused_monitor(still_house, receiver)
    monitor.path.write_text(monitor.path.read_text() + 'severity = "critical"\n')
    assert monitor.active() == ["paused"]
    assert receiver.got == []


def test_apprise_sends_to_its_services(still_house: House, receiver: Receiver) -> None:
    monitor = paused_monitor(still_house, receiver)
    url = f"json://127.0.0.1:{receiver.server.server_address[1]}/the-secret-part"
    (still_house.cli.home / "chat.url").write_text(f"{url}\n")
    target = '[[destination]]\nname = "chat"\nkind = "apprise"\nurl_file = "chat.url"\n'
    monitor.path.write_text(f"{rule('paused')}\n{target}")
    receiver.statuses = [200]
    assert monitor.active() == ["paused"]
    [(_, body)] = receiver.got
    assert body["title"] == "[warning] run test: paused"
    assert "The run is paused; signed by" in body["message"]
    still_house.cli.json("set-paused", "--run-id", "test", "--resume")
    receiver.statuses = [500]
    outcome = monitor.check()
    assert outcome.code is ExitCode.NETWORK
    assert "apprise could not send the notification" in outcome.stderr
    assert "secret" not in outcome.stdout + outcome.stderr


# --- rules files ----------------------------------------------------------------------------------------------------


def test_the_example_is_valid_and_has_every_kind(still_house: House) -> None:
    content = EXAMPLE.read_text()
    assert still_house.cli("monitor", "--print-example").stdout == content
    assert still_house.cli.json("monitor", "--print-example") == {"content": content}
    checked = still_house.cli.json("monitor", "--rules", EXAMPLE, "--check")
    assert sorted(checked["rules"]) == sorted(KINDS)
    assert still_house.chain.requests == []


BAD = {
    "[[rule]\n": "is not valid TOML (line 1",
    "": "rule is missing: write at least one [[rule]]",
    '[[rule]]\nkind = "pausd"': "rule[0].kind",
    '[[rule]]\nkind = "paused"\nepochs = 3': 'rule[0].epochs does not apply to the kind "paused"',
    '[[rule]]\nkind = "funding_below"': "rule[0].epochs is missing",
    '[[rule]]\nkind = "funding_below"\nepochs = 10\nclear_at = 9': "rule[0].clear_at must be at least rule[0].epochs",
    '[[rule]]\nkind = "state_overdue"\nseconds = 10\nclear_at = 20': "rule[0].clear_at must be at most rule[0].seconds",
    '[[rule]]\nkind = "loss_rising"\nsteps = 500': "rule[0].steps = 500 is out of range: expected 1 to 256",
    '[[rule]]\nkind = "loss_rising"\nsteps = 0': "rule[0].steps = 0 is out of range: expected at least 1",
    '[[rule]]\nkind = "paused"\nfor = "soon"': "rule[0].for is not a valid duration",
    '[[rule]]\nkind = "paused"\nsigners = ["x"]': "rule[0].signers[0] is not a public key in base58",
    '[[rule]]\nkind = "authority_sol_below"\nsol = "many"': "rule[0].sol",
    '[[rule]]\nkind = "paused"\n[[rule]]\nkind = "paused"': 'rule[1].name = "paused" is used twice',
    'name = "a/b"\n[[rule]]\nkind = "paused"': "name must be a string of at most 64 letters, digits, - and _",
    'rules = 1\n[[rule]]\nkind = "paused"': "rules is not a known key (did you mean rule?)",
    "rule = 1": "rule must be an array of tables: write [[rule]]",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_rules_are_refused_with_their_line(still_house: House, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    outcome = still_house.cli("monitor", "--rules", path, "--check")
    assert outcome.code is ExitCode.CONFIGURATION
    assert BAD[text] in outcome.stderr
    assert "docs/monitoring.md" in outcome.stderr
    if text.count("\n") > 1 and "rule[0]" in BAD[text]:
        assert f"{path}:" in outcome.stderr


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "webhook"', "needs exactly one of url, url_env and url_file, but has none"),
        ('kind = "webhook"\nurl = "ftp://host/the-secret"', "must begin with https:// or http://"),
        ('kind = "webhook"\nurl_env = "NO_SUCH"', 'the environment variable "NO_SUCH" is not set'),
        ('kind = "webhook"\nurl_file = "none.url"', "the file cannot be read: No such file or directory"),
        ('kind = "webhok"\nurl = "https://host/the-secret"', "destination[0].kind"),
        (
            'kind = "webhook"\nulr = "https://host/the-secret"',
            "destination[0].ulr is not a known key (did you mean url?)",
        ),
    ],
)
def test_bad_destinations_are_refused_without_their_secrets(
    still_house: House, tmp_path: Path, lines: str, message: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f'{rule("paused")}\n[[destination]]\nname = "ops"\n{lines}\n')
    for words in ((), ("--output", "json")):
        outcome = still_house.cli("monitor", "--rules", path, "--check", *words)
        assert outcome.code is ExitCode.CONFIGURATION
        assert message in outcome.stderr
        assert "the-secret" not in outcome.stdout + outcome.stderr


def test_a_url_that_apprise_does_not_know(still_house: House, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f'{rule("paused")}\n[[destination]]\nname = "x"\nkind = "apprise"\nurl = "nothing://the-secret"\n')
    outcome = still_house.cli("monitor", "--rules", path, "--check")
    assert outcome.code is ExitCode.MONITORING
    assert "apprise does not understand the URL of the destination 'x'." in outcome.stderr
    assert "the-secret" not in outcome.stdout + outcome.stderr


def test_a_url_from_a_variable(still_house: House, receiver: Receiver) -> None:
    monitor = paused_monitor(still_house, receiver)
    target = '[[destination]]\nname = "ops"\nkind = "webhook"\nurl_env = "OPS_URL"\n'
    monitor.path.write_text(f"{rule('paused')}\n{target}")
    monitor.cli.variables["OPS_URL"] = receiver.url
    assert monitor.active() == ["paused"]
    assert receiver.events == [("fired", "paused", "test")]


def test_wrong_options(still_house: House) -> None:
    for words, message in (
        (("--run-id", "x"), "Specify --rules FILE."),
        (("--rules", EXAMPLE), "Specify either --run-id or --all."),
        (("--rules", EXAMPLE, "--all", "--interval", "0"), "--interval must be greater than zero."),
    ):
        outcome = still_house.cli("monitor", *words)
        assert (outcome.code, message in outcome.stderr) == (ExitCode.USAGE, True)
    outcome = still_house.cli("monitor", "--rules", "none.toml", "--check")
    assert outcome.code is ExitCode.CONFIGURATION


# --- processes ------------------------------------------------------------------------------------------------------


@dataclass
class Killer:
    """A webhook that kills the process that calls it, before or after it has answered, the first time."""

    server: ThreadingHTTPServer
    keys: list[tuple[str, str]] = field(default_factory=list)
    victims: list[int] = field(default_factory=list)


@pytest.fixture
def killer() -> Iterator[Killer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.keys.append((self.headers["Idempotency-Key"], body["event"]))
            if made.victims:
                os.kill(made.victims.pop(), signal.SIGKILL)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Killer(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_lost_or_repeated_after_a_kill(shell: Shell, killer: Killer) -> None:  # noqa: F811
    shell.json("create-run", "--run-id", "watched")
    shell.json("update-config", "--run-id", "watched", "--config-path", MINIMAL)
    shell.json("set-paused", "--run-id", "watched", "--resume")
    shell.json("set-paused", "--run-id", "watched")
    url = f"http://127.0.0.1:{killer.server.server_address[1]}/hook"
    text = f'{rule("paused")}\n[[destination]]\nname = "ops"\nkind = "webhook"\nurl = "{url}"\n'
    (shell.home / "watched.toml").write_text(text)
    words = ("monitor", "--rules", "watched.toml", "--run-id", "watched")
    process = shell.start(*words, "--once")
    killer.victims.append(process.pid)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    [(key, event)] = killer.keys
    # The monitor did not learn whether the notification had arrived: it is sent again, with the same key.
    lasting = shell.start(*words, "--interval", "1", "--output", "json")
    while len(killer.keys) < 2:
        assert lasting.poll() is None
    assert killer.keys == [(key, event)] * 2 == [(key, "fired")] * 2
    done = shell.run(*words, "--once", code=ExitCode.MONITORING)
    assert "Another monitor uses the alarms" in done.stderr
    shell.json("set-paused", "--run-id", "watched", "--resume")
    assert lasting.stdout is not None
    line = json.loads(lasting.stdout.readline())  # the alarm began before this process
    assert (line["data"]["event"], line["data"]["rule"]) == ("cleared", "paused")
    while len(killer.keys) < 3:
        assert lasting.poll() is None
    lasting.send_signal(signal.SIGINT)
    lasting.communicate()
    assert lasting.returncode == 0
    shell.run(*words, "--once")
    assert [*dict(killer.keys).values()] == ["fired", "cleared"]
