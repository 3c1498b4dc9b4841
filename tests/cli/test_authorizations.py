"""Who may join: reading, delegating, revoking and closing join authorizations, one by one and from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.instructions.builder import Instructions
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.test_already_so import already
from tests.cli.test_money import FEE, balance, holding, refused_for_money, rent
from tests.cli.test_refusals import refused

KEYS = [str(Keypair.from_seed(bytes([number] * 32)).pubkey()) for number in range(60)]
DAY = 86_400


def authorize(house: House, grantee: Path) -> str:
    """Authorize a wallet to join, as the owner. Returns the wallet's address."""
    key = str(address_of(grantee))
    house.cli.json("join-authorization-create", "--authorizer", key)
    return key


def delegate(house: House, *words: object) -> tuple[object, ...]:
    """The words of a command in which the stranger changes the delegates of the owner's authorization."""
    owner = address_of(house.owner)
    return ("join-authorization-delegate", "--join-authority", owner, "-w", house.stranger, *words)


def delegates(house: House) -> list[str]:
    owner, stranger = address_of(house.owner), address_of(house.stranger)
    words = ("join-authorization-read", "--join-authority", owner, "--authorizer", stranger)
    found: list[str] = house.cli.json(*words)["delegates"]
    return found


# Reading


def test_the_authorization_of_everyone(house: House, owner_address: str) -> None:
    house.cli.json("join-authorization-create", "--permissionless")
    for variables in ({}, {"JOIN_AUTHORITY": owner_address}):
        option = () if variables else ("--join-authority", owner_address)
        outcome = house.cli("join-authorization-read", *option, "--output", "json", variables=variables)
        data = outcome.data
        assert data.pop("grantor_update_unix_timestamp") > 1_600_000_000
        assert data == {
            "grantor": owner_address,
            "grantee": str(ANYONE),
            "permissionless": True,
            "address": str(authorization_address(address_of(house.owner), ANYONE)),
            "active": True,
            "delegates": [],
            "lamports": rent(108),
        }


def test_the_variable_of_a_join_authority_is_none_of_create_run(house: House, owner_address: str) -> None:
    stray = {"JOIN_AUTHORITY": KEYS[0]}
    created = house.cli("create-run", "--run-id", "test", "--output", "json", variables=stray).data
    assert created["join_authority"] == owner_address


def test_an_authorization_that_was_never_given(house: House, owner_address: str) -> None:
    words = ("join-authorization-read", "--join-authority", owner_address)
    assert "everyone" in refused(house, ExitCode.NOT_FOUND, *words)
    assert KEYS[0] in refused(house, ExitCode.NOT_FOUND, *words, "--authorizer", KEYS[0])
    refused(house, ExitCode.USAGE, *words, "--authorizer", "x")
    refused(house, ExitCode.USAGE, "join-authorization-read", "--join-authority", "x")


# Delegates


def test_delegates_are_added_removed_and_replaced(house: House) -> None:
    authorize(house, house.stranger)
    first = house.cli.json(*delegate(house, "--delegates-added", KEYS[0], KEYS[1], KEYS[0]))
    assert (first["added"], first["removed"]) == (KEYS[:2], [])
    assert first["rent_change_lamports"] == 2 * 32 * 6_960
    assert delegates(house) == KEYS[:2]
    more = house.cli.json(*delegate(house, "--delegate-added", KEYS[1], "--delegates-added", KEYS[2]))
    assert more["added"] == [KEYS[2]]
    fewer = house.cli.json(*delegate(house, "--delegates-removed", KEYS[0], KEYS[5]))
    assert (fewer["removed"], delegates(house)) == ([KEYS[0]], KEYS[1:3])
    assert fewer["rent_change_lamports"] == -32 * 6_960
    rotated = house.cli.json(*delegate(house, "--delegates-clear", "--delegates-added", *KEYS[2:5]))
    assert (rotated["added"], rotated["removed"]) == (KEYS[3:5], [KEYS[1]])
    assert delegates(house) == KEYS[2:5]
    cleared = house.cli.json(*delegate(house, "--delegates-clear"))
    assert (cleared["removed"], delegates(house)) == (KEYS[2:5], [])
    assert cleared["rent_change_lamports"] == -3 * 32 * 6_960


