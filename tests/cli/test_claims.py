"""Claiming rewards, and the list of who may claim what: with real claims from a real vault."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, ProgramRefused
from psyche_cli.operations.rewards.claims import missing_in_order
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of
from tests.cli.test_money import FEE, balance, holding, refused_for_money, rent
from tests.cli.test_refusals import refused

RUN = ("--run-id", "test")
CLAIM = ("treasurer-claim-rewards", *RUN)
LIST = ("rewards", "list", *RUN)
UNIT = 1_000_000


def rewarded(house: House, *earned: int, vault: str | None = None) -> list[Path]:
    """A run whose new members have ``earned`` these base units. Returns their keypair files, in a separate folder."""
    house.run(treasurer=True)
    house.cli.json("set-paused", *RUN, "--resume")
    folder = house.owner.parent / "members"
    files = [folder / f"{number}.json" for number in range(len(earned))]
    for file in files:
        Wallet.generate().write_keypair_file(file)
        house.chain.rpc.request_airdrop(address_of(file), 1_000_000_000)
        house.join(file)

    def earn(image: Any) -> None:
        for member, amount in zip(image.state.clients_state.clients.data, earned, strict=False):
            member.earned = amount

    house.edit(earn)
    if vault is not None:
        house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", vault)
    return files


def tokens(house: House, file: Path) -> int:
    mint = Pubkey.from_string(house.dump()["treasurer_run"]["collateral_mint"])
    return house.chain.rpc.token_account_balance(associated_token_address(address_of(file), mint)).base_units


def test_a_member_is_paid_once_and_into_a_new_token_account(house: House) -> None:
    [member] = rewarded(house, 12_500_001, vault="100")
    data = house.cli.json(*CLAIM, "-w", member)
    assert data["claimed"] == {"base_units": 12_500_001, "amount": 12.500001}
    assert data["vault_balance"]["base_units"] == 100 * UNIT - 12_500_001
    [report] = data["wallets"]
    assert (report["wallet"], report["outcome"]) == (str(address_of(member)), "claimed")
    assert tokens(house, member) == 12_500_001
    dump = house.cli("json-dump-user", *RUN, "--address", address_of(member)).json
    assert dump["treasurer_participant"]["claimed_earned_points"] == 12_500_001
    again = already_nothing(house, *CLAIM, "-w", member)
    assert again.data["wallets"][0]["outcome"] == "nothing to claim"


def already_nothing(house: House, *words: object) -> Outcome:
    sent = house.chain.sent
    outcome = house.cli(*words, "--output", "json")
    assert outcome.data["already_so"] is True
    assert outcome.json["transactions"] == []
    assert house.chain.sent == sent
    return outcome


def test_what_was_earned_since_is_paid_next_time(house: House) -> None:
    [member] = rewarded(house, UNIT, vault="100")
    house.cli.json(*CLAIM, "-w", member)
    house.edit(lambda image: setattr(image.state.clients_state.clients.data[0], "earned", 3 * UNIT))
    assert house.cli.json(*CLAIM, "-w", member)["claimed"]["base_units"] == 2 * UNIT
    assert tokens(house, member) == 3 * UNIT


def test_who_never_joined_has_nothing_to_claim(house: House) -> None:
    rewarded(house, UNIT, vault="1")
    outcome = already_nothing(house, *CLAIM, "-w", house.stranger)
    assert outcome.data["wallets"][0]["outcome"] == "never joined"


def test_a_treasury_that_is_short_pays_nothing_unless_asked(house: House) -> None:
    [member] = rewarded(house, 5 * UNIT, vault="3.5")
    message = refused(house, ExitCode.REFUSED, *CLAIM, "-w", member)
    assert "short by 1.5" in message
    error = house.cli(*CLAIM, "-w", member, "--output", "json").json["error"]
    assert (error["code"], error["context"]["balance"], error["context"]["amount"]) == (
        "insufficient_funds",
        3_500_000,
        5_000_000,
    )
    assert "--collateral-amount 1.5" in error["hint"]
    outcome = house.cli(*CLAIM, "-w", member, "--partial", "--output", "json")
    assert (outcome.data["claimed"]["base_units"], outcome.data["left"]["base_units"]) == (3_500_000, 1_500_000)
    assert "1.5" in outcome.json["warnings"][0]
    assert tokens(house, member) == 3_500_000
    empty = already_nothing(house, *CLAIM, "-w", member, "--partial")
    assert empty.data["left"]["base_units"] == 1_500_000


def test_many_wallets_of_a_folder_and_one_that_pays(house: House) -> None:
    members = rewarded(house, UNIT, 0, 3 * UNIT, vault="10")
    stranger = house.owner.parent / "members" / "9.json"
    stranger.write_bytes(house.stranger.read_bytes())
    stranger.chmod(0o600)
    before, lamports = balance(house), [house.chain.rpc.balance(address_of(file)) for file in members]
    outcome = house.cli(*CLAIM, "--wallets", members[0].parent, "--output", "json")
    data = outcome.data
    assert data["claimed"]["base_units"] == 4 * UNIT
    assert [report["outcome"] for report in data["wallets"]] == [
        "claimed",
        "nothing to claim",
        "claimed",
        "never joined",
    ]
    assert [tokens(house, members[0]), tokens(house, members[2])] == [UNIT, 3 * UNIT]
    assert balance(house) == before - 2 * (rent(165, 32) + 2 * FEE)
    assert [house.chain.rpc.balance(address_of(file)) for file in members] == lamports
    assert len(outcome.json["transactions"]) == 2
    already_nothing(house, *CLAIM, "--wallets", members[0].parent)


def test_many_wallets_and_a_treasury_that_is_short(house: House) -> None:
    members = rewarded(house, 2 * UNIT, 2 * UNIT, 2 * UNIT, vault="3")
    words = (*CLAIM, "--wallets", members[0].parent)
    assert "short by 3" in refused(house, ExitCode.REFUSED, *words)
    data = house.cli.json(*words, "--partial")
    assert [report["claimed"]["base_units"] for report in data["wallets"]] == [2 * UNIT, UNIT, 0]
    assert data["left"]["base_units"] == 3 * UNIT


def test_claims_cost_their_fee_and_rent_to_the_lamport(house: House) -> None:
    rewarded(house, vault="1")
    house.join(house.owner)
    house.edit(lambda image: setattr(image.state.clients_state.clients.data[0], "earned", 5))
    needed = rent(32) + FEE  # it has a token account
    refused_for_money(holding(house, needed - 1), CLAIM, needed - 1, needed)
    assert holding(house, needed).cli(*CLAIM).code is ExitCode.OK
    assert balance(house) == 0


def test_token_accounts_that_the_treasurer_refuses(house: House) -> None:
    from spl.token.instructions import ApproveParams, AuthorityType, SetAuthorityParams, approve, set_authority

    from psyche_cli.solana.programs import TOKEN_PROGRAM

    rewarded(house, vault="1")
    house.join(house.owner)
    house.edit(lambda image: setattr(image.state.clients_state.clients.data[0], "earned", 5))
    owner, stranger = address_of(house.owner), address_of(house.stranger)
    mint = Pubkey.from_string(house.dump()["treasurer_run"]["collateral_mint"])
    account = associated_token_address(owner, mint)
    house.send(
        approve(ApproveParams(program_id=TOKEN_PROGRAM, source=account, delegate=stranger, owner=owner, amount=1))
    )
    assert "delegate" in refused(house, ExitCode.REFUSED, *CLAIM)
    house.send(
        set_authority(
            SetAuthorityParams(
                program_id=TOKEN_PROGRAM,
                account=account,
                authority=AuthorityType.ACCOUNT_OWNER,
                current_authority=owner,
                new_authority=stranger,
            )
        )
    )
    assert str(stranger) in refused(house, ExitCode.REFUSED, *CLAIM)


def test_what_claims_refuse(house: House, tmp_path: Path) -> None:
    house.run("plain")
    for words in (("treasurer-claim-rewards",), ("rewards", "list")):
        assert "no treasurer" in refused(house, ExitCode.REFUSED, *words, "--run-id", "plain")
        refused(house, ExitCode.NOT_FOUND, *words, "--run-id", "other")
    folder = tmp_path / "wallets"
    refused(house, ExitCode.USAGE, *CLAIM, "--wallets", folder)
    folder.mkdir()
    refused(house, ExitCode.USAGE, *CLAIM, "--wallets", folder)
    (folder / "broken.json").write_text("[1, 2]")
    refused(house, ExitCode.WALLET, *CLAIM, "--wallets", folder)


# The list


def test_the_list_and_its_csv(house: House) -> None:
    members = rewarded(house, 2_500_000, UNIT, 4 * UNIT, vault="6")
    house.cli.json(*CLAIM, "-w", members[0])
    house.edit(lambda image: setattr(image.state.clients_state.clients.data[0], "earned", 3 * UNIT))
    house.edit(lambda image: setattr(image.state.clients_state.clients.data[1], "slashed", 7))
    before = len(house.chain.requests)
    data = house.cli.json(*LIST)
    assert house.chain.requests[before:] == ["getMultipleAccounts"] * 3
    rows = {
        member["wallet"]: [
            member[name]["base_units"] for name in ("earned", "slashed", "claimed", "claimable", "missing")
        ]
        for member in data["members"]
    }
    assert rows == {
        str(address_of(members[0])): [3 * UNIT, 0, 2_500_000, 500_000, 0],
        str(address_of(members[1])): [UNIT, 7, 0, UNIT, 0],
        str(address_of(members[2])): [4 * UNIT, 0, 0, 4 * UNIT, 2 * UNIT],
    }
    assert data["missing"]["base_units"] == 2 * UNIT
    shown = house.cli(*LIST)
    assert "short by 2" in shown.stdout
    assert "treasurer-top-up-rewards --run-id test --collateral-amount 2\n" in shown.stderr
    table = list(csv.reader(io.StringIO(house.cli(*LIST, "--csv").stdout)))
    assert table[0] == ["wallet", "earned", "slashed", "claimed", "claimable", "missing"]
    assert table[2] == [str(address_of(members[1])), "1", "0.000007", "0", "1", "0"]
    assert house.cli.json(*LIST, "--csv") == data


def test_a_run_without_members(house: House) -> None:
    house.run(treasurer=True)
    data = house.cli.json(*LIST)
    assert (data["members"], data["missing"]["base_units"]) == ([], 0)
    assert house.cli(*LIST, "--csv").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("claimable", "held", "missing"),
    [([], 5, []), ([3, 4], 7, [0, 0]), ([3, 4], 5, [0, 2]), ([3, 4], 0, [3, 4]), ([0, 9], 2, [0, 7])],
)
def test_the_shortfall_is_that_of_the_last_ones(claimable: list[int], held: int, missing: list[int]) -> None:
    assert missing_in_order(claimable, held) == missing
    assert sum(missing) == max(sum(claimable) - held, 0)


def test_a_claim_that_another_process_made_first_is_not_paid_twice(house: House) -> None:
    """The same points are paid by another client after the command has read the accounts, before it sends its
    transaction."""
    [member] = rewarded(house, UNIT, vault="5")
    house.cli.json(*CLAIM, "-w", member)
    user = address_of(member)
    treasurer = house.dump()["treasurer_run"]
    mint, run = Pubkey.from_string(treasurer["collateral_mint"]), Pubkey.from_string(treasurer["address"])
    again = Instructions().participant_claim(
        user=user,
        user_collateral=associated_token_address(user, mint),
        run=run,
        collateral_mint=mint,
        account=house.instance().coordinator_account,
        points=UNIT,
    )
    with pytest.raises(ProgramRefused, match="Invalid parameter"):
        house.send(again, wallet=member)
    assert tokens(house, member) == UNIT
