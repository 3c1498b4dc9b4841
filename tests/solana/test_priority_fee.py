"""Priority fees: the price, the compute unit limit from a simulation, and the maximum."""

from typing import Any

import pytest
from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from psyche_cli.errors import (
    FeeAboveMaximum,
    InsufficientFunds,
    InvalidAmount,
    ProgramRefused,
    RpcError,
    UsageError,
)
from psyche_cli.solana.nonces import NonceUse
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.preparing import Preparer
from psyche_cli.solana.sending.priority_fee import (
    DEFAULT_MAX_FEE,
    LOWEST_AUTO_PRICE,
    ComputeBudget,
    PriorityFee,
    PriorityFees,
    automatic_price,
    priority_fee_of,
    requested_fee,
)
from psyche_cli.solana.sending.transaction import transaction_size, unique_data_limit, unsigned_transaction
from psyche_cli.solana.sending.verdict import describe_any_failure

from .scripted import RpcFault
from .stage import CUSTOM, PAYMENT, WALLET, Stage, assert_one_transaction

PRICES = "getRecentPrioritizationFees"


def stage_paying(fee: PriorityFee | None, *, used: int | None = 10_000) -> Stage:
    stage = Stage(fee=fee)
    stage.cluster.handlers["simulateTransaction"] = lambda params: {
        **stage.cluster.simulation(),
        "value": {**stage.cluster.simulation()["value"], "unitsConsumed": used},
    }
    return stage


def budget(stage: Stage) -> dict[int, int]:
    """The compute budget instructions of the transaction that was sent: value by tag."""
    return budget_of(stage.last("sendTransaction").message)


def budget_of(message: Any) -> dict[int, int]:
    keys = message.account_keys
    return {
        bytes(one.data)[0]: int.from_bytes(bytes(one.data)[1:], "little")
        for one in message.instructions
        if keys[one.program_id_index] == COMPUTE_BUDGET
    }


def test_without_a_price_the_message_has_no_compute_budget() -> None:
    stage = stage_paying(None)
    receipt = stage.send()
    assert budget(stage) == {}
    assert receipt.priority_fee_lamports == 0
    assert stage.sender.fee([PAYMENT], WALLET.address) == 5_000
    assert stage.sender.size([PAYMENT], WALLET.address) == transaction_size([PAYMENT], WALLET.address)


def test_a_given_price_is_paid_for_the_consumed_units_and_a_margin_and_what_is_signed_was_simulated() -> None:
    stage = stage_paying(PriorityFee(2_000_000))
    receipt = stage.send()
    assert budget(stage) == {2: 12_000, 3: 2_000_000}
    assert receipt.priority_fee_lamports == 24_000
    assert_one_transaction(stage)
    assert stage.notes[0] == (
        "Priority fee: 0.000024 SOL for 12000 compute units at 2000000 micro-lamports each (as given)."
    )
    assert [name for name, _ in stage.cluster.calls].count("simulateTransaction") == 2


def test_the_instructions_of_the_budget_come_last_so_that_errors_keep_their_index() -> None:
    stage = stage_paying(PriorityFee(1))
    stage.send()
    message = stage.last("sendTransaction").message
    programs = [message.account_keys[one.program_id_index] for one in message.instructions]
    assert programs == [PAYMENT.program_id, COMPUTE_BUDGET, COMPUTE_BUDGET]


def test_a_fee_that_was_determined_before_sending_costs_no_second_trial() -> None:
    stage = stage_paying(PriorityFee(2_000_000))
    assert stage.sender.fee([PAYMENT], WALLET.address) == 29_000
    assert stage.sender.fee([PAYMENT], WALLET.address) == 29_000
    stage.send()
    assert [name for name, _ in stage.cluster.calls].count("simulateTransaction") == 2
    assert len([note for note in stage.notes if "Priority fee" in note]) == 1


@pytest.mark.parametrize(
    ("used", "limit"), [(0, 1_000), (300, 1_300), (100_000, 120_000), (1_400_000, 1_400_000), (None, 1_400_000)]
)
def test_the_limit_has_a_margin_of_a_fifth_but_at_least_1000_and_at_most_the_maximum(
    used: int | None, limit: int
) -> None:
    stage = stage_paying(PriorityFee(1), used=used)
    stage.send()
    assert budget(stage) == {2: limit, 3: 1}


def test_a_fraction_of_a_lamport_is_rounded_up() -> None:
    assert ComputeBudget(1, 1).lamports == 1
    assert ComputeBudget(1_000_000, 1).lamports == 1
    assert ComputeBudget(1_000_001, 1).lamports == 2
    assert ComputeBudget(1_400_000, 0).lamports == 0


