"""Sessions that can write: an endpoint, a wallet and a sender. Commands that only read do not import this module.

An operation reads, decides, and hands its transactions to ``SigningSession.send`` or ``send_all``. It does not know
what happens to them: that is up to the session's outlet (``outlets.py``). The usual one sends them and returns their
receipts, with which the operation continues. Any other, such as a dry run, takes all transactions, sends none and
raises ``Diverted`` with the result of the command, which ``outcome_of`` returns. So everything before the signature,
including each refusal, is the same for all outlets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.confirmation import Confirm, asking, without_asking
from psyche_cli.environment import Clock, Environment
from psyche_cli.errors import LOOK_UP
from psyche_cli.operations.effects.ledger import Effects
from psyche_cli.operations.elsewhere import HERE, Elsewhere, Keys, limit_of, load_keys
from psyche_cli.operations.journal import open_journal
from psyche_cli.operations.left_behind import settle_left_behind, warn_of_left_behind
from psyche_cli.operations.outlets import (
    NO_REQUEST,
    Diverted,
    Limit,
    Outlet,
    PlannedTransaction,
    Request,
    SendingOutlet,
    comparing,
)
from psyche_cli.operations.sessions import Session, connected
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.results import Result
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import Simulation
from psyche_cli.solana.sending.priority_fee import PriorityFee
from psyche_cli.solana.sending.recording import Recorder
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender
from psyche_cli.solana.sending.settle import how_to_settle
from psyche_cli.solana.sending.transaction import Signer
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions


class SigningSession(Session):
    """A session that can also write, using ``wallet`` to sign, and ``fee_payer`` to pay.

    ``is_limited`` is whether the user has chosen the blockhash or a durable nonce.
    ``clock`` is for commands that wait between transactions. ``outlet`` takes the transactions. ``ask`` requests
    confirmation of an irreversible action. ``earlier`` is the receipt of an interrupted attempt of the same request
    that has landed since, or None. A payment that has one must not be made again. ``settled`` are all such receipts, of
    a request with several transactions. ``warn`` receives a line that is shown even with ``--quiet``.
    """

    is_for_writing = True

    def __init__(
        self,
        rpc: RpcClient,
        programs: ProgramIds,
        notify: Callable[[str], None],
        given: GivenOptions,
        *,
        wallet: Signer,
        fee_payer: Signer,
        sender: Sender,
        instructions: Instructions,
        clock: Clock,
        deadline: Deadline,
        ask: Confirm,
        outlet: Outlet,
        is_limited: bool = False,
        settled: tuple[Receipt, ...] = (),
        recorder: Recorder | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(rpc, programs, notify, given)
        self.wallet = wallet
        self.fee_payer = fee_payer
        self.sender = sender
        self.instructions = instructions
        self.clock = clock
        self.deadline = deadline
        self.ask = ask
        self.outlet = outlet
        self.is_limited = is_limited
        self.settled = settled
        self.earlier = settled[-1] if settled else None
        self.recorder = recorder
        self.warn = warn

    @property
    def authority(self) -> Pubkey:
        """The authority: the owner, grantor, grantee or member in the instructions."""
        return self.wallet.address

    @property
    def payer(self) -> Pubkey:
        """The fee payer, which also pays rent."""
        return self.fee_payer.address

    def send(
        self,
        instructions: Sequence[Instruction],
        *,
        label: str,
        expected: Effects | None = None,
        extra_signers: Sequence[Signer] = (),
        creates: Mapping[str, str] | None = None,
        pays_again: bool = False,
    ) -> Receipt:
        """Send one transaction, as ``send_all`` does."""
        planned = PlannedTransaction(instructions, label, expected, extra_signers, creates, pays_again)
        [receipt] = self.send_all([planned])
        return receipt

    def send_all(self, transactions: Sequence[PlannedTransaction]) -> Iterator[Receipt]:
        """Hand transactions to the outlet. Yields the receipt of each once it has landed; then the next one is sent.

        Raises the errors of ``Sender.send``, and Diverted if the outlet sends nothing.
        """
        return self.outlet.deliver(transactions) if transactions else iter(())

    def fee(self, instructions: Sequence[Instruction]) -> int:
        """The fee of a transaction in lamports, including its priority fee. Raises FeeAboveMaximum."""
        return self.sender.fee(instructions, self.payer)

    def size(self, instructions: Sequence[Instruction]) -> int:
        """The size of a transaction in bytes; the maximum is MAX_TRANSACTION_BYTES. Raises TransactionTooLarge."""
        return self.sender.size(instructions, self.payer)

    def simulate(self, instructions: Sequence[Instruction]) -> Simulation:
        """Simulate a transaction. Raises the errors that ``send`` raises before sending."""
        return self.sender.prepare(instructions, self.payer).simulation

    def confirm(self, consequence: str) -> bool:
        """Request confirmation of an irreversible action; raises NotConfirmed if it is not given.

        Restarts the deadline, so that the time until the user answers does not count. Returns whether a person was
        asked, so that time has passed.
        """
        asked = self.clock.monotonic()
        is_person = self.ask(consequence)
        if is_person:
            self.deadline.restart(waited=self.clock.monotonic() - asked)
        return is_person


def outcome_of(operation: Callable[[SigningSession], Result], session: SigningSession) -> Result:
    """The result of an operation, or that of the outlet which took its transactions without sending them."""
    try:
        return operation(session)
    except Diverted as diverted:
        return diverted.result


@contextmanager
def signing_session(
    environment: Environment,
    *,
    rpc: str | Sequence[str] | None,
    wallet_path: Path | None = None,
    given: GivenOptions = NOTHING_GIVEN,
    agreed: bool = False,
    state_folder: Path | None = None,
    run_id: str | None = None,
    intent: str = "",
    fee: PriorityFee | None = None,
    commitment: str | None = None,
    timeout: float | None = None,
    elsewhere: Elsewhere = HERE,
) -> Iterator[SigningSession]:
    """Open a session with the wallet given by ``wallet_path`` or by the environment, or with the keys of ``elsewhere``.

    No request is made later than ``timeout`` seconds (None: WRITING_SECONDS) after the start of the command, not
    counting the time until a seed phrase was typed. Errors raised in the session state in
    ``sent`` and ``signature`` whether a transaction may have reached the cluster; a stop signal is raised as
    Interrupted with the same fields. With ``agreed``, irreversible actions need no confirmation.

    Transactions are recorded in the journal in ``state_folder`` (None: the environment's), with the verb, ``run_id``
    and ``intent``, the request as canonical JSON. An interrupted attempt of the same request is settled first. ``fee``
    is the priority fee of every transaction. Raises UsageError, WalletError, JournalError, TransactionUnknown.
    """
    # Written even with --quiet: which wallet pays, and a warning if other users can read its file.
    asked = environment.clock.monotonic()
    keys = load_keys(environment, elsewhere, wallet_path)
    started = environment.started + environment.clock.monotonic() - asked
    journal = open_journal(environment, state_folder)
    recorder = Recorder(
        journal,
        environment.clock,
        command=environment.command,
        intent=intent,
        run_id=run_id,
        wallet=str(keys.authority.address),
        redacted=environment.redactor.redacted,
        warn=environment.diagnostics.line,
        after_output=environment.after_output.append,
    )
    with (
        closing(journal),
        connected(environment, rpc, commitment) as client,
        one_write(
            client,
            environment.clock,
            environment.progress,
            keys,
            given=given,
            since=started,
            ask=asking(environment, agreed=agreed or elsewhere.mode != "send"),
            recorder=recorder,
            warn=environment.diagnostics.line,
            fee=fee,
            timeout=timeout,
            elsewhere=elsewhere,
            request=Request(
                environment.command, run_id, environment.redactor.redacted(intent), environment.redactor.unlearn
            ),
            logs=environment.output.verbose,
        ) as session,
    ):
        yield session


@contextmanager
def one_write(
    client: RpcClient,
    clock: Clock,
    notify: Callable[[str], None],
    keys: Keys,
    *,
    given: GivenOptions = NOTHING_GIVEN,
    since: float | None = None,
    ask: Confirm = without_asking,
    recorder: Recorder | None = None,
    warn: Callable[[str], None] = lambda _: None,
    fee: PriorityFee | None = None,
    timeout: float | None = None,
    elsewhere: Elsewhere = HERE,
    request: Request = NO_REQUEST,
    logs: bool = False,
) -> Iterator[SigningSession]:
    """A session for one write operation over an existing client.

    No request is made later than ``timeout`` seconds (None: WRITING_SECONDS) after ``since``, in seconds of the clock's
    ``monotonic`` (None: now); with a ``timeout``, that is a total for all transactions.
    Errors report what this operation has sent. With a ``recorder``, transactions are recorded, and ``warn`` receives
    lines about those of earlier commands. ``fee`` is the priority fee of every transaction. ``request`` describes an
    exported one. With ``logs``, a dry run shows the programs' logs.
    """
    deadline = Deadline(clock, WRITING_SECONDS if timeout is None else timeout, since=since, total=timeout is not None)
    rpc = client.within(deadline).remembering()

    def advise(signature: str) -> str:
        return LOOK_UP if recorder is None else how_to_settle(signature, given)

    def limit() -> Limit:
        return limit_of(elsewhere, keys, rpc)

    sender = Sender(
        rpc,
        clock,
        notify,
        describe_failure=failure_describer(PUBLISHED),
        recorder=recorder,
        advise=advise,
        fee=fee,
    )
    outlet: Outlet
    compare = comparing(rpc, PUBLISHED, keys.payer.address, warn)
    with sender.annotating_errors():
        settled: tuple[Receipt, ...] = ()
        if elsewhere.mode == "dry-run":
            from psyche_cli.operations.dry_run import DryRunOutlet

            outlet = DryRunOutlet(sender, rpc, keys.payer.address, compare, limit=limit, logs=logs)
        elif elsewhere.mode != "send":
            from psyche_cli.operations.exporting import ExportingOutlet

            outlet = ExportingOutlet(sender, keys, elsewhere, compare, request, given, limit=limit)
        else:
            outlet = SendingOutlet(sender, keys.payer, compare, keys.all, limit=limit)
        if recorder is not None and elsewhere.mode != "send":
            warn_of_left_behind(sender, recorder, given, warn=warn)
        elif recorder is not None:
            settled = settle_left_behind(sender, recorder, given, warn=warn)
        yield SigningSession(
            rpc=rpc,
            programs=PUBLISHED,
            notify=notify,
            given=given,
            wallet=keys.authority,
            fee_payer=keys.payer,
            sender=sender,
            instructions=Instructions(PUBLISHED),
            clock=clock,
            deadline=deadline,
            ask=ask,
            outlet=outlet,
            is_limited=elsewhere.blockhash is not None or elsewhere.nonce is not None,
            settled=settled,
            recorder=recorder,
            warn=warn,
        )