def test_delegates_that_are_so_already(house: House) -> None:
    authorize(house, house.stranger)
    already(house, *delegate(house, "--delegates-clear"))
    house.cli.json(*delegate(house, "--delegates-added", *KEYS[:3]))
    already(house, *delegate(house, "--delegates-added", KEYS[2], KEYS[0]))
    already(house, *delegate(house, "--delegates-removed", KEYS[9]))
    already(house, *delegate(house, "--delegates-clear", "--delegates-added", *reversed(KEYS[:3])))


def test_more_delegates_than_fit_into_a_transaction(house: House) -> None:
    authorize(house, house.stranger)
    house.cli.json(*delegate(house, "--delegates-added", KEYS[59]))
    outcome = house.cli(*delegate(house, "--delegates-clear", "--delegates-added", *KEYS[:59]), "--output", "json")
    assert outcome.data["authorization"]["delegates"] == KEYS[:59] == delegates(house)
    assert len(outcome.json["transactions"]) == 3
    already(house, *delegate(house, "--delegates-clear", "--delegates-added", *KEYS[:59]))


def test_a_change_that_stopped_half_way_is_continued(house: House) -> None:
    authorize(house, house.stranger)
    house.cli.json(*delegate(house, "--delegates-added", *KEYS[:20]))
    outcome = house.cli(*delegate(house, "--delegates-clear", "--delegates-added", *KEYS[:40]), "--output", "json")
    assert outcome.data["added"] == KEYS[20:40]
    assert len(outcome.json["transactions"]) == 1


def test_duplicates_of_another_client_are_cleaned_up_by_a_replacement(house: House) -> None:
    stranger = Pubkey.from_string(authorize(house, house.stranger))
    address = authorization_address(address_of(house.owner), stranger)
    twice = Instructions().authorization_grantee_update(
        payer=stranger,
        grantee=stranger,
        authorization=address,
        delegates_clear=False,
        delegates_added=[Pubkey.from_string(KEYS[0])] * 2,
    )
    house.send(twice, wallet=house.stranger)
    assert delegates(house) == [KEYS[0]] * 2
    house.cli.json(*delegate(house, "--delegates-clear", "--delegates-added", KEYS[0]))
    assert delegates(house) == [KEYS[0]]


def test_an_environment_variable_holds_several_delegates(house: House) -> None:
    authorize(house, house.stranger)
    outcome = house.cli(*delegate(house), variables={"DELEGATES_ADDED": f"{KEYS[0]} {KEYS[1]},{KEYS[2]}"})
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert "--delegates-added (DELEGATES_ADDED)" in outcome.stderr
    assert delegates(house) == KEYS[:3]


def test_an_inactive_authorization_may_have_delegates_and_a_warning(house: House) -> None:
    key = authorize(house, house.stranger)
    house.cli.json("join-authorization-delete", "--authorizer", key)
    outcome = house.cli(*delegate(house, "--delegates-added", KEYS[0]), "--output", "json")
    [warning] = outcome.json["warnings"]
    assert "inactive" in warning


def test_what_delegates_refuse(house: House) -> None:
    refused(house, ExitCode.NOT_FOUND, *delegate(house, "--delegates-added", KEYS[0]))
    authorize(house, house.stranger)
    refused(house, ExitCode.USAGE, *delegate(house))
    refused(house, ExitCode.USAGE, *delegate(house, "--delegates-added"))
    refused(house, ExitCode.USAGE, *delegate(house, "--delegates-added", KEYS[0], "x"))
    # The authorization for everyone has no grantee who could sign.
    house.cli.json("join-authorization-create", "--permissionless")
    words = ("join-authorization-delegate", "--join-authority", address_of(house.owner), "--delegates-added", KEYS[0])
    refused(house, ExitCode.NOT_FOUND, *words)


def test_delegates_cost_their_rent(house: House) -> None:
    key = str(address_of(house.owner))
    house.cli.json("join-authorization-create", "--authorizer", key)
    words = ("join-authorization-delegate", "--join-authority", key, "--delegates-added", *KEYS[:3])
    needed = 3 * 32 * 6_960 + FEE
    refused_for_money(holding(house, needed - 1), words, needed - 1, needed)
    assert holding(house, needed).cli(*words).code is ExitCode.OK
    assert balance(house) == 0


# Revoking


