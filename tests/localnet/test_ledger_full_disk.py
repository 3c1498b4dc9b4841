"""A full disk, in process: changes that cannot be written do not happen, until there is space again."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account, create_nonce_account

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.solana.programs import MEMO_PROGRAMS
from tests.localnet.harness import SOL, HandClock, text
from tests.localnet.lives import Life, as_killed, file_of, full_disk, log_of
from tests.localnet.senders import NOT_RECORDED, UNHEALTHY
from tests.localnet.test_nonces_and_tables import nonce_value, with_nonce


class Heard:
    """A listener that should hear nothing."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_transaction(self, record: TransactionRecord) -> None:
        self.events.append("transaction")

    def on_account(self, address: Pubkey) -> None:
        self.events.append("account")

    def on_block(self, block: object) -> None:
        self.events.append("block")

    def on_restore(self) -> None:
        self.events.append("restore")


def visible(life: Life) -> object:
    """The state visible to clients."""
    return (
        life.bank.stored.all(),
        life.bank.history.records(),
        life.bank.history.total,
        life.bank.time,
        life.bank.chain.tip,
        life.bank.timekeeper.warped,
        sorted(map(str, life.bank.accounts.index.addresses())),
    )


def account_json(data: bytes, *, executable: bool = False) -> Any:
    return {"lamports": SOL, "data": [base64.b64encode(data).decode(), "base64"], "executable": executable}


@pytest.mark.parametrize("spare", [0, 1, 5000])
def test_nothing_happens_that_cannot_be_written(tmp_path: Path, payer: Keypair, clock: HandClock, spare: int) -> None:
    to, new, kept = Pubkey.new_unique(), Keypair(), Keypair()
    life = Life(tmp_path / "used", payer, clock)
    chain = life.chain
    chain.send(chain.transfer(kept.pubkey(), 10 * SOL))
    chain.send(chain.transfer(to, SOL))
    snapshot = chain.result("localnet_takeSnapshot")
    chain.send(chain.transfer(to, 2 * SOL))
    path = log_of(tmp_path / "used")
    blockhash = chain.blockhash()
    life.bank.listeners.append(heard := Heard())
    create = create_account(
        CreateAccountParams(
            from_pubkey=payer.pubkey(), to_pubkey=new.pubkey(), lamports=SOL, space=1000, owner=Pubkey.new_unique()
        )
    )
    memo = next(iter(MEMO_PROGRAMS))
    transactions = [
        chain.transfer(to, 4 * SOL, at=blockhash),
        chain.transfer(Pubkey.new_unique(), SOL, at=blockhash),
        chain.sign(create, others=(new,), at=blockhash),
        # Everything of an account, which is then none; and a transfer that fails and costs its fee.
        chain.transfer(to, 10 * SOL - 5000, payer=kept, at=blockhash),
        chain.transfer(to, 1000 * SOL, at=blockhash),
        # The VM executes it, and only the bank's own rule about rent fails it.
        chain.transfer(Pubkey.new_unique(), 1, at=blockhash),
    ]
    before = visible(life)
    with full_disk(path, spare=spare):
        for transaction in transactions:
            error = chain.error("sendTransaction", text(transaction), {"encoding": "base64", "skipPreflight": True})
            assert error["code"] == NOT_RECORDED
            assert error["message"].startswith("Invalid request: cannot write to the ledger (disk I/O error)")
            assert error["message"].endswith("nothing was executed")
            assert chain.status(str(transaction.signatures[0])) is None
        for method, *params in (
            ("requestAirdrop", str(to), SOL),
            ("localnet_setAccount", str(Pubkey.new_unique()), account_json(b"x" * 500)),
            ("localnet_setAccount", str(to), {"lamports": 0}),
            ("localnet_setAccount", str(memo), account_json(b"")),
            ("localnet_warpSeconds", 3600),
            ("localnet_warpSlots", 200),
        ):
            assert chain.error(method, *params)["code"] == NOT_RECORDED, method
        clock.sleep(1000)
        health = chain.error("getHealth")
        assert health["code"] == UNHEALTHY
        assert "the validator is read-only until writing succeeds again" in health["message"]
        assert visible(life) == before
        assert heard.events == []
    [notice] = [line for line in life.log if "cannot write to" in line]
    assert notice == (
        f"ledger: cannot write to {tmp_path / 'used'}: disk I/O error. The validator is read-only until "
        "writing succeeds again: transactions are rejected and slots do not advance"
    )
    killed = Life(as_killed(tmp_path / "used", tmp_path / "killed"), payer, HandClock())
    assert killed.chain.result("getTransactionCount") == 3
    assert killed.chain.balance(to) == 3 * SOL
    killed.end()

    # There is room again: nothing has to be done but to ask for something.
    assert chain.result("getHealth") == "ok"
    assert sum(line.endswith("is writable again; the validator continues") for line in life.log) == 1
    assert chain.result("getSlot") > 2000
    chain.result("localnet_restoreSnapshot", snapshot)
    for lamports in range(5):
        chain.send(chain.transfer(to, SOL + lamports))
    seen = visible(life)
    killed = Life(as_killed(tmp_path / "used", tmp_path / "killed-later"), payer, clock)
    assert killed.bank.history.records() == life.bank.history.records()
    assert killed.bank.slot > life.bank.slot
    assert killed.chain.balance(to) == 6 * SOL + 10
    killed.end()
    assert visible(life) == seen
    life.end()


