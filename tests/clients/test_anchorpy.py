"""A session of AnchorPy with the published IDLs against ``psyche-cli localnet`` and its stand-ins."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from anchorpy.error import (
    AccountDoesNotExistError,
    AccountInvalidDiscriminator,
    IdlNotFoundError,
    ProgramError,
)
from anchorpy.program.context import Context
from anchorpy.program.core import Program
from anchorpy.provider import Provider, Wallet
from anchorpy.utils.rpc import get_multiple_accounts
from anchorpy.utils.token import create_mint_and_vault, create_token_account, get_mint_info, get_token_account
from anchorpy_core.idl import Idl
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.types import MemcmpOpts
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.rpc.responses import AccountNotification, LogsNotification, SignatureNotification
from solders.system_program import ID as SYSTEM_PROGRAM
from solders.system_program import create_nonce_account
from solders.transaction_status import (
    InstructionErrorCustom,
    TransactionErrorFieldless,
    TransactionErrorInstructionError,
)
from spl.token.constants import ASSOCIATED_TOKEN_PROGRAM_ID, TOKEN_PROGRAM_ID
from spl.token.instructions import get_associated_token_address

from psyche_cli import resources
from tests.clients.localnet import Cluster
from tests.clients.steps import Played, a_test_of_each, play_async
from tests.clients.transactions import (
    FEE,
    NONCE_BYTES,
    SOL,
    UNCHECKED,
    advance_nonce,
    new_table,
    nonce_value,
    pay,
    signed,
    signed_v0,
)
from tests.clients.websocket import Feed, connect

RUN_ID = "anchorpy-run"
COORDINATOR_ACCOUNT_BYTES = 119_160
COORDINATOR_ACCOUNT_RENT = 830_244_480
CONSTRAINT_RAW = 2003
WRONG_SIZE = 6002
STILL_ACTIVE = 6000


def program_of(name: str, provider: Provider) -> Program:
    """A program by its IDL file; the address is in the IDL's metadata."""
    text = resources.idl_path(name).read_text()
    address = json.loads(text)["metadata"]["address"]
    with warnings.catch_warnings():
        # AnchorPy makes its classes with an argument that attrs is going to drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Program(Idl.from_json(text), Pubkey.from_string(address), provider)


def derived(program: Program, *seeds: bytes) -> Pubkey:
    return Pubkey.find_program_address(list(seeds), program.program_id)[0]


def fixed(text: str, size: int) -> list[int]:
    """A fixed-size string in the form of the IDLs."""
    return list(text.encode().ljust(size, b"\0"))


@dataclass
class Session:
    """The three programs through one provider, and the results of earlier steps."""

    cluster: Cluster
    provider: Provider
    feed: Feed
    wallet: Keypair = field(repr=False)
    stranger: Keypair = field(repr=False, default_factory=Keypair)
    run_account: Keypair = field(repr=False, default_factory=Keypair)
    left: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client: AsyncClient = self.provider.connection
        self.coordinator = program_of("coordinator", self.provider)
        self.authorizer = program_of("authorizer", self.provider)
        self.treasurer = program_of("treasurer", self.provider)
        self.instance = derived(self.coordinator, b"coordinator", RUN_ID.encode())

    def as_owner(self) -> dict[str, Pubkey]:
        """The accounts of every instruction of the main authority."""
        return {
            "authority": self.wallet.pubkey(),
            "coordinator_instance": self.instance,
            "coordinator_account": self.run_account.pubkey(),
        }

    async def create_account(self, account: Keypair, size: int) -> Instruction:
        return await self.coordinator.account["CoordinatorInstance"].create_instruction(account, size)

    async def initialize(
        self, run_id: str, account: Keypair, size: int = COORDINATOR_ACCOUNT_BYTES
    ) -> tuple[Any, Context]:
        """Arguments and context of init_coordinator, with the account's creation before it."""
        wallet = self.wallet.pubkey()
        accounts = {
            "payer": wallet,
            "coordinator_instance": derived(self.coordinator, b"coordinator", run_id.encode()),
            "coordinator_account": account.pubkey(),
            "system_program": SYSTEM_PROGRAM,
        }
        before = [await self.create_account(account, size)]
        return (wallet, wallet, run_id, "v1"), Context(accounts=accounts, signers=[account], pre_instructions=before)

    async def error(self, signature: Any) -> Any:
        """The error in a transaction's status; it must have been executed."""
        [status] = (await self.client.confirm_transaction(signature, Confirmed, 0.05)).value
        assert status is not None
        return status.err

    def metadata(self, name: str) -> Any:
        """A RunMetadata value as the coordinator's IDL describes it."""
        types = self.coordinator.type
        return types["RunMetadata"](
            name=types["FixedString64"](bytes=fixed(name, 64)),
            description=types["FixedString280"](bytes=fixed("of a session", 280)),
            num_parameters=7,
            vocab_size=9,
        )