def test_a_given_price_above_the_maximum_is_refused_with_the_numbers_and_nothing_is_sent() -> None:
    stage = stage_paying(PriorityFee(2_000_000, 23_999))
    error = stage.fails(FeeAboveMaximum)
    assert error.message == (
        "The priority fee would be 0.000024 SOL (12000 compute units at 2000000 micro-lamports each); "
        "the maximum is 0.000023999 SOL."
    )
    assert error.context == {"sent": False, "fee": 24_000, "maximum": 23_999, "units": 12_000, "price": 2_000_000}
    assert stage.cluster.sent == []
    with pytest.raises(FeeAboveMaximum):
        stage.sender.fee([PAYMENT], WALLET.address)
    assert stage_paying(PriorityFee(2_000_000, 24_000)).send().priority_fee_lamports == 24_000


def test_an_automatic_price_is_the_75th_percentile_of_recent_slots() -> None:
    assert automatic_price([]) == LOWEST_AUTO_PRICE
    assert automatic_price([0] * 150) == LOWEST_AUTO_PRICE
    assert automatic_price([5_000]) == 5_000
    assert automatic_price([9_000, 2_000, 3_000, 4_000]) == 4_000
    assert automatic_price([1_000 * number for number in range(100, 0, -1)]) == 75_000


def test_an_automatic_price_asks_for_the_accounts_that_the_transaction_writes() -> None:
    stage = stage_paying(PriorityFee(None))
    stage.on(PRICES, [{"slot": 1, "prioritizationFee": 50_000}])
    read_only, written = Pubkey.new_unique(), Pubkey.new_unique()
    metas = [AccountMeta(read_only, False, False), AccountMeta(written, False, True)]
    receipt = stage.send(Instruction(Pubkey.new_unique(), b"", metas))
    [params] = [params for name, params in stage.cluster.calls if name == PRICES]
    assert params == [[str(WALLET.address), str(written)]]
    assert receipt.priority_fee_lamports == 600
    assert "(the 75th percentile of 1 recent slots, at least 1000)." in stage.notes[0]


def test_an_automatic_price_is_lowered_to_the_maximum() -> None:
    stage = stage_paying(PriorityFee(None, 6))
    stage.on(PRICES, [{"slot": 1, "prioritizationFee": 10**18}])
    assert stage.send().priority_fee_lamports == 6
    assert budget(stage) == {2: 12_000, 3: 500}
    assert "(limited by the maximum of 0.000000006 SOL)." in stage.notes[0]


def test_an_endpoint_without_recent_prices_is_advised_against() -> None:
    stage = stage_paying(PriorityFee(None))
    stage.on(PRICES, RpcFault(-32601, "Method not found"))
    error = stage.fails(RpcError)
    assert error.hint == "The endpoint does not report recent prices. Use --priority-fee MICROLAMPORTS."
    assert error.sent is False
    stage.on(PRICES, RpcFault(-32000, "busy"))
    assert stage.fails(RpcError).hint == ""


def test_a_failed_simulation_is_reported_by_sending_only() -> None:
    stage = stage_paying(PriorityFee(1))
    stage.cluster.handlers["simulateTransaction"] = lambda params: stage.cluster.simulation(CUSTOM)
    assert stage.sender.fee([PAYMENT], WALLET.address) == 5_000
    assert stage.fails(ProgramRefused).sent is False


def test_a_failed_request_is_reported_at_once() -> None:
    stage = stage_paying(PriorityFee(1))
    stage.on("simulateTransaction", RpcFault(-32000, "no"))
    with pytest.raises(RpcError):
        stage.sender.fee([PAYMENT], WALLET.address)


def test_a_wallet_without_the_priority_fee_learns_it_from_the_second_simulation() -> None:
    stage = stage_paying(PriorityFee(1))
    turns = iter([None, "InsufficientFundsForFee"])
    stage.cluster.handlers["simulateTransaction"] = lambda params: stage.cluster.simulation(next(turns))
    assert stage.fails(InsufficientFunds).sent is False


def test_units_that_no_longer_suffice_are_determined_again_once() -> None:
    stage = stage_paying(PriorityFee(1_000_000))
    stage.sender.fee([PAYMENT], WALLET.address)
    used = iter([20_000, 30_000])
    errors = iter([CUSTOM, None, None])

    def simulate(params: list[Any]) -> Any:
        answer = stage.cluster.simulation(next(errors))
        answer["value"]["unitsConsumed"] = next(used, 0)
        return answer

    stage.cluster.handlers["simulateTransaction"] = simulate
    assert stage.send().priority_fee_lamports == 36_000
    assert budget(stage) == {2: 36_000, 3: 1_000_000}

    stage = stage_paying(PriorityFee(1_000_000))
    stage.sender.fee([PAYMENT], WALLET.address)
    errors = iter([CUSTOM, None, CUSTOM])
    stage.cluster.handlers["simulateTransaction"] = lambda params: stage.cluster.simulation(next(errors))
    assert stage.fails(ProgramRefused).sent is False


