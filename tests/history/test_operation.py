"""The history of a run, as commands bring it up to date: over several connections, and decoded."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import suppress
from pathlib import Path

from psyche_cli.environment import Environment, SystemClock
from psyche_cli.history.events import decode
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.operations.history.sync import open_history, sync_history
from psyche_cli.operations.sessions import reading_session
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import Wallet
from tests.history.story import START, Story
from tests.support.run_driver import Failed


def test_a_sync_over_several_connections(tmp_path: Path) -> None:
    options = LocalnetOptions(rpc_port=0, slot_seconds=0, clock_mode=ClockMode("fixed", START))
    with LocalValidator(options) as validator:
        transport = validator.open_transport()
        story = Story(transport, Wallet.generate())
        story.rpc.request_airdrop(story.owner.address, 10**11)
        story.begin()
        with suppress(Failed):
            story.play(lambda run: run.account.epoch >= 1, clients=4)
        opened: Counter[str] = Counter()

        def open_transport(url: str) -> HttpTransport:
            opened[url] += 1
            return HttpTransport(url)

        environment = Environment(
            io.StringIO(), io.StringIO(), io.StringIO(), {}, tmp_path, SystemClock(), open_transport
        )
        with (
            reading_session(environment, rpc=validator.rpc_url) as session,
            open_history(session, story.run_id, environment.state_folder) as run,
        ):
            assert not run.history.file.path.exists()
            first, again = sync_history(session, run), sync_history(session, run)
            transactions = list(run.history.transactions())
            recorded = story.rpc.signatures_for_address(story.instance.address)
            assert {str(one.signature) for one in recorded} <= {one.signature for one in transactions}
            assert first.decoded == first.synced.listed == len(transactions) > 40
            assert first.notes == (f"Read {len(transactions)} new transactions, up to slot {first.synced.slot:,}.",)
            assert (again.decoded, again.notes) == (0, ())
            events = [(one.place, one.event) for one in run.history.events()]
            assert events == [(one.place, event) for one in transactions for event in decode(one)]
        assert opened == {validator.rpc_url: 1 + 3 + 3}
        transport.close()
