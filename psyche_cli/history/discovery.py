"""What a transaction tells about a run: its addresses, and the beginning and end of incarnations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from psyche_cli.history.records import RawTransaction
from psyche_cli.protocol.instructions.layout_forms import instruction_of_layout, name_and_roles
from psyche_cli.protocol.programs import ProgramIds

INSTANCE: Final = "instance"
COORDINATOR_ACCOUNT: Final = "coordinator_account"
TREASURER_RUN: Final = "treasurer_run"
VAULT: Final = "vault"
AUTHORIZATION: Final = "authorization"

_ROLES: Final = {
    ("coordinator", "coordinator_account"): COORDINATOR_ACCOUNT,
    ("coordinator", "authorization"): AUTHORIZATION,
    ("treasurer", "run"): TREASURER_RUN,
    ("treasurer", "run_collateral"): VAULT,
}
"""The accounts of instructions whose transactions belong to the history."""


class Milestone(NamedTuple):
    """The beginning or end of an incarnation.

    The authorities are None at the end, ``treasurer_run`` and ``vault`` also for a run without a treasurer.
    """

    begins: bool
    coordinator_account: str
    main_authority: str | None = None
    join_authority: str | None = None
    treasurer_run: str | None = None
    vault: str | None = None


class Discovery(NamedTuple):
    """The ``addresses`` of a run that a transaction names, with their roles, and the ``milestones`` in it.

    ``is_of_another_run`` is whether it only shares an authorization with the run.
    """

    addresses: Mapping[str, str]
    milestones: tuple[Milestone, ...]
    is_of_another_run: bool


class _Call(NamedTuple):
    program: str
    name: str
    accounts: Mapping[str, str]
    data: bytes


def discover(transaction: RawTransaction, instance: str, programs: ProgramIds) -> Discovery:
    """What a transaction tells about the run with this instance. Raises ValueError if it is invalid.

    One that failed tells nothing: it may name any accounts.
    """
    calls = list(_calls(transaction, programs))
    own = [call for call in calls if call.accounts.get("coordinator_instance") == instance]
    joins_another = not own and any("coordinator_instance" in call.accounts for call in calls)
    managed = any(call.program in ("authorizer", "treasurer") for call in calls)
    if transaction.failed:
        return Discovery({}, (), joins_another and not managed)
    addresses, created = dict[str, str](), dict[str, str]()
    for call in own:
        named = {
            _ROLES[call.program, role]: address
            for role, address in call.accounts.items()
            if (call.program, role) in _ROLES
        }
        if call.name == "run_create":
            created = named
        addresses.update((address, role) for role, address in named.items())
    milestones = [found for call in own if (found := _milestone(call, created)) is not None]
    return Discovery(addresses, tuple(milestones), joins_another and not managed)


def _milestone(call: _Call, created: Mapping[str, str]) -> Milestone | None:
    if call.name == "init_coordinator":
        arguments = instruction_of_layout(call.program, call.data, len(call.accounts), None).arguments
        return Milestone(
            begins=True,
            coordinator_account=call.accounts["coordinator_account"],
            main_authority=str(
                arguments["main_authority"] if "main_authority" in arguments else call.accounts["authority"]
            ),
            join_authority=str(arguments["join_authority"]),
            treasurer_run=created.get(TREASURER_RUN),
            vault=created.get(VAULT),
        )
    if call.name == "free_coordinator":
        return Milestone(begins=False, coordinator_account=call.accounts["coordinator_account"])
    return None


def _calls(transaction: RawTransaction, programs: ProgramIds) -> Iterator[_Call]:
    """The calls of the Psyche programs that name all their accounts."""
    names = {address: name for name, address in programs.by_name.items()}
    for _, _, _, call in transaction.executed():
        program = names.get(call.program)
        if program is None:
            continue
        found = name_and_roles(program, call.data, len(call.accounts))
        if found is not None and len(call.accounts) >= len(found[1]):
            accounts = {role: str(one.address) for role, one in zip(found[1], call.accounts, strict=False)}
            yield _Call(program, found[0], accounts, call.data)