# -- the programs and the wallet


async def the_programs_are_there(session: Session) -> None:
    programs = [session.coordinator.program_id, session.authorizer.program_id, session.treasurer.program_id]
    for account in (await session.client.get_multiple_accounts(programs)).value:
        assert account is not None
        assert account.executable


async def no_idl_is_on_chain(session: Session) -> None:
    with pytest.raises(IdlNotFoundError):
        await Program.fetch_idl(session.coordinator.program_id, session.provider)


async def the_faucet_pays(session: Session) -> None:
    for key, sol in ((session.wallet, 100), (session.stranger, 10)):
        signature = (await session.client.request_airdrop(key.pubkey(), sol * SOL)).value
        assert await session.error(signature) is None
        assert (await session.client.get_balance(key.pubkey())).value == sol * SOL


async def a_transaction_is_kept_until_it_is_too_old(session: Session) -> None:
    """Nothing is sent: the last step uses it."""
    latest = (await session.client.get_latest_blockhash()).value
    stale = signed(session.wallet, latest.blockhash, pay(session.wallet, session.stranger.pubkey(), 12_345))
    session.left["stale"] = (stale, latest.last_valid_block_height)


# -- a run's beginning


async def a_missing_account_is_told(session: Session) -> None:
    with pytest.raises(AccountDoesNotExistError):
        await session.coordinator.account["CoordinatorInstance"].fetch(session.instance)


async def a_run_is_rehearsed(session: Session) -> None:
    arguments, context = await session.initialize(RUN_ID, session.run_account)
    simulated = await session.coordinator.simulate["init_coordinator"](*arguments, ctx=context)
    assert f"Program {session.coordinator.program_id} success" in simulated.raw
    assert (await session.client.get_account_info(session.instance)).value is None


async def a_rehearsed_failure_is_named(session: Session) -> None:
    arguments, context = await session.initialize(RUN_ID, session.run_account, 119_159)
    with pytest.raises(ProgramError) as caught:
        await session.coordinator.simulate["init_coordinator"](*arguments, ctx=context)
    assert (caught.value.code, caught.value.msg) == (WRONG_SIZE, "Coordinator account incorrect size")


async def a_failure_in_preflight_is_named(session: Session) -> None:
    arguments, context = await session.initialize(RUN_ID, session.run_account, 119_161)
    with pytest.raises(ProgramError) as caught:
        await session.coordinator.rpc["init_coordinator"](*arguments, ctx=context)
    assert (caught.value.code, caught.value.msg) == (WRONG_SIZE, "Coordinator account incorrect size")
    assert any("AnchorError" in line for line in caught.value.logs or [])


async def a_failure_without_preflight_is_recorded(session: Session) -> None:
    before = (await session.client.get_balance(session.wallet.pubkey())).value
    arguments, context = await session.initialize(RUN_ID, session.run_account, 8)
    context.options = UNCHECKED
    signature = await session.coordinator.rpc["init_coordinator"](*arguments, ctx=context)
    expected = TransactionErrorInstructionError(1, InstructionErrorCustom(WRONG_SIZE))
    assert await session.error(signature) == expected
    assert (await session.client.get_balance(session.wallet.pubkey())).value == before - 2 * FEE
    found = (await session.client.get_transaction(signature)).value
    assert found is not None
    assert found.transaction.meta is not None
    assert found.transaction.meta.err == expected


