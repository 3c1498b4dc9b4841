"""Run ids, public keys as text, derived addresses."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.errors import InvalidPublicKey, InvalidRunId, UsageError
from psyche_cli.protocol.addresses import (
    ANYONE,
    JOIN_SCOPE,
    associated_token_address,
    authorization_address,
    check_new_run_id,
    check_run_id,
    instance_address,
    parse_pubkey,
    participant_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

CLIENT_1 = Pubkey.from_string("6rgmvnG3y5hSXH9quku9MM2N2PTGp5UGRVZUtgaVQAuo")
CLIENT_2 = Pubkey.from_string("7vAfyCvLMXMR9APQ8tSK2osLwEt4WZyBSRZ1E5QHsZbX")


@pytest.mark.parametrize(
    ("run_id", "instance", "index", "run"),
    [
        (
            "test",
            "9L4yCH7TsMn9JfoXYEupuQwtcNPTTtHcyNL6uqDfjwGB",
            7313085519096743583,
            "tG3nRngwkJC3JAL9Aq9AMhFtTzr56hr9ZmaSRpD8dT8",
        ),
        (
            "consilience-40b-1",
            "7pRsEWgkuQE3YzcH7yhDwtWquU8nzYVyCiwrdh6BgcNk",
            2244188140388278511,
            "8xHBfFGYxMXobweEfQ76tHDySdtonUYvsr5483YAWNEQ",
        ),
        (
            "this is a dummy run_id",
            "7A8YkWgQusRWodA6kUbutrW4S63g2oWeMF3MArExJTAe",
            8969703215768661728,
            "DdcUUyNhr39Eea7YML9HswtDCUvYvYS271GrLyTGDoin",
        ),
        (
            "This is a random run id!",
            "EaWQboFBQP883SgiPj8o44wfzpNNSz2dFnkHXHb25jbH",
            10279016277494884987,
            "5DREZ3mAsdGJTJTGkzpZv1yA7LV464Z6ndW5LkHVqsTL",
        ),
        (
            "This is my run's dummy run_id",
            "C9C2JtqHttb5EW9eusX8ewc6pjZfitXuqKD9byc2rdwZ",
            16758180329322011731,
            "CGz5gP8m5v7YcppSxbab7FpqcVc1mnqKkm4jfTtGicdZ",
        ),
        (
            "a" * 32,
            "8m8XEqzkzLkyNBdHoEDfBNzmnVjGXaryVbWkP19wJSEv",
            2765370957415949115,
            "7uH2eovHuW3Nh9dPYLnLPMRim2vpqzKihzXGjauV1c64",
        ),
        (
            "é-run",
            "9QvVABVuuBpu3Fo8uUzB7aMb9vXQv7ujcMC2FtwdkvMb",
            15469970854988236380,
            "CqrgszrfWcb7TNHZa6ruvQHr28bof4BdDeTZQGQyopNq",
        ),
    ],
)
def test_addresses_of_a_run(run_id: str, instance: str, index: int, run: str) -> None:
    assert str(instance_address(run_id)) == instance
    assert treasurer_index(run_id) == index
    assert str(treasurer_run_address(index)) == run


def test_the_treasurer_of_an_index_outside_u64_is_refused() -> None:
    assert str(treasurer_run_address(1449310910991872227)) == "BqomYxM6d9VQRGatJxyuT8acNQUXcXDrfnkN16xLYbsx"
    for index in (-1, 2**64):
        with pytest.raises(UsageError, match="not in the range 0 to 18446744073709551615"):
            treasurer_run_address(index)


@pytest.mark.parametrize(
    ("grantee", "scope", "address"),
    [
        (ANYONE, JOIN_SCOPE, "4UvvowAuxDyqhhGW3uKpqChYXoRXpafx7W4Y3RYHxj1h"),
        (CLIENT_2, JOIN_SCOPE, "8vRpvmaxKtTXzNvEdCFh6pP2jv8cWrmHcoBumb5CoSPS"),
        (CLIENT_2, bytes([1, 2, 3, 4, 5, 6, 7]), "Gy5YYSHKPzt3mtoJf7XCHuamEq7AHawNrCii5HCyrJRq"),
    ],
)
def test_authorization_address(grantee: Pubkey, scope: bytes, address: str) -> None:
    assert str(authorization_address(CLIENT_1, grantee, scope=scope)) == address


def test_a_scope_that_cannot_be_a_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="33 bytes"):
        authorization_address(CLIENT_1, CLIENT_2, scope=bytes(33))


def test_participant_address() -> None:
    run = Pubkey.from_string("W18VYADXf32E6gaHFfdsfj5zmuBCNEvpfC7VCBompGa")
    user = Pubkey.from_string("HdcEbyTALCrorhCoA1hQwQMnnBmrg5RgfDVpzdm7v18q")
    assert str(participant_address(run, user)) == "3MWm7qoaoZmBLPrheYnR78C8X1ycS24uuRtnV9jaQjsM"


def test_associated_token_address_is_that_of_the_spl_library() -> None:
    from spl.token.instructions import get_associated_token_address

    assert associated_token_address(CLIENT_1, CLIENT_2) == get_associated_token_address(CLIENT_1, CLIENT_2)


def test_addresses_follow_the_program_ids() -> None:
    elsewhere = ProgramIds(coordinator=CLIENT_1, authorizer=CLIENT_1, treasurer=CLIENT_1)
    assert instance_address("test", elsewhere) != instance_address("test")
    assert treasurer_run_address(1, elsewhere) != treasurer_run_address(1)
    assert authorization_address(CLIENT_1, ANYONE, elsewhere) != authorization_address(CLIENT_1, ANYONE)
    assert participant_address(CLIENT_1, CLIENT_2, elsewhere) != participant_address(CLIENT_1, CLIENT_2)


def test_program_names() -> None:
    named = [PUBLISHED.coordinator, PUBLISHED.authorizer, PUBLISHED.treasurer]
    assert [PUBLISHED.name_of(program) for program in named] == ["coordinator", "authorizer", "treasurer"]
    others = [SYSTEM_PROGRAM, TOKEN_PROGRAM, TOKEN_2022_PROGRAM, ASSOCIATED_TOKEN_PROGRAM]
    assert [PUBLISHED.name_of(program) for program in others] == [
        "system",
        "spl-token",
        "spl-token-2022",
        "associated-token",
    ]
    assert PUBLISHED.name_of(CLIENT_1) == str(CLIENT_1)
    assert ProgramIds(coordinator=CLIENT_1).name_of(CLIENT_1) == "coordinator"


@pytest.mark.parametrize("run_id", ["a", "a" * 32, "é" * 16, "\N{BLACK CHESS KING}" * 10])
def test_a_run_id_of_1_to_32_bytes_is_fine(run_id: str) -> None:
    assert check_run_id(run_id) == run_id
    assert instance_address(run_id).is_on_curve() is False


@pytest.mark.parametrize(
    ("run_id", "message", "size"),
    [
        ("", "The run id is empty.", 0),
        ("a" * 33, "The run id is 33 bytes long; the maximum is 32.", 33),
        ("é" * 17, "The run id is 34 bytes long; the maximum is 32.", 34),
    ],
)
def test_other_run_ids_are_refused(run_id: str, message: str, size: int) -> None:
    for use in (check_run_id, instance_address):
        with pytest.raises(InvalidRunId) as caught:
            use(run_id)
        assert caught.value.message == message
        assert caught.value.context["bytes"] == size


def test_a_run_id_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRunId, match="not valid UTF-8"):
        check_run_id("run\udcff")


@pytest.mark.parametrize("run_id", ["run-1", "a b", "é" * 16, "🦙"])
def test_a_new_run_may_have_an_id_that_can_be_typed(run_id: str) -> None:
    assert check_new_run_id(run_id) == run_id


@pytest.mark.parametrize(
    ("run_id", "message"),
    [
        (" run", "The run id ' run' starts with whitespace."),
        ("run ", "The run id 'run ' ends with whitespace."),
        ("e\u0301", "The run id 'e\\u0301' contains decomposed characters"),
        ("run\x07", "The run id 'run\\x07' contains "),
        ("", "The run id is empty."),
        ("a" * 33, "The run id is 33 bytes long"),
    ],
)
def test_other_ids_of_new_runs_are_refused(run_id: str, message: str) -> None:
    with pytest.raises(InvalidRunId) as caught:
        check_new_run_id(run_id)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("abc", "'abc' is too short; the minimum is 32 characters"),
        ("0" * 32, "'0' at position 1"),
        ("6rgmvnG3y5hSXH9quku9MM2N2PTGp5UGRVZUtgaVQAu o", "it is 45 characters long"),
        ("6rgmvnG3y5hSXH9quku9MM2N2PTGp5UGRVZUtgaVQA o", "' ' at position 43"),
        ("z" * 44, "decodes to 33 bytes; expected 32"),
        ("z" * 32, "decodes to 24 bytes; expected 32"),
        ("1" * 33, "decodes to 33 bytes"),
    ],
)
def test_bad_public_keys_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidPublicKey) as caught:
        parse_pubkey(text, "--authorizer")
    assert caught.value.message.startswith("--authorizer is not a public key: ")
    assert reason in caught.value.message


@pytest.mark.parametrize("key", [CLIENT_1, SYSTEM_PROGRAM, Pubkey.from_bytes(bytes([255] * 32))])
def test_public_keys_of_32_to_44_characters_are_read(key: Pubkey) -> None:
    assert parse_pubkey(str(key), "--authorizer") == key


def test_a_private_key_given_by_mistake_is_not_repeated() -> None:
    secret = hashlib.sha512(b"secret").hexdigest().replace("0", "1")
    with pytest.raises(InvalidPublicKey) as caught:
        parse_pubkey(secret, "--authorizer")
    shown = caught.value.message + caught.value.hint + str(caught.value.context)
    assert secret[:8] not in shown


@given(st.binary(min_size=32, max_size=32))
@settings(deadline=None)
def test_every_public_key_is_read_back(raw: bytes) -> None:
    key = Pubkey.from_bytes(raw)
    assert parse_pubkey(str(key), "key") == key


@given(st.text(max_size=60) | st.text(base58.ALPHABET, min_size=42, max_size=44))
@settings(deadline=None)
def test_any_other_text_is_rejected_with_our_message(text: str) -> None:
    try:
        key = parse_pubkey(text, "key")
    except InvalidPublicKey:
        return
    assert str(key) == text


@pytest.mark.parametrize(
    "text",
    [
        str(Keypair.from_seed(bytes(range(32))))[:44],
        str(Keypair.from_seed(bytes(range(32))))[:31],
        "0" + str(Keypair.from_seed(bytes(range(32))))[:40],
        bytes(range(100, 122)).hex(),
    ],
)
def test_what_may_be_a_part_of_a_private_key_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidPublicKey) as caught:
        parse_pubkey(text, "--authorizer")
    assert not any(text[i : i + 8] in caught.value.message for i in range(len(text) - 7))