def test_the_size_counts_the_instructions_of_the_budget() -> None:
    plain, paying = stage_paying(None), stage_paying(PriorityFee(1))
    # The address of the compute budget program, and two instructions of 8 and 12 bytes.
    extra = 32 + 8 + 12
    payer = WALLET.address
    assert paying.sender.size([PAYMENT], payer) == plain.sender.size([PAYMENT], payer) + extra
    marked = [unique_data_limit(), PAYMENT]
    assert paying.sender.size(marked, payer) == plain.sender.size(marked, payer) + extra - 32
    paying.send()
    assert len(bytes(paying.last("sendTransaction"))) == paying.sender.size([PAYMENT], payer)


def test_the_priority_fee_of_a_transaction_is_read_from_its_bytes() -> None:
    def fee_of(*instructions: Instruction) -> int:
        return priority_fee_of(unsigned_transaction(instructions, WALLET.address, Hash.default()).message)

    assert fee_of(PAYMENT) == 0
    assert fee_of(PAYMENT, unique_data_limit()) == 0
    assert fee_of(*ComputeBudget(50_000, 3_000).added_to([PAYMENT, unique_data_limit()])) == 150
    assert fee_of(PAYMENT, Instruction(COMPUTE_BUDGET, b"", [])) == 0
    # Without a limit, the default applies: 3,000 units per instruction of a builtin program, and 200,000 per
    # instruction of another one. No limit exceeds 1,400,000.
    price, other = set_compute_unit_price(1_000_000), Instruction(Pubkey.new_unique(), b"", [])
    assert fee_of(PAYMENT, price, PAYMENT) == 9_000
    assert fee_of(PAYMENT, price, other) == 206_000
    assert fee_of(price, *[other] * 9) == 1_400_000
    assert fee_of(price, set_compute_unit_limit(2_000_000), PAYMENT) == 1_400_000


def test_the_texts_of_the_options() -> None:
    assert requested_fee(None, None) is requested_fee("0", None) is None
    assert requested_fee("auto", None) == PriorityFee(None, DEFAULT_MAX_FEE) == PriorityFee(None, 1_000_000)
    assert requested_fee("25000", "0.5") == PriorityFee(25_000, 500_000_000)
    assert requested_fee(str(2**64 - 1), None) == PriorityFee(2**64 - 1)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "Auto", "1_000", "٣", "9" * 100, str(2**64)])
def test_an_invalid_price_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        requested_fee(text, None)
    assert caught.value.message.startswith("--priority-fee is neither auto nor a number of micro-lamports: ")
    assert len(caught.value.message) < 120


def test_an_invalid_maximum_is_refused() -> None:
    for text in ("0", "-1", "0.0000000001", "x"):
        with pytest.raises(InvalidAmount):
            requested_fee("auto", text)
    for price in (None, "0"):
        with pytest.raises(UsageError) as caught:
            requested_fee(price, "1")
        assert caught.value.message == "--max-fee limits a priority fee, but none is requested."


def test_recent_prices_are_validated() -> None:
    stage = Stage()
    rpc = RpcClient(stage.cluster, stage.clock)
    stage.on(PRICES, [{"slot": 1, "prioritizationFee": 7}, {"slot": 2, "prioritizationFee": 0}])
    assert rpc.recent_prices([Pubkey.new_unique()] * 200) == [7, 0]
    [params] = [params for name, params in stage.cluster.calls if name == PRICES]
    assert len(params[0]) == 128


def test_a_chosen_blockhash_and_a_nonce_pay_the_fee_too() -> None:
    for limit in (
        Blockhash(Hash.new_unique(), 900),
        NonceUse(Pubkey.new_unique(), WALLET.address, Hash.new_unique()),
    ):
        stage = stage_paying(PriorityFee(1_000_000))
        preparer = Preparer(
            RpcClient(stage.cluster, stage.clock),
            stage.clock,
            describe_any_failure,
            identifies=False,
            fees=PriorityFees(PriorityFee(1_000_000), stage.notes.append),
        )
        prepared = preparer.prepare([PAYMENT], WALLET.address, Deadline(stage.clock, 60), lambda it: it, limit)
        assert ComputeBudget(12_000, 1_000_000).added_to([PAYMENT]) == [*prepared.instructions][-3:]