async def a_run_is_created(session: Session) -> None:
    arguments, context = await session.initialize(RUN_ID, session.run_account)
    signature = await session.coordinator.rpc["init_coordinator"](*arguments, ctx=context)
    found = (await session.client.get_transaction(signature, "jsonParsed")).value
    assert found is not None
    assert found.transaction.meta is not None
    assert found.transaction.meta.err is None
    assert found.transaction.meta.inner_instructions  # The instance is created by a call into the system program.
    account = (await session.client.get_account_info(session.run_account.pubkey())).value
    assert account is not None
    assert (account.lamports, account.owner) == (COORDINATOR_ACCOUNT_RENT, session.coordinator.program_id)
    assert len(account.data) == COORDINATOR_ACCOUNT_BYTES


async def its_instance_is_decoded(session: Session) -> None:
    instance = await session.coordinator.account["CoordinatorInstance"].fetch(session.instance)
    wallet = session.wallet.pubkey()
    assert (instance.main_authority, instance.join_authority) == (wallet, wallet)
    assert (instance.run_id, instance.coordinator_account) == (RUN_ID, session.run_account.pubkey())


async def a_second_run_of_the_name_is_refused(session: Session) -> None:
    arguments, context = await session.initialize(RUN_ID, Keypair())
    with pytest.raises(RPCException) as caught:
        await session.coordinator.rpc["init_coordinator"](*arguments, ctx=context)
    [failure] = caught.value.args
    assert isinstance(failure, SendTransactionPreflightFailureMessage)
    # Code 0 of the system program, which AnchorPy cannot name: the address is in use.
    assert failure.data.err == TransactionErrorInstructionError(1, InstructionErrorCustom(0))


async def accounts_are_fetched_together(session: Session) -> None:
    client = session.coordinator.account["CoordinatorInstance"]
    missing, wrong = Pubkey.new_unique(), session.run_account.pubkey()
    first, second, third = await client.fetch_multiple([missing, session.instance, wrong])
    assert (first, third) == (None, None)
    assert second is not None
    assert second.run_id == RUN_ID


async def many_accounts_are_fetched_in_batches(session: Session) -> None:
    addresses = [Pubkey.new_unique() for _ in range(249)] + [session.instance]
    found = await get_multiple_accounts(session.client, addresses, batch_size=2)
    assert found[:249] == [None] * 249
    assert found[249] is not None
    assert found[249].account.owner == session.coordinator.program_id


async def all_runs_are_found(session: Session) -> None:
    arguments, context = await session.initialize("another", Keypair())
    await session.coordinator.rpc["init_coordinator"](*arguments, ctx=context)
    client = session.coordinator.account["CoordinatorInstance"]
    assert {found.account.run_id for found in await client.all()} == {RUN_ID, "another"}
    of_the_account = MemcmpOpts(offset=73, bytes=str(session.run_account.pubkey()))
    [found] = await client.all(filters=[of_the_account])
    assert found.public_key == session.instance


async def another_type_is_not_mistaken_for_it(session: Session) -> None:
    with pytest.raises(AccountInvalidDiscriminator):
        await session.coordinator.account["CoordinatorInstance"].fetch(session.run_account.pubkey())


# -- a run's life


async def an_update_is_watched(session: Session) -> None:
    feed, account = session.feed, session.run_account.pubkey()
    await feed.websocket.account_subscribe(account, Confirmed, "base64")
    subscription = await feed.subscribed()
    context = Context(accounts=session.as_owner())
    await session.coordinator.rpc["update"](session.metadata("watched"), None, None, None, ctx=context)
    notification = await feed.next(AccountNotification)
    assert len(notification.result.value.data) == COORDINATOR_ACCOUNT_BYTES
    assert b"watched" in bytes(notification.result.value.data)
    await feed.websocket.account_unsubscribe(subscription)


async def its_logs_are_watched(session: Session) -> None:
    feed = session.feed
    await feed.websocket.logs_subscribe(RpcTransactionLogsFilterMentions(session.instance), Processed)
    subscription = await feed.subscribed()
    context = Context(accounts=session.as_owner())
    signature = await session.coordinator.rpc["update_client_version"]("v2", ctx=context)
    value = (await feed.next(LogsNotification)).result.value
    assert (value.signature, value.err) == (signature, None)
    assert value.logs[0] == f"Program {session.coordinator.program_id} invoke [1]"
    await feed.websocket.logs_unsubscribe(subscription)


