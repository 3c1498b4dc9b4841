"""Write the run file of an existing run."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.amounts import format_amount
from psyche_cli.errors import BrokenRule, ConfigurationError
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.config.payloads import DumpedConfig, WrittenConfig
from psyche_cli.operations.runs.find import Run, find_run
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, treasurer_index
from psyche_cli.results import PlainText
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_file.load import parse_run_file
from psyche_cli.run_file.wanted import WantedAuthorization, WantedJoin, WantedRun, WantedTreasurer
from psyche_cli.run_file.write import run_file_toml


def dump_run_file(
    session: Session,
    *,
    run_id: str,
    treasurer_index: int | None = None,
    output_file: Path | None = None,
    ascii_only: bool = False,
) -> PlainText[DumpedConfig | WrittenConfig]:
    """The run file of a run, written to ``output_file`` if given. Applying it changes nothing.

    The text is parsed again and compared with what was read. With ``ascii_only``, non-ASCII characters are escaped.
    Takes three round trips. Raises UnsupportedLayout for a run with another configuration; ConfigurationError for one
    that a file cannot represent, which another client may have stored; UsageError if the output file already exists.
    """
    run = find_run(session, run_id, treasurer_index)
    run.require_rules_of_v1()
    found = session.rpc.program_accounts(session.programs.authorizer, join_filters(run.instance.join_authority))
    authorizations = [decode_authorization(raw, session.programs) for raw in found]
    text = run_file_text(run, authorizations, ascii_only=ascii_only and output_file is None)
    if output_file is None:
        return PlainText(text, DumpedConfig(run_id=run_id, toml=text))
    write_new_file(output_file, text, what="the output file")
    written = WrittenConfig(run_id=run_id, path=str(output_file))
    return PlainText(f"Wrote the run file of run {run_id} to {output_file}.", written)


def run_file_text(run: Run, authorizations: list[Authorization], *, ascii_only: bool = False) -> str:
    """The run file of a run with these authorizations of its join authority. Raises ConfigurationError."""
    account = run.account
    wanted = wanted_of(run, authorizations)
    comment = (f"Run {run.run_id}, at epoch {account.epoch}, step {account.step}.",)
    text = run_file_toml(wanted, comment=comment, ascii_only=ascii_only)
    try:
        read = parse_run_file(text, Path("dump"))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"Run {run.run_id!r} cannot be written as a run file.",
            hint="Another client stored values that a file cannot contain. Inspect the run with json-dump-run.",
            problems=tuple(
                BrokenRule(key=problem["key"], rule=problem["rule"], message=problem["message"])
                for problem in error.problems
            ),
        ) from None
    if wanted.config is not None and wanted.model is not None:
        assert read.config is not None
        assert read.model is not None
        assert not differences(wanted.config, read.config, "config")
        assert not differences(wanted.model, read.model, "model")
    return text


def wanted_of(run: Run, authorizations: list[Authorization]) -> WantedRun:
    """A run as its run file describes it: without its configuration if that is not the one of layout v1.

    The funding is not on-chain.
    """
    account, treasury = run.account, run.treasury
    decimals = treasury.mint.decimals if treasury else 0
    rates = account.future_epoch_rates
    runs = not account.run_state.is_halted and not account.pending_pause
    configured = account.has_rules_of_v1 and not is_unset(account.config)
    return WantedRun(
        run_id=run.run_id,
        source=Path("dump"),
        state="running" if runs else "paused",
        client_version=account.client_version,
        metadata=dict(account.metadata),
        config=account.config if configured else None,
        model=account.model if configured else None,
        join=_join(run, [one for one in authorizations if one.active]),
        treasurer=None if treasury is None else WantedTreasurer(treasury.run.collateral_mint, _custom_index(run)),
        earning_rate=format_amount(rates.earning_rate_total_shared, decimals),
        slashing_rate=format_amount(rates.slashing_rate_per_client, decimals),
    )


def _join(run: Run, active: list[Authorization]) -> WantedJoin:
    authority = run.instance.join_authority
    listed = [
        # Only the grantee can change its delegates, so that those of others are not for this file to say.
        WantedAuthorization(one.grantee, tuple(dict.fromkeys(one.delegates)) if one.grantee == authority else None)
        for one in sorted(active, key=lambda one: str(one.grantee))
        if one.grantee != ANYONE
    ]
    return WantedJoin(
        authority=authority,
        everyone=any(one.grantee == ANYONE for one in active),
        authorizations=tuple(listed),
    )


def _custom_index(run: Run) -> int | None:
    """The index of the treasurer, unless it is the one derived from the run id."""
    if run.treasury is None or run.treasury.run.index == treasurer_index(run.run_id):
        return None
    return run.treasury.run.index
