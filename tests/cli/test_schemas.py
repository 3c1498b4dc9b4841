"""The published JSON Schemas: every verb has one, and its output conforms to it.

``harness.CommandLine`` also validates the output of all other command-line tests.
"""

from __future__ import annotations

import copy
import json
import random
import runpy
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from jsonschema import Draft202012Validator, ValidationError
from solders.pubkey import Pubkey

from psyche_cli.cli.schemas import FAILURE, OTHERS, schema, verb_names
from psyche_cli.errors import ExitCode
from psyche_cli.json_schema import schema_of
from psyche_cli.json_values import to_json
from psyche_cli.payload_types import Unsigned
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.conftest import MINIMAL, RUN_FILE, House
from tests.cli.harness import CommandLine, address_of
from tests.cli.schema_check import check_output, quick_look, validator
from tests.cli.test_checkpoint import in_training
from tests.localnet.test_command import run, running
from tests.support.file_service import file_service
from tests.support.state_home import state_home
from tests.workers.registry.submissions import submission

ROOT = Path(__file__).resolve().parents[2]
WRITER = runpy.run_path(str(ROOT / "scripts" / "write_json_schemas.py"))
NAMES = [name for name, _ in verb_names()]


def test_the_files_are_up_to_date() -> None:
    written = WRITER["schema_files"]()
    assert {*(ROOT / "docs" / "json").iterdir()} == {*written}, "run scripts/write_json_schemas.py"
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "run scripts/write_json_schemas.py"
    assert WRITER["ERRORS"].read_text(encoding="utf-8") == WRITER["error_page"](), "run scripts/write_json_schemas.py"


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_every_verb_has_a_schema_and_prints_it(name: str, tmp_path: Path) -> None:
    found: Any = schema(name)
    assert found is not None
    Draft202012Validator.check_schema(found)
    cli = CommandLine(tmp_path, offline)
    assert cli("schema", *name.split()).json == found == cli("schema", *name.split(), "--output", "json").json


def offline(url: str) -> Any:
    raise AssertionError(f"{url} must not be opened")


def test_the_list_of_schemas(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, offline)
    listed = cli("schema").stdout.split("\n")[:-1]
    assert listed == [*NAMES, *OTHERS]
    assert [item["name"] for item in cli.json("schema")["schemas"]] == listed
    outcome = cli("schema", "localnet", "nonsense", "--output", "json")
    assert outcome.code is ExitCode.USAGE
    assert outcome.json["error"]["context"] == {"name": "localnet nonsense"}


