"""Authorizations that no member has used are found, and all of them are replayed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import HttpStatusError
from psyche_cli.history.authorizations import replayed_authorizations
from psyche_cli.operations.history.sync import RunHistory, SyncedHistory, open_history, sync_history
from psyche_cli.operations.sessions import Session, reading_session
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.history.endpoints import Altered, Counted
from tests.history.story import StillStory


@contextmanager
def opened(story: StillStory, folder: Path, transport: Transport) -> Iterator[tuple[Session, RunHistory]]:
    texts = (io.StringIO(), io.StringIO(), io.StringIO())
    environment = Environment(*texts, {}, folder, SystemClock(), lambda _: transport)
    with (
        reading_session(environment, rpc="http://127.0.0.1:1") as session,
        open_history(session, story.run_id, folder) as run,
    ):
        yield session, run


def sync_once(story: StillStory, folder: Path, transport: Transport | None = None) -> SyncedHistory:
    with opened(story, folder, transport or story.transport()) as (session, run):
        return sync_history(session, run)


def permit(story: StillStory, member: Wallet, *delegates: Pubkey) -> Pubkey:
    """Let the owner permit a wallet to join, and let this appoint delegates."""
    owner, address = story.owner.address, authorization_address(story.owner.address, member.address)
    story.send(
        story.owner,
        story.build.authorization_create(payer=owner, grantor=owner, grantee=member.address),
        story.build.authorization_grantor_update(grantor=owner, authorization=address, active=True),
    )
    story.rpc.request_airdrop(member.address, 10**9)
    for delegate in delegates:
        story.send(
            member,
            story.build.authorization_grantee_update(
                payer=member.address,
                grantee=member.address,
                authorization=address,
                delegates_clear=False,
                delegates_added=[delegate],
            ),
        )
    return address


@pytest.fixture
def story() -> StillStory:
    story = StillStory()
    story.begin()
    return story


def test_authorizations_that_were_never_used(story: StillStory, tmp_path: Path) -> None:
    delegates = [Wallet.generate().address for _ in range(2)]
    unused = permit(story, Wallet.generate(), *delegates)
    story.addresses.add(unused)
    story.wait(100)  # until everything is finalized
    synced = sync_once(story, tmp_path)
    assert synced.notes == (f"Read {len(story.recorded)} new transactions, up to slot {synced.synced.slot:,}.",)
    assert synced.decoded == synced.synced.fetched == len(story.recorded)
    with opened(story, tmp_path, story.transport()) as (_, run):
        assert [one.signature for one in run.history.transactions()] == story.recorded
        found = replayed_authorizations(run.history.authorizer_events())
    everyone = authorization_address(story.owner.address, ANYONE)
    assert {*found} == {str(unused), str(everyone)}
    assert (found[str(unused)].active, found[str(unused)].delegates) == (True, tuple(map(str, delegates)))
    assert found[str(everyone)].active


def test_an_authorization_that_is_not_as_replayed(story: StillStory, tmp_path: Path) -> None:
    unused = permit(story, Wallet.generate())
    sync_once(story, tmp_path)
    with opened(story, tmp_path, story.transport()) as (_, run), run.history.file.writing() as connection:
        connection.execute(
            "UPDATE events SET arguments = '{\"active\":false}' WHERE kind = 'authorization_grantor_update' "
            "AND accounts LIKE ?",
            (f"%{unused}%",),
        )
        connection.execute("UPDATE run SET synced_at = synced_at - 600")
    story.wait(100)
    story.fail_to_tick()
    *_, wrong = sync_once(story, tmp_path).notes
    assert wrong == f"Of the authorization {unused}, active is true, but false according to the history."
    owner = story.owner.address
    story.send(
        story.owner,
        story.build.authorization_grantor_update(grantor=owner, authorization=unused, active=False),
        story.build.authorization_close(grantor=owner, spill=owner, authorization=unused),
    )
    story.wait(100)
    assert len(sync_once(story, tmp_path).notes) == 1
    with opened(story, tmp_path, story.transport()) as (_, run):
        assert not replayed_authorizations(run.history.authorizer_events())[str(unused)].exists


def test_authorizations_are_searched_only_if_they_may_have_changed(story: StillStory, tmp_path: Path) -> None:
    counted = Counted(story.transport())

    def searches(session: Session, run: RunHistory) -> tuple[int, int]:
        counted.methods.clear()
        sync_history(session, run, lanes=[session.rpc])
        return counted.methods["getProgramAccounts"], counted.methods["getTransaction"]

    with opened(story, tmp_path, counted) as (session, run):
        searched, first = searches(session, run)
        assert searched == 1
        assert first >= len(story.recorded) > 1
        story.fail_to_tick()
        assert searches(session, run) == (0, 1)
        assert run.history.searched_at is not None
        run.history.searched_at -= 600
        assert searches(session, run)[0] == 0  # nothing is new
        story.fail_to_tick()
        assert searches(session, run) == (1, 1)
        owner, everyone = story.owner.address, authorization_address(story.owner.address, ANYONE)
        story.send(
            story.owner, story.build.authorization_grantor_update(grantor=owner, authorization=everyone, active=False)
        )
        assert searches(session, run) == (1, 1)


@pytest.mark.parametrize("status", [403, 429])
def test_an_endpoint_that_does_not_search(story: StillStory, tmp_path: Path, status: int) -> None:
    permit(story, Wallet.generate())

    def refuse(request: dict[str, Any], _: dict[str, Any]) -> None:
        if request["method"] == "getProgramAccounts":
            raise HttpStatusError("no", status=status)

    synced = sync_once(story, tmp_path, Altered(story.transport(), refuse))
    [note] = synced.notes[1:]
    assert note == (
        "The endpoint does not list the authorizations of the run's join authority, so the history has only those with "
        "which members have joined."
    )
    assert synced.synced.fetched == len(story.recorded)


def test_a_closed_run(story: StillStory, tmp_path: Path) -> None:
    story.pause()
    story.close()
    assert len(sync_once(story, tmp_path).notes) == 1
