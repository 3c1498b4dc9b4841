"""Every account of every instruction, invalid in every way: the framework's error code and the reported account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from solders.pubkey import Pubkey

from .chain import ABORT, AUTHORIZER, COORDINATOR, SOL, SYSTEM, TOKEN, TREASURER, Code, Outcome, meta, wallet
from .world import Call, Slot, World

STRANGER = wallet("stranger").pubkey()
FOREIGN_OWNER = wallet("some program").pubkey()
NAMES = {
    2000: "ConstraintMut",
    2003: "ConstraintRaw",
    2004: "ConstraintOwner",
    2006: "ConstraintSeeds",
    2009: "ConstraintAssociated",
    2015: "ConstraintTokenOwner",
    3001: "AccountDiscriminatorNotFound",
    3002: "AccountDiscriminatorMismatch",
    3003: "AccountDidNotDeserialize",
    3005: "AccountNotEnoughKeys",
    3007: "AccountOwnedByWrongProgram",
    3008: "InvalidProgramId",
    3009: "InvalidProgramExecutable",
    3010: "AccountNotSigner",
    3011: "AccountNotSystemOwned",
    3012: "AccountNotInitialized",
}


@pytest.fixture(scope="module")
def world() -> World:
    """Shared, since the failing transactions of these tests have no effects."""
    return World()


def assert_blamed(outcome: Outcome, code: Code, account: str) -> None:
    assert outcome.code == code, outcome.logs
    if isinstance(code, int):
        text = f"AnchorError caused by account: {account}. Error Code: {NAMES[code]}. Error Number: {code}."
        assert outcome.said(text), outcome.logs


def replaced(call: Call, at: int, address: Pubkey) -> Call:
    slot = call.slots[at]
    new = Slot(slot.name, slot.kind, slot.flags, address, slot.owner)
    return Call(call.program, call.name, (*call.slots[:at], new, *call.slots[at + 1 :]), call.arguments)


def cases(world: World) -> Iterator[tuple[Call, int, Slot]]:
    for call in world.every_call():
        for at, slot in enumerate(call.slots):
            yield call, at, slot


def test_all_instructions_are_covered(world: World) -> None:
    calls = world.every_call()
    assert len({(call.program, call.name) for call in calls}) == 20
    assert {call.program for call in calls} == {COORDINATOR, AUTHORIZER, TREASURER}
    for call in calls:
        outcome = world.chain.send(call.instruction(metas=[]))
        title = "".join(word.capitalize() for word in call.name.split("_"))
        assert outcome.logs[1] == f"Program log: Instruction: {title}"


def test_too_few_accounts(world: World) -> None:
    for call, at, slot in cases(world):
        outcome = world.chain.send(call.instruction(metas=call.metas[:at]))
        assert outcome.code == 3005, (call.name, outcome.logs)
        origin = "occurred" if slot.kind == "new" else f"caused by account: {slot.name}"
        assert outcome.said(f"AnchorError {origin}. Error Code: AccountNotEnoughKeys. Error Number: 3005.")


def test_missing_signatures(world: World) -> None:
    count = 0
    for call, at, slot in cases(world):
        if slot.kind == "signer":
            metas = call.metas
            metas[at] = meta(slot.address, slot.flags.replace("s", ""))
            assert_blamed(world.chain.send(call.instruction(metas)), 3010, slot.name)
            count += 1
    assert count == 23


def test_accounts_that_must_be_writable(world: World) -> None:
    count = 0
    for call, at, slot in cases(world):
        if "w" not in slot.flags or slot.kind == "new" or call.name in ("init_coordinator", "run_create"):
            continue  # accounts that are created, and payers of a creation, fail in the system program instead
        if call.name in ("authorization_create", "participant_create"):
            continue
        if call.name == "authorization_grantee_update":
            call = world.authorization_grantee_update()  # no growth, which would be paid for first
        metas = call.metas
        metas[at] = meta(slot.address, slot.flags.replace("w", ""))
        assert_blamed(world.chain.send(call.instruction(metas)), 2000, slot.name)
        count += 1
    assert count == 23


def test_accounts_beside_a_creation_must_be_writable() -> None:
    """This includes a payer, if the new account already holds its rent and nothing is left to pay."""
    count = 0
    for call, at, slot in cases(World()):
        new = [other for other in call.slots if other.kind == "new"]
        if not new or "w" not in slot.flags or slot in new or (call.name, slot.name) == ("run_create", "payer"):
            continue  # run_create's payer is handed on as writable to the program that creates the vault
        world = World()
        for other in new:
            world.chain.put(other.address, b"", SYSTEM, SOL)
        metas = call.metas
        metas[at] = meta(slot.address, slot.flags.replace("w", ""))
        assert_blamed(world.chain.send(call.instruction(metas)), 2000, slot.name)
        count += 1
    assert count == 6


def test_accounts_that_do_not_exist(world: World) -> None:
    expected = {"typed": 3012, "token": 3012, "mint": 3012, "zero-copy": 3007, "program": 3008}
    for call, at, slot in cases(world):
        if slot.kind in expected:
            outcome = world.chain.send(replaced(call, at, STRANGER).instruction())
            assert_blamed(outcome, expected[slot.kind], slot.name)


def test_accounts_of_another_program(world: World) -> None:
    stranger = wallet("foreign").pubkey()
    world.chain.put(stranger, bytes(200), FOREIGN_OWNER)
    for call, at, slot in cases(world):
        if slot.kind in ("typed", "token", "mint", "zero-copy", "system"):
            code = 3011 if slot.kind == "system" else 3007
            outcome = world.chain.send(replaced(call, at, stranger).instruction())
            assert_blamed(outcome, code, slot.name)
            if code == 3007:
                keys = [f"Program log: {key}" for key in (FOREIGN_OWNER, slot.owner)]
                assert [outcome.logs[-6], outcome.logs[-4]] == ["Program log: Left:", "Program log: Right:"]
                assert [outcome.logs[-5], outcome.logs[-3]] == keys


def test_empty_account_with_lamports_is_one_of_another_program(world: World) -> None:
    funded = wallet("funded").pubkey()
    world.chain.fund(funded, 5_000_000)
    for call, at, slot in cases(world):
        if slot.kind in ("typed", "token", "mint"):
            assert_blamed(world.chain.send(replaced(call, at, funded).instruction()), 3007, slot.name)


@pytest.mark.parametrize(
    ("data", "typed", "zero_copy"), [(bytes(7), 3001, 3001), (b"", 3001, 3001), (bytes(200), 3002, 3002)]
)
def test_accounts_of_another_type(world: World, data: bytes, typed: int, zero_copy: int) -> None:
    for call, at, slot in cases(world):
        if slot.kind in ("typed", "zero-copy", "token", "mint"):
            address = wallet(f"{slot.owner} {len(data)}").pubkey()
            assert slot.owner is not None
            world.chain.put(address, data, slot.owner)
            outcome = world.chain.send(replaced(call, at, address).instruction())
            codes: dict[str, Code] = {"typed": typed, "zero-copy": zero_copy}
            assert_blamed(outcome, codes.get(slot.kind, "InvalidAccountData"), slot.name)


def test_accounts_that_are_cut_off(world: World) -> None:
    for call, at, slot in cases(world):
        if slot.kind in ("typed", "zero-copy"):
            address = wallet(f"cut {slot.name}").pubkey()
            assert slot.owner is not None
            world.chain.put(address, world.chain.data(slot.address)[:20], slot.owner)
            outcome = world.chain.send(replaced(call, at, address).instruction())
            if slot.kind == "typed":
                assert_blamed(outcome, 3003, slot.name)
            else:  # its address is looked at before its length
                of_treasurer = call.program == TREASURER
                assert_blamed(outcome, 2003, "run" if of_treasurer else slot.name)


def test_extra_accounts_are_ignored(world: World) -> None:
    call = world.run_update()
    extra = [meta(wallet(f"extra {number}").pubkey()) for number in range(20)]
    world.chain.must(call.instruction([*call.metas, *extra, *call.metas]))


def test_programs_are_distinguished(world: World) -> None:
    for call, at, slot in cases(world):
        if slot.kind == "program":
            outcome = world.chain.send(replaced(call, at, AUTHORIZER).instruction())
            assert_blamed(outcome, 3008, slot.name)
            assert outcome.logs[-6:-2] == (
                *("Program log: Left:", f"Program log: {AUTHORIZER}", "Program log: Right:"),
                f"Program log: {slot.address}",
            )


def test_programs_must_be_executable() -> None:
    lone = World("other", 8)
    call = lone.participant_claim()
    lone.chain.must(call.instruction())
    lone.chain.put(TOKEN, b"", FOREIGN_OWNER)
    assert_blamed(lone.chain.send(call.instruction()), 3009, "token_program")


# --- conditions between accounts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["update", "update_client_version", "set_future_epoch_rates", "set_paused"])
def test_only_the_main_authority_owns(world: World, name: str) -> None:
    call = next(call for call in world.every_call() if call.name == name)
    assert_blamed(world.chain.send(replaced(call, 0, world.user).instruction()), 2003, "coordinator_instance")


def test_other_wrong_signers(world: World) -> None:
    chain = world.chain
    assert_blamed(
        chain.send(replaced(world.free_coordinator(), 0, world.user).instruction()), 2003, "coordinator_instance"
    )
    assert_blamed(chain.send(replaced(world.run_update(), 0, world.user).instruction()), 2003, "run")
    for call in (world.authorization_grantor_update(), world.authorization_close()):
        assert_blamed(chain.send(replaced(call, 0, world.user).instruction()), 2003, "authorization")
    outcome = chain.send(replaced(world.authorization_grantee_update(), 1, world.user).instruction())
    assert_blamed(outcome, 2003, "authorization")


def test_instances_elsewhere_or_with_another_bump(world: World) -> None:
    data = bytearray(world.chain.data(world.plain_instance))
    copy = wallet("copy of the instance").pubkey()
    world.chain.put(copy, bytes(data), COORDINATOR)
    for call, at, slot in cases(world):
        if slot.kind == "typed" and slot.address == world.plain_instance:
            outcome = world.chain.send(replaced(call, at, copy).instruction())
            assert_blamed(outcome, 2006, "coordinator_instance")
    other = World("bump", 9)
    data = bytearray(other.chain.data(other.plain_instance))
    data[8] -= 1
    other.chain.put(other.plain_instance, bytes(data), COORDINATOR)
    assert_blamed(other.chain.send(other.member_call("tick").instruction()), 2006, "coordinator_instance")


def test_account_of_another_run(world: World) -> None:
    for call, at, slot in cases(world):
        if slot.kind == "zero-copy":
            other = world.account if slot.address == world.plain_account else world.plain_account
            outcome = world.chain.send(replaced(call, at, other).instruction())
            assert_blamed(outcome, 2003, "run" if call.program == TREASURER else "coordinator_account")


def test_instance_of_another_run(world: World) -> None:
    assert_blamed(world.chain.send(replaced(world.run_update(), 2, world.plain_instance).instruction()), 2003, "run")


def test_other_versions_of_the_account_are_refused() -> None:
    world = World()
    for address in (world.account, world.plain_account):
        data = bytearray(world.chain.data(address))
        data[8] = 2
        world.chain.put(address, bytes(data), COORDINATOR)
    for call, _, slot in cases(world):
        if slot.kind == "zero-copy" and call.name not in ("free_coordinator", "run_update"):
            assert_blamed(world.chain.send(call.instruction()), 2003, "coordinator_account")
    rates = bytes(4) + b"\1" + bytes(8) + bytes(3)
    assert_blamed(world.chain.send(world.run_update(rates).instruction()), 2003, "coordinator_account")
    world.chain.must(world.free_coordinator().instruction())


def test_account_too_short_for_its_content_aborts() -> None:
    world = World()
    world.chain.put(world.plain_account, world.chain.data(world.plain_account)[:119_072], COORDINATOR)
    for call, _, slot in cases(world):
        if slot.kind == "zero-copy" and slot.address == world.plain_account:
            outcome = world.chain.send(call.instruction())
            assert outcome.code == ABORT, (call.name, outcome.logs)
            assert outcome.said("panicked at ")


def test_new_accounts_at_other_addresses(world: World) -> None:
    fresh = {"init_coordinator": "coordinator_instance", "authorization_create": "authorization"}
    fresh |= {"run_create": "run", "participant_create": "participant"}
    for call, at, slot in cases(world):
        if fresh.get(call.name) == slot.name:
            assert_blamed(world.chain.send(replaced(call, at, STRANGER).instruction()), 2006, slot.name)


def test_participants_of_others(world: World) -> None:
    other = World("other", 10)
    call = other.participant_claim()
    data = other.chain.data(other.participant)
    copy = wallet("copy of the participant").pubkey()
    other.chain.put(copy, data, TREASURER)
    assert_blamed(other.chain.send(replaced(call, 5, copy).instruction()), 2006, "participant")


# --- order -----------------------------------------------------------------------------------------------------------


def test_arguments_come_before_accounts(world: World) -> None:
    for call in world.every_call():
        if call.arguments:
            outcome = world.chain.send(call.instruction(metas=[], arguments=call.arguments[:-1]))
            assert outcome.code == 102, call.name
            assert outcome.said("AnchorError occurred. Error Code: InstructionDidNotDeserialize. Error Number: 102.")


def test_all_accounts_are_taken_before_any_condition(world: World) -> None:
    call = world.owner_call("set_paused", b"\0")
    wrong_authority_and_type = replaced(replaced(call, 0, world.user), 2, world.plain_instance)
    assert_blamed(world.chain.send(wrong_authority_and_type.instruction()), 3002, "coordinator_account")
    wrong_authority_and_account = replaced(replaced(call, 0, world.user), 2, world.account)
    assert_blamed(world.chain.send(wrong_authority_and_account.instruction()), 2003, "coordinator_instance")


def test_creation_comes_before_other_conditions(world: World) -> None:
    """The instance already exists and the account has another owner: the system program's error comes first."""
    call = replaced(world.init_coordinator(), 2, world.mint)
    outcome = world.chain.send(call.instruction())
    assert outcome.code == 0
    assert outcome.said("already in use")


def test_writable_comes_before_address_and_version(world: World) -> None:
    call = replaced(world.member_call("tick"), 2, world.account)
    metas = call.metas
    metas[2] = meta(world.account)
    assert_blamed(world.chain.send(call.instruction(metas)), 2000, "coordinator_account")


def test_unknown_and_short_discriminators(world: World) -> None:
    for program in (COORDINATOR, AUTHORIZER, TREASURER):
        call = Call(program, "no_such_instruction", (), b"")
        assert world.chain.send(call.instruction()).code == 101
        for length in range(8):
            short = call.instruction()
            outcome = world.chain.send(type(short)(program, bytes(short.data)[:length], []))
            assert outcome.code == 101
