"""What an instruction does, in one clause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE
from psyche_cli.solana.known_instructions import TokenQuantity
from psyche_cli.solana.messages import MessageAccount


class Call(NamedTuple):
    """A decoded instruction with its accounts by role, and the ids of runs by the addresses of their accounts."""

    program: str
    name: str
    arguments: Mapping[str, Any]
    accounts: Mapping[str, MessageAccount]
    run_ids: Mapping[Pubkey, str]

    def who(self, role: str) -> str:
        """The account with this role: its address, or its place in a lookup table."""
        account = self.accounts[role]
        if account.address is not None:
            return str(account.address)
        return f"account {account.table_index} of lookup table {account.table}"

    @property
    def run(self) -> str:
        """The run that the instruction concerns: ``run 'my-run'``, or by the address of its account."""
        roles = [role for role in _RUN_ACCOUNTS if role in self.accounts]
        addresses = [self.accounts[role].address for role in roles]
        known = [self.run_ids[address] for address in addresses if address is not None and address in self.run_ids]
        return f"run {known[0]!r}" if known else f"the run of {_RUN_ACCOUNTS[roles[0]]} {self.who(roles[0])}"


def sentence(call: Call) -> str:
    """What the instruction does, without a subject: ``pauses run 'my-run'``."""
    program = "spl-token" if call.program == "spl-token-2022" else call.program
    name = next((call.name.removesuffix(end) for end in _VARIANTS if call.name.endswith(end)), call.name)
    words = _SENTENCES.get((program, name))
    return plain_sentence(call) if words is None else words(call)


def plain_sentence(call: Call) -> str:
    """The name of the instruction and the first of its accounts: ``approve of 9xQe...``."""
    subject = next((f" of {call.who(role)}" for role in call.accounts), "")
    return f"{call.name.replace('_', ' ')}{subject}"


_VARIANTS: Final = ("_checked", "_with_seed", "_idempotent")
"""Endings of the names of instructions that do the same as another one."""
_RUN_ACCOUNTS: Final = {
    "coordinator_instance": "instance",
    "run": "treasurer account",
    "coordinator_account": "coordinator account",
}
"""The roles of accounts that belong to one run, with their names."""
_TABLES: Final = {"metadata": "metadata", "config": "configuration", "model": "model", "progress": "progress"}


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _tokens(quantity: TokenQuantity | int) -> str:
    """An amount of tokens; in base units if the decimals are not known."""
    if isinstance(quantity, TokenQuantity):
        return f"{format_amount(*quantity)} tokens"
    return f"{int(quantity)} base units"


def _sol(call: Call) -> str:
    return f"{format_sol(call.arguments['lamports'])} SOL"


# The coordinator.


def _init_coordinator(call: Call) -> str:
    given = call.arguments
    return f"creates run {given['run_id']!r} with main authority {given['main_authority']}"


def _update(call: Call) -> str:
    changed = [text for name, text in _TABLES.items() if call.arguments[name] is not None]
    return f"replaces the {_listed(changed)} of {call.run}" if changed else f"changes nothing in {call.run}"


def _rates(call: Call) -> str:
    parts = _rate_parts(call)
    return f"sets {_listed(parts)} for future epochs of {call.run}" if parts else f"changes nothing in {call.run}"


def _rate_parts(call: Call) -> list[str]:
    earning = call.arguments["epoch_earning_rate_total_shared"]
    slashing = call.arguments["epoch_slashing_rate_per_client"]
    parts = [] if earning is None else [f"the earning rate to {earning} points"]
    return parts if slashing is None else [*parts, f"the slashing rate to {slashing} points"]


def _set_paused(call: Call) -> str:
    return f"{'pauses' if call.arguments['paused'] else 'starts or resumes'} {call.run}"


def _health_check(call: Call) -> str:
    return f"reports that {call.arguments['id']['signer']} did not take part in a round of {call.run}"


def _checkpoint(call: Call) -> str:
    repo = call.arguments["repo"]
    if isinstance(repo, str):
        return f"records a checkpoint of {call.run} of kind {repo}"
    ((kind, place),) = repo.items()
    where, inside = place.values()
    revision = "" if inside is None else f" at {inside!r}"
    return f"records the {kind} checkpoint {where!r}{revision} of {call.run}"


# The authorizer.


def _authorization_create(call: Call) -> str:
    grantee, scope = call.arguments["grantee"], call.arguments["scope"]
    allowed = "everyone" if grantee == ANYONE else str(grantee)
    purpose = "to join runs" if scope == JOIN_SCOPE else f"with scope {scope.hex() or '(empty)'}"
    return f"creates an authorization, still inactive, of {call.who('grantor')} for {allowed} {purpose}"


def _grantor_update(call: Call) -> str:
    verb = "activates" if call.arguments["active"] else "deactivates"
    return f"{verb} the authorization {call.who('authorization')}"


def _grantee_update(call: Call) -> str:
    count = len(call.arguments["delegates_added"])
    parts = ["removes all delegates"] if call.arguments["delegates_clear"] else []
    if count > 0:
        parts.append(f"adds {count} delegate{'' if count == 1 else 's'}")
    return f"{_listed(parts or ['changes nothing'])} in the authorization {call.who('authorization')}"


# The treasurer.


def _run_create(call: Call) -> str:
    given = call.arguments
    return (
        f"creates run {given['run_id']!r} with main authority {given['main_authority']} and a treasurer that pays "
        f"rewards in mint {call.who('collateral_mint')}"
    )


def _run_update(call: Call) -> str:
    given = call.arguments
    changed = [text for name, text in _TABLES.items() if given[name] is not None]
    parts = [f"replaces the {_listed(changed)}"] if changed else []
    parts += [f"sets {part}" for part in _rate_parts(call)]
    if given["paused"] is not None:
        parts.append("pauses it" if given["paused"] else "starts or resumes it")
    if given["client_version"] is not None:
        parts.append(f"sets the client version to {given['client_version']!r}")
    if parts in (["pauses it"], ["starts or resumes it"]):
        return f"{parts[0].removesuffix(' it')} {call.run} through its treasurer"
    return f"changes {call.run} through its treasurer: {_listed(parts or ['nothing'])}"


# System and token programs.


def _create_account(call: Call) -> str:
    given = call.arguments
    return (
        f"creates account {call.who('new_account')} ({given['space']} bytes, owner {given['owner']}) with {_sol(call)} "
        f"from {call.who('source')}"
    )


def _transfer_tokens(call: Call) -> str:
    mint = f" of mint {call.who('mint')}" if "mint" in call.accounts else ""
    destination = call.accounts["destination"].address
    run_id = None if destination is None else call.run_ids.get(destination)
    whose = "" if run_id is None else f", the vault of run {run_id!r}"
    return f"transfers {_quantity(call)}{mint} from {call.who('source')} to {call.who('destination')}{whose}"


def _quantity(call: Call) -> str:
    return _tokens(call.arguments["token_amount"] if "token_amount" in call.arguments else call.arguments["amount"])


def _set_authority(call: Call) -> str:
    new = call.arguments["new_authority"]
    return f"sets the authority {call.arguments['authority_type']} of {call.who('account')} to {new or 'nobody'}"


def _create_associated(call: Call) -> str:
    return (
        f"creates the token account {call.who('account')} of {call.who('wallet')} for mint {call.who('mint')}, if it "
        "does not exist"
    )


# Programs.


def _upgrade(call: Call) -> str:
    return f"upgrades the program {call.who('program_account')} to the content of {call.who('buffer_account')}"


def _set_upgrade_authority(call: Call) -> str:
    new = next((call.who(role) for role in ("new_authority", "other_1") if role in call.accounts), None)
    to = "removes the upgrade authority" if new is None else f"makes {new} the upgrade authority"
    return f"{to} of the program data or buffer {call.who('account')}"


_SENTENCES: Final[Mapping[tuple[str, str], Callable[[Call], str]]] = {
    ("coordinator", "init_coordinator"): _init_coordinator,
    ("coordinator", "free_coordinator"): lambda call: f"closes {call.run}; {call.who('spill')} receives its rent",
    ("coordinator", "update"): _update,
    ("coordinator", "update_client_version"): lambda call: (
        f"sets the client version of {call.run} to {call.arguments['new_version']!r}"
    ),
    ("coordinator", "set_future_epoch_rates"): _rates,
    ("coordinator", "join_run"): lambda call: f"joins {call.run} as {call.who('user')}",
    ("coordinator", "set_paused"): _set_paused,
    ("coordinator", "tick"): lambda call: f"ticks {call.run}",
    ("coordinator", "witness"): lambda call: f"submits a witness record of {call.who('user')} for {call.run}",
    ("coordinator", "warmup_witness"): lambda call: (
        f"reports that {call.who('user')} has loaded the model of {call.run}"
    ),
    ("coordinator", "health_check"): _health_check,
    ("coordinator", "checkpoint"): _checkpoint,
    ("authorizer", "authorization_create"): _authorization_create,
    ("authorizer", "authorization_grantor_update"): _grantor_update,
    ("authorizer", "authorization_grantee_update"): _grantee_update,
    ("authorizer", "authorization_close"): lambda call: (
        f"closes the authorization {call.who('authorization')}; {call.who('spill')} receives its rent"
    ),
    ("treasurer", "run_create"): _run_create,
    ("treasurer", "run_update"): _run_update,
    ("treasurer", "participant_create"): lambda call: f"registers {call.who('user')} with the treasurer of {call.run}",
    ("treasurer", "participant_claim"): lambda call: (
        f"claims {call.arguments['claim_earned_points']} points of {call.run} for {call.who('user')} into token "
        f"account {call.who('user_collateral')}"
    ),
    ("system", "create_account"): _create_account,
    ("system", "transfer"): lambda call: (
        f"transfers {_sol(call)} from {call.who('source')} to {call.who('destination')}"
    ),
    ("system", "advance_nonce"): lambda call: f"advances the durable nonce {call.who('nonce_account')}",
    ("system", "withdraw_from_nonce"): lambda call: (
        f"withdraws {_sol(call)} from the nonce account {call.who('nonce_account')} to {call.who('destination')}"
    ),
    ("spl-token", "transfer"): _transfer_tokens,
    ("spl-token", "mint_to"): lambda call: f"mints {_quantity(call)} of {call.who('mint')} into {call.who('account')}",
    ("spl-token", "burn"): lambda call: f"burns {_quantity(call)} of {call.who('mint')} in {call.who('account')}",
    ("spl-token", "approve"): lambda call: (
        f"lets {call.who('delegate')} spend {_quantity(call)} of {call.who('source')}"
    ),
    ("spl-token", "set_authority"): _set_authority,
    ("spl-token", "close_account"): lambda call: (
        f"closes the token account {call.who('account')}; {call.who('destination')} receives its SOL"
    ),
    ("associated-token", "create"): _create_associated,
    ("compute-budget", "set_compute_unit_limit"): lambda call: (
        f"limits the transaction to {call.arguments['units']} compute units"
    ),
    ("compute-budget", "set_compute_unit_price"): lambda call: (
        f"pays a priority fee of {call.arguments['micro_lamports']} micro-lamports per compute unit"
    ),
    ("compute-budget", "request_heap_frame"): lambda call: f"requests a heap of {call.arguments['bytes']} bytes",
    ("compute-budget", "set_loaded_accounts_data_size_limit"): lambda call: (
        f"limits the data of loaded accounts to {call.arguments['bytes']} bytes"
    ),
    ("upgradeable-loader", "upgrade"): _upgrade,
    ("upgradeable-loader", "set_authority"): _set_upgrade_authority,
    ("upgradeable-loader", "close"): lambda call: (
        f"closes the program or buffer {call.who('account')}; {call.who('recipient')} receives its SOL"
    ),
    ("memo", "memo"): lambda call: f"writes the memo {call.arguments['memo']!r}",
}
