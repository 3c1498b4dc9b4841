"""Write the configuration of a run to a file."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.errors import ConfigurationError, WrongRunState
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.config.payloads import DumpedConfig, WrittenConfig
from psyche_cli.operations.runs.find import Run, find_run
from psyche_cli.operations.sessions import Session
from psyche_cli.results import PlainText
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.load import parse_run_config
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_config.write import to_toml


def dump_config(
    session: Session,
    *,
    run_id: str,
    treasurer_index: int | None = None,
    output_file: Path | None = None,
    ascii_only: bool = False,
) -> PlainText[DumpedConfig | WrittenConfig]:
    """The configuration of a run as TOML, written to ``output_file`` if given.

    Raises the errors of ``dumped_config``, and UsageError if the output file already exists.
    """
    ascii_only = ascii_only and output_file is None
    dumped = dumped_config(session, run_id=run_id, treasurer_index=treasurer_index, ascii_only=ascii_only)
    if output_file is None:
        return PlainText(dumped.toml, dumped)
    write_new_file(output_file, dumped.toml, what="the output file")
    written = WrittenConfig(run_id=run_id, path=str(output_file))
    return PlainText(f"Wrote the configuration of run {run_id} to {output_file}.", written)


def dumped_config(
    session: Session, *, run_id: str, treasurer_index: int | None = None, ascii_only: bool = False
) -> DumpedConfig:
    """The configuration of a run as TOML.

    The text is parsed again and compared with the on-chain values. With ``ascii_only``, non-ASCII characters are
    escaped.

    Raises UnsupportedLayout for a run with another configuration; WrongRunState for a run without a configuration;
    ConfigurationError for one that a file cannot represent, which another client may have stored.
    """
    run = find_run(session, run_id, treasurer_index)
    return DumpedConfig(run_id=run.run_id, toml=toml_of_run(run, ascii_only=ascii_only))


def toml_of_run(run: Run, *, ascii_only: bool = False) -> str:
    """The configuration of a run that was read, as TOML. Raises the errors of ``dumped_config``."""
    run.require_rules_of_v1()
    if is_unset(run.account.config):
        raise WrongRunState(
            f"Run {run.run_id!r} has no configuration yet.",
            hint="To start from an example: psyche-cli config example",
            state=run.account.run_state.text,
        )
    return run_config_toml(run, ascii_only=ascii_only)


def run_config_toml(run: Run, *, ascii_only: bool = False) -> str:
    """The configuration of a run as TOML. Raises ConfigurationError if a file cannot represent it."""
    account = run.account
    comment = (f"Configuration of run {run.run_id}, at epoch {account.epoch}, step {account.step}.",)
    text = to_toml(account.config, account.model, comment=comment, ascii_only=ascii_only)
    try:
        read = parse_run_config(text, Path("dump"))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"The configuration of run {run.run_id!r} cannot be written as a file that update-config accepts.",
            hint="Another client stored it. Replace it with update-config, or inspect it with json-dump-run.",
            problems=tuple(
                {"key": problem["key"], "rule": problem["rule"], "message": problem["message"]}
                for problem in error.problems
            ),
        ) from None
    assert not differences(account.config, read.config, "config")
    assert not differences(account.model, read.model, "model")
    return text
