"""The connection between the command and the validator: it loses, delays, repeats and corrupts data as scheduled.

It also records the facts: which bytes may have been sent, and how the chain executed them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction

from psyche_cli.environment import Environment
from psyche_cli.errors import HttpStatusError, TimedOut, Unreachable
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.transport import Transport
from tests.cli.killing import Killed

from .clock import ScheduleClock
from .endpoints import ADDITIONAL_URL, TroubledEndpoint
from .schedule import (
    ABOUT_ONE_TRANSACTION,
    ALWAYS,
    BEFORE,
    FINALITY,
    FOLLOWING,
    OTHER_CODES,
    PREFLIGHT,
    PROVING_CODES,
    PROVING_STATUSES,
    SENDING,
    SENDING_ONLY,
    SLOT_SECONDS,
    UNSENT,
    Fork,
    Schedule,
)

LABEL = "http://127.0.0.1:8899"
AIRDROP = "an airdrop"
SPARE_SECONDS = 20
"""If a transaction is sent later than this after the start, there may be no time left to see that it has expired."""

WAYS = {
    "dropped": "request lost",
    "late": "late delivery",
    "very late": "delivery at expiry",
    "ghost": "vanishing signature",
    "twice": "duplicate delivery",
    "again": "duplicate delivery",
}
SPOILT = {
    "broken": "broken connection",
    "code": "JSON-RPC error",
    "preflight": "JSON-RPC error",
    "html": "HTML page",
    "truncated": "truncated reply",
    "crossed": "another's reply",
}
TROUBLES = {"lag": "endpoint that lags", "busy": "endpoint that is busy", "silence": "endpoint that stalls"}
NONCE_BYTES = 80
_MOST_REPETITIONS = 3
_SOMEBODY = Pubkey.new_unique()


class FaultyLine:
    """A transport to an in-process validator that injects the faults of a schedule."""

    label = LABEL

    def __init__(self, dispatcher: Dispatcher, clock: ScheduleClock, schedule: Schedule) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._schedule = schedule
        self._chance = schedule.chance
        self._bank = dispatcher.context.bank
        self._bank.catch_up()
        self._slots_before = self._bank.slot - self._bank.timekeeper.slots_due()
        self._slots_without_block = self._bank.slot - self._bank.chain.tip.height
        self._queue: list[tuple[float, bytes]] = []
        self._first_send: float | None = None
        self._requests = 0
        self._trouble: str | None = None
        self._handled: dict[Signature, int] = {}
        self._ghosts: dict[str, float] = {}
        self._nonces: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        """Signatures of all transactions passed to the transport, in order; for airdrops, those that were answered."""
        self.left: set[str] = set()
        """The subset that may have reached the validator, and ``AIRDROP`` for a request to the faucet."""
        self.faucet_requests = 0
        self.environment: Environment | None = None
        """The environment of the command, needed to kill it."""
        self.killed = False
        self.told = False
        """Whether the command has printed its result or error."""
        self.shown = ""
        """What the command has written to stdout and stderr."""
        self.met: set[str] = set()
        """The kinds of faults that the command has met, for the summary."""
        self.doubts = False
        """Whether the outcome may remain unknown to an honest client."""
        self._opened = clock.now
        self.log: list[str] = []

    def close(self) -> None:
        return None

    def with_endpoints(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The command line, with the options for two endpoints unless there is only one, as for ``localnet``."""
        trouble = self._schedule.trouble
        if trouble is None or words[0] == "localnet":
            return words
        first, second = (ADDITIONAL_URL, LABEL) if trouble.preferred else (LABEL, ADDITIONAL_URL)
        return (*words, "--rpc", first, "--rpc", second)

    def open_transport(self, url: str) -> Transport:
        """The line itself, or the additional endpoint."""
        trouble = self._schedule.trouble
        return TroubledEndpoint(self, trouble) if trouble is not None and url == ADDITIONAL_URL else self

    def send_in_trouble(self, body: bytes, kind: str, *, timeout: float) -> bytes:
        """Like ``send``, for an endpoint with this trouble."""
        self._trouble = kind
        try:
            return self.send(body, timeout=timeout)
        finally:
            self._trouble = None

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        started = self._clock.now
        try:
            return self._exchange(body, timeout)
        finally:
            assert self._clock.now <= started + timeout + 1e-9, "the transport exceeded its timeout"

    def drain(self) -> None:
        """Deliver all data that is still in transit."""
        self._clock.now = max([self._clock.now, *(due for due, _ in self._queue)])
        self._land_due()

    # --- one request ----------------------------------------------------------------------------------------------

    def _exchange(self, body: bytes, timeout: float) -> bytes:
        self._land_due()
        parsed = json.loads(body)
        request = parsed[0] if isinstance(parsed, list) else parsed  # the first of a batch counts
        method = request["method"]
        signature = None
        if method == "sendTransaction":
            signature = str(_transaction_of(request).signatures[0])
            if signature not in self.asked:  # a transaction that is sent late has too little time left
                self.doubts |= self._clock.now - self._opened > SPARE_SECONDS
            self.asked.append(signature)
            if self._first_send is None:
                self._first_send = self._clock.now
        elif method in SENDING:
            signature = AIRDROP
        number, self._requests = self._requests, self._requests + 1
        if number == self._schedule.kill_request:
            self._end_at(body, signature)
        if number == self._schedule.interrupt_request:
            return self._interrupted(body, signature, timeout)
        silent = self._schedule.silent_from is not None and number >= self._schedule.silent_from
        kind = "silence" if silent else self._schedule.fault(method)
        if self._trouble is not None:
            self.met.add(TROUBLES[self._trouble])
            kind = kind if self._trouble == "lag" else self._trouble
        self.faucet_requests += signature == AIRDROP and kind not in UNSENT
        where = "" if self._trouble is None else f" at the additional endpoint ({self._trouble})"
        self.log.append(f"{self._clock.now:.2f} {method}{where}: {kind or 'ok'}")
        # With two endpoints, any fault may be the reason why one of them is left alone for a while.
        self.doubts |= kind is not None and (method in FOLLOWING or self._schedule.trouble is not None)
        if signature is not None and kind not in BEFORE:
            self.left.add(signature)
        if kind in BEFORE:
            return self._not_even_there(kind, request, timeout)
        if signature is not None and self._schedule.way:
            return self._astray(kind, body, request, timeout)
        if kind is None:
            return self._answer(body, request)
        if kind in SENDING_ONLY:
            return self._odd_way(kind, body, request)
        if kind == "slow":
            self.met.add("slow reply")
            self._clock.now += self._chance.uniform(0, timeout)
            return self._answer(body, request)
        executes = self._chance.random() < 0.5
        if signature is not None:
            self.met.add("executed, reply lost" if executes else "request lost")
        answer = self._answer(body, request) if executes else b"{}"
        self.log[-1] += ", executed" if executes else ", not executed"
        if kind == "silence":
            self._stall(timeout)
        return self._spoilt(kind, answer, request)

    def _stall(self, timeout: float) -> NoReturn:
        self.met.add("stall")
        self._clock.now += timeout
        raise TimedOut("No answer.", endpoint=LABEL, request_sent=True)

    def kill(self) -> None:
        """End the process: drop what it would still have done after its output."""
        self.killed = True
        self.met.add("kill")
        self.log.append(f"{self._clock.now:.2f} killed")
        assert self.environment is not None
        self.environment.after_output.clear()
        raise Killed

    def _end_at(self, body: bytes, signature: str | None) -> None:
        self.faucet_requests += signature == AIRDROP
        if self._chance.random() < 0.5:
            self._handle(body)
            if signature is not None:
                self.left.add(signature)
        self.kill()

    def _interrupted(self, body: bytes, signature: str | None, timeout: float) -> bytes:
        executes = self._chance.random() < self._schedule.interrupted_is_executed
        self.met.add("Ctrl-C")
        self.log.append(f"{self._clock.now:.2f} Ctrl-C, {'executed' if executes else 'not executed'}")
        self._clock.now += self._chance.uniform(0, timeout)
        self.faucet_requests += signature == AIRDROP
        if executes:
            self._handle(body)
            if signature is not None:
                self.left.add(signature)
        raise KeyboardInterrupt

    def _not_even_there(self, kind: str, request: Any, timeout: float) -> bytes:
        self.met.add("no connection" if kind in UNSENT else "definite refusal")
        if kind == "refused":
            raise Unreachable("Connection refused.", endpoint=LABEL, request_sent=False)
        if kind == "no connection":
            self._clock.now += timeout / 2
            raise TimedOut("No connection.", endpoint=LABEL, request_sent=False)
        if kind == "proving status":
            raise self._status(PROVING_STATUSES)
        return _error(request, self._chance.choice(PROVING_CODES), "Refused")

    def _astray(self, kind: str | None, body: bytes, request: Any, timeout: float) -> bytes:
        """Route the bytes as scheduled, regardless of the response."""
        answer = self._odd_way(self._schedule.way, body, request)
        if kind is None or kind in SENDING_ONLY or kind in ALWAYS:
            return answer
        if kind == "silence":
            self._stall(timeout)
        return self._spoilt(kind, answer, request)

    def _odd_way(self, kind: str, body: bytes, request: Any) -> bytes:
        now = self._clock.now
        self.met.add(WAYS[kind])
        if kind == "twice" or (kind == "again" and request["method"] != "sendTransaction"):
            self._handle(body)
            return self._answer(body, request)
        if kind == "again":
            self._queue.append((now + self._chance.uniform(0.1, 30), body))
            return self._answer(body, request)
        if request["method"] != "sendTransaction":
            # The faucet signs a transaction, but it is lost.
            self.asked.append(str(Signature.from_bytes(self._chance.randbytes(64))))
        elif kind == "late":
            self._queue.append((now + self._chance.uniform(0.1, 30), body))
        elif kind == "very late":
            self._queue.append((now + self._life_left(request) - self._chance.randrange(5) * SLOT_SECONDS, body))
        signature = self.asked[-1]
        if kind == "ghost" and signature not in self._ghosts:
            self._ghosts[signature] = now
            if request["method"] == "sendTransaction" and self._chance.random() < 0.5:
                # In the end it is included in a block of the majority as well.
                self._queue.append((now + self._chance.uniform(0, self._schedule.ghost_seconds), body))
        return _result(request, signature)

    def _spoilt(self, kind: str, answer: bytes, request: Any) -> bytes:
        if kind not in ("status", "busy"):
            self.met.add(SPOILT.get(kind, "other invalid reply"))
        if kind == "broken":
            raise Unreachable("The connection broke.", endpoint=LABEL, request_sent=True)
        if kind == "status":
            raise self._status(self._schedule.statuses)
        if kind == "busy":
            raise self._status((429,))
        if kind == "code":
            return _error(request, self._chance.choice(OTHER_CODES), "Busy")
        if kind == "preflight":
            return _error(request, -32002, "Preflight", {"err": self._chance.choice(PREFLIGHT), "logs": []})
        if kind == "garbage":
            return bytes(self._chance.randrange(256) for _ in range(20))
        if kind == "html":
            return b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
        if kind == "truncated":
            return answer[: len(answer) // 2]
        if kind == "empty":
            return b""
        if kind == "crossed":
            return self._answer_to_another(request)
        if kind == "no id":
            return b'{"jsonrpc":"2.0","result":null}'
        return _result(request, self._chance.choice(([], {}, "x", True, {"value": {}})))

    def _answer_to_another(self, request: Any) -> bytes:
        """A valid response, but to another request."""
        another = {"id": request["id"] + self._chance.choice((-1, 1, 1000))}
        method = request["method"]
        if method in SENDING and self._chance.random() < 0.5:
            return _error(another, self._chance.choice(PROVING_CODES), "Refused")
        slot = self._slot + 1000
        status = {"slot": slot, "confirmations": None, "err": None, "confirmationStatus": "finalized"}
        return _result(
            another,
            {
                "sendTransaction": str(Signature.default()),
                "requestAirdrop": str(Signature.default()),
                "getSignatureStatuses": {
                    "context": {"slot": slot},
                    "value": [self._chance.choice((None, status, {**status, "err": "AccountInUse"}))],
                },
                "getEpochInfo": {"absoluteSlot": slot, "blockHeight": slot},
                "getTransaction": {"slot": slot, "meta": {"err": None, "logMessages": [], "fee": 5000}},
            }.get(method),
        )

    def _status(self, choices: tuple[int, ...]) -> HttpStatusError:
        status, retry_after = self._chance.choice(choices), self._chance.choice(self._schedule.retry_after)
        waits = "without" if retry_after is None else "with"
        self.met.add(f"429 {waits} Retry-After" if status == 429 else "5xx" if status >= 500 else "other status")
        return HttpStatusError(f"HTTP status {status}.", endpoint=LABEL, status=status, retry_after=retry_after)

    # --- the validator, as seen by a node ------------------------------------------------------------------

    def _handle(self, body: bytes) -> bytes:
        """Forward the request to the validator, except bytes that it has rejected twice as duplicates."""
        if b'"sendTransaction"' not in body:
            return self._dispatcher.handle(body)
        request = json.loads(body)
        transaction = _transaction_of(request)
        signature = transaction.signatures[0]
        self._handled[signature] = self._handled.get(signature, 0) + 1
        known = self._bank.history.find(signature) is not None
        nonces = {} if known else self._nonces_of(transaction)
        if known and self._handled[signature] > _MOST_REPETITIONS:
            return _result(request, str(signature))
        if self._schedule.fails and not known:
            self.met.add("failure on-chain")
            with self._spoilt_accounts(transaction):
                answer = self._dispatcher.handle(body)
        else:
            answer = self._dispatcher.handle(body)
        for address, data in nonces.items():
            account = self._bank.accounts.get(address)
            if account is not None and account.data != data:
                self._nonces[str(address)] = (self._bank.slot, data)
        return answer

    def _nonces_of(self, transaction: Transaction) -> dict[Pubkey, bytes]:
        """The data of the nonce accounts in a transaction."""
        found = {key: self._bank.accounts.get(key) for key in transaction.message.account_keys}
        return {key: bytes(one.data) for key, one in found.items() if one is not None and len(one.data) == NONCE_BYTES}

    @contextmanager
    def _spoilt_accounts(self, transaction: Transaction) -> Iterator[None]:
        """Context manager: all accounts written by the transaction, except the payer and a nonce account, have
        another owner."""
        message = transaction.message
        keys, header = message.account_keys, message.header
        signers = keys[1 : header.num_required_signatures - header.num_readonly_signed_accounts]
        others = keys[header.num_required_signatures : len(keys) - header.num_readonly_unsigned_accounts]
        before = {address: self._bank.accounts.get(address) for address in (*signers, *others)}
        before = {
            address: found for address, found in before.items() if found is None or len(found.data) != NONCE_BYTES
        }
        for address in before:
            self._bank.set_account(address, Account(10**9, b"", _SOMEBODY))
        yield
        for address, account in before.items():
            self._bank.set_account(address, account or Account(0, b"", _SOMEBODY))

    def _land_due(self) -> None:
        now = self._clock.now
        for due, body in sorted(self._queue, key=lambda item: item[0]):
            if due <= now:
                self._clock.now = due
                self._handle(body)
                self._queue.remove((due, body))
        self._clock.now = now

    def _life_left(self, request: Any) -> float:
        """Seconds until the last block in which the transaction can land."""
        chain = self._bank.chain
        wanted = _transaction_of(request).message.recent_blockhash
        last = chain.last_valid_height(wanted)
        return 0.0 if last is None else max(last - chain.tip.height, 5) * SLOT_SECONDS

    def _answer(self, body: bytes, request: Any) -> bytes:
        """The response of the node that answers."""
        if body.startswith(b"["):
            answers = [self._answer(json.dumps(one).encode(), one) for one in json.loads(body)]
            return b"[" + b",".join(answers) + b"]"
        method, params = request["method"], request["params"]
        if method == "getSlot" and self._trouble == "lag":
            return _result(request, max(self._slot - self._node(method)[0], 0))
        # Most requests during a long wait use these two methods; producing a block for each would be too slow.
        if method == "getSignatureStatuses":
            return _result(request, self._status_view(params[0][0]))
        if method == "getEpochInfo":
            return _result(request, self._position_view(params[0]["commitment"]))
        if method == "getMultipleAccounts" and params[1].get("commitment") == "finalized":
            return self._finalized_view(body, request)
        answer = self._handle(body)
        if method == "requestAirdrop" and "result" in (answered := json.loads(answer)):
            self.asked.append(answered["result"])
        if method == "getLatestBlockhash":
            result = json.loads(answer)["result"]
            result["context"]["slot"], result["value"] = self._blockhash_view()
            return _result(request, result)
        if method == "simulateTransaction" and params[1].get("replaceRecentBlockhash"):
            return self._simulation_view(request, json.loads(answer))
        if method == "getTransaction" and not self._sees(params[0], *self._node(method)):
            return _result(request, None)
        return answer

    def _node(self, method: str) -> tuple[int, Fork | None]:
        """The number of slots by which the node lags behind, and the fork that it is currently on, if any."""
        schedule = self._schedule
        node = self._chance.randrange(schedule.node_count)
        if schedule.routed:
            node = int(method in ABOUT_ONE_TRANSACTION)
        lag = int(schedule.lag / SLOT_SECONDS) if node == 1 else 0
        if self._trouble == "lag" and schedule.trouble is not None:
            lag += schedule.trouble.slots
        if lag:
            self.met.add("lagging node")
            self.doubts = True
            if not schedule.routed:
                self.met.add("nodes of different height")
        if self._first_send is None or node == 1 or not schedule.fork_seconds:
            return lag, None
        now = self._clock.now
        # Immediately, or at the worst time: when the blockhash is about to expire.
        start = self._first_send + schedule.fork_delay
        fork = Fork(start, start + schedule.fork_seconds, schedule.fork_learns_votes)
        if not fork.start <= now < fork.end:
            return lag, None
        self.met.add("minority fork")
        self.doubts = True
        return lag, fork

    @property
    def _slot(self) -> int:
        """The slot at the current time, even if its block has not been produced yet."""
        return self._slots_before + self._bank.timekeeper.slots_due()

    @property
    def _votes_late(self) -> int:
        return int(self._schedule.votes_late / SLOT_SECONDS)

    def _age(self, slot: int) -> int:
        return self._slot - slot

    def _sees(self, signature: str, lag: int, fork: Fork | None) -> bool:
        record = self._bank.history.find(Signature.from_string(signature))
        if record is None or self._age(record.slot) < lag:
            return False
        return fork is None or self._age(record.slot) * SLOT_SECONDS > self._clock.now - fork.start

    def _status_view(self, signature: str) -> Any:
        lag, fork = self._node("getSignatureStatuses")
        status = None
        record = self._bank.history.find(Signature.from_string(signature))
        if record is not None and self._sees(signature, lag, fork):
            age = self._age(record.slot) - lag - self._votes_late if self._schedule.gradual else FINALITY
            if self._votes_late > 0:
                self.met.add("late votes")
                self.doubts = True
            reached = "processed" if age < 1 else "confirmed" if age < FINALITY else "finalized"
            status = {
                "slot": record.slot,
                "confirmations": None if age >= FINALITY else max(age, 0),
                "err": record.error,
                "confirmationStatus": reached,
            }
        elif self._clock.now - self._ghosts.get(signature, -1e9) < self._schedule.ghost_seconds:
            self.doubts = True
            error = self._schedule.ghost_error
            status = {"slot": self._slot, "confirmations": 0, "err": error, "confirmationStatus": "processed"}
        return {"context": {"slot": self._slot - lag}, "value": [status]}

    def _position_view(self, commitment: str) -> Any:
        lag, fork = self._node("getEpochInfo")
        if self._votes_late > 0 or (fork is not None and not fork.learns_votes):
            self.met.add("height stands still")
            self.doubts = True
        behind = lag + (FINALITY + self._votes_late if self._schedule.gradual and commitment == "finalized" else 0)
        if fork is not None and not fork.learns_votes:
            behind += int((self._clock.now - fork.start) / SLOT_SECONDS)
        slot = max(self._slot - behind, 0)
        return {"absoluteSlot": slot, "blockHeight": max(slot - self._slots_without_block, 0)}

    def _finalized_view(self, body: bytes, request: Any) -> bytes:
        """The response of a node whose finalized bank is older than a nonce that has just been advanced."""
        finalized = self._position_view("finalized")["absoluteSlot"]
        result = json.loads(self._handle(body))["result"]
        result["context"]["slot"] = finalized
        for number, address in enumerate(request["params"][0]):
            advanced_in, before = self._nonces.get(address, (0, None))
            if before is not None and advanced_in > finalized:
                result["value"][number]["data"] = [base64.b64encode(before).decode(), "base64"]
        return _result(request, result)

    def _blockhash_view(self) -> tuple[int, Any]:
        """The latest blockhash known to the node, preceded by its slot."""
        lag, _ = self._node("getLatestBlockhash")
        block = self._bank.chain.block(self._bank.slot - lag) or self._bank.chain.tip
        return block.slot, {"blockhash": str(block.blockhash), "lastValidBlockHeight": block.height + 150}

    def _simulation_view(self, request: Any, answer: Any) -> bytes:
        """The response of a node that may lag behind; old versions do not report the blockhash that they inserted."""
        if "result" in answer:
            _, blockhash = self._blockhash_view()
            answer["result"]["value"]["replacementBlockhash"] = None if self._schedule.old_nodes else blockhash
        return json.dumps(answer).encode()


def _transaction_of(request: Any) -> Transaction:
    return Transaction.from_bytes(base64.b64decode(request["params"][0]))


def _result(request: Any, result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()


def _error(request: Any, code: int, message: str, data: Any = None) -> bytes:
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()