def test_restore_without_space_changes_nothing(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, big = Pubkey.new_unique(), Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.bank.set_account(big, Account(SOL, bytes(range(256)) * 40, Pubkey.new_unique()))
    snapshot = life.chain.result("localnet_takeSnapshot")
    life.chain.send(life.chain.transfer(to, SOL))
    before = visible(life)
    with full_disk(log_of(tmp_path)):
        for method, *params in (("localnet_restoreSnapshot", snapshot), ("localnet_reset",)):
            error = life.chain.error(method, *params)
            assert error["code"] == NOT_RECORDED
            assert "cannot write to the ledger (disk I/O error)" in error["message"]
            assert error["message"].endswith("nothing was changed")
        assert visible(life) == before
    assert life.chain.result("getHealth") == "ok"
    life.chain.send(life.chain.transfer(to, 2 * SOL))
    life.chain.result("localnet_restoreSnapshot", snapshot)
    assert life.chain.balance(to) == 0
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == 0
    life.end()


def test_nonce_is_not_advanced_by_an_unrecorded_transaction(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, account = Pubkey.new_unique(), Keypair()
    life = Life(tmp_path, payer, clock)
    chain, nonce = life.chain, account.pubkey()
    instructions = create_nonce_account(payer.pubkey(), nonce, payer.pubkey(), 1_447_680)
    chain.send(chain.sign(*instructions, others=(account,)))
    value = nonce_value(chain, nonce)
    chain.pass_slots(200)
    # The first succeeds. The second fails, and the bank itself advances its nonce.
    for lamports in (SOL, 1000 * SOL):
        spending = with_nonce(chain, nonce, value, to, lamports)
        with full_disk(log_of(tmp_path)):
            options = {"encoding": "base64", "skipPreflight": True}
            assert chain.error("sendTransaction", text(spending), options)["code"] == NOT_RECORDED
            assert nonce_value(chain, nonce) == value
        chain.send(spending, skipPreflight=True)
        assert nonce_value(chain, nonce) != value
        value = nonce_value(chain, nonce)
    assert chain.balance(to) == SOL
    life.end()


def test_slots_stand_still_until_their_time_can_be_written(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "used", payer, clock)
    with full_disk(log_of(tmp_path / "used")):
        slots = []
        for _ in range(60):
            life.chain.pass_slots(1)
            slots.append(life.chain.result("getSlot"))
        # What was written down ahead of time passes, and no slot more.
        assert slots[:10] == list(range(2, 12))
        assert slots[-30:] == [slots[-1]] * 30
        blockhash = life.chain.blockhash()
    killed = Life(as_killed(tmp_path / "used", tmp_path / "killed"), payer, clock)
    killed.end()
    assert killed.bank.slot > slots[-1]
    life.chain.pass_slots(1)
    assert life.chain.result("getSlot") == 62
    assert life.chain.value("isBlockhashValid", str(blockhash)) is True
    assert any(line.endswith("the validator continues") for line in life.log)
    life.end()


def test_start_without_space_leaves_the_ledger_unchanged(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock)
    for number in range(3):
        life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number))
    life.end()
    path = file_of(tmp_path)
    content = path.read_bytes()
    for reset in (False, True):
        with full_disk(path, spare=-len(content) + 300), pytest.raises(LocalnetError, match="disk I/O error") as error:
            Life(tmp_path, payer, clock, reset=reset)
        assert "Free disk space" in error.value.hint
        assert not list(tmp_path.glob("*draft*"))
        assert path.read_bytes() == content
    life = Life(tmp_path, payer, clock)
    assert life.chain.result("getTransactionCount") == 3
    life.end()


