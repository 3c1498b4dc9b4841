"""Sessions of unmodified solana-py clients, sync and async, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from solana.rpc.api import Client
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.types import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from spl.token.constants import TOKEN_PROGRAM_ID
from spl.token.instructions import (
    TransferCheckedParams,
    create_associated_token_account,
    get_associated_token_address,
    transfer_checked,
)

from psyche_cli.localnet.local_validator import LocalValidator
from tests.clients.localnet import Cluster
from tests.localnet.harness import FEE, SOL, move
from tests.localnet.solana_websocket import connect
from tests.localnet.tokens import new_mint
from tests.support.patience import PATIENCE

NO_PREFLIGHT = TxOpts(skip_preflight=True)


def signed(
    payer: Keypair, blockhash: Hash, *instructions: Any, others: tuple[Keypair, ...] = ()
) -> VersionedTransaction:
    return VersionedTransaction(
        MessageV0.try_compile(payer.pubkey(), list(instructions), [], blockhash), [payer, *others]
    )


@pytest.fixture
def client(validator: LocalValidator) -> Iterator[Client]:
    client = Client(validator.rpc_url)
    yield client
    client._provider.session.close()  # solana-py's sync client has no close of its own


def test_sync_session(client: Client) -> None:
    payer, receiver = Keypair(), Pubkey.new_unique()

    assert client.is_connected()
    assert client.get_version().value.solana_core
    assert client.get_genesis_hash().value != Hash.default()
    slot = client.get_slot().value
    assert client.get_block_height().value <= slot + 1_000_000
    assert client.get_epoch_info().value.slots_in_epoch == 432_000
    assert client.get_first_available_block().value == 0
    assert client.get_minimum_balance_for_rent_exemption(165).value == 2_039_280
    assert len(client.get_cluster_nodes().value) == 1
    assert client.get_slot_leader().value == client.get_identity().value.identity

    airdrop = client.request_airdrop(payer.pubkey(), 10 * SOL, Confirmed).value
    confirmed = client.confirm_transaction(airdrop, Finalized).value[0]
    assert confirmed is not None
    assert confirmed.confirmation_status == TransactionConfirmationStatus.Finalized
    assert client.get_balance(payer.pubkey()).value == 10 * SOL
    info = client.get_account_info(payer.pubkey()).value
    assert info is not None
    assert info.lamports == 10 * SOL
    assert client.get_account_info(Pubkey.new_unique()).value is None

    latest = client.get_latest_blockhash().value
    assert latest.last_valid_block_height >= 150
    transfer = signed(payer, latest.blockhash, move(payer, receiver, SOL))
    assert client.get_fee_for_message(transfer.message).value == FEE
    simulated = client.simulate_transaction(transfer, sig_verify=True).value
    assert simulated.err is None
    assert simulated.units_consumed
    sent = client.send_transaction(transfer).value
    assert client.confirm_transaction(sent, last_valid_block_height=latest.last_valid_block_height).value[0] is not None
    assert client.get_balance(receiver).value == SOL

    found = client.get_transaction(sent, max_supported_transaction_version=0).value
    assert found is not None
    assert found.transaction.meta is not None
    assert found.transaction.meta.fee == FEE
    parsed = client.get_transaction(sent, "jsonParsed", max_supported_transaction_version=0).value
    assert parsed is not None
    block = client.get_block(found.slot, max_supported_transaction_version=0).value
    assert block is not None
    assert client.get_block_time(found.slot).value == found.block_time
    assert found.slot in client.get_blocks(found.slot, found.slot + 1).value
    assert client.get_transaction_count().value >= 2

    with pytest.raises(RPCException, match="custom program error: 0x1"):
        client.send_transaction(signed(payer, latest.blockhash, move(payer, receiver, 1000 * SOL)))
    balance = client.get_balance(payer.pubkey()).value
    failing = signed(payer, latest.blockhash, move(payer, receiver, 999 * SOL))
    failed = client.send_transaction(failing, NO_PREFLIGHT).value
    status = client.get_signature_statuses([failed]).value[0]
    assert status is not None
    assert status.err is not None
    assert client.get_balance(payer.pubkey()).value == balance - FEE

    with pytest.raises(RPCException, match="already been processed"):
        client.send_transaction(transfer)
    with pytest.raises(RPCException, match="Blockhash not found"):
        client.send_transaction(signed(payer, Hash.new_unique(), move(payer, receiver, 1)))

    history = client.get_signatures_for_address(payer.pubkey(), limit=2).value
    assert [item.signature for item in history] == [failed, sent]
    older = client.get_signatures_for_address(payer.pubkey(), before=sent).value
    assert [item.signature for item in older] == [airdrop]

    mint = new_mint(payer.pubkey(), rent=1_461_600, decimals=6, base_units=5_000_000)
    blockhash = client.get_latest_blockhash().value.blockhash
    minting = client.send_transaction(signed(payer, blockhash, *mint.instructions, others=(mint.mint,))).value
    assert client.confirm_transaction(minting).value[0] is not None
    assert client.get_token_supply(mint.address).value.ui_amount_string == "5"
    assert client.get_token_account_balance(mint.holder).value.amount == "5000000"
    destination = get_associated_token_address(receiver, mint.address)
    parameters = TransferCheckedParams(
        program_id=TOKEN_PROGRAM_ID,
        source=mint.holder,
        mint=mint.address,
        dest=destination,
        owner=payer.pubkey(),
        amount=1_250_000,
        decimals=6,
    )
    client.send_transaction(
        signed(
            payer,
            blockhash,
            create_associated_token_account(payer.pubkey(), receiver, mint.address),
            transfer_checked(parameters),
        )
    )
    assert client.get_token_account_balance(destination).value.ui_amount_string == "1.25"
    by_mint = TokenAccountOpts(mint=mint.address)
    assert client.get_token_accounts_by_owner(receiver, by_mint).value[0].pubkey == destination
    parsed_account: Any = client.get_token_accounts_by_owner_json_parsed(receiver, by_mint).value[0].account.data.parsed
    assert parsed_account["info"]["tokenAmount"]["amount"] == "1250000"
    assert [item.address for item in client.get_token_largest_accounts(mint.address).value] == [
        mint.holder,
        destination,
    ]

    holders = client.get_program_accounts(
        TOKEN_PROGRAM_ID, filters=[165, MemcmpOpts(offset=0, bytes=str(mint.address))]
    ).value
    assert {item.pubkey for item in holders} == {mint.holder, destination}
    several = client.get_multiple_accounts([mint.address, Pubkey.new_unique(), mint.holder]).value
    assert [item is None for item in several] == [False, True, False]
    cut = client.get_account_info(mint.address, data_slice=DataSliceOpts(offset=44, length=1)).value
    assert cut is not None
    assert cut.data == b"\x06"
    assert client.get_supply().value.total > 0


def test_sync_client_notices_expiry(client: Client, validator: LocalValidator) -> None:
    payer = Keypair()
    client.confirm_transaction(client.request_airdrop(payer.pubkey(), SOL).value)
    never = signed(payer, Hash.new_unique(), move(payer, Pubkey.new_unique(), 1))
    signature = client.send_transaction(never, NO_PREFLIGHT).value
    last = client.get_block_height().value + 10
    cluster = Cluster(validator.rpc_url, validator.ws_url)
    with (
        cluster.slots_passing(client),
        pytest.raises(TransactionExpiredBlockheightExceededError),
    ):
        client.confirm_transaction(signature, last_valid_block_height=last, sleep_seconds=0.01)
    assert client.get_signature_statuses([signature]).value == [None]


def test_async_session(validator: LocalValidator) -> None:
    asyncio.run(_async_session(validator))


async def _async_session(validator: LocalValidator) -> None:
    payer, receiver = Keypair(), Pubkey.new_unique()
    async with AsyncClient(validator.rpc_url) as client, connect(validator.ws_url) as websocket:

        async def answer() -> Any:
            [message] = await asyncio.wait_for(websocket.recv(), PATIENCE)
            return message

        assert await client.is_connected()
        await websocket.account_subscribe(payer.pubkey(), encoding="base64")
        account_subscription = (await answer()).result
        airdrop = (await client.request_airdrop(payer.pubkey(), 5 * SOL)).value
        notified = await answer()
        assert notified.subscription == account_subscription
        assert notified.result.value.lamports == 5 * SOL
        await websocket.account_unsubscribe(account_subscription)
        assert (await answer()).result is True
        await client.confirm_transaction(airdrop)

        latest = (await client.get_latest_blockhash()).value
        transfer = signed(payer, latest.blockhash, move(payer, receiver, SOL))
        await websocket.signature_subscribe(transfer.signatures[0])
        await answer()
        sent = (await client.send_transaction(transfer)).value
        assert (await answer()).result.value.err is None
        assert (await client.get_balance(receiver)).value == SOL

        await websocket.logs_subscribe()
        logs_subscription = (await answer()).result
        failing = signed(payer, latest.blockhash, move(payer, receiver, 1000 * SOL))
        failed = (await client.send_transaction(failing, NO_PREFLIGHT)).value
        logged = await answer()
        assert logged.subscription == logs_subscription
        assert logged.result.value.signature == failed
        assert logged.result.value.err is not None
        await websocket.logs_unsubscribe(logs_subscription)
        assert (await answer()).result is True
        # Subscribed to after it failed: told at once.
        await websocket.signature_subscribe(failed)
        await answer()
        assert (await answer()).result.value.err is not None

        await websocket.program_subscribe(TOKEN_PROGRAM_ID, encoding="base64")
        program_subscription = (await answer()).result
        mint = new_mint(payer.pubkey(), rent=1_461_600, decimals=2, base_units=100)
        minting = signed(payer, latest.blockhash, *mint.instructions, others=(mint.mint,))
        await client.send_transaction(minting)
        told = {(await answer()).result.value.pubkey for _ in range(2)}
        assert told == {mint.address, mint.holder}
        await websocket.program_unsubscribe(program_subscription)
        assert (await answer()).result is True

        await websocket.slot_subscribe()
        await answer()
        validator.call("localnet_warpSlots", 2)
        first, second = (await answer()).result, (await answer()).result
        assert second.slot == first.slot + 1

        statuses = (await client.get_signature_statuses([airdrop, sent, failed])).value
        assert [status is not None and status.err is None for status in statuses] == [True, True, False]
        assert (await client.get_token_supply(mint.address)).value.amount == "100"
        simulated = (await client.simulate_transaction(failing)).value
        assert simulated.err is not None
        several = (await client.get_multiple_accounts_json_parsed([mint.address, receiver])).value
        assert several[0] is not None
        assert several[1] is not None
        with pytest.raises(RPCException):
            await client.get_token_account_balance(receiver)


def test_anchorpy_reads_many_accounts_with_its_false_gzip_header(validator: LocalValidator) -> None:
    from anchorpy.utils.rpc import get_multiple_accounts

    async def scenario() -> None:
        async with AsyncClient(validator.rpc_url) as client:
            keys = [Keypair().pubkey() for _ in range(3)]
            for number, key in enumerate(keys[:2]):
                await client.confirm_transaction((await client.request_airdrop(key, (number + 1) * SOL)).value)
            found = await get_multiple_accounts(client, keys, batch_size=2)
            assert [item.account.lamports if item else None for item in found] == [SOL, 2 * SOL, None]

    asyncio.run(scenario())