def test_successful_output_of_every_verb_conforms(house: House, owner_address: str, tmp_path: Path) -> None:
    in_training(house, "joined")
    mint = house.new_mint()
    other = str(Pubkey.new_unique())
    (tmp_path / "account.json").write_text(
        json.dumps({"account": {"lamports": 10**9, "data": ["", "base64"], "owner": "1" * 32, "executable": False}})
    )
    keys = tmp_path / "keys.csv"
    keys.write_text(f"{other}\n{owner_address}\n")
    run = ("--run-id", "test")
    checked = set()
    signature = nonce = ""
    account = tmp_path / "account.bin"
    account.write_bytes(account_discriminator("Participant") + bytes(24))
    for words in (
        ("create-run", *run, "--treasurer-collateral-mint", mint),
        ("create-run", "--run-id", "other"),
        ("apply", RUN_FILE, "--yes"),
        ("apply", RUN_FILE, "--yes"),
        ("plan", RUN_FILE),
        ("drift", RUN_FILE),
        ("migrate", "--run-id", "other", "--to", house.cli.home / "new.toml"),
        ("update-config", *run, "--config-path", MINIMAL),
        ("set-future-epoch-rates", *run, "--earning-rate-total-shared", "2.5"),
        ("treasurer-top-up-rewards", *run, "--collateral-amount", "3"),
        ("treasurer-claim-rewards", *run),
        ("schedule", "top-up", *run, "--keep-epochs", "2", "--max", "2", "--per-day", "3"),
        ("schedule", "pause", *run, "--at", "step:1"),
        ("schedule", "tick", *run, "--while-overdue"),
        ("rewards", "list", *run),
        ("join-authorization-create", "--permissionless"),
        ("join-authorization-create", "--from", keys),
        ("join-authorization-read", "--join-authority", owner_address),
        ("join-authorization-delegate", "--join-authority", owner_address, "--delegates-added", other),
        ("join-authorization-delete", "--authorizer", other),
        ("join-authorization-close", "--authorizer", other),
        ("join-authorization", "list", "--grantor", owner_address),
        ("run-authorizer", f"grantee={other}"),
        ("set-paused", *run, "--resume"),
        ("tick", *run, "--count", "1"),
        ("localnet", "play", *run, "--until", "Warmup"),
        ("checkpoint", "--run-id", "joined", "--repo", "owner/model"),
        ("watch", *run, "--timeout", "1"),
        ("wait", *run, "--step", "0"),
        ("list-runs",),
        ("show", "--run-id", "test"),
        ("cost", *run),
        ("authority", "check", *run),
        ("simulate", "--config", MINIMAL, "--clients", "3"),
        ("simulate", "--from-run", "test", "--clients", "3"),
        ("explain", *run),
        ("explain", "--state", "Warmup"),
        ("history", *run),
        ("history", *run, "--format", "csv", "-o", tmp_path / "history.csv"),
        ("history", "state", *run, "--at", "0s"),
        ("history", "export", *run, "-o", tmp_path / "archive.zip"),
        ("curves", *run),
        ("advise", *run),
        ("advise", "--config", RUN_FILE, "--clients", "3", "--train-seconds", "2"),
        ("dashboard", "export", *run, "-o", keys.parent / "run.html"),
        ("metrics", *run, "--once"),
        ("metrics", "--print", "dashboard"),
        ("monitor", "--rules", MINIMAL.parent / "monitoring" / "rules.toml", "--check"),
        ("members", *run),
        ("can-join", *run, "--address", other),
        ("json-dump-run", *run),
        ("json-dump-run", "--run-id", "other"),
        ("json-dump-user", *run, "--address", other),
        ("close-run", "--run-id", "other", "--yes"),
        ("config", "check", MINIMAL),
        ("config", "preview", MINIMAL, "--earning-rate", "1.5"),
        ("config", "diff", *run, MINIMAL),
        ("config", "dump", *run),
        ("config", "dump", *run, "-o", tmp_path / "dump.toml"),
        ("config", "example", "--list"),
        (
            "config",
            "example",
        ),
        ("decode", account),
        ("lifecycle", "list"),
        ("lifecycle", "show", "worker"),
        ("lifecycle", "explain", "worker", "INIT"),
        ("lifecycle", "next", "worker", "INIT"),
        ("lifecycle", "crynux-group", *["EndAborted"] * 3),
        ("nonce", "create"),
        ("nonce", "show", "NONCE"),
        ("localnet", "warp", "--slots", "1"),
        ("nonce", "close", "NONCE"),
        ("set-paused", *run, "--unsigned", "-o", tmp_path / "unsigned.json"),
        ("tx", "sign", tmp_path / "unsigned.json", "-o", tmp_path / "signed.json", "--yes"),
        ("tx", "send", tmp_path / "signed.json"),
        ("tx", "list", "--all"),
        ("tx", "resume"),
        ("tx", "status", "SIGNATURE"),
        ("tx", "explain", "SIGNATURE"),
        ("tx", "forget", "SIGNATURE"),
        ("completion", "bash"),
        ("schema",),
        ("schema", "set-paused"),
        ("localnet", "new-wallet", tmp_path / "new.json"),
        ("localnet", "new-wallet", tmp_path / "new.json", "--airdrop", "1"),
        ("localnet", "airdrop", other, "1"),
        ("localnet", "new-mint"),
        ("localnet", "wait"),
        ("localnet", "status"),
        ("localnet", "warp", "5"),
        ("keygen", "new", "-o", tmp_path / "made.json"),
        ("keygen", "pubkey"),
        ("balance",),
        ("airdrop", "1", other),
        ("localnet", "set-account", other, tmp_path / "account.json"),
        ("localnet", "programs", "--export", tmp_path / "programs"),
        ("localnet", "snapshot"),
        ("localnet", "restore", "1"),
        ("localnet", "reset"),
    ):
        values = {"SIGNATURE": signature, "NONCE": nonce}
        outcome = house.cli(*(values.get(str(word), word) for word in words), "--output", "json")
        has_plan = words[0] == "migrate" and outcome.code is ExitCode.DIFFERS and outcome.json["ok"]
        assert has_plan or outcome.code is ExitCode.OK, outcome.stderr
        if words == ("nonce", "create"):
            nonce = outcome.data["nonce_account"]
        if outcome.json.get("transactions"):
            signature = outcome.json["transactions"][-1]["signature"]
        checked.add(check_output([str(word) for word in words], outcome.stdout))
    with file_service() as service:
        service.owner, service.files = address_of(house.owner), {"a/b": b"content"}
        for words in (("download-results", "-o", tmp_path / "results"), ("upload-data", "-p", tmp_path / "results")):
            outcome = house.cli(*words, "--run-id", "test", "--base-url", service.base_url, "--output", "json")
            assert outcome.code is ExitCode.OK, outcome.stderr
            checked.add(check_output([str(words[0])], outcome.stdout))
    ended = cancelled_run(state_home(house.cli.home) / "psyche-cli")
    for verb in (("list",), ("show", ended), ("logs", ended), ("cancel", ended), ("gc", "--older-than", "0s")):
        outcome = house.cli("workers", *verb, "--output", "json")
        assert outcome.code is ExitCode.OK, outcome.stderr
        checked.add(check_output(["workers", verb[0]], outcome.stdout))
    # Their own tests check the output of these, which serve until they are stopped, or start other processes.
    assert checked == {*NAMES} - {"dashboard", "localnet", "localnet stop", "rehearse", "workers daemon"}


