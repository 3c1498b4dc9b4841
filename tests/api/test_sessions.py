"""Library sessions on real local validators: wallets, errors and redaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from psyche_cli import api
from psyche_cli.errors import (
    InvalidAmount,
    LocalnetError,
    NetworkError,
    NotAuthority,
    RunNotFound,
    Unreachable,
    UsageError,
    WalletMalformed,
    WrongOwner,
)

ROOT = Path(__file__).resolve().parents[2]
SOL = 10**9


@pytest.fixture
def owner() -> api.Wallet:
    return api.Wallet.generate()


@pytest.fixture
def validator(owner: api.Wallet) -> Iterator[api.InProcessValidator]:
    with api.InProcessValidator(api.Genesis(balances={owner.address: 10 * SOL})) as running:
        yield running


def test_a_keypair_file_as_wallet_takes_precedence_over_variables(
    validator: api.InProcessValidator, owner: api.Wallet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.write_keypair_file(tmp_path / "owner.json")
    monkeypatch.setenv("RAW_WALLET_PRIVATE_KEY", "nonsense")
    for path in (tmp_path / "owner.json", str(tmp_path / "owner.json")):
        with api.open_signing_session(validator, wallet=path) as session:
            assert session.wallet == owner


def test_a_keypair_file_readable_by_others_is_reported(
    validator: api.InProcessValidator, owner: api.Wallet, tmp_path: Path
) -> None:
    file = tmp_path / "owner.json"
    owner.write_keypair_file(file)
    file.chmod(0o644)
    lines: list[str] = []
    with api.open_signing_session(validator, wallet=file, notify=lines.append):
        assert "chmod 600" in "".join(lines)


def test_a_private_key_instead_of_a_path_is_rejected_without_echoing_it(
    validator: api.InProcessValidator, owner: api.Wallet, tmp_path: Path
) -> None:
    owner.write_keypair_file(tmp_path / "owner.json")
    key = (tmp_path / "owner.json").read_text().strip()
    with pytest.raises(WalletMalformed) as caught, api.open_signing_session(validator, wallet=key):
        pass
    assert key not in str(caught.value)


def test_an_error_describes_only_its_own_operation(validator: api.InProcessValidator, owner: api.Wallet) -> None:
    with api.open_signing_session(validator, wallet=owner) as session:
        created = api.create_run(session, run_id="first")
        with pytest.raises(InvalidAmount) as caught:
            api.set_future_epoch_rates(session, run_id="first", earning_rate="-1")
    assert len(created.transactions) == 1
    assert (caught.value.sent, caught.value.signature, caught.value.landed) == (False, None, ())


def test_a_session_may_last_longer_than_the_limit_of_an_operation(
    validator: api.InProcessValidator, owner: api.Wallet
) -> None:
    """The time limit of an operation is measured from its start."""
    with api.open_signing_session(validator, wallet=owner) as session:
        with session.writing() as first:
            deadline = first.rpc.deadline
        with session.writing() as second:
            assert deadline is not None
            assert second.rpc.deadline is not deadline
        assert session.rpc.deadline is None


def test_a_wallet_without_authority_is_rejected(validator: api.InProcessValidator, owner: api.Wallet) -> None:
    with api.open_signing_session(validator, wallet=owner) as session:
        api.create_run(session, run_id="mine")
    with api.open_signing_session(validator, wallet=api.Wallet.generate()) as session:
        for act in (api.pause_run, api.resume_run):
            with pytest.raises(NotAuthority) as caught:
                act(session, run_id="mine")
            assert caught.value.sent is False


def test_all_operations_on_a_run_with_a_treasurer(owner: api.Wallet, tmp_path: Path) -> None:
    from psyche_cli.operations.localnet.wallets_and_mints import new_mint

    genesis = api.Genesis(balances={owner.address: 10 * SOL})
    options = api.LocalnetOptions(genesis, rpc_port=0)
    with api.LocalValidator(options) as validator, api.open_signing_session(validator, wallet=owner) as session:
        with session.writing() as operation:
            mint = str(new_mint(operation, decimals=6, amount="1000").data.mint)
        api.create_run(session, run_id="paid", collateral_mint=mint)
        api.update_config(session, run_id="paid", config_path=ROOT / "configs" / "minimal.toml")
        api.set_future_epoch_rates(session, run_id="paid", earning_rate="2.5")
        api.top_up_rewards(session, run_id="paid", amount="12.5")
        api.resume_run(session, run_id="paid")
        api.pause_run(session, run_id="paid")
        run = api.find_run(session, "paid")
        assert run.treasury is not None
        assert run.treasury.vault_amount == 12_500_000
        assert run.account.future_epoch_rates.earning_rate_total_shared == 2_500_000
        assert run.account.run_state is api.RunState.PAUSED
        diagnosis = api.explain_run(session, run_id="paid")
        assert [one.rule for one in diagnosis.findings[:2]] == ["no-authorizations", "paused"]
        assert api.list_members(session, run_id="paid").members == []
        dump, user = api.dump_run(session, run_id="paid"), api.dump_user(session, run_id="paid", address=mint)
        assert dump["treasurer_run"] is not None
        assert dump["treasurer_run"]["funded_collateral_amount"] == 12.5
        assert user["coordinator_account"]["client"] is None
        addresses = [run.instance.address, run.instance.coordinator_account, run.treasury.run.address]
        decoded = [api.decode_account(raw) for raw in session.rpc.accounts(addresses) if raw]
        assert [type(account) for account in decoded] == [
            api.CoordinatorInstance,
            api.CoordinatorAccount,
            api.TreasurerRun,
        ]
        tokens = [api.decode_account(raw) for raw in session.rpc.accounts([run.treasury.mint.address]) if raw]
        assert tokens == [run.treasury.mint]
        [own] = session.rpc.accounts([owner.address])
        assert own is not None
        with pytest.raises(WrongOwner):
            api.decode_account(own)


def test_a_validator_in_a_separate_process(owner: api.Wallet, tmp_path: Path) -> None:
    log = tmp_path / "validator.log"
    with api.LocalValidatorProcess(["--airdrop", f"{owner.address}=3"], log=log, start_seconds=900) as validator:
        with api.open_signing_session(validator, wallet=owner) as session:
            assert session.rpc.balance(owner.address) == 3 * SOL
            api.create_run(session, run_id="remote")
            assert api.find_run(session, "remote").main_authority == owner.address
        assert validator.call("getHealth") == "ok"
    assert "coordinator" in log.read_text()
    with pytest.raises(LocalnetError):
        _ = validator.rpc_url


def test_a_process_that_cannot_start_reports_why() -> None:
    with (
        pytest.raises(LocalnetError, match="Invalid slot time"),
        api.LocalValidatorProcess(["--slot-time", "-1"], start_seconds=900),
    ):
        pass


def test_a_closed_validator_answers_nothing(validator: api.InProcessValidator) -> None:
    with api.open_session(validator) as session:
        validator.close()
        with pytest.raises(Unreachable):
            api.find_run(session, "any")
    with pytest.raises(LocalnetError), api.open_session(validator):
        pass


def test_a_url_is_checked_and_a_missing_run_reported(validator: api.InProcessValidator) -> None:
    with pytest.raises(UsageError), api.open_session("nonsense"):
        pass
    with api.open_session(validator) as session, pytest.raises(RunNotFound):
        api.find_run(session, "missing")


class PathRepeatingEndpoint(BaseHTTPRequestHandler):
    """An endpoint that echoes the request path, where providers put API keys."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        error = {"code": -32000, "message": f"bad key {self.path}", "data": {"path": self.path}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Does nothing."""


def test_an_error_does_not_contain_the_path_of_the_url() -> None:
    server = HTTPServer(("127.0.0.1", 0), PathRepeatingEndpoint)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v2/SECRETSECRETSECRET"
        with api.open_session(url) as session, pytest.raises(NetworkError) as caught:
            api.find_run(session, "any")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "SECRET" not in f"{caught.value} {vars(caught.value)}"