async def the_methods_builder_sends(session: Session) -> None:
    method = session.coordinator.methods["set_future_epoch_rates"].args([5, None]).accounts(session.as_owner())
    simulated = await method.simulate()
    assert simulated.raw[-1] == f"Program {session.coordinator.program_id} success"
    assert await session.error(await method.rpc()) is None


async def an_instruction_is_confirmed_by_websocket(session: Session) -> None:
    blockhash = (await session.client.get_latest_blockhash()).value.blockhash
    transaction = session.coordinator.transaction["update_client_version"](
        "v3", payer=session.wallet, blockhash=blockhash, ctx=Context(accounts=session.as_owner())
    )
    await session.feed.websocket.signature_subscribe(transaction.signatures[0], Confirmed)
    await session.feed.subscribed()
    await session.provider.send(transaction, UNCHECKED)
    assert (await session.feed.next(SignatureNotification)).result.value.err is None
    account = (await session.client.get_account_info(session.run_account.pubkey())).value
    assert account is not None
    assert b"v3" in bytes(account.data)


async def a_stranger_is_refused(session: Session) -> None:
    accounts = {**session.as_owner(), "authority": session.stranger.pubkey()}
    context = Context(accounts=accounts, signers=[session.stranger])
    with pytest.raises(ProgramError) as caught:
        await session.coordinator.rpc["update_client_version"]("mine", ctx=context)
    assert (caught.value.code, caught.value.msg) == (CONSTRAINT_RAW, "A raw constraint was violated")


async def several_transactions_go_at_once(session: Session) -> None:
    blockhash = (await session.client.get_latest_blockhash()).value.blockhash
    context = Context(accounts=session.as_owner())
    version = session.coordinator.transaction["update_client_version"]
    sent = [version(f"v{n}", payer=session.wallet, blockhash=blockhash, ctx=context) for n in (4, 5, 6)]
    signatures = await session.provider.send_all(sent)
    assert [status.err for status in (await session.client.get_signature_statuses(signatures)).value if status] == [
        None
    ] * 3


# -- authorizations


def grant(session: Session) -> dict[str, Pubkey]:
    """The accounts of the wallet's authorization for the stranger."""
    wallet, grantee = session.wallet.pubkey(), session.stranger.pubkey()
    address = derived(session.authorizer, b"Authorization", bytes(wallet), bytes(grantee), b"CoordinatorJoinRun")
    return {"payer": wallet, "grantor": wallet, "authorization": address, "system_program": SYSTEM_PROGRAM}


async def an_authorization_is_created_and_switched_on(session: Session) -> None:
    accounts = grant(session)
    await session.authorizer.rpc["authorization_create"](
        session.stranger.pubkey(), b"CoordinatorJoinRun", ctx=Context(accounts=accounts)
    )
    client = session.authorizer.account["Authorization"]
    created = await client.fetch(accounts["authorization"])
    assert (created.grantor, created.grantee) == (session.wallet.pubkey(), session.stranger.pubkey())
    assert (bytes(created.scope), created.active, list(created.delegates)) == (b"CoordinatorJoinRun", False, [])
    await session.authorizer.rpc["authorization_grantor_update"](True, ctx=Context(accounts=accounts))
    updated = await client.fetch(accounts["authorization"])
    assert updated.active
    assert updated.grantor_update_unix_timestamp > 1_600_000_000


async def delegates_are_added(session: Session) -> None:
    accounts = {**grant(session), "grantee": session.stranger.pubkey()}
    delegates = [Pubkey.new_unique(), Pubkey.new_unique()]
    await session.authorizer.rpc["authorization_grantee_update"](
        False, delegates, ctx=Context(accounts=accounts, signers=[session.stranger])
    )
    updated = await session.authorizer.account["Authorization"].fetch(accounts["authorization"], Processed)
    assert list(updated.delegates) == delegates


async def the_same_code_is_named_after_its_program(session: Session) -> None:
    accounts = {**grant(session), "spill": session.wallet.pubkey()}
    with pytest.raises(ProgramError) as caught:
        await session.authorizer.rpc["authorization_close"](ctx=Context(accounts=accounts))
    assert (caught.value.code, caught.value.msg) == (STILL_ACTIVE, "AuthorizationActive is true")


