"""A private key or an RPC URL in the wrong argument is never echoed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import ExitCode
from psyche_cli.redaction import Redactor
from tests.cli.conftest import House

KEYPAIR = Keypair.from_seed(bytes(range(32)))
BASE58 = str(KEYPAIR)
NUMBERS = json.dumps(list(bytes(KEYPAIR)))
URL = "https://user:TOPSECRET@rpc.example.org/TOPSECRET/v1?api=TOPSECRET"


@pytest.mark.parametrize(
    "words",
    [
        ("set-paused", "--run-id", "x", "-w", BASE58),
        ("set-paused", "--run-id", "x", "-w", NUMBERS),
        ("set-paused", "--run-id", "x", "-w", *NUMBERS.split()),
        ("set-paused", "--run-id", BASE58),
        ("set-paused", BASE58),
        ("set-paused", f"--{BASE58}"),
        ("set-paused", f"--wallet={BASE58}"),
        (BASE58,),
        ("run-authorizer", BASE58),
        ("run-authorizer", f"grantor={BASE58}"),
        ("run-authorizer", f"grantee={BASE58}"),
        ("run-authorizer", f"grantee={NUMBERS}"),
        ("join-authorization-create", "--authorizer", BASE58),
        ("update-config", "--run-id", "x", "--config-path", BASE58),
        ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", BASE58),
        ("json-dump-run", "--run-id", "x", "--treasurer-index", BASE58),
        ("config", "example", BASE58),
        (URL,),
        ("json-dump-run", URL),
        ("json-dump-run", f"--{URL}"),
        ("run-authorizer", URL),
        ("run-authorizer", f"ws={URL}"),
        ("set-paused", "--run-id", "x", "-w", URL),
        ("config", "example", URL),
    ],
)
@pytest.mark.parametrize("output", [(), ("--output", "json")])
def test_no_message_contains_a_secret(house: House, words: tuple[str, ...], output: tuple[str, ...]) -> None:
    if "test" in words:
        house.run(treasurer=True)
    outcome = house.cli(*words, *output)
    assert outcome.code in (ExitCode.USAGE, ExitCode.WALLET, ExitCode.CONFIGURATION)
    shown = outcome.stdout + outcome.stderr
    numbers = NUMBERS[1:-1].split(", ")
    for secret in ("TOPSECRET", BASE58[:20], BASE58[-20:], ", ".join(numbers[:5]), ", ".join(numbers[20:25])):
        assert secret not in shown


def test_a_key_instead_of_a_path_is_explained(house: House, tmp_path: Path) -> None:
    for key in (BASE58, NUMBERS):
        outcome = house.cli("set-paused", "--run-id", "x", variables={"WALLET_PRIVATE_KEY_PATH": key})
        assert outcome.code is ExitCode.WALLET
        assert "is a private key, not a file path" in outcome.stderr
    raw = {"RAW_WALLET_PRIVATE_KEY": BASE58, "WALLET_PRIVATE_KEY_PATH": BASE58}
    assert BASE58 not in house.cli("set-paused", "--run-id", "x", variables=raw).stderr


def test_similar_text_that_is_not_secret_is_shown() -> None:
    redactor = Redactor()
    redactor.learn_words(["create-run", "-w", "/home/me/id.json", "--rpc", "http://127.0.0.1:8899/"])
    redactor.learn_key(bytes(KEYPAIR))
    for text in (
        f"Transaction {KEYPAIR.sign_message(b'x')} failed on-chain.",
        "Run 'x' does not exist on http://127.0.0.1:8899.",
        "The wallet file /home/me/id.json does not exist.",
        f"The wallet {KEYPAIR.pubkey()} is not the authority.",
    ):
        assert redactor.redacted(text) == text
