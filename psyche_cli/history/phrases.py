"""What each kind of instruction is for, as a phrase that begins with a verb: ``pause the run``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.history.changes import checkpoint_words, shown
from psyche_cli.history.records import Event
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE

_PAST: Final = {
    "set": "set",
    "let": "let",
    "write": "wrote",
    "pay": "paid",
    "withdraw": "withdrew",
    "begin": "began",
    "submit": "submitted",
    "transfer": "transferred",
    "mint": "minted",
    "burn": "burned",
    "call": "called",
    "top": "topped",
    "close": "closed",
}


def phrase_of(event: Event, vault: str | None = None) -> str:
    """What the instruction is for. ``vault`` is the vault of the run, which transfers of tokens name."""
    find = _PHRASES.get((event.program, event.kind.removesuffix("_idempotent")))
    if find is not None and "problem" not in event.effects:
        return find(event)
    if event.program in _TOKEN_PROGRAMS and "problem" not in event.effects:
        return _token_phrase(event, vault)
    name = "an instruction that cannot be decoded" if "problem" in event.effects else event.kind
    return f"call {name} of the program {event.program}"


def in_the_past(phrase: str) -> str:
    """``pause the run`` as ``paused the run``."""
    verb, space, rest = phrase.partition(" ")
    past = _PAST.get(verb) or (f"{verb}d" if verb.endswith("e") else f"{verb}ed")
    return f"{past}{space}{rest}"


_TOKEN_PROGRAMS: Final = ("spl-token", "spl-token-2022")
_TABLES: Final = ("metadata", "config", "model", "progress")
_RATES: Final = ("epoch_earning_rate_total_shared", "epoch_slashing_rate_per_client")


def _given(event: Event, name: str) -> Any:
    return event.arguments[name]


def _key(event: Event, role: str) -> str:
    return event.accounts.get(role, "an unknown account")


def _sol(event: Event) -> str:
    return f"{format_sol(_given(event, 'lamports'))} SOL"


# --- Psyche -----------------------------------------------------------------------------------------------------------


def _main_authority(event: Event) -> object:
    """The main authority of a new run: an argument, or an account in the form of v2-claimer."""
    given = event.arguments.get("main_authority")
    return _key(event, "authority") if given is None else given


def _init(event: Event) -> str:
    authorities = f"main authority {_main_authority(event)}, join authority {_given(event, 'join_authority')}"
    return f"create the run {shown(_given(event, 'run_id'))} ({authorities})"


def _update(event: Event) -> str:
    tables = [name for name in _TABLES if event.arguments.get(name) is not None]
    return f"replace the {' and the '.join(tables)} of the run" if tables else "update nothing of the run"


def _rates(event: Event) -> str:
    earning, slashing = (_given(event, name) for name in _RATES)
    parts = [] if earning is None else [f"the earning rate to {earning} points"]
    parts += [] if slashing is None else [f"the slashing rate to {slashing} points"]
    return f"set {' and '.join(parts) or 'no rate'} for future epochs"


def _witness(event: Event) -> str:
    metadata = _given(event, "metadata")
    if not isinstance(metadata, Mapping):
        return f"witness a step (with {len(metadata) // 2} bytes that are not the usual metadata)"
    loss = metadata["loss"]
    told = "loss is not a number" if loss is None else f"loss {loss:.4g}"
    return f"witness step {metadata['step']} ({told})"


def _grantee(event: Event) -> str:
    grantee = _given(event, "grantee")
    allowed = "everyone" if grantee == str(ANYONE) else grantee
    scope = _given(event, "scope")
    purpose = "to join runs" if scope == JOIN_SCOPE.hex() else f"with scope {scope or '(empty)'}"
    return f"create an authorization, still inactive, for {allowed} {purpose}"


def _grantor_update(event: Event) -> str:
    return f"{'activate' if _given(event, 'active') else 'deactivate'} the authorization {_key(event, 'authorization')}"


def _grantee_update(event: Event) -> str:
    added = len(_given(event, "delegates_added"))
    parts = ["remove all delegates"] if _given(event, "delegates_clear") else []
    parts += [f"add {added} delegate{'' if added == 1 else 's'}"] if added else []
    first, *others = parts or ["change nothing"]
    rest = "".join(f" and {in_the_past(part)}" for part in others)
    return f"{first} in the authorization {_key(event, 'authorization')}{rest}"


def _run_create(event: Event) -> str:
    mint = _key(event, "collateral_mint")
    authority = _main_authority(event)
    run_id = shown(_given(event, "run_id"))
    return f"create a treasurer of the run {run_id} that pays in mint {mint} (main authority {authority})"


def _run_update(event: Event) -> str:
    parts = [name for name in _TABLES if event.arguments.get(name) is not None]
    parts += ["rates"] if any(_given(event, name) is not None for name in _RATES) else []
    parts += ["client version"] if _given(event, "client_version") is not None else []
    parts += ["join authority"] if event.arguments.get("join_authority") is not None else []
    paused = _given(event, "paused")
    if paused is not None and not parts:
        return f"{'pause' if paused else 'resume'} the run through its treasurer"
    parts += [] if paused is None else ["pause" if paused else "resume"]
    return f"update the run through its treasurer ({', '.join(parts) or 'nothing'})"


def _join(event: Event) -> str:
    claimer = event.arguments.get("claimer")
    return "join the run" if claimer is None else f"join the run (its claimer is {claimer})"


def _checkpoint(event: Event) -> str:
    if "repo" in event.arguments:
        return f"record the checkpoint {checkpoint_words(_given(event, 'repo'))}"
    checkpoint = _given(event, "checkpoint")
    if checkpoint is None:
        return f"record a checkpoint that cannot be decoded ({_given(event, 'checkpoint_error')})"
    return f"record the checkpoint {checkpoint_words(checkpoint)}"


def _register(event: Event) -> str:
    user = event.arguments.get("user")
    return "register with the treasurer" if user is None else f"register {user} with the treasurer"


def _claim(event: Event) -> str:
    user = event.arguments.get("user")
    account = _key(event, "user_collateral" if user is None else "claimer_collateral")
    whose = "" if user is None else f" of {user}"
    return f"claim {_given(event, 'claim_earned_points')} points{whose} into {account}"


# --- tokens and Solana's own programs ---------------------------------------------------------------------------------


def _token_phrase(event: Event, vault: str | None) -> str:
    name = event.kind.removesuffix("_checked")
    if name not in _MOVES:
        return f"call {event.kind} of the program {event.program}"
    verb, source, destination = _MOVES[name]
    parts = [f" from {_place(event, source, vault)}"] if source else []
    parts += [f" to {_place(event, destination, vault)}"] if destination else []
    return f"{verb} {_quantity(event)}{''.join(parts)}"


def _place(event: Event, role: str, vault: str | None) -> str:
    address = _key(event, role)
    return "the vault of the run" if address == vault else address


def _quantity(event: Event) -> str:
    quantity = event.arguments.get("token_amount")
    if isinstance(quantity, Mapping):
        tokens = format_amount(_integer(quantity["base_units"]), _integer(quantity["decimals"]))
        return f"{tokens} tokens ({quantity['base_units']} base units)"
    return f"{event.arguments['amount']} base units"


def _integer(value: Any) -> int:
    return int(value)


_MOVES: Final = {
    "transfer": ("transfer", "source", "destination"),
    "mint_to": ("mint", "", "account"),
    "burn": ("burn", "account", ""),
}


def _create_account(event: Event) -> str:
    size, owner = _given(event, "space"), _given(event, "owner")
    return f"create the account {_key(event, 'new_account')} ({size} bytes, owner {owner}) with {_sol(event)}"


_PHRASES: Final[Mapping[tuple[str, str], Callable[[Event], str]]] = {
    ("coordinator", "init_coordinator"): _init,
    ("coordinator", "free_coordinator"): lambda event: f"close the run; {_key(event, 'spill')} got its rent",
    ("coordinator", "update"): _update,
    ("coordinator", "update_client_version"): lambda event: (
        f"set the client version to {shown(_given(event, 'new_version'))}"
    ),
    ("coordinator", "set_future_epoch_rates"): _rates,
    ("coordinator", "join_run"): _join,
    ("coordinator", "set_join_authority"): lambda event: f"set the join authority to {_given(event, 'join_authority')}",
    ("coordinator", "set_paused"): lambda event: f"{'pause' if _given(event, 'paused') else 'resume'} the run",
    ("coordinator", "tick"): lambda _: "tick the run",
    ("coordinator", "witness"): _witness,
    ("coordinator", "warmup_witness"): lambda _: "report that it had loaded the model",
    ("coordinator", "health_check"): lambda event: f"report the absence of {_given(event, 'id')['signer']}",
    ("coordinator", "cooldown_witness"): lambda _: "report that it has stored the checkpoint",
    ("coordinator", "checkpoint"): _checkpoint,
    ("authorizer", "authorization_create"): _grantee,
    ("authorizer", "authorization_grantor_update"): _grantor_update,
    ("authorizer", "authorization_grantee_update"): _grantee_update,
    ("authorizer", "authorization_close"): lambda event: f"close the authorization {_key(event, 'authorization')}",
    ("treasurer", "run_create"): _run_create,
    ("treasurer", "run_update"): _run_update,
    ("treasurer", "participant_create"): _register,
    ("treasurer", "participant_claim"): _claim,
    ("system", "create_account"): _create_account,
    ("system", "transfer"): lambda event: f"transfer {_sol(event)} to {_key(event, 'destination')}",
    ("system", "allocate"): lambda event: f"allocate {_given(event, 'space')} bytes for {_key(event, 'account')}",
    ("system", "assign"): lambda event: f"assign {_key(event, 'account')} to the program {_given(event, 'owner')}",
    ("system", "advance_nonce"): lambda event: f"advance the durable nonce {_key(event, 'nonce_account')}",
    ("associated-token", "create"): lambda event: (
        f"create the token account {_key(event, 'account')} of {_key(event, 'wallet')}, if it did not exist"
    ),
    ("compute-budget", "set_compute_unit_limit"): lambda event: (
        f"limit the transaction to {_given(event, 'units')} compute units"
    ),
    ("compute-budget", "set_compute_unit_price"): lambda event: (
        f"set the priority fee to {_given(event, 'micro_lamports')} micro-lamports per compute unit"
    ),
    ("memo", "memo"): lambda event: f"write the memo {shown(_given(event, 'memo'))}",
}


def known_phrases() -> frozenset[tuple[str, str]]:
    """The instructions that have a phrase of their own: program and kind."""
    return frozenset(_PHRASES)
