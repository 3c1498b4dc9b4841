"""``rehearse --run-id`` on a cluster with the genesis hash of devnet: only when told, and with the members' own SOL."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from solders.hash import Hash

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.wallet import Wallet
from tests.support.rehearsed_runs import ONE_EPOCH, RehearsalHost, rehearsal_host

DEVNET = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
OWN_SOL = 10_000_000


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalHost]:
    """A validator with a run, that presents itself as devnet. Its clock runs twice as fast."""
    clock = ClockMode("scale", 2)
    options = LocalnetOptions(
        genesis=Genesis(blockhash=Hash.from_string(DEVNET)), rpc_port=0, slot_seconds=0.1, clock_mode=clock
    )
    with rehearsal_host(tmp_path_factory.mktemp("x"), LocalValidator(options)) as found:
        found.new_run("public")
        yield found


def wallets(devnet: RehearsalHost, *lamports: int) -> tuple[list[Wallet], list[str]]:
    """New wallets with these balances, and the options that name them."""
    found, options = [], []
    for amount in lamports:
        wallet = Wallet.generate()
        file = devnet.folder / f"{wallet.address}.json"
        wallet.write_keypair_file(file)
        if amount:
            devnet.client.request_airdrop(wallet.address, amount)
        found.append(wallet)
        options += ["--member-wallet", str(file)]
    return found, options


def test_a_public_cluster_is_refused_unless_told(devnet: RehearsalHost) -> None:
    done = devnet.call_here("rehearse", "--run-id", "public", *ONE_EPOCH)
    assert done.code == ExitCode.LOCALNET
    assert "every member pays fees in SOL" in done.stderr
    assert "--allow-public-cluster, with a funded --member-wallet for each member" in done.stderr


def test_members_without_enough_sol_are_named_before_anything_is_sent(devnet: RehearsalHost) -> None:
    [rich, poor], options = wallets(devnet, OWN_SOL, 1_000_000)
    done = devnet.call_here("rehearse", "--run-id", "public", *ONE_EPOCH, "--allow-public-cluster", "--yes", *options)
    assert done.code == ExitCode.REFUSED, done.stderr
    assert "1 of 2 members cannot pay for the rehearsal, which needs 0.00" in done.stderr
    assert f"{poor.address} holds 0.001 and lacks 0.00" in done.stderr
    assert str(rich.address) not in done.stderr
    assert devnet.client.balance(rich.address) == OWN_SOL


def test_the_costs_are_to_be_confirmed(devnet: RehearsalHost) -> None:
    _, options = wallets(devnet, OWN_SOL, OWN_SOL)
    done = devnet.call_here("rehearse", "--run-id", "public", *ONE_EPOCH, "--allow-public-cluster", *options)
    assert done.code == ExitCode.USAGE, done.stderr
    assert "2 members will join run public on" in done.stderr
    assert "This requires confirmation, and there is no terminal to ask on; use --yes to confirm." in done.stderr
    assert not (devnet.folder / "s" / "workers").exists()


def test_members_pay_for_themselves_and_no_more_than_announced(devnet: RehearsalHost) -> None:
    members, options = wallets(devnet, OWN_SOL, OWN_SOL)
    done = devnet.call(
        "rehearse", "--run-id", "public", *ONE_EPOCH, "--allow-public-cluster", "--yes", *options, "--output", "json"
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["mode"], data["end"], data["agreed"]) == ("free", "epochs", True)
    assert data["claimed"]["base_units"] == 10_000
    announced = int(float(done.stderr.partition("each pays up to ")[2].partition(" SOL")[0]) * 10**9)
    paid = [OWN_SOL - devnet.client.balance(member.address) for member in members]
    assert all(0 < amount <= announced < OWN_SOL // 2 for amount in paid), (paid, announced)
    assert devnet.is_clean()


def test_the_url_of_the_endpoint_is_in_no_file_that_remains(devnet: RehearsalHost) -> None:
    """It may contain a key."""
    port = devnet.rpc.rpartition(":")[2]
    kept = [path for path in (devnet.folder / "s").rglob("*") if path.is_file()]
    assert {"registry.db", "config"} <= {path.name.partition("-")[0] for path in kept}
    assert [path for path in kept if f":{port}".encode() in path.read_bytes()] == []
