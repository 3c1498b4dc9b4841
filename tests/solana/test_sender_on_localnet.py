"""The sender with a real Solana VM: payments are executed once, and invalid ones fail without cost."""

import json

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer

from psyche_cli.environment import SystemClock
from psyche_cli.errors import InsufficientFunds, ProgramRefused, Unreachable
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.in_process import InProcessTransport, create_dispatcher
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.receipts import Receipt
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.wallet import Wallet

SOL = 10**9
FEE = 5000


class Faulty:
    """A transport to the in-process validator that loses responses after the validator has executed the request."""

    label = "in-process (faulty)"

    def __init__(self, dispatcher: Dispatcher, lose: int) -> None:
        self._inner = InProcessTransport(dispatcher)
        self._lose = lose
        self.bytes_sent: list[str] = []

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer = self._inner.send(body, timeout=timeout)
        request = json.loads(body)
        if request["method"] == "sendTransaction":
            self.bytes_sent.append(request["params"][0])
        # The node loses the status as well as the first answers, so the sender has to send again.
        if request["method"] in ("sendTransaction", "getSignatureStatuses") and self._lose:
            self._lose -= 1
            raise Unreachable("The line broke.", request_sent=True)
        return answer

    def close(self) -> None:
        self._inner.close()


class HurriedClock(SystemClock):
    """A clock that sleeps only a fiftieth of the time that it advances, so that resends come soon."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 50)
        self._skipped += seconds * 49 / 50


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    return create_dispatcher(Genesis(programs={}))


@pytest.fixture
def rpc(dispatcher: Dispatcher) -> RpcClient:
    return RpcClient(InProcessTransport(dispatcher), SystemClock())


@pytest.fixture
def wallet(rpc: RpcClient) -> Wallet:
    """A wallet with 10 SOL."""
    wallet = Wallet.generate()
    rpc.request_airdrop(wallet.address, 10 * SOL)
    return wallet


def payment(wallet: Wallet, recipient: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=wallet.address, to_pubkey=recipient, lamports=lamports))


def send(rpc: RpcClient, wallet: Wallet, *instructions: Instruction) -> Receipt:
    return Sender(rpc, SystemClock(), lambda line: None).send(instructions, wallet)


def test_a_transfer_lands(rpc: RpcClient, wallet: Wallet) -> None:
    recipient = Pubkey.new_unique()
    receipt = send(rpc, wallet, payment(wallet, recipient, SOL))
    assert rpc.balance(recipient) == SOL
    assert rpc.balance(wallet.address) == 9 * SOL - FEE
    assert receipt.fee_lamports == FEE
    assert receipt.logs[-1].endswith("success")
    signature = Signature.from_string(receipt.signature)
    status = rpc.signature_status(signature, search_history=True)
    assert status is not None
    assert (status.slot, status.err) == (receipt.slot, None)
    assert rpc.transaction_logs(signature) == receipt.logs


def test_a_transfer_of_too_much_is_refused_in_simulation_and_costs_nothing(rpc: RpcClient, wallet: Wallet) -> None:
    with pytest.raises(ProgramRefused) as caught:
        send(rpc, wallet, payment(wallet, Pubkey.new_unique(), 11 * SOL))
    assert caught.value.context["sent"] is False
    assert rpc.balance(wallet.address) == 10 * SOL


def test_the_failure_is_described_by_the_given_describer(rpc: RpcClient, wallet: Wallet) -> None:
    sender = Sender(rpc, SystemClock(), lambda line: None, describe_failure=failure_describer(PUBLISHED))
    with pytest.raises(ProgramRefused) as caught:
        sender.send([payment(wallet, Pubkey.new_unique(), 11 * SOL)], wallet)
    assert caught.value.message.startswith("The system program rejected the transaction: ")
    assert caught.value.context["program_code"] == 1
    assert caught.value.context["sent"] is False


def test_a_wallet_without_sol_is_reported(rpc: RpcClient) -> None:
    wallet = Wallet.generate()
    with pytest.raises(InsufficientFunds, match="holds no SOL"):
        send(rpc, wallet, payment(wallet, Pubkey.new_unique(), 1))


def test_the_second_of_two_instructions_undoes_the_first(rpc: RpcClient, wallet: Wallet) -> None:
    recipient = Pubkey.new_unique()
    with pytest.raises(ProgramRefused):
        send(rpc, wallet, payment(wallet, recipient, SOL), payment(wallet, recipient, 10 * SOL))
    assert rpc.account(recipient) is None


def test_bytes_sent_again_after_lost_answers_pay_once(dispatcher: Dispatcher, rpc: RpcClient, wallet: Wallet) -> None:
    recipient = Pubkey.new_unique()
    clock = HurriedClock()
    line = Faulty(dispatcher, lose=20)
    receipt = Sender(RpcClient(line, clock), clock, lambda line: None).send([payment(wallet, recipient, SOL)], wallet)
    assert len(line.bytes_sent) > 1
    assert len(set(line.bytes_sent)) == 1
    assert rpc.balance(recipient) == SOL
    assert rpc.balance(wallet.address) == 9 * SOL - FEE
    assert receipt.fee_lamports == FEE


def test_equal_payments_of_one_sender_are_all_paid(dispatcher: Dispatcher, rpc: RpcClient, wallet: Wallet) -> None:
    recipient = Pubkey.new_unique()
    sender = Sender(rpc, SystemClock(), lambda line: None)
    signatures = {sender.send([payment(wallet, recipient, SOL)], wallet).signature for _ in range(3)}
    assert len(signatures) == 3
    assert rpc.balance(recipient) == 3 * SOL


def test_equal_payments_of_two_processes_are_both_paid(rpc: RpcClient, wallet: Wallet) -> None:
    recipient = Pubkey.new_unique()
    for _ in range(2):
        send(rpc, wallet, payment(wallet, recipient, SOL))
    assert rpc.balance(recipient) == 2 * SOL


def test_a_mint_is_created_and_tokens_are_minted(rpc: RpcClient, wallet: Wallet) -> None:
    mint = Wallet.generate()
    owner = wallet.address
    make, account = Instructions(), associated_token_address(owner, mint.address)
    sender = Sender(rpc, SystemClock(), lambda line: None)
    instructions = [
        *make.create_mint(
            payer=owner, mint=mint.address, lamports=rpc.rent_exempt_minimum(82), decimals=6, authority=owner
        ),
        make.create_associated_token_account(payer=owner, owner=owner, mint=mint.address),
        make.mint_tokens(authority=owner, mint=mint.address, destination=account, amount=1_500_000, decimals=6),
    ]
    sender.send(instructions, wallet, extra_signers=(mint,))
    balance = rpc.token_account_balance(account)
    assert (balance.base_units, balance.decimals) == (1_500_000, 6)
    with pytest.raises(ProgramRefused):
        sender.send(
            [make.mint_tokens(authority=owner, mint=mint.address, destination=account, amount=1, decimals=5)], wallet
        )


def test_an_extra_signer_signs(rpc: RpcClient, wallet: Wallet) -> None:
    other = Wallet.generate()
    rpc.request_airdrop(other.address, SOL)
    recipient = Pubkey.new_unique()
    sender = Sender(rpc, SystemClock(), lambda line: None)
    receipt = sender.send([payment(other, recipient, SOL // 2)], wallet, extra_signers=(other,))
    assert rpc.balance(recipient) == SOL // 2
    assert receipt.fee_lamports == 2 * FEE


def test_the_typed_reads_agree_with_the_validator(rpc: RpcClient, wallet: Wallet) -> None:
    assert rpc.rent_exempt_minimum(119160) == 830_244_480
    account, absent = rpc.accounts([wallet.address, Pubkey.new_unique()])
    assert account is not None
    assert (account.lamports, account.data, account.executable) == (10 * SOL, b"", False)
    assert absent is None
    blockhash = rpc.latest_blockhash()
    position = rpc.chain_position()
    assert blockhash.last_valid_block_height is not None
    assert position.block_height <= blockhash.last_valid_block_height <= position.block_height + 150
    assert rpc.block_height() >= position.block_height
    assert rpc.genesis_hash() != Hash.default()
    simulation = Sender(rpc, SystemClock(), lambda line: None).simulate(
        [payment(wallet, Pubkey.new_unique(), SOL)], wallet
    )
    assert simulation.err is None
    assert simulation.units_consumed