def test_deleted_folder_makes_it_read_only_until_it_is_back(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, folder = Pubkey.new_unique(), tmp_path / "ledger"
    life = Life(folder, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    shutil.rmtree(folder)
    error = life.chain.error("sendTransaction", text(life.chain.transfer(to, 2 * SOL)), {"encoding": "base64"})
    assert error["message"].startswith("Invalid request: cannot write to the ledger (its file was deleted)")
    assert life.chain.error("getHealth")["code"] == UNHEALTHY
    folder.mkdir()
    assert life.chain.result("getHealth") == "ok"
    life.chain.send(life.chain.transfer(to, 4 * SOL))
    life.end()
    life = Life(folder, payer, clock)
    assert life.chain.balance(to) == 5 * SOL
    life.end()


def test_deleted_log_is_written_again(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    log_of(tmp_path).unlink()
    error = life.chain.error("sendTransaction", text(life.chain.transfer(to, 2 * SOL)), {"encoding": "base64"})
    assert error["message"].startswith("Invalid request: cannot write to the ledger (its log was deleted)")
    assert life.chain.result("getHealth") == "ok"
    life.chain.send(life.chain.transfer(to, 4 * SOL))
    killed = Life(as_killed(tmp_path, tmp_path / "killed"), payer, clock)
    assert killed.chain.balance(to) == 5 * SOL
    killed.end()
    log_of(tmp_path).unlink()
    life.end()
    life = Life(tmp_path, payer, clock)
    assert len(life.log) == 1  # no report of an unclean shutdown
    assert life.chain.balance(to) == 5 * SOL
    life.end()


@pytest.mark.parametrize("of", [file_of, log_of])
@pytest.mark.parametrize("how", ["cut", "replaced"])
def test_nothing_is_written_to_files_that_others_changed(
    tmp_path: Path, payer: Keypair, clock: HandClock, of: Callable[[Path], Path], how: str
) -> None:
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    changed, other = of(tmp_path), tmp_path / "other"
    other.write_bytes(changed.read_bytes())
    if how == "cut":
        os.truncate(changed, changed.stat().st_size // 2)
    else:
        other.rename(changed)
    content = changed.read_bytes()
    for _ in range(2):
        error = life.chain.error("requestAirdrop", str(Pubkey.new_unique()), SOL)
        name = "file" if of is file_of else "log"
        assert f"(its {name} was {how})" in error["message"]
        assert life.chain.error("getHealth")["code"] == UNHEALTHY
    assert changed.read_bytes() == content
    life.end()


def test_close_without_space_is_reported(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    with full_disk(log_of(tmp_path)):
        life.end()
    assert life.log[-1] == f"ledger: cannot close {tmp_path} cleanly: disk I/O error"
    life = Life(tmp_path, payer, clock)
    assert "was not shut down cleanly. It is intact, with 1 transaction;" in life.log[0]
    life.end()