# -- tokens and the treasurer


async def a_mint_is_made(session: Session) -> None:
    mint, vault = await create_mint_and_vault(session.provider, 1_000_000, session.wallet.pubkey(), 6)
    assert (await get_mint_info(session.provider, mint)).supply == 1_000_000
    assert (await get_token_account(session.provider, vault)).amount == 1_000_000
    other = await create_token_account(session.provider, mint, session.stranger.pubkey())
    assert (await get_token_account(session.provider, other)).owner == session.stranger.pubkey()
    session.left["mint"] = mint


async def a_treasurer_is_created(session: Session) -> None:
    wallet, account, mint = session.wallet.pubkey(), Keypair(), session.left["mint"]
    run = derived(session.treasurer, b"Run", (77).to_bytes(8, "little"))
    instance = derived(session.coordinator, b"coordinator", b"paid")
    accounts = {
        "payer": wallet,
        "run": run,
        "run_collateral": get_associated_token_address(run, mint),
        "collateral_mint": mint,
        "coordinator_instance": instance,
        "coordinator_account": account.pubkey(),
        "coordinator_program": session.coordinator.program_id,
        "associated_token_program": ASSOCIATED_TOKEN_PROGRAM_ID,
        "token_program": TOKEN_PROGRAM_ID,
        "system_program": SYSTEM_PROGRAM,
    }
    before = [await session.create_account(account, COORDINATOR_ACCOUNT_BYTES)]
    context = Context(accounts=accounts, signers=[account], pre_instructions=before)
    await session.treasurer.rpc["run_create"](77, "paid", "v1", wallet, wallet, ctx=context)
    created = await session.treasurer.account["Run"].fetch(run)
    assert (created.index, created.collateral_mint, created.main_authority) == (77, mint, wallet)
    assert created.coordinator_instance == instance
    assert (await get_token_account(session.provider, accounts["run_collateral"])).amount == 0
    controlled = await session.coordinator.account["CoordinatorInstance"].fetch(instance)
    assert controlled.main_authority == run
    session.left["run"] = run


async def a_participant_is_created(session: Session) -> None:
    run, user = session.left["run"], session.stranger.pubkey()
    participant = derived(session.treasurer, b"Participant", bytes(run), bytes(user))
    accounts = {
        "payer": session.wallet.pubkey(),
        "user": user,
        "run": run,
        "participant": participant,
        "system_program": SYSTEM_PROGRAM,
    }
    await session.treasurer.rpc["participant_create"](ctx=Context(accounts=accounts, signers=[session.stranger]))
    found = await session.treasurer.account["Participant"].fetch(participant)
    assert (found.claimed_collateral_amount, found.claimed_earned_points) == (0, 0)


# -- look-up tables, durable nonces, expiry, the end


async def a_version_0_transaction_runs_an_instruction(session: Session) -> None:
    wallet, addresses = session.wallet, [session.instance, session.run_account.pubkey()]
    slot = (await session.client.get_slot(Processed)).value
    instructions, address = new_table(wallet.pubkey(), slot - 1, addresses)
    blockhash = (await session.client.get_latest_blockhash()).value.blockhash
    await session.provider.send(signed(wallet, blockhash, *instructions))
    session.cluster.warp_slots(1)  # A table's addresses are usable from the slot after the one that added them.
    instruction = session.coordinator.instruction["update_client_version"]("v7", ctx=Context(session.as_owner()))
    blockhash = (await session.client.get_latest_blockhash()).value.blockhash
    table = AddressLookupTableAccount(address, addresses)
    signature = await session.provider.send(signed_v0(wallet, blockhash, instruction, tables=[table]))
    found = (await session.client.get_transaction(signature, max_supported_transaction_version=0)).value
    assert found is not None
    assert found.transaction.meta is not None
    assert found.transaction.meta.loaded_addresses is not None
    assert found.transaction.meta.loaded_addresses.writable == [session.run_account.pubkey()]
    assert found.transaction.meta.loaded_addresses.readonly == [session.instance]


