"""Record the repository where a member saved the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psyche_cli.errors import Refused, UsageError
from psyche_cli.limits import MAX_REPOSITORY_BYTES
from psyche_cli.model.checkpoints import CheckpointValue, submit, variant
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import Checkpoint
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.runs.find import Run, find_run_again, find_run_and_funds
from psyche_cli.operations.runs.payloads import CheckpointData
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.texts import flaw_of_identifier


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub. ``revision`` is a commit or branch; None means the default one."""

    repo_id: str
    revision: str | None = None

    @classmethod
    def checked(cls, repo: str, revision: str | None) -> Repository:
        """A repository whose names are 1 to 64 bytes of UTF-8, the capacity of the account. Raises UsageError.

        The program does not validate them, and the published client truncates longer ones.
        """
        for option, text in (("--repo", repo), ("--revision", revision)):
            if text is None:
                continue
            size = len(text.encode(errors="surrogatepass"))
            if not 0 < size <= MAX_REPOSITORY_BYTES:
                raise UsageError(
                    f"{option} is {size} bytes long; it must be 1 to {MAX_REPOSITORY_BYTES} bytes.",
                    bytes=size,
                    maximum=MAX_REPOSITORY_BYTES,
                )
            flaw = flaw_of_identifier(text)
            if flaw is not None:
                raise UsageError(f"{option} {flaw}.", hint="Use a repository such as owner/name.")
        return cls(repo, revision)

    @property
    def value(self) -> dict[str, Any]:
        """The checkpoint in serde shape, ``{"Hub": {...}}``."""
        return {"Hub": {"repo_id": self.repo_id, "revision": self.revision}}


def record_checkpoint(
    session: SigningSession, *, run_id: str, repository: Repository, treasurer_index: int | None = None
) -> OperationResult[CheckpointData]:
    """Record a repository as the run's checkpoint. The wallet must be a client of the current epoch.

    Sends nothing if the run already has this checkpoint. Raises InsufficientFunds, and Refused if the wallet is not
    such a client or if the program would not replace the run's current checkpoint.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    require_epoch_client(session, run)
    before = _checkpoint_of(run)
    wanted = plan(run, repository)
    if wanted == before:
        return _result(run, run, before)
    instruction = session.instructions.checkpoint(
        user=session.authority,
        instance=run.instance.address,
        account=run.account.address,
        repo=repository.value,
    )
    require_lamports(session, funds, [instruction])
    recording, account = Checkpoint(repository.value), run.account.address
    receipt = session.send(
        [instruction],
        label="checkpoint",
        expected=lambda ledger: ledger.run(account, recording, signer=session.authority),
    )
    latest = read_if_possible(lambda: find_run_again(session, run))
    return _result(run, latest, wanted, receipt)


def require_epoch_client(session: SigningSession, run: Run) -> None:
    """Raise Refused unless the wallet is a client of the current epoch or, between epochs, of the last one."""
    wallet = bytes(session.authority)
    account = run.account
    lists = (account.clients, account.epoch_clients)
    if all(any(client.id.signer == wallet for client in clients) for clients in lists):
        return
    raise Refused(
        f"The wallet {session.authority} is not a client of the current epoch of run {run.run_id!r}; only its "
        "clients may record a checkpoint.",
        hint="To set the checkpoint as the owner, pause the run and use update-config.",
        run_id=run.run_id,
    )


def plan(run: Run, repository: Repository) -> CheckpointValue:
    """The checkpoint that the program will store. Raises Refused if it would accept the instruction without effect."""
    state = state_from_account(run.account)
    current = state.model["LLM"]["checkpoint"]
    after: CheckpointValue = submit(state, repository.value).model["LLM"]["checkpoint"]
    if after == current and (isinstance(current, str) or current[variant(current)] != repository.value["Hub"]):
        raise Refused(
            f"The checkpoint of run {run.run_id!r} is {variant(current)}, which the program does not replace with a "
            "Hub repository: it would accept the instruction and change nothing.",
            hint="The owner can replace it with update-config while the run is paused.",
            run_id=run.run_id,
        )
    return after


def _checkpoint_of(run: Run) -> CheckpointValue:
    model: Any = run.account.model["LLM"]
    checkpoint: CheckpointValue = model["checkpoint"]
    return checkpoint


def _result(
    run: Run, latest: Run | None, wanted: CheckpointValue, *transactions: Receipt
) -> OperationResult[CheckpointData]:
    before = _checkpoint_of(run)
    now = _checkpoint_of(latest) if latest else wanted
    done = f"Recorded the checkpoint of run {run.run_id}."
    return OperationResult(
        summary=done if transactions else f"Run {run.run_id} already has this checkpoint.",
        data=CheckpointData(
            run_id=run.run_id,
            already_so=not transactions,
            checkpoint_before=before,
            checkpoint=now,
            state=latest.account.run_state.text if latest else None,
        ),
        details=(("checkpoint before", _shown(before)), ("checkpoint now", _shown(now))),
        transactions=transactions,
    )


def _shown(checkpoint: CheckpointValue) -> str:
    if isinstance(checkpoint, str):
        return checkpoint
    kind = variant(checkpoint)
    repository = checkpoint[kind]
    name = repository.get("repo_id") or repository.get("bucket") or "(none)"
    at = repository.get("revision") or repository.get("prefix")
    return f"{kind} {name}" + (f" at {at}" if at else "")