@pytest.mark.parametrize("everyone", [True, False], ids=["everyone", "one key"])
def test_a_deleted_authorization_is_inactive_and_can_be_closed(house: House, everyone: bool) -> None:
    who = ("--permissionless",) if everyone else ("--authorizer", KEYS[0])
    house.cli.json("join-authorization-create", *who)
    outcome = house.cli("join-authorization-delete", *who, "--output", "json")
    assert outcome.data["already_so"] is False
    assert outcome.data["authorization"]["active"] is False
    already(house, "join-authorization-delete", *who)
    before = balance(house)
    closed = house.cli.json("join-authorization-close", *who)
    assert closed["recovered_lamports"] == rent(108)
    assert balance(house) == before + rent(108) - FEE
    for verb in ("delete", "close"):
        again = already(house, f"join-authorization-{verb}", *who)
        assert again.data["closing_transaction"] == closed["closing_transaction"]
    assert again.data == {**closed, "already_so": True, "recovered_lamports": 0, "recovered_by": None}
    assert house.cli.json("join-authorization-create", *who)["created"] is True


def test_an_active_authorization_is_not_closed(house: House) -> None:
    key = authorize(house, house.stranger)
    words = ("join-authorization-close", "--authorizer", key)
    assert "is active" in refused(house, ExitCode.REFUSED, *words)
    assert f"join-authorization-delete --authorizer {key}\n" in house.cli(*words).stderr


def test_delegates_keep_an_authorization_for_thirty_days(house: House) -> None:
    key = authorize(house, house.stranger)
    house.cli.json(*delegate(house, "--delegates-added", KEYS[0]))
    house.cli.json("join-authorization-delete", "--authorizer", key)
    words = ("join-authorization-close", "--authorizer", key)
    assert "30 days" in refused(house, ExitCode.REFUSED, *words)
    house.cli.json("localnet", "warp", f"{29 * DAY}")
    refused(house, ExitCode.REFUSED, *words)
    house.cli.json("localnet", "warp", f"{DAY}")
    assert house.cli.json(*words)["recovered_lamports"] == rent(140)


def test_an_authorization_that_was_never_active_is_closed_at_once(house: House) -> None:
    owner = address_of(house.owner)
    house.send(Instructions().authorization_create(payer=owner, grantor=owner, grantee=ANYONE))
    assert house.cli.json("join-authorization-read", "--join-authority", owner)["grantor_update_unix_timestamp"] is None
    house.cli.json("join-authorization-close", "--permissionless")


@pytest.mark.parametrize("verb", ["join-authorization-delete", "join-authorization-close"])
def test_what_revoking_refuses(house: House, verb: str) -> None:
    authorize(house, house.stranger)
    refused(house, ExitCode.USAGE, verb)
    refused(house, ExitCode.USAGE, verb, "--permissionless", "--authorizer", KEYS[0])
    refused(house, ExitCode.USAGE, verb, "--authorizer", "x")
    # Another wallet has granted nothing.
    key = address_of(house.stranger)
    refused(house, ExitCode.NOT_FOUND, verb, "--authorizer", key, "-w", house.stranger)


# Listing


def test_the_list_of_a_grantor(house: House, owner_address: str) -> None:
    words = ("join-authorization", "list", "--grantor", owner_address)
    assert house.cli.json(*words) == {"grantor": owner_address, "authorizations": [], "lamports": 0}
    stranger = authorize(house, house.stranger)
    house.cli.json("join-authorization-create", "--authorizer", KEYS[0])
    house.cli.json("join-authorization-create", "--permissionless")
    house.cli.json("join-authorization-create", "--permissionless", "-w", house.stranger)  # of another grantor
    house.cli.json(*delegate(house, "--delegates-added", *KEYS[1:3]))
    house.cli.json("join-authorization-delete", "--authorizer", KEYS[0])
    other_scope = Instructions().authorization_create(
        payer=address_of(house.owner), grantor=address_of(house.owner), grantee=ANYONE, scope=b"Another"
    )
    house.send(other_scope)
    before = len(house.chain.requests)
    data = house.cli.json(*words)
    assert house.chain.requests[before:] == ["getProgramAccounts"]
    found: dict[str, Any] = {one["grantee"]: one for one in data["authorizations"]}
    assert list(found) == [str(ANYONE), *sorted([KEYS[0], stranger])]
    assert [found[key]["active"] for key in (str(ANYONE), KEYS[0], stranger)] == [True, False, True]
    assert found[stranger]["delegates"] == KEYS[1:3]
    assert data["lamports"] == rent(108, 108, 172)
    shown = house.cli(*words).stdout
    assert "3 join authorizations, 2 active" in shown
    assert "  delegate" in shown
    refused(house, ExitCode.USAGE, "join-authorization", "list", "--grantor", "x")


