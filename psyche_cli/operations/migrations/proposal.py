"""The run file that is proposed for the new run: the old run with the changes for which it is replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.limits import MAX_RUN_ID_BYTES, U64_MAX
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.migrations.old_run import OldRun, saved_checkpoint
from psyche_cli.operations.run_files.dump import wanted_of
from psyche_cli.operations.runs.find import Run
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address, instance_address
from psyche_cli.run_config.rules import check_run, is_unset
from psyche_cli.run_file.wanted import WantedAuthorization, WantedJoin, WantedRun, WantedTreasurer
from psyche_cli.solana.raw_account import taken

EXTRA_WAIT_SECONDS: Final = 30
"""``waiting_for_members_extra_time`` of a run whose layout has no such value."""


_MOST_IDS: Final = 20
"""How many ids are tried for a new run."""


class Changes(NamedTuple):
    """How the new run differs from the old one: None keeps what the old one has.

    ``mint`` is the collateral of a new treasurer, and ``has_treasurer`` False for a new run without one.
    """

    run_id: str | None = None
    join_authority: Pubkey | None = None
    mint: Pubkey | None = None
    has_treasurer: bool = True

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return self != Changes()


class Proposal(NamedTuple):
    """The run file of the new run, what its owner should check in it, and further comments for it, as sentences."""

    wanted: WantedRun
    notes: tuple[str, ...]
    comments: tuple[str, ...]


def propose(session: Session, old: OldRun, changes: Changes) -> Proposal:
    """The run file of the new run. Takes one round trip. Raises AccountError, ConfigurationError."""
    run = old.run
    found = session.rpc.program_accounts(session.programs.authorizer, join_filters(run.instance.join_authority))
    authorizations = [decode_authorization(raw, session.programs) for raw in found]
    notes: list[str] = []
    wanted = _with_saved_checkpoint(_described(run, authorizations, notes))
    treasurer, rewards = _treasurer(wanted, changes, notes)
    wanted = replace(
        wanted,
        run_id=_new_id(session, old, changes, notes),
        start_step=_start_step(old),
        join=_join(session, wanted.join, authorizations, changes, notes),
        treasurer=treasurer,
        earning_rate=wanted.earning_rate if rewards else None,
        slashing_rate=wanted.slashing_rate if rewards else None,
    )
    follows = old.origin is not None and not old.is_halted
    comment = "Without start_step, the new run starts at the step at which the old one is paused."
    return Proposal(wanted, tuple(notes), (comment,) if follows else ())


def _described(run: Run, authorizations: list[Authorization], notes: list[str]) -> WantedRun:
    """The old run as its file describes it, with the configuration that the current layout makes of it."""
    wanted, account = wanted_of(run, authorizations), run.account
    if account.has_rules_of_v1:
        return wanted
    config, model, layout = account.config, account.model, account.layout
    wanted = replace(wanted, client_version=wanted.client_version or "latest")
    if "rounds_per_epoch" not in config or is_unset(config):
        notes.append(f"Layout {layout} has another configuration: add [config] and [model].")
        return wanted
    described = _with_configuration(wanted, _converted(config), model, notes)
    if described.config is not None:
        notes.append(
            f"Layout {layout} counts the rounds of an epoch: epoch_time is the longest duration of "
            f"{config['rounds_per_epoch']} rounds. waiting_for_members_extra_time is new. Check both."
        )
    return described


def _with_configuration(wanted: WantedRun, config: Any, model: Any, notes: list[str]) -> WantedRun:
    problems = check_run(config, _saved(model))
    if problems:
        listed = "; ".join(problem.message for problem in problems)
        notes.append(f"The configuration of the old run is no longer valid, so it is not in the file: {listed}.")
        return wanted
    return replace(wanted, config=config, model=model)


def _converted(config: Mapping[str, int]) -> dict[str, int]:
    """The configuration of layout v0 in that of v1."""
    kept = {key: value for key, value in config.items() if key != "rounds_per_epoch"}
    rounds = config["rounds_per_epoch"] * (config["max_round_train_time"] + config["round_witness_time"])
    return {
        **kept,
        "epoch_time": min(config["warmup_time"] + rounds, U64_MAX),
        "waiting_for_members_extra_time": EXTRA_WAIT_SECONDS,
    }


def _with_saved_checkpoint(wanted: WantedRun) -> WantedRun:
    return wanted if wanted.model is None else replace(wanted, model=_saved(wanted.model))


def _saved(model: Mapping[str, Any]) -> dict[str, Any]:
    llm = model["LLM"]
    return {"LLM": {**llm, "checkpoint": saved_checkpoint(llm["checkpoint"])}}


def _start_step(old: OldRun) -> int | None:
    """The step at which the old run stopped; None while it runs, and for one that never did."""
    if old.origin is None or not old.is_halted or old.origin.step == 1:
        return None
    return old.origin.step


def _new_id(session: Session, old: OldRun, changes: Changes, notes: list[str]) -> str:
    if changes.run_id is not None:
        return changes.run_id
    if old.closes:
        return old.run_id
    name = _next_available_id(session, old.run_id)
    notes.append(f"The id {old.run_id} stays taken, because {old.why_it_stays}.")
    return name


def _next_available_id(session: Session, run_id: str) -> str:
    """The first of the next ids that no run has."""
    names = [_next_id(run_id)]
    while len(names) < _MOST_IDS:
        names.append(_next_id(names[-1]))
    found = session.rpc.accounts([instance_address(name, session.programs) for name in names])
    return next((name for name, raw in zip(names, found, strict=True) if taken(raw) is None), names[0])


def _next_id(run_id: str) -> str:
    """The id with the next number at its end: ``name`` becomes ``name-2``, and ``name-2`` becomes ``name-3``."""
    match = re.fullmatch(r"(.*)-([0-9]{1,6})", run_id, re.DOTALL)
    name, number = (match[1], int(match[2]) + 1) if match else (run_id, 2)
    end = f"-{number}"
    kept = name.encode()[: MAX_RUN_ID_BYTES - len(end)].decode(errors="ignore")
    return f"{kept.rstrip()}{end}"


def _join(
    session: Session, join: WantedJoin, authorizations: list[Authorization], changes: Changes, notes: list[str]
) -> WantedJoin:
    if changes.join_authority is None or changes.join_authority == join.authority:
        return join
    delegating = [one for one in authorizations if one.active and one.delegates]
    if delegating:
        count = "1 grantee has" if len(delegating) == 1 else f"{len(delegating)} grantees have"
        notes.append(
            f"{count} delegates, which only the grantees can authorize again: psyche-cli join-authorization-delegate "
            f"--join-authority {changes.join_authority}"
        )
    listed = tuple(WantedAuthorization(one.grantee) for one in join.authorizations)
    everyone = join.everyone
    granted = session.rpc.account(authorization_address(changes.join_authority, ANYONE, session.programs))
    is_granted = granted is not None and granted.is_taken and decode_authorization(granted, session.programs).active
    if is_granted and not everyone:
        everyone = None  # it is for the other runs of the new authority too
        notes.append(f"{changes.join_authority} admits everyone to its runs, so also to this one.")
    return WantedJoin(changes.join_authority, everyone, listed)


def _treasurer(wanted: WantedRun, changes: Changes, notes: list[str]) -> tuple[WantedTreasurer | None, bool]:
    """The treasurer, and whether the rates of the old run keep their meaning."""
    before = wanted.treasurer
    if not changes.has_treasurer:
        if before is not None:
            notes.append("Rates are in points without a treasurer: set [rewards].")
        return None, before is None
    mint = changes.mint or (before.mint if before else None)
    if mint is None:
        return None, True
    notes.append("The vault of the new run is empty: add [funding].")
    if before is not None and before.mint == mint:
        return WantedTreasurer(mint), True
    notes.append("Rates are in whole tokens of the new mint: set [rewards].")
    return WantedTreasurer(mint), False
