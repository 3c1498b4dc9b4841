"""Keypairs, PEM keys, recovery phrases and environment files passed by mistake are identified but never quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from psyche_cli.errors import ConfigurationError, ExitCode
from psyche_cli.run_config.load import load_run_config
from psyche_cli.secret_files import kind_of_secret_file
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Outcome
from tests.support.secret_forms import FORMS, PHRASE, leaked, numbers_in_a_row

KEY = bytes(Keypair.from_seed(bytes(range(100, 132))))
BASE58, NUMBERS = FORMS["base58"](KEY), FORMS["JSON"](KEY)
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----\n"
KEYPAIR, ENVIRONMENT = "a keypair file", "an environment file"

FILES = {
    "array": (NUMBERS, KEYPAIR),
    "array with a line end": (NUMBERS + "\n", KEYPAIR),
    "indented array": (FORMS["indented JSON"](KEY), KEYPAIR),
    "array with a byte-order mark": ("\ufeff" + NUMBERS, KEYPAIR),
    "array that was cut off": (NUMBERS[:100], KEYPAIR),
    "seed alone": (FORMS["seed in JSON"](KEY), KEYPAIR),
    "numbers": (FORMS["words"](KEY), KEYPAIR),
    "base58": (BASE58, KEYPAIR),
    "base58 in quotes": (f'"{BASE58}"\n', KEYPAIR),
    "base58 that was cut off": (BASE58[:82], KEYPAIR),
    "object": (json.dumps({"secretKey": list(KEY)}), KEYPAIR),
    "object with base58": (json.dumps({"name": "owner", "key": BASE58}, indent=1), KEYPAIR),
    "array of arrays": (json.dumps([list(KEY), list(KEY)]), KEYPAIR),
    "hexadecimal": (KEY.hex(), KEYPAIR),
    "base64": (FORMS["base64"](KEY), KEYPAIR),
    "TOML with a key": (f'key = "{BASE58}"\n', KEYPAIR),
    "TOML whose key is one": (f"{BASE58} = 1\n", KEYPAIR),
    "PEM": (PEM, "a private key in PEM form"),
    "phrase": (PHRASE + "\n", "a recovery phrase"),
    "phrase in lines": (PHRASE.replace(" ", "\n"), "a recovery phrase"),
    "environment": (f"RAW_WALLET_PRIVATE_KEY={BASE58}\nHF_TOKEN=hf_abcdefghijkl\n", ENVIRONMENT),
    "quoted environment": (f'# mine\nRAW_WALLET_PRIVATE_KEY="{BASE58}"\n\nRPC="https://x/{BASE58}"\n', ENVIRONMENT),
    "exported environment": (f"export RPC=https://rpc.example.org/SECRETSECRET\nexport key='{NUMBERS}'\n", ENVIRONMENT),
    "short environment": ("PASSWORD=SECRETSECRET", ENVIRONMENT),
}


def check_silent(outcome: Outcome, content: str) -> None:
    shown = outcome.stdout + outcome.stderr
    assert not leaked(BASE58, shown)
    assert not leaked(KEY.hex(), shown)
    assert not numbers_in_a_row(NUMBERS) & numbers_in_a_row(shown)
    for word in ("SECRETSECRET", "hf_abc", "MC4CAQ", "sausage"):
        assert word not in shown
    longest = max(content.split(), key=len)
    assert len(longest) < 8 or longest[:12] not in shown


@pytest.mark.parametrize("output", [(), ("--output", "json")])
@pytest.mark.parametrize(("content", "kind"), FILES.values(), ids=FILES)
def test_passed_as_a_configuration(
    house: House, tmp_path: Path, content: str, kind: str, output: tuple[str, ...]
) -> None:
    file = tmp_path / "given"
    file.write_text(content, encoding="utf-8")
    outcome = house.cli("update-config", "--run-id", "x", "--config-path", file, *output)
    assert outcome.code is ExitCode.CONFIGURATION
    assert f"{file} is {kind}, not a run configuration." in outcome.stderr
    check_silent(outcome, content)
    if output:
        [problem] = outcome.json["error"]["context"]["problems"]
        assert problem["rule"] == "OtherFile"


@pytest.mark.parametrize("output", [(), ("--output", "json")])
@pytest.mark.parametrize(("content", "kind"), FILES.values(), ids=FILES)
def test_passed_as_an_account(house: House, tmp_path: Path, content: str, kind: str, output: tuple[str, ...]) -> None:
    file = tmp_path / "given"
    file.write_text(content, encoding="utf-8")
    address = str(Keypair().pubkey())
    for words in (("localnet", "set-account", address, file), ("localnet", "--account", address, file)):
        outcome = house.cli(*words, *output)
        assert outcome.code is ExitCode.LOCALNET
        assert f"{file} is {kind}, not an account." in outcome.stderr
        check_silent(outcome, content)


@pytest.mark.parametrize("content", [content for content, _ in FILES.values()], ids=FILES)
def test_passed_as_a_program_or_a_wallet(house: House, tmp_path: Path, content: str) -> None:
    file = tmp_path / "given"
    file.write_text(content, encoding="utf-8")
    outcome = house.cli("localnet", "--rpc-port", "0", "--bpf-program", "coordinator", file)
    assert outcome.code is ExitCode.LOCALNET
    check_silent(outcome, content)
    for words in (
        ("set-paused", "-w", file),
        ("run-authorizer", f"grantor={file}"),
        ("run-authorizer", f"grantee={file}"),
    ):
        outcome = house.cli(*words, "--output", "json", variables={"RUN_ID": "x"})
        assert not outcome.is_internal_error, outcome.stderr
        check_silent(outcome, content)


@pytest.mark.parametrize(
    "content",
    [
        "",
        MINIMAL.read_text(),
        "[config]\nwarmup_time = 5\n",
        "config.warmup_time = 5\n",
        "name = 'x'\nvalue = 5\n",
        '{"account": {"lamports": 1, "data": ["", "base64"]}}',
        "hello world",
        "warmup_time = [1, 2, 3]",
    ],
)
def test_other_files_are_not_mistaken_for_secrets(content: str) -> None:
    assert kind_of_secret_file(content) == ""


@given(st.text(max_size=200) | st.sampled_from([BASE58, NUMBERS, "A=1\nB=2"]))
def test_blank_lines_around_a_file_make_no_difference(content: str) -> None:
    assert kind_of_secret_file(f"\ufeff\n {content}\r\n\n") == kind_of_secret_file(content)


BROKEN = {
    "a key as a value": f'[config]\nwarmup_time = "{BASE58}"\n',
    "a key as a variant": f'[config]\n[model.LLM]\narchitecture = "{BASE58}"\n',
    "a key as the name of a key": f"[config]\n{BASE58} = 1\n",
    "a key as the name of a table": f"[config]\n[{BASE58}]\n",
    "a key as a variant's name": f"[config]\n[model.LLM]\ncheckpoint = {{ {BASE58} = 1, x = 2 }}\n",
    "a key in a text": f'[config]\n[model.LLM]\ndata_location = {{ Local = "{BASE58} {BASE58} {BASE58}" }}\n',
    "a key in a text that fits": f'[config]\n[model.LLM]\ndata_location = {{ Local = "{BASE58}" }}\n',
    "numbers in a text": f'[config]\n[model.LLM]\ndata_location = {{ Local = "{NUMBERS[:190]}" }}\n',
    "a key without quotes": f"[config]\nwarmup_time = {BASE58}\n",
    "a key without an equals sign": f"[config]\n{BASE58}\n",
    "a key in an open text": f'[config]\nwarmup_time = "{BASE58}\n',
    "an array as a value": f"[config]\nwarmup_time = {NUMBERS}\n",
    "an array without an end": f"[config]\nwarmup_time = {NUMBERS[:-5]}\n",
    "an array alone": f"[config]\n{NUMBERS}\n",
    "a key twice": f"[config]\n{BASE58} = 1\n{BASE58} = 2\n",
    "a number": f"[config]\nwarmup_time = 0x{KEY.hex()}\n",
    "a shorter number": f"[config]\nwarmup_time = {int.from_bytes(KEY[:14], 'big')}\n",
    "a comment": f"[config]\n# {BASE58}\nwarmup_time = \n",
}


@pytest.mark.parametrize("output", [(), ("--output", "json")])
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_key_inside_a_configuration_is_not_quoted(
    house: House, tmp_path: Path, content: str, output: tuple[str, ...]
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(content, encoding="utf-8")
    update = house.cli("update-config", "--run-id", "x", "--config-path", file, *output)
    check = house.cli("config", "check", file, *output)
    assert update.code is check.code is ExitCode.CONFIGURATION
    shown = update.stdout + update.stderr + check.stdout + check.stderr
    assert not leaked(BASE58, shown)
    assert not leaked(KEY.hex(), shown)
    assert not numbers_in_a_row(NUMBERS) & numbers_in_a_row(shown)
    assert str(int.from_bytes(KEY[:14], "big")) not in shown


@pytest.mark.parametrize("text", [BASE58, NUMBERS, f"my key is {BASE58}", KEY.hex()])
def test_a_private_key_is_never_put_on_chain(house: House, tmp_path: Path, text: str) -> None:
    run_id = house.run()
    sent = house.chain.sent
    for option in ("--description", "--client-version", "--name"):
        outcome = house.cli("update-config", "--run-id", run_id, option, text)
        assert outcome.code is ExitCode.CONFIGURATION
        assert not leaked(BASE58, outcome.stderr)
    assert house.cli("create-run", "--run-id", "y", "--description", text).code is ExitCode.CONFIGURATION
    assert house.chain.sent == sent
    file = tmp_path / "run.toml"
    content = MINIMAL.read_text()
    assert 'repo_id = "' in content
    file.write_text(content.replace("[config]", f"[config]\n# {text}", 1))
    load_run_config(file)


def test_the_error_does_not_reference_the_file_content(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"[config]\nwarmup_time = {BASE58}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_run_config(file)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("key", [BASE58, NUMBERS, KEY.hex(), FORMS["seed in base58"](KEY), f"keys/{BASE58}", PHRASE])
def test_a_key_is_rejected_as_the_name_of_a_new_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for words in (
        ("localnet", "new-wallet", key),
        ("localnet", "programs", "--export", key),
        ("config", "example", "-o", key),
        ("config", "preview", MINIMAL, "--svg", key),
        ("localnet", "--ledger", key),
        ("localnet", "--ready-file", key),
    ):
        for output in ((), ("--output", "json")):
            outcome = house.cli(*words, *output)
            assert outcome.code is ExitCode.USAGE, outcome.stderr
            assert not leaked(key, outcome.stdout + outcome.stderr)
            assert not numbers_in_a_row(NUMBERS) & numbers_in_a_row(outcome.stdout + outcome.stderr)
    assert sorted(tmp_path.rglob("*")) == before