# From a file


def keys_file(folder: Path, text: str) -> Path:
    file = folder / "keys.csv"
    file.write_text(text)
    return file


def test_many_grantees_take_few_transactions(house: House, tmp_path: Path, owner_address: str) -> None:
    file = keys_file(tmp_path, "grantee,name\n" + "".join(f"{key},someone\n" for key in KEYS[:20]))
    outcome = house.cli("join-authorization-create", "--from", file, "--output", "json")
    assert (outcome.data["created"], outcome.data["activated"]) == (20, 0)
    assert len(outcome.json["transactions"]) <= 3
    assert [line["line"] for line in outcome.data["lines"]] == [*range(2, 22)]
    assert {line["signature"] for line in outcome.data["lines"]} == {
        t["signature"] for t in outcome.json["transactions"]
    }
    listed = house.cli.json("join-authorization", "list", "--grantor", owner_address)["authorizations"]
    assert {one["grantee"] for one in listed if one["active"]} == {*KEYS[:20]}
    already(house, "join-authorization-create", "--from", file)


def test_what_exists_is_left_alone_and_each_line_is_reported(house: House, tmp_path: Path) -> None:
    house.cli.json("join-authorization-create", "--authorizer", KEYS[0])
    house.cli.json("join-authorization-create", "--authorizer", KEYS[1])
    house.cli.json("join-authorization-delete", "--authorizer", KEYS[1])
    text = f"# our members\n\n{KEYS[0]}\n{KEYS[1]}\n {KEYS[2]} ,x\n{KEYS[0]}\n"
    outcome = house.cli("join-authorization-create", "--from", keys_file(tmp_path, text))
    assert outcome.code is ExitCode.OK, outcome.stderr
    lines = [line.split() for line in outcome.stdout.splitlines() if line.startswith("  line")]
    assert lines == [
        ["line", "3", KEYS[0], "already", "active"],
        ["line", "4", KEYS[1], "activated"],
        ["line", "5", KEYS[2], "created"],
        ["line", "6", KEYS[0], "repeated"],
    ]


def test_a_file_half_done_is_continued(house: House, tmp_path: Path) -> None:
    """The wallet cannot run out of SOL halfway: rent and fees of all lines are checked before the first transaction."""
    file = keys_file(tmp_path, "\n".join(KEYS[:12]))
    words = ("join-authorization-create", "--from", file)
    needed = 12 * rent(108) + 2 * FEE
    refused_for_money(holding(house, needed - 1), words, needed - 1, needed)
    assert holding(house, needed).cli(*words).code is ExitCode.OK
    assert balance(house) == 0
    holding(house, rent(108) + FEE)
    data = house.cli.json("join-authorization-create", "--from", keys_file(tmp_path, "\n".join(KEYS[:13])))
    assert (data["created"], balance(house)) == (1, 0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no public keys"),
        ("grantee\n", "no public keys"),
        (f"{KEYS[0]}\nx\n", "line 2"),
        ("grantee\ngrantee\n", "line 2"),
        ("[1, 2, 3]\n", "line 1"),
        ("x\n" * 9, "lines 1, 2, 3, 4, 5, ..."),
        ("\udc80", "not UTF-8"),
    ],
)
def test_files_that_are_refused(house: House, tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "keys.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert named in refused(house, ExitCode.USAGE, "join-authorization-create", "--from", file)


def test_a_file_that_is_not_there_and_two_choices(house: House, tmp_path: Path) -> None:
    refused(house, ExitCode.USAGE, "join-authorization-create", "--from", tmp_path / "none.csv")
    refused(house, ExitCode.USAGE, "join-authorization-create", "--from", tmp_path)
    file = keys_file(tmp_path, KEYS[0])
    refused(house, ExitCode.USAGE, "join-authorization-create", "--from", file, "--permissionless")
    refused(house, ExitCode.USAGE, "join-authorization-create", "--from", file, "--authorizer", KEYS[0])
