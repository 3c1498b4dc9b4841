"""Run ids that cannot be typed are rejected on creation; existing runs with such ids can be administered."""

from __future__ import annotations

import subprocess
import sys

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import shell_word
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of
from tests.cli.test_refusals import refused

UNTYPABLE = {
    "only of whitespace": "   ",
    "leading blank": " run",
    "trailing blank": "run ",
    "newline": "a\nb",
    "trailing newline": "run\n",
    "carriage return of a Windows file": "run\r",
    "tab": "a\tb",
    "escape": "\x1b[2J",
    "NUL": "a\0b",
    "delete": "a\x7f",
    "C1": "a\x9bb",
    "no-break space": "a\u00a0b",
    "ideographic space": "\u3000",
    "zero width space": "a\u200bb",
    "zero width joiner": "a\u200db",
    "byte-order mark": "\ufeffrun",
    "bidirectional override": "a\u202eb",
    "isolate": "a\u2066b",
    "line separator": "a\u2028b",
    "soft hyphen": "a\u00adb",
    "variation selector": "a\ufe0f",
    "grapheme joiner": "a\u034fb",
    "filler": "\u3164",
    "empty Braille": "\u2800",
    "private use": "\ue000",
    "decomposed": "e\u0301",
}
TYPABLE = [
    "a",
    "my-run",
    "My Run 2",
    "x" * 32,
    "Größe",
    "世界",
    "🚀",
    "a;b",
    "$(id)",
    "it's",
    "-r",
    "--resume",
    "a\\nb",
]


@pytest.mark.parametrize("run_id", UNTYPABLE.values(), ids=UNTYPABLE)
def test_a_run_id_that_cannot_be_typed_is_rejected(house: House, run_id: str) -> None:
    message = refused(house, ExitCode.USAGE, "create-run", f"--run-id={run_id}")
    assert message.startswith("The run id ")
    assert message.isascii(), "says by codes what cannot be seen"
    assert house.cli("create-run", variables={"RUN_ID": run_id}).code is ExitCode.USAGE


@pytest.mark.parametrize("run_id", TYPABLE)
def test_every_created_run_is_found(house: House, run_id: str) -> None:
    assert house.cli.json("create-run", f"--run-id={run_id}")["run_id"] == run_id
    assert house.cli("json-dump-run", f"--run-id={run_id}").json["coordinator_account"]["run_id"] == run_id


def create_as_others_do(house: House, run_id: str) -> None:
    """Create a run like the published client, which only checks the length."""
    from psyche_cli.operations.signing import signing_session
    from tests.cli.harness import environment_of

    owner, account, instructions = address_of(house.owner), Wallet.generate(), Instructions()
    rent = house.chain.rpc.rent_exempt_minimum(COORDINATOR_ACCOUNT_BYTES)
    create = instructions.create_coordinator_account(payer=owner, account=account.address, lamports=rent)
    initialize = instructions.init_coordinator(
        payer=owner,
        run_id=run_id,
        account=account.address,
        join_authority=owner,
        client_version="",
        main_authority=owner,
    )
    with signing_session(environment_of(house.cli), rpc="http://127.0.0.1:1", wallet_path=house.owner) as session:
        session.sender.send([create, initialize], session.wallet, extra_signers=(account,))


@pytest.mark.parametrize("run_id", UNTYPABLE.values(), ids=UNTYPABLE)
def test_an_existing_run_with_any_id_can_be_administered(house: House, run_id: str) -> None:
    create_as_others_do(house, run_id)
    words = (f"--run-id={run_id}",)
    assert house.cli("json-dump-run", *words).json["coordinator_instance"]["address"] == str(instance_address(run_id))
    house.cli.json("update-config", *words, "--config-path", MINIMAL, "--client-version", "v1")
    house.cli.json("set-future-epoch-rates", *words, "--earning-rate", "1")
    assert house.cli.json("set-paused", *words, "--resume")["state"] == "Waiting for members"
    outcome = house.cli("set-paused", *words)
    assert outcome.code is ExitCode.OK
    shown = outcome.stdout + outcome.stderr
    assert shown.replace("\n", "").isprintable()
    dump = house.cli("json-dump-user", *words, "--address", Pubkey.default())
    assert dump.json["coordinator_account"]["client"] is None


@pytest.mark.parametrize("run_id", [i for i in UNTYPABLE.values() if "\0" not in i] + TYPABLE)
def test_a_shell_reads_the_suggested_word_as_the_run_id(run_id: str) -> None:
    word = shell_word(run_id)
    assert word.isprintable()
    program = "import os,sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    done = subprocess.run(["bash", "-c", f"{sys.executable} -c '{program}' {word}"], capture_output=True, check=True)
    assert done.stdout == run_id.encode()


# Client versions, names and descriptions


@pytest.mark.parametrize("text", ["", " ", "v1 ", "v\n1", "v\u200b1", "\ufeffv1"])
def test_an_invalid_client_version(house: House, text: str) -> None:
    run_id = house.run()
    refused(house, ExitCode.CONFIGURATION, "update-config", "--run-id", run_id, f"--client-version={text}")
    refused(house, ExitCode.CONFIGURATION, "create-run", "--run-id", "x", f"--client-version={text}")


@pytest.mark.parametrize("text", ["a\nb", "\x1b]0;x\x07", "a\u202eb", " a", "a ", "  ", "\u3164", "a\u200bb"])
@pytest.mark.parametrize("option", ["--name", "--description"])
def test_a_text_that_cannot_be_shown_on_one_line(house: House, option: str, text: str) -> None:
    run_id = house.run()
    refused(house, ExitCode.CONFIGURATION, "update-config", "--run-id", run_id, option, text)
    refused(house, ExitCode.CONFIGURATION, "create-run", "--run-id", "x", option, text)


@pytest.mark.parametrize("text", ["", "Grüße 世界", "👩\u200d🚀 ❤\ufe0f", "می\u200cخواهم", "a  b", 'it\'s "quoted"'])
def test_ordinary_texts(house: House, text: str) -> None:
    run_id = house.run()
    house.cli.json("update-config", "--run-id", run_id, "--name", text, "--description", text)
    metadata = house.dump()["coordinator_account"]["setup"]["metadata"]
    assert (metadata["name"], metadata["description"]) == (text, text)


def test_an_existing_invalid_text_can_be_kept(house: House) -> None:
    run_id = house.run()
    house.write_metadata(run_id, name="two\nlines")
    house.cli.json("update-config", "--run-id", run_id, "--description", "new")
    assert house.dump()["coordinator_account"]["setup"]["metadata"]["name"] == "two\nlines"