def cancelled_run(state_folder: Path) -> str:
    """The id of a run of workers that was cancelled before its start."""
    with closing(Registry(WorkersFolder.of_state(state_folder).registry)) as registry:
        run_id = registry.submit(submission(), at=1000).run.run_id
        registry.cancel(run_id, at=1001)
        return run_id


def test_the_ready_line_of_a_local_validator_and_its_end_conform(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert check_output(["localnet"], server.line) == "localnet"
        stopped = run(tmp_path, "stop", "--rpc", server.rpc_url, "--output", "json")
        assert check_output(["localnet", "stop"], stopped.stdout) == "localnet stop"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "usage_error"),
        (("nonsense",), "usage_error"),
        (("set-paused",), "usage_error"),
        (("localnet", "restore", "x"), "usage_error"),
        (("json-dump-user", "--run-id", "test", "--address", "x"), "invalid_public_key"),
        (("set-paused", "--run-id", "test", "-w", "/nonexistent"), "wallet_not_found"),
        (("json-dump-run", "--run-id", "none"), "run_not_found"),
        (("create-run", "--run-id", "x" * 33), "invalid_run_id"),
        (("update-config", "--run-id", "test", "--config-path", "/nonexistent"), "configuration_error"),
        (("localnet", "set-account", "SysvarC1ock11111111111111111111111111111111", "clock.json"), "rpc_error"),
    ],
)
def test_a_failure_conforms(words: tuple[str, ...], code: str, house: House, tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    account = {"lamports": 1, "data": ["", "base64"], "owner": "11111111111111111111111111111111", "executable": False}
    file.write_text(json.dumps({"account": account}), encoding="utf-8")
    words = tuple(str(file) if word == file.name else word for word in words)
    outcome = house.cli(*words, "--output", "json")
    assert check_output(words, outcome.stdout) == FAILURE
    assert outcome.json["error"]["code"] == code


def test_help_and_version_conform(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, offline)
    for name in ("", *NAMES):
        words = (*name.split(), "--help", "--output", "json")
        assert check_output(words, cli(*words).stdout) == "help"
    assert check_output(["--version"], cli("--version", "--output", "json").stdout) == "version"


def _without(key: str) -> Callable[[Any], None]:
    return lambda document: document.pop(key)


@pytest.mark.parametrize(
    "spoil",
    [
        _without("command"),
        _without("error"),
        lambda document: document.update(more=1),
        lambda document: document.update(exit_code=99),
        lambda document: document["error"].update(code="nonsense"),
        lambda document: document["error"]["context"].update(more=1),
        lambda document: document["error"]["context"].update(index="1"),
        lambda document: document["error"].pop("context"),
    ],
)
def test_a_failure_with_another_structure_is_detected(spoil: Callable[[Any], None], tmp_path: Path) -> None:
    document = CommandLine(tmp_path, offline)("nonsense", "--output", "json").json
    check_output(["nonsense"], json.dumps(document))
    spoiled = copy.deepcopy(document)
    spoil(spoiled)
    with pytest.raises(ValidationError):
        check_output(["nonsense"], json.dumps(spoiled))


def test_a_quick_look_decides_as_the_validator_does(house: House, random_seed: int) -> None:
    """Documents of several verbs, each with one value replaced, removed or added."""
    chance = random.Random(random_seed)
    house.run(treasurer=True)
    for words in (
        ("json-dump-run", "--run-id", "test"),
        ("set-paused", "--run-id", "test", "--resume"),
        ("set-paused", "--run-id", "none"),
        ("set-paused", "--help"),
        ("config", "example", "--list"),
        ("schema",),
    ):
        document = house.cli(*words, "--output", "json").json
        name = check_output(words, json.dumps(document))
        assert name is not None
        decisions = set()
        for _ in range(60):
            damaged = copy.deepcopy(document)
            place: Any = damaged
            while chance.random() < 0.9 and (inner := [each for each in _values(place) if each and _is_nested(each)]):
                place = chance.choice(inner)
            _damage(chance, place)
            decision = quick_look(name)(damaged)
            assert decision == validator(name).is_valid(damaged), damaged
            decisions.add(decision)
        assert False in decisions


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _values(value: Any) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value


def _damage(chance: random.Random, place: Any) -> None:
    keys = [*place] if isinstance(place, dict) else [*range(len(place))]
    another = chance.choice((None, True, -1, 2**70, 0.5, "", "text", [], {}, [None], {"more": 1}))
    if isinstance(place, dict) and chance.random() < 0.2:
        place["more"] = another
    elif chance.random() < 0.3:
        del place[chance.choice(keys)]
    else:
        place[chance.choice(keys)] = another


# --- from types to schemas


@dataclass(frozen=True)
class Inner:
    """Something ``inside``."""

    amount: Decimal
    size: Unsigned | None


class Document(TypedDict):
    """A document."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Outer:
    """All kinds of fields."""

    flag: bool
    kind: Literal["a", "b"]
    inner: Inner | None
    by_name: dict[str, int]
    anything: object
    described: Annotated[str, "What it is."]
    document: Document


def valid_with(schema: Any, definitions: Any, value: Any) -> bool:
    return bool(Draft202012Validator({**schema, "$defs": definitions}).is_valid(value))


def test_the_schema_of_a_dataclass() -> None:
    definitions: dict[str, Any] = {}
    described = schema_of(Outer, definitions)
    value = Outer(True, "a", Inner(Decimal("1.5"), 3), {"x": 1}, [1, {}], "text", {"names": ("n",)})
    document: Any = json.loads(json.dumps(to_json(value), default=float))
    assert document["document"] == {"names": ["n"]}
    assert valid_with(described, definitions, document)
    assert definitions["Inner"]["description"] == "Something `inside`."
    assert definitions["Outer"]["properties"]["described"] == {"type": "string", "description": "What it is."}
    for change in (
        {"flag": 1},
        {"kind": "c"},
        {"inner": {"amount": 1}},
        {"inner": {"amount": 1, "size": -1}},
        {"inner": {"amount": "1", "size": 1}},
        {"by_name": {"x": "many"}},
        {"document": {"names": [1]}},
        {"more": 1},
    ):
        assert not valid_with(described, definitions, {**document, **change}), change
    beside = {"inner": {"amount": 2, "amount_string": "2", "size": None}, "anything_string": "9"}
    assert valid_with(described, definitions, {**document, **beside})


def test_a_type_without_json_representation_is_rejected() -> None:
    with pytest.raises(TypeError, match="Path"):
        schema_of(Path, {})
