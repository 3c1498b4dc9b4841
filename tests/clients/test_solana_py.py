"""A session of solana-py's blocking client, and of spl-token's, against ``psyche-cli localnet``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from solana.rpc.api import Client
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.types import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.rpc.requests import GetBalance, GetBlockHeight
from solders.rpc.responses import GetBalanceResp, GetBlockHeightResp, SignatureNotification
from solders.signature import Signature
from solders.system_program import ID as SYSTEM_PROGRAM
from solders.system_program import create_nonce_account
from solders.transaction import VersionedTransaction
from solders.transaction_status import (
    InstructionErrorCustom,
    TransactionConfirmationStatus,
    TransactionErrorFieldless,
    TransactionErrorInstructionError,
)
from spl.token.client import Token
from spl.token.constants import TOKEN_PROGRAM_ID

from tests.clients.localnet import Cluster
from tests.clients.steps import Played, a_test_of_each, play
from tests.clients.transactions import (
    CONFIRMED,
    FEE,
    INSUFFICIENT_FUNDS,
    NONCE_BYTES,
    SOL,
    UNCHECKED,
    advance_nonce,
    new_table,
    nonce_value,
    parsed,
    pay,
    signed,
    signed_v0,
    unfit_signature,
)
from tests.clients.websocket import Feed, connect

DECIMALS = 6


@dataclass
class Session:
    """One client, its wallet, and the results of earlier steps."""

    cluster: Cluster
    client: Client
    wallet: Keypair = field(repr=False, default_factory=Keypair)
    friend: Keypair = field(repr=False, default_factory=Keypair)
    left: dict[str, Any] = field(default_factory=dict)

    def blockhash(self) -> Hash:
        """A different one each time: with the same one, equal transfers would be the same transaction."""
        self.cluster.warp_slots(1)
        return self.client.get_latest_blockhash().value.blockhash

    def transaction(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> VersionedTransaction:
        return signed(self.wallet, self.blockhash(), *instructions, others=others)

    def run(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> Signature:
        """Send with preflight and wait until it is confirmed."""
        return self.client.send_transaction(self.transaction(*instructions, others=others), CONFIRMED).value

    def balance(self, address: Pubkey) -> int:
        return self.client.get_balance(address).value

    def token(self) -> Token:
        token: Token = self.left["token"]
        return token


def preflight_failure(caught: pytest.ExceptionInfo[RPCException]) -> SendTransactionPreflightFailureMessage:
    """The -32002 error in an exception of the client."""
    [message] = caught.value.args
    assert isinstance(message, SendTransactionPreflightFailureMessage)
    return message


# -- the cluster


def it_is_healthy(session: Session) -> None:
    assert session.client.is_connected()
    version = session.client.get_version().value
    assert version.solana_core.count(".") == 2
    assert session.client.get_genesis_hash().value != Hash.default()
    assert session.client.get_identity().value.identity != Pubkey.default()


def slots_and_heights_grow(session: Session) -> None:
    height = session.client.get_block_height().value
    slot = session.client.get_slot().value
    assert session.client.get_slot(Processed).value >= slot
    session.cluster.warp_slots(1)
    assert session.client.get_slot(Confirmed).value > slot
    assert session.client.get_block_height().value > height


def epochs_and_rent_are_told(session: Session) -> None:
    schedule, info = session.client.get_epoch_schedule().value, session.client.get_epoch_info().value
    assert (info.epoch, info.slots_in_epoch) == (0, schedule.slots_per_epoch)
    assert info.absolute_slot == info.slot_index
    assert session.client.get_minimum_balance_for_rent_exemption(0).value == 890_880
    assert session.client.get_minimum_balance_for_rent_exemption(119_160).value == 830_244_480


# -- money


def the_faucet_pays(session: Session) -> None:
    signature = session.client.request_airdrop(session.wallet.pubkey(), 100 * SOL).value
    [status] = session.client.confirm_transaction(signature, Confirmed, sleep_seconds=0.05).value
    assert status is not None
    assert status.confirmation_status == TransactionConfirmationStatus.Finalized
    assert session.balance(session.wallet.pubkey()) == 100 * SOL


def equal_airdrops_are_two(session: Session) -> None:
    receiver = session.friend.pubkey()
    first, second = (session.client.request_airdrop(receiver, SOL).value for _ in range(2))
    assert first != second
    assert session.balance(receiver) == 2 * SOL


def a_transaction_is_kept_until_it_is_too_old(session: Session) -> None:
    """Nothing is sent: the last two steps use it."""
    latest = session.client.get_latest_blockhash().value
    stale = signed(session.wallet, latest.blockhash, pay(session.wallet, session.friend.pubkey(), 12_345))
    session.left["stale"] = (stale, latest.last_valid_block_height)
    assert latest.last_valid_block_height >= session.client.get_block_height().value + 100


def a_transfer_is_confirmed_by_polling(session: Session) -> None:
    before = session.balance(session.wallet.pubkey())
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), SOL))
    assert session.client.get_fee_for_message(transaction.message).value == FEE
    last_height = session.client.get_latest_blockhash().value.last_valid_block_height
    until = TxOpts(skip_confirmation=False, last_valid_block_height=last_height)
    signature = session.client.send_transaction(transaction, until).value
    assert signature == transaction.signatures[0]
    assert session.balance(session.friend.pubkey()) == 3 * SOL
    assert session.balance(session.wallet.pubkey()) == before - SOL - FEE
    session.left["transfer"] = signature


def a_transfer_is_confirmed_by_websocket(session: Session) -> None:
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), SOL))

    async def subscribe_and_send() -> SignatureNotification:
        async with connect(session.cluster.ws_url) as websocket:
            feed = Feed(websocket)
            await websocket.signature_subscribe(transaction.signatures[0], Confirmed)
            subscription = await feed.subscribed()
            session.client.send_raw_transaction(bytes(transaction))
            notification = await feed.next(SignatureNotification)
            assert notification.subscription == subscription
            return notification

    assert asyncio.run(subscribe_and_send()).result.value.err is None
    assert session.balance(session.friend.pubkey()) == 4 * SOL


# -- what was


def a_transaction_is_shown_in_every_encoding(session: Session) -> None:
    signature = session.left["transfer"]
    for encoding in ("json", "jsonParsed", "base64", "base58"):
        found = session.client.get_transaction(signature, encoding, Confirmed).value
        assert found is not None
        meta = found.transaction.meta
        assert meta is not None
        assert (meta.err, meta.fee) == (None, FEE)
        assert meta.post_balances[1] - meta.pre_balances[1] == SOL
        assert meta.log_messages == [f"Program {SYSTEM_PROGRAM} invoke [1]", f"Program {SYSTEM_PROGRAM} success"]
        assert found.block_time is not None
    assert session.client.get_transaction(Signature.default()).value is None


def statuses_are_told_for_known_signatures(session: Session) -> None:
    known, unknown = session.client.get_signature_statuses(
        [session.left["transfer"], Signature.default()], search_transaction_history=True
    ).value
    assert unknown is None
    assert known is not None
    assert (known.err, known.confirmation_status) == (None, TransactionConfirmationStatus.Finalized)


def signatures_of_an_address_come_newest_first(session: Session) -> None:
    def listed(**bounds: Any) -> list[Signature]:
        return [found.signature for found in client.get_signatures_for_address(friend, **bounds).value]

    client, friend = session.client, session.friend.pubkey()
    everything = listed()
    assert len(everything) == 4
    assert everything[1] == session.left["transfer"]
    assert listed(limit=2) == everything[:2]
    assert listed(before=everything[0], limit=2) == everything[1:3]
    assert listed(until=everything[2]) == everything[:2]


def the_block_of_a_transaction_holds_it(session: Session) -> None:
    signature = session.left["transfer"]
    found = session.client.get_transaction(signature).value
    assert found is not None
    assert found.slot in session.client.get_blocks(found.slot - 1, found.slot + 1).value
    assert session.client.get_block_time(found.slot).value == found.block_time
    for encoding in ("json", "base64"):
        block = session.client.get_block(found.slot, encoding, max_supported_transaction_version=0).value
        assert block is not None
        assert block.parent_slot == found.slot - 1
        assert block.block_time == found.block_time
        assert block.transactions is not None
        assert len(block.transactions) >= 1


# -- accounts


def accounts_are_read_in_every_encoding(session: Session) -> None:
    client, address = session.client, session.friend.pubkey()
    for encoding in ("base64", "base64+zstd", "base58"):
        account = client.get_account_info(address, Confirmed, encoding).value
        assert account is not None
        assert (account.lamports, account.owner, bytes(account.data)) == (4 * SOL, SYSTEM_PROGRAM, b"")
        assert not account.executable
    first, second = client.get_multiple_accounts([address, Pubkey.new_unique()]).value
    assert first is not None
    assert first.lamports == 4 * SOL
    assert second is None


def requests_go_in_batches(session: Session) -> None:
    reqs = (GetBlockHeight(), GetBalance(session.friend.pubkey()))
    height, balance = session.client._provider.make_batch_request(reqs, (GetBlockHeightResp, GetBalanceResp))
    assert isinstance(height, GetBlockHeightResp)
    assert isinstance(balance, GetBalanceResp)
    assert balance.value == 4 * SOL


# -- simulation and failure


def a_simulation_changes_nothing(session: Session) -> None:
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), SOL))
    simulated = session.client.simulate_transaction(transaction, sig_verify=True).value
    assert simulated.err is None
    assert simulated.logs == [f"Program {SYSTEM_PROGRAM} invoke [1]", f"Program {SYSTEM_PROGRAM} success"]
    assert simulated.units_consumed
    assert session.balance(session.friend.pubkey()) == 4 * SOL


def a_simulation_tells_the_failure(session: Session) -> None:
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), 1000 * SOL))
    simulated = session.client.simulate_transaction(transaction).value
    assert simulated.err == TransactionErrorInstructionError(0, InstructionErrorCustom(INSUFFICIENT_FUNDS))
    assert simulated.logs
    assert "insufficient lamports" in simulated.logs[1]


def preflight_refuses_a_failing_transaction(session: Session) -> None:
    before = session.balance(session.wallet.pubkey())
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), 1000 * SOL))
    with pytest.raises(RPCException) as caught:
        session.client.send_transaction(transaction)
    failure = preflight_failure(caught)
    assert failure.message.endswith("Error processing Instruction 0: custom program error: 0x1")
    assert failure.data.err == TransactionErrorInstructionError(0, InstructionErrorCustom(INSUFFICIENT_FUNDS))
    assert failure.data.logs
    assert session.balance(session.wallet.pubkey()) == before
    assert session.client.get_signature_statuses([transaction.signatures[0]]).value == [None]


def without_preflight_a_failure_costs_its_fee(session: Session) -> None:
    before = session.balance(session.wallet.pubkey())
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), 1000 * SOL))
    signature = session.client.send_transaction(transaction, UNCHECKED).value
    expected = TransactionErrorInstructionError(0, InstructionErrorCustom(INSUFFICIENT_FUNDS))
    [status] = session.client.confirm_transaction(signature, Confirmed, sleep_seconds=0.05).value
    assert status is not None
    assert status.err == expected
    assert session.balance(session.wallet.pubkey()) == before - FEE
    found = session.client.get_transaction(signature).value
    assert found is not None
    assert found.transaction.meta is not None
    assert found.transaction.meta.err == expected


def a_wrong_signature_is_refused(session: Session) -> None:
    raw = unfit_signature(session.transaction(pay(session.wallet, session.friend.pubkey(), SOL)))
    with pytest.raises(RPCException, match="TransactionSignatureVerificationFailure"):
        session.client.send_raw_transaction(raw)
    assert session.balance(session.friend.pubkey()) == 4 * SOL


def a_second_sending_is_refused(session: Session) -> None:
    transaction = session.transaction(pay(session.wallet, session.friend.pubkey(), SOL))
    session.client.send_transaction(transaction, CONFIRMED)
    with pytest.raises(RPCException) as caught:
        session.client.send_transaction(transaction)
    assert preflight_failure(caught).data.err == TransactionErrorFieldless.AlreadyProcessed
    assert session.client.send_transaction(transaction, UNCHECKED).value == transaction.signatures[0]
    assert session.balance(session.friend.pubkey()) == 5 * SOL


def garbage_is_refused(session: Session) -> None:
    with pytest.raises(RPCException, match="failed to deserialize"):
        session.client.send_raw_transaction(b"\1\2\3")


# -- tokens


def a_mint_is_created(session: Session) -> None:
    wallet = session.wallet
    token = Token.create_mint(session.client, wallet, wallet.pubkey(), DECIMALS, TOKEN_PROGRAM_ID, wallet.pubkey())
    info = token.get_mint_info()
    assert (info.mint_authority, info.supply, info.decimals) == (wallet.pubkey(), 0, DECIMALS)
    session.left["token"] = token


def tokens_are_minted(session: Session) -> None:
    token, wallet = session.token(), session.wallet
    own = token.create_associated_token_account(wallet.pubkey())
    token.mint_to(own, wallet, 5_000_000, opts=CONFIRMED)
    amount = token.get_balance(own).value
    assert (amount.amount, amount.decimals, amount.ui_amount_string) == ("5000000", DECIMALS, "5")
    assert session.client.get_token_supply(token.pubkey).value.amount == "5000000"
    session.left["own"] = own


def tokens_are_transferred(session: Session) -> None:
    token, own = session.token(), session.left["own"]
    his = token.create_associated_token_account(session.friend.pubkey())
    token.transfer(own, his, session.wallet, 1_250_000, opts=CONFIRMED)
    token.transfer_checked(own, his, session.wallet, 250_000, DECIMALS, opts=CONFIRMED)
    assert token.get_balance(his).value.ui_amount_string == "1.5"
    assert token.get_account_info(his).owner == session.friend.pubkey()
    session.left["his"] = his


def a_token_transfer_shows_balances(session: Session) -> None:
    token, own, his = session.token(), session.left["own"], session.left["his"]
    signature = token.transfer(own, his, session.wallet, 500_000, opts=CONFIRMED).value
    found = session.client.get_transaction(signature, "jsonParsed").value
    assert found is not None
    meta = found.transaction.meta
    assert meta is not None
    assert meta.pre_token_balances is not None
    assert meta.post_token_balances is not None
    assert sorted(balance.ui_token_amount.amount for balance in meta.pre_token_balances) == ["1500000", "3500000"]
    assert sorted(balance.ui_token_amount.amount for balance in meta.post_token_balances) == ["2000000", "3000000"]


def token_accounts_are_found_by_owner(session: Session) -> None:
    client, token, own = session.client, session.token(), session.left["own"]
    owner = session.wallet.pubkey()
    for options in (TokenAccountOpts(mint=token.pubkey), TokenAccountOpts(program_id=TOKEN_PROGRAM_ID)):
        [found] = client.get_token_accounts_by_owner(owner, options).value
        assert found.pubkey == own
        [shown] = client.get_token_accounts_by_owner_json_parsed(owner, options).value
        assert parsed(shown.account)["info"]["tokenAmount"]["amount"] == "3000000"
    largest = client.get_token_largest_accounts(token.pubkey).value
    assert [(each.address, each.amount.amount) for each in largest] == [
        (own, "3000000"),
        (session.left["his"], "2000000"),
    ]


def program_accounts_are_filtered(session: Session) -> None:
    mint = MemcmpOpts(offset=0, bytes=str(session.token().pubkey))
    owner = MemcmpOpts(offset=32, bytes=str(session.friend.pubkey()))
    found = session.client.get_program_accounts(TOKEN_PROGRAM_ID, filters=[165, mint]).value
    assert {each.pubkey for each in found} == {session.left["own"], session.left["his"]}
    amount = DataSliceOpts(offset=64, length=8)
    [sliced] = session.client.get_program_accounts(
        TOKEN_PROGRAM_ID, data_slice=amount, filters=[165, mint, owner]
    ).value
    assert int.from_bytes(sliced.account.data, "little") == 2_000_000
    shown = session.client.get_program_accounts_json_parsed(TOKEN_PROGRAM_ID, filters=[165, mint]).value
    assert {parsed(each.account)["type"] for each in shown} == {"account"}


def a_token_failure_has_its_code(session: Session) -> None:
    token, own, his = session.token(), session.left["own"], session.left["his"]
    with pytest.raises(RPCException) as caught:
        token.transfer(own, his, session.wallet, 9_000_000)
    failure = preflight_failure(caught)
    assert failure.data.err == TransactionErrorInstructionError(0, InstructionErrorCustom(INSUFFICIENT_FUNDS))
    assert "Program log: Error: insufficient funds" in (failure.data.logs or [])


def a_delegate_is_found_and_revoked(session: Session) -> None:
    token, own, friend = session.token(), session.left["own"], session.friend.pubkey()
    token.approve(own, friend, session.wallet.pubkey(), 700_000, opts=CONFIRMED)
    options = TokenAccountOpts(mint=token.pubkey)
    [found] = session.client.get_token_accounts_by_delegate_json_parsed(friend, options).value
    assert parsed(found.account)["info"]["delegatedAmount"]["amount"] == "700000"
    token.revoke(own, session.wallet.pubkey(), opts=CONFIRMED)
    assert session.client.get_token_accounts_by_delegate(friend, options).value == []


# -- look-up tables and durable nonces


def a_look_up_table_is_created(session: Session) -> None:
    addresses = [session.friend.pubkey(), Pubkey.new_unique()]
    instructions, table = new_table(session.wallet.pubkey(), session.client.get_slot(Processed).value - 1, addresses)
    session.run(*instructions)
    account = session.client.get_account_info_json_parsed(table).value
    assert account is not None
    assert parsed(account)["info"]["addresses"] == [str(address) for address in addresses]
    session.left["table"] = AddressLookupTableAccount(table, addresses)


def a_version_0_transaction_uses_it(session: Session) -> None:
    table, friend = session.left["table"], session.friend.pubkey()
    # A table's addresses are usable from the slot after the one that added them; signing passes one.
    transaction = signed_v0(session.wallet, session.blockhash(), pay(session.wallet, friend, SOL), tables=[table])
    signature = session.client.send_transaction(transaction, CONFIRMED).value
    assert session.balance(friend) == 6 * SOL
    found = session.client.get_transaction(signature, max_supported_transaction_version=0).value
    assert found is not None
    assert found.transaction.version == 0
    assert found.transaction.meta is not None
    assert found.transaction.meta.loaded_addresses is not None
    assert found.transaction.meta.loaded_addresses.writable == [friend]
    with pytest.raises(RPCException, match="UnsupportedTransactionVersion"):
        session.client.get_transaction(signature)


def a_nonce_account_is_created(session: Session) -> None:
    nonce, owner = Keypair(), session.wallet.pubkey()
    rent = session.client.get_minimum_balance_for_rent_exemption(NONCE_BYTES).value
    session.run(*create_nonce_account(owner, nonce.pubkey(), owner, rent), others=(nonce,))
    account = session.client.get_account_info(nonce.pubkey()).value
    assert account is not None
    value = nonce_value(account.data)
    shown = session.client.get_account_info_json_parsed(nonce.pubkey()).value
    assert parsed(shown)["info"]["blockhash"] == str(value)
    durable = signed(
        session.wallet,
        value,
        advance_nonce(nonce.pubkey(), session.wallet),
        pay(session.wallet, session.friend.pubkey(), SOL),
    )
    session.left["nonce"], session.left["durable"] = nonce.pubkey(), durable


# -- expiry


def an_old_transaction_expires_unconfirmed(session: Session) -> None:
    stale, last_height = session.left["stale"]
    with (
        session.cluster.slots_passing(session.client),
        pytest.raises(TransactionExpiredBlockheightExceededError),
    ):
        session.client.confirm_transaction(stale.signatures[0], Confirmed, 0.1, last_valid_block_height=last_height)
    assert session.client.get_block_height().value > last_height


def an_expired_blockhash_is_refused(session: Session) -> None:
    stale, _ = session.left["stale"]
    with pytest.raises(RPCException) as caught:
        session.client.send_transaction(stale)
    assert preflight_failure(caught).data.err == TransactionErrorFieldless.BlockhashNotFound
    assert session.client.get_fee_for_message(stale.message).value is None
    session.client.send_transaction(stale, UNCHECKED)
    assert session.client.get_signature_statuses([stale.signatures[0]]).value == [None]


def a_durable_transaction_is_still_good_but_once(session: Session) -> None:
    durable = session.left["durable"]
    before = session.balance(session.friend.pubkey())
    session.client.send_transaction(durable, CONFIRMED)
    assert session.balance(session.friend.pubkey()) == before + SOL
    account = session.client.get_account_info(session.left["nonce"]).value
    assert account is not None
    assert nonce_value(account.data) != durable.message.recent_blockhash
    with pytest.raises(RPCException) as caught:
        session.client.send_transaction(durable)
    assert isinstance(preflight_failure(caught).data.err, TransactionErrorFieldless)


STEPS: Final[tuple[Callable[[Session], None], ...]] = (
    it_is_healthy,
    slots_and_heights_grow,
    epochs_and_rent_are_told,
    the_faucet_pays,
    equal_airdrops_are_two,
    a_transaction_is_kept_until_it_is_too_old,
    a_transfer_is_confirmed_by_polling,
    a_transfer_is_confirmed_by_websocket,
    a_transaction_is_shown_in_every_encoding,
    statuses_are_told_for_known_signatures,
    signatures_of_an_address_come_newest_first,
    the_block_of_a_transaction_holds_it,
    accounts_are_read_in_every_encoding,
    requests_go_in_batches,
    a_simulation_changes_nothing,
    a_simulation_tells_the_failure,
    preflight_refuses_a_failing_transaction,
    without_preflight_a_failure_costs_its_fee,
    a_wrong_signature_is_refused,
    a_second_sending_is_refused,
    garbage_is_refused,
    a_mint_is_created,
    tokens_are_minted,
    tokens_are_transferred,
    a_token_transfer_shows_balances,
    token_accounts_are_found_by_owner,
    program_accounts_are_filtered,
    a_token_failure_has_its_code,
    a_delegate_is_found_and_revoked,
    a_look_up_table_is_created,
    a_version_0_transaction_uses_it,
    a_nonce_account_is_created,
    an_old_transaction_expires_unconfirmed,
    an_expired_blockhash_is_refused,
    a_durable_transaction_is_still_good_but_once,
)


@pytest.fixture(scope="module")
def played(cluster: Cluster) -> Played:
    client = Client(cluster.rpc_url, Confirmed)
    with client._provider.session:  # The blocking client has no way of its own to close it.
        return play(STEPS, Session(cluster, client))


test_step = a_test_of_each(STEPS)
