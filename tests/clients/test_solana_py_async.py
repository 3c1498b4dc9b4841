"""A session of solana-py's asynchronous, WebSocket and spl-token clients against ``psyche-cli localnet``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.types import TokenAccountOpts
from solders.account_decoder import UiTokenAmount
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilter, RpcTransactionLogsFilterMentions
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.rpc.responses import (
    AccountNotification,
    AccountNotificationJsonParsed,
    LogsNotification,
    ProgramNotification,
    RootNotification,
    SignatureNotification,
    SlotNotification,
    UnsubscribeResult,
)
from solders.signature import Signature
from solders.system_program import ID as SYSTEM_PROGRAM
from solders.system_program import create_nonce_account
from solders.transaction import VersionedTransaction
from solders.transaction_status import (
    InstructionErrorCustom,
    TransactionErrorFieldless,
    TransactionErrorInstructionError,
)
from spl.token.async_client import AsyncToken
from spl.token.constants import TOKEN_PROGRAM_ID, WRAPPED_SOL_MINT

from tests.clients.localnet import Cluster
from tests.clients.steps import Played, a_test_of_each, play_async
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
)
from tests.clients.websocket import Feed, connect

TOO_MUCH = 1000 * SOL
TOO_MUCH_ERROR = TransactionErrorInstructionError(0, InstructionErrorCustom(INSUFFICIENT_FUNDS))


@dataclass
class Session:
    """One client with an open WebSocket, its wallet, and the results of earlier steps."""

    cluster: Cluster
    client: AsyncClient
    feed: Feed
    wallet: Keypair = field(repr=False, default_factory=Keypair)
    friend: Keypair = field(repr=False, default_factory=Keypair)
    left: dict[str, Any] = field(default_factory=dict)

    async def blockhash(self) -> Hash:
        """A different one each time: with the same one, equal transfers would be the same transaction."""
        self.cluster.warp_slots(1)
        return (await self.client.get_latest_blockhash()).value.blockhash

    async def transaction(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> VersionedTransaction:
        return signed(self.wallet, await self.blockhash(), *instructions, others=others)

    async def transfer(self, lamports: int) -> VersionedTransaction:
        """A signed transfer to the friend."""
        return await self.transaction(pay(self.wallet, self.friend.pubkey(), lamports))

    async def run(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> Signature:
        """Send with preflight and wait until it is confirmed."""
        return (
            await self.client.send_transaction(await self.transaction(*instructions, others=others), CONFIRMED)
        ).value

    async def balance(self, address: Pubkey) -> int:
        return (await self.client.get_balance(address)).value

    def token(self) -> AsyncToken:
        token: AsyncToken = self.left["token"]
        return token


async def preflight_error(session: Session, transaction: VersionedTransaction) -> Any:
    """The transaction error reported by preflight."""
    with pytest.raises(RPCException) as caught:
        await session.client.send_transaction(transaction)
    [message] = caught.value.args
    assert isinstance(message, SendTransactionPreflightFailureMessage)
    return message.data.err


# -- the cluster and money


async def it_is_healthy(session: Session) -> None:
    assert await session.client.is_connected()
    assert (await session.client.get_version()).value.solana_core
    assert (await session.client.get_first_available_block()).value <= (await session.client.get_slot()).value


async def clis_get_their_basics(session: Session) -> None:
    client = session.client
    supply = (await client.get_supply()).value
    assert supply.total == supply.circulating + supply.non_circulating
    assert (await client.get_largest_accounts()).value
    [validator] = (await client.get_vote_accounts()).value.current
    assert validator.node_pubkey == (await client.get_identity()).value.identity
    assert len((await client.get_cluster_nodes()).value) == 1
    assert (await client.get_inflation_rate()).value.total == 0.08
    assert (await client.get_slot_leader()).value == (await client.get_identity()).value.identity


async def the_faucet_pays(session: Session) -> None:
    signature = (await session.client.request_airdrop(session.wallet.pubkey(), 50 * SOL)).value
    await session.client.confirm_transaction(signature, Confirmed, 0.05)
    assert await session.balance(session.wallet.pubkey()) == 50 * SOL


async def requests_run_side_by_side(session: Session) -> None:
    addresses = [session.wallet.pubkey(), session.friend.pubkey()] * 20
    assert await asyncio.gather(*(session.balance(address) for address in addresses)) == [50 * SOL, 0] * 20


async def a_transaction_is_kept_until_it_is_too_old(session: Session) -> None:
    """Nothing is sent: the last steps use it."""
    latest = (await session.client.get_latest_blockhash()).value
    stale = signed(session.wallet, latest.blockhash, pay(session.wallet, session.friend.pubkey(), 12_345))
    session.left["stale"] = (stale, latest.last_valid_block_height)


async def a_transfer_is_confirmed_by_polling(session: Session) -> None:
    transaction = await session.transfer(SOL)
    assert (await session.client.get_fee_for_message(transaction.message)).value == FEE
    signature = (await session.client.send_transaction(transaction, CONFIRMED)).value
    assert await session.balance(session.friend.pubkey()) == SOL
    assert (await session.client.get_transaction_count()).value >= 2
    session.left["transfer"] = signature


async def a_transfer_is_confirmed_by_websocket(session: Session) -> None:
    transaction = await session.transfer(SOL)
    await session.feed.websocket.signature_subscribe(transaction.signatures[0], Confirmed)
    subscription = await session.feed.subscribed()
    await session.client.send_raw_transaction(bytes(transaction))
    notification = await session.feed.next(SignatureNotification)
    assert notification.subscription == subscription
    assert notification.result.value.err is None
    assert await session.balance(session.friend.pubkey()) == 2 * SOL


async def a_failure_is_told_by_websocket(session: Session) -> None:
    transaction = await session.transfer(TOO_MUCH)
    await session.feed.websocket.signature_subscribe(transaction.signatures[0])
    await session.feed.subscribed()
    await session.client.send_transaction(transaction, UNCHECKED)
    assert (await session.feed.next(SignatureNotification)).result.value.err == TOO_MUCH_ERROR


async def a_signature_of_the_past_is_told_at_once(session: Session) -> None:
    await session.feed.websocket.signature_subscribe(session.left["transfer"], Processed)
    await session.feed.subscribed()
    assert (await session.feed.next(SignatureNotification)).result.value.err is None


# -- subscriptions


async def an_account_is_watched(session: Session) -> None:
    friend, feed = session.friend.pubkey(), session.feed
    await feed.websocket.account_subscribe(friend, Confirmed, "base64")
    subscription = await feed.subscribed()
    signature = await session.run(pay(session.wallet, friend, SOL))
    notification = await feed.next(AccountNotification)
    assert notification.subscription == subscription
    account = notification.result.value
    assert (account.lamports, account.owner, account.data) == (3 * SOL, SYSTEM_PROGRAM, b"")
    [status] = (await session.client.get_signature_statuses([signature])).value
    assert status is not None
    assert notification.result.context.slot == status.slot
    session.left["account subscription"] = subscription


async def no_more_is_told_after_unsubscribing(session: Session) -> None:
    friend, feed = session.friend.pubkey(), session.feed
    await feed.websocket.account_unsubscribe(session.left["account subscription"])
    assert (await feed.next(UnsubscribeResult)).result is True
    await session.run(pay(session.wallet, friend, SOL))
    await feed.websocket.slot_subscribe()
    subscription = await feed.subscribed()
    session.cluster.warp_slots(1)
    await feed.next(SlotNotification)
    await feed.websocket.slot_unsubscribe(subscription)
    assert (await feed.next(UnsubscribeResult)).result is True
    assert not feed.holds(AccountNotification)


async def logs_are_watched(session: Session) -> None:
    friend, feed = session.friend.pubkey(), session.feed
    # Without this read, the subscription may begin with the payment of the step before.
    await session.client.get_balance(friend)
    await feed.websocket.logs_subscribe(RpcTransactionLogsFilterMentions(friend), Confirmed)
    mentions = await feed.subscribed()
    await feed.websocket.logs_subscribe(RpcTransactionLogsFilter.All)
    everything = await feed.subscribed()
    signature = await session.run(pay(session.wallet, friend, SOL))
    told = [await feed.next(LogsNotification), await feed.next(LogsNotification)]
    assert {notification.subscription for notification in told} == {mentions, everything}
    for notification in told:
        value = notification.result.value
        assert (value.signature, value.err) == (signature, None)
        assert value.logs == [f"Program {SYSTEM_PROGRAM} invoke [1]", f"Program {SYSTEM_PROGRAM} success"]
    for subscription in (mentions, everything):
        await feed.websocket.logs_unsubscribe(subscription)
        assert (await feed.next(UnsubscribeResult)).result is True


async def slots_and_roots_are_told(session: Session) -> None:
    feed = session.feed
    await feed.websocket.slot_subscribe()
    slots = await feed.subscribed()
    session.cluster.warp_slots(2)
    first, second = await feed.next(SlotNotification), await feed.next(SlotNotification)
    assert second.result.parent == first.result.slot < second.result.slot
    await feed.websocket.slot_unsubscribe(slots)
    assert (await feed.next(UnsubscribeResult)).result is True
    await feed.websocket.root_subscribe()
    roots = await feed.subscribed()
    session.cluster.warp_slots(1)
    assert (await feed.next(RootNotification)).result >= second.result.root
    await feed.websocket.root_unsubscribe(roots)
    assert (await feed.next(UnsubscribeResult)).result is True


# -- what was


async def a_transaction_is_shown(session: Session) -> None:
    for encoding in ("json", "jsonParsed", "base64"):
        found = (await session.client.get_transaction(session.left["transfer"], encoding)).value
        assert found is not None
        assert found.transaction.meta is not None
        assert found.transaction.meta.fee == FEE


async def signatures_and_blocks_are_listed(session: Session) -> None:
    client = session.client
    listed = (await client.get_signatures_for_address(session.friend.pubkey())).value
    assert len(listed) == 6
    assert listed[-1].signature == session.left["transfer"]
    assert [each.err for each in listed].count(TOO_MUCH_ERROR) == 1
    slot = listed[-1].slot
    assert slot in (await client.get_blocks(slot, slot + 5)).value
    block = (await client.get_block(slot, "jsonParsed", max_supported_transaction_version=0)).value
    assert block is not None
    assert block.block_height is not None
    assert (await client.get_block_time(slot)).value == listed[-1].block_time


# -- simulation and failure


async def a_simulation_changes_nothing(session: Session) -> None:
    simulated = (await session.client.simulate_transaction(await session.transfer(SOL), sig_verify=True)).value
    assert simulated.err is None
    failed = (await session.client.simulate_transaction(await session.transfer(TOO_MUCH))).value
    assert failed.err == TOO_MUCH_ERROR
    assert await session.balance(session.friend.pubkey()) == 5 * SOL


async def preflight_refuses_a_failing_transaction(session: Session) -> None:
    before = await session.balance(session.wallet.pubkey())
    assert await preflight_error(session, await session.transfer(TOO_MUCH)) == TOO_MUCH_ERROR
    assert await session.balance(session.wallet.pubkey()) == before


async def without_preflight_a_failure_costs_its_fee(session: Session) -> None:
    before = await session.balance(session.wallet.pubkey())
    signature = (await session.client.send_transaction(await session.transfer(TOO_MUCH), UNCHECKED)).value
    [status] = (await session.client.confirm_transaction(signature, Confirmed, 0.05)).value
    assert status is not None
    assert status.err == TOO_MUCH_ERROR
    assert await session.balance(session.wallet.pubkey()) == before - FEE


async def an_unknown_blockhash_is_refused(session: Session) -> None:
    instruction = pay(session.wallet, session.friend.pubkey(), SOL)
    transaction = signed(session.wallet, Hash.new_unique(), instruction)
    assert await preflight_error(session, transaction) == TransactionErrorFieldless.BlockhashNotFound


async def a_penniless_payer_is_refused(session: Session) -> None:
    pauper = Keypair()
    transaction = signed(pauper, await session.blockhash(), pay(pauper, session.friend.pubkey(), SOL))
    assert await preflight_error(session, transaction) == TransactionErrorFieldless.AccountNotFound


async def only_one_of_many_senders_of_the_same_wins(session: Session) -> None:
    transaction = await session.transfer(SOL)
    sent = await asyncio.gather(*(session.client.send_transaction(transaction, UNCHECKED) for _ in range(8)))
    assert {answer.value for answer in sent} == {transaction.signatures[0]}
    assert await session.balance(session.friend.pubkey()) == 6 * SOL


# -- tokens


async def a_mint_is_created_and_minted(session: Session) -> None:
    wallet = session.wallet
    token = await AsyncToken.create_mint(session.client, wallet, wallet.pubkey(), 2, TOKEN_PROGRAM_ID)
    own = await token.create_account(wallet.pubkey())
    await token.mint_to_checked(own, wallet.pubkey(), 100_000, 2, opts=CONFIRMED)
    assert (await token.get_balance(own)).value == UiTokenAmount(1000.0, 2, "100000", "1000")
    session.left.update(token=token, own=own)


async def a_token_account_is_watched(session: Session) -> None:
    token, own, feed = session.token(), session.left["own"], session.feed
    await feed.websocket.account_subscribe(own, Confirmed, "jsonParsed")
    account = await feed.subscribed()
    await feed.websocket.program_subscribe(TOKEN_PROGRAM_ID, Confirmed, "base64", filters=[165])
    program = await feed.subscribed()
    his = await token.create_associated_token_account(session.friend.pubkey())
    await token.transfer(own, his, session.wallet, 2_500, opts=CONFIRMED)
    notification = await feed.next(AccountNotificationJsonParsed)
    assert parsed(notification.result.value)["info"]["tokenAmount"]["uiAmountString"] == "975"
    created, *written = [await feed.next(ProgramNotification) for _ in range(3)]
    assert created.result.value.pubkey == his
    assert {each.result.value.pubkey for each in written} == {own, his}
    amounts = {int.from_bytes(each.result.value.account.data[64:72], "little") for each in written}
    assert amounts == {97_500, 2_500}
    await feed.websocket.account_unsubscribe(account)
    await feed.websocket.program_unsubscribe(program)
    assert (await feed.next(UnsubscribeResult)).result is (await feed.next(UnsubscribeResult)).result is True
    session.left["his"] = his


async def tokens_are_burnt_and_accounts_closed(session: Session) -> None:
    friend, his = session.friend.pubkey(), session.left["his"]
    token = AsyncToken(session.client, session.token().pubkey, TOKEN_PROGRAM_ID, session.friend)
    await token.burn(his, friend, 2_500, opts=CONFIRMED)
    before = await session.balance(friend)
    await token.close_account(his, friend, friend, opts=CONFIRMED)
    assert await session.balance(friend) == before + 2_039_280 - FEE
    assert (await session.client.get_account_info(his)).value is None
    assert (await session.client.get_token_supply(token.pubkey)).value.amount == "97500"
    options = TokenAccountOpts(mint=token.pubkey)
    assert (await session.client.get_token_accounts_by_owner(friend, options)).value == []


async def sol_is_wrapped(session: Session) -> None:
    owner = session.wallet
    account = await AsyncToken.create_wrapped_native_account(
        session.client, TOKEN_PROGRAM_ID, owner.pubkey(), owner, 2 * SOL
    )
    info = parsed((await session.client.get_account_info_json_parsed(account)).value)["info"]
    assert (info["mint"], info["isNative"]) == (str(WRAPPED_SOL_MINT), True)
    assert info["tokenAmount"]["amount"] == str(2 * SOL)


# -- look-up tables and durable nonces


async def a_look_up_table_is_used(session: Session) -> None:
    client, friend = session.client, session.friend.pubkey()
    slot = (await client.get_slot(Processed)).value - 1
    instructions, address = new_table(session.wallet.pubkey(), slot, [Pubkey.new_unique(), friend])
    await session.run(*instructions)
    # A table's addresses are usable from the slot after the one that added them; signing passes one.
    table = AddressLookupTableAccount(address, [Pubkey.default(), friend])
    before = await session.balance(friend)
    transaction = signed_v0(session.wallet, await session.blockhash(), pay(session.wallet, friend, SOL), tables=[table])
    await client.send_transaction(transaction, CONFIRMED)
    assert await session.balance(friend) == before + SOL


async def a_nonce_account_is_created(session: Session) -> None:
    nonce, owner = Keypair(), session.wallet.pubkey()
    rent = (await session.client.get_minimum_balance_for_rent_exemption(NONCE_BYTES)).value
    await session.run(*create_nonce_account(owner, nonce.pubkey(), owner, rent), others=(nonce,))
    account = (await session.client.get_account_info(nonce.pubkey())).value
    assert account is not None
    advance = advance_nonce(nonce.pubkey(), session.wallet)
    value = nonce_value(account.data)
    session.left["failing"] = signed(
        session.wallet, value, advance, pay(session.wallet, session.friend.pubkey(), TOO_MUCH)
    )
    session.left["nonce"] = nonce.pubkey()


# -- expiry


async def an_old_transaction_expires_unconfirmed(session: Session) -> None:
    stale, last_height = session.left["stale"]
    with (
        session.cluster.slots_passing(session.client),
        pytest.raises(TransactionExpiredBlockheightExceededError),
    ):
        await session.client.confirm_transaction(stale.signatures[0], Confirmed, 0.1, last_height)
    assert await preflight_error(session, stale) == TransactionErrorFieldless.BlockhashNotFound


async def a_durable_transaction_that_fails_uses_its_nonce_up(session: Session) -> None:
    failing, nonce = session.left["failing"], session.left["nonce"]
    before = await session.balance(session.wallet.pubkey())
    await session.client.send_transaction(failing, UNCHECKED)
    [status] = (await session.client.get_signature_statuses([failing.signatures[0]])).value
    assert status is not None
    assert status.err == TransactionErrorInstructionError(1, InstructionErrorCustom(INSUFFICIENT_FUNDS))
    assert await session.balance(session.wallet.pubkey()) == before - FEE
    account = (await session.client.get_account_info(nonce)).value
    assert account is not None
    following = nonce_value(account.data)
    assert following != failing.message.recent_blockhash
    friend = session.friend.pubkey()
    rich = await session.balance(friend)
    good = signed(session.wallet, following, advance_nonce(nonce, session.wallet), pay(session.wallet, friend, SOL))
    await session.client.send_transaction(good, CONFIRMED)
    assert await session.balance(friend) == rich + SOL


STEPS: Final[tuple[Callable[[Session], Awaitable[None]], ...]] = (
    it_is_healthy,
    clis_get_their_basics,
    the_faucet_pays,
    requests_run_side_by_side,
    a_transaction_is_kept_until_it_is_too_old,
    a_transfer_is_confirmed_by_polling,
    a_transfer_is_confirmed_by_websocket,
    a_failure_is_told_by_websocket,
    a_signature_of_the_past_is_told_at_once,
    an_account_is_watched,
    no_more_is_told_after_unsubscribing,
    logs_are_watched,
    slots_and_roots_are_told,
    a_transaction_is_shown,
    signatures_and_blocks_are_listed,
    a_simulation_changes_nothing,
    preflight_refuses_a_failing_transaction,
    without_preflight_a_failure_costs_its_fee,
    an_unknown_blockhash_is_refused,
    a_penniless_payer_is_refused,
    only_one_of_many_senders_of_the_same_wins,
    a_mint_is_created_and_minted,
    a_token_account_is_watched,
    tokens_are_burnt_and_accounts_closed,
    sol_is_wrapped,
    a_look_up_table_is_used,
    a_nonce_account_is_created,
    an_old_transaction_expires_unconfirmed,
    a_durable_transaction_that_fails_uses_its_nonce_up,
)


@pytest.fixture(scope="module")
def played(cluster: Cluster) -> Played:
    async def run() -> Played:
        async with AsyncClient(cluster.rpc_url, Confirmed) as client, connect(cluster.ws_url) as websocket:
            return await play_async(STEPS, Session(cluster, client, Feed(websocket)))

    return asyncio.run(run())


test_step = a_test_of_each(STEPS)
