"""The execution of single instructions against the recorded answers of the published programs."""

from __future__ import annotations

from collections import Counter

from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli.errors import Json
from psyche_cli.history.account_image import AccountImage
from psyche_cli.history.events import decode
from psyche_cli.history.execution import RunAddresses, decoded, execute
from psyche_cli.history.moments import Moment as RunMoment
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.words import words
from psyche_cli.protocol.programs import PUBLISHED
from tests.programs.chain import ABORT, COORDINATOR
from tests.programs.coordinator_bytes import decode as state_in
from tests.programs.recorded_answers import Moment, read
from tests.programs.recorded_model import Unasked, clock_of, question_of

PAYER = Pubkey.new_unique()


def transaction_of(moment: Moment) -> RawTransaction:
    """The transaction of a recorded instruction; its payer is another wallet."""
    message = MessageV0.try_compile(PAYER, [moment.call.instruction], [], Hash.default())
    signatures = [Signature.new_unique()] * message.header.num_required_signatures
    code = moment.answer.code
    reason: Json = "ProgramFailedToComplete" if code == ABORT else {"Custom": code} if isinstance(code, int) else code
    return RawTransaction(
        signature=str(signatures[0]),
        slot=moment.call.slot,
        position=0,
        commitment="finalized",
        block_time=moment.call.unix_timestamp,
        fee=5000,
        payer=str(PAYER),
        error=None if code is None else {"InstructionError": [0, reason]},
        units=None,
        content=bytes(VersionedTransaction.populate(message, signatures)),
        loaded_writable=(),
        loaded_readonly=(),
        inner=(),
        lamports_before=(),
        lamports_after=(),
        tokens_before=(),
        tokens_after=(),
        logs=moment.answer.logs,
    )


def test_the_ledger_and_the_model_agree_on_recorded_instructions(full: bool) -> None:
    """All of them with ``--full``, otherwise those of every twentieth sequence."""
    compared: Counter[str] = Counter()
    failed: Counter[object] = Counter()
    told = set()
    for number, sequence in enumerate(read()):
        if number % 20 and not full:
            continue
        for moment in sequence.moments():
            try:
                transaction = transaction_of(moment)
                events = decode(transaction)
            except ValueError:
                continue  # too long for a transaction
            [event] = events
            sentence = words(event)
            assert sentence.isprintable()
            told.add((event.program, event.kind))
            question = question_of(moment)
            if isinstance(question, Unasked) or moment.call.instruction.program_id != COORDINATOR:
                continue
            state = question.state
            addresses = RunAddresses(str(question.account))
            before = RunMoment(state)
            one = decoded(transaction, PUBLISHED, addresses)
            executed = execute(one, before, clock_of(moment), addresses, PUBLISHED)
            where = f"{sequence.title} {moment.number}"
            assert not executed.problems, (where, executed.problems)
            compared[question.name] += 1
            failed[moment.answer.code] += 1
            after = executed.after.state
            found = moment.answer.after.get(question.account)
            if moment.answer.code is not None:
                assert executed.after == before
            elif found is None or not found.lamports:
                assert after is None, where
            else:
                assert after is not None
                base = None if state is None else moment.before[question.account].data
                image = AccountImage(after if state is None else state, base)
                image.follow(after)
                assert state_in(bytes(image.data)) == state_in(found.data), where
    assert len(compared) >= 10
    assert min(compared.values()) >= (90 if full else 1), compared
    assert failed[None] > (2000 if full else 50)
    assert failed[6015] > (150 if full else 1)
    assert len(told) >= (20 if full else 15)
