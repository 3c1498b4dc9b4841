"""Record where a member saved the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psyche_cli.errors import Refused, UsageError
from psyche_cli.limits import MAX_REPOSITORY_BYTES
from psyche_cli.model.checkpoints import CheckpointValue, submit, variant
from psyche_cli.model.from_account import state_from_account
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.runs.find import Run, find_run_again, find_run_and_funds
from psyche_cli.operations.runs.payloads import CheckpointData
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.sessions import SigningSession
from psyche_cli.results import OperationResult, Receipt
from psyche_cli.texts import flaw_of_identifier


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub. ``revision`` None: whatever is there."""

    repo_id: str
    revision: str | None = None

    @classmethod
    def checked(cls, repo: str, revision: str | None) -> Repository:
        """The repository, if the run can store its texts (1 to 64 bytes of UTF-8). Raises UsageError.

        The program would store any text, and the published client cuts what is too long.
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
        """As a checkpoint in serde shape."""
        return {"Hub": {"repo_id": self.repo_id, "revision": self.revision}}


def record_checkpoint(
    session: SigningSession, *, run_id: str, repository: Repository, treasurer_index: int | None = None
) -> OperationResult[CheckpointData]:
    """Record a repository as the run's checkpoint. The wallet must be a client of the current epoch.

    A repository that the run has already is not sent. Raises Refused for a wallet that is no such client, and for a run
    whose checkpoint the program would leave as it is; InsufficientFunds.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    require_epoch_client(session, run)
    before = _checkpoint_of(run)
    wanted = plan(run, repository)
    if wanted == before:
        return _result(run, run, before)
    instruction = session.instructions.checkpoint(
        user=session.wallet.address,
        instance=run.instance.address,
        account=run.account.address,
        repo=repository.value,
    )
    require_lamports(session, funds, [instruction])
    receipt = session.sender.send([instruction], session.wallet, label="checkpoint")
    seen = read_if_possible(lambda: find_run_again(session, run))
    return _result(run, seen, wanted, receipt)


def require_epoch_client(session: SigningSession, run: Run) -> None:
    """Raises Refused unless the wallet is a client of the current epoch, of the last one between epochs."""
    wallet = bytes(session.wallet.address)
    account = run.account
    lists = (account.clients, account.epoch_clients)
    if all(any(client.id.signer == wallet for client in clients) for clients in lists):
        return
    raise Refused(
        f"The wallet {session.wallet.address} is not a client of the current epoch of run {run.run_id!r}; only its "
        "clients may record a checkpoint.",
        hint="To set the checkpoint as the owner, pause the run and use update-config.",
        run_id=run.run_id,
    )


def plan(run: Run, repository: Repository) -> CheckpointValue:
    """The checkpoint that the program will make of it. Raises Refused where it would succeed and change nothing."""
    state = state_from_account(run.account)
    present = state.model["LLM"]["checkpoint"]
    after: CheckpointValue = submit(state, repository.value).model["LLM"]["checkpoint"]
    if after == present and (isinstance(present, str) or present[variant(present)] != repository.value["Hub"]):
        raise Refused(
            f"The checkpoint of run {run.run_id!r} is of the kind {variant(present)}, which a Hub repository does not "
            "replace: the program would accept the instruction and change nothing.",
            hint="The owner can replace it with update-config while the run is paused.",
            run_id=run.run_id,
        )
    return after


def _checkpoint_of(run: Run) -> CheckpointValue:
    model: Any = run.account.model["LLM"]
    checkpoint: CheckpointValue = model["checkpoint"]
    return checkpoint


def _result(
    run: Run, seen: Run | None, wanted: CheckpointValue, *transactions: Receipt
) -> OperationResult[CheckpointData]:
    before = _checkpoint_of(run)
    now = _checkpoint_of(seen) if seen else wanted
    done = f"Recorded the checkpoint of run {run.run_id}."
    return OperationResult(
        summary=done if transactions else f"Run {run.run_id} already has this checkpoint.",
        data=CheckpointData(
            run_id=run.run_id,
            already_so=not transactions,
            checkpoint_before=before,
            checkpoint=now,
            state=seen.account.run_state.text if seen else None,
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
