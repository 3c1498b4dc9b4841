"""``psyche-cli checkpoint``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli checkpoint --run-id my-run --repo owner/model --revision main")
def command(
    *,
    run_id: RunId,
    repo: Annotated[str, option("--repo", metavar="REPO", help="Repository on the Hub, 1 to 64 bytes.")],
    revision: Annotated[
        str | None, option("--revision", metavar="TEXT", help="Commit or branch of the repository, 1 to 64 bytes.")
    ] = None,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Record the repository where a member saved the model.

    The wallet must be a member of the current epoch. The new checkpoint replaces the previous one. Whether the
    repository exists is not checked. Also ticks the run, unless it is halted.
    """
    from psyche_cli.operations.runs.checkpoint import Repository, record_checkpoint

    repository = Repository.checked(repo, revision)
    return lambda session: record_checkpoint(
        session, run_id=run_id, repository=repository, treasurer_index=treasurer_index
    )