async def a_durable_transaction_is_signed(session: Session) -> None:
    """It is sent when an ordinary transaction of its age would have expired."""
    nonce, wallet = Keypair(), session.wallet
    rent = (await session.client.get_minimum_balance_for_rent_exemption(NONCE_BYTES)).value
    blockhash = (await session.client.get_latest_blockhash()).value.blockhash
    create = create_nonce_account(wallet.pubkey(), nonce.pubkey(), wallet.pubkey(), rent)
    await session.provider.send(signed(wallet, blockhash, *create, others=[nonce]))
    account = (await session.client.get_account_info(nonce.pubkey())).value
    assert account is not None
    session.left["durable"] = session.coordinator.transaction["update_client_version"](
        "durable",
        payer=wallet,
        blockhash=nonce_value(account.data),
        ctx=Context(accounts=session.as_owner(), pre_instructions=[advance_nonce(nonce.pubkey(), wallet)]),
    )


async def an_old_transaction_is_expired(session: Session) -> None:
    stale, last_height = session.left["stale"]
    with (
        session.cluster.slots_passing(session.client),
        pytest.raises(TransactionExpiredBlockheightExceededError),
    ):
        await session.client.confirm_transaction(stale.signatures[0], Confirmed, 0.1, last_height)
    with pytest.raises(RPCException) as caught:
        await session.provider.send(stale)
    [failure] = caught.value.args
    assert isinstance(failure, SendTransactionPreflightFailureMessage)
    assert failure.data.err == TransactionErrorFieldless.BlockhashNotFound


async def a_durable_one_is_not(session: Session) -> None:
    assert await session.error(await session.provider.send(session.left["durable"])) is None
    account = (await session.client.get_account_info(session.run_account.pubkey())).value
    assert account is not None
    assert b"durable" in bytes(account.data)


async def a_run_is_closed(session: Session) -> None:
    before = (await session.client.get_balance(session.stranger.pubkey())).value
    accounts = {**session.as_owner(), "spill": session.stranger.pubkey()}
    await session.coordinator.rpc["free_coordinator"](ctx=Context(accounts=accounts))
    gained = (await session.client.get_balance(session.stranger.pubkey())).value - before
    assert gained > COORDINATOR_ACCOUNT_RENT
    with pytest.raises(AccountDoesNotExistError):
        await session.coordinator.account["CoordinatorInstance"].fetch(session.instance)
    with pytest.raises(ProgramError) as caught:
        await session.coordinator.rpc["update_client_version"]("late", ctx=Context(accounts=session.as_owner()))
    assert caught.value.msg == "The program expected this account to be already initialized"


STEPS: Final[tuple[Callable[[Session], Awaitable[None]], ...]] = (
    the_programs_are_there,
    no_idl_is_on_chain,
    the_faucet_pays,
    a_transaction_is_kept_until_it_is_too_old,
    a_missing_account_is_told,
    a_run_is_rehearsed,
    a_rehearsed_failure_is_named,
    a_failure_in_preflight_is_named,
    a_failure_without_preflight_is_recorded,
    a_run_is_created,
    its_instance_is_decoded,
    a_second_run_of_the_name_is_refused,
    accounts_are_fetched_together,
    many_accounts_are_fetched_in_batches,
    all_runs_are_found,
    another_type_is_not_mistaken_for_it,
    an_update_is_watched,
    its_logs_are_watched,
    the_methods_builder_sends,
    an_instruction_is_confirmed_by_websocket,
    a_stranger_is_refused,
    several_transactions_go_at_once,
    an_authorization_is_created_and_switched_on,
    delegates_are_added,
    the_same_code_is_named_after_its_program,
    a_mint_is_made,
    a_treasurer_is_created,
    a_participant_is_created,
    a_version_0_transaction_runs_an_instruction,
    a_durable_transaction_is_signed,
    an_old_transaction_is_expired,
    a_durable_one_is_not,
    a_run_is_closed,
)


@pytest.fixture(scope="module")
def played(cluster: Cluster) -> Played:
    async def run() -> Played:
        wallet = Keypair()
        async with AsyncClient(cluster.rpc_url, Confirmed) as client, connect(cluster.ws_url) as websocket:
            session = Session(cluster, Provider(client, Wallet(wallet)), Feed(websocket), wallet)
            return await play_async(STEPS, session, before=lambda: cluster.warp_slots(1))

    return asyncio.run(run())


test_step = a_test_of_each(STEPS)
