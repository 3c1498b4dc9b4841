"""100,000 hostile names and accounts, processed by the code that decodes, dumps, reports and prints them.

70,000 names are only rendered, 50 at a time: as data, rows, warnings, next steps, errors and logs. 30,000 mutated
account images are decoded, dumped or rejected, and printed: 24,900 small accounts, 5,000 coordinator accounts, and 100
coordinator accounts through complete verbs. Both output formats are tested, alternating for the complete verbs. All but
the latter are a quarter without ``--full``.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.cli.render import Renderer
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import BrokenRule, ConfigurationError, ExitCode, PsycheError, RpcError
from psyche_cli.operations.observe.dump_shapes import run_dump, user_dump
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import (
    CoordinatorInstance,
    decode_authorization,
    decode_instance,
    decode_participant,
    decode_treasurer_run,
)
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.receipts import Receipt
from psyche_cli.results import Document, OperationResult, PlainText, Result
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.protocol.images import ADDRESS, raw, v1_image
from tests.support import strangers
from tests.support.counts import repetitions

NAMES, NAMES_AT_ONCE = repetitions(70_000), 50
SMALL_ACCOUNTS, COORDINATOR_ACCOUNTS = repetitions(24_900), repetitions(5_000)
ACCOUNTS_BY_VERB = 100  # fewer would not be enough for all verbs to meet damage in both formats

TEXT_FIELDS = ((16, 64), (80, 280), (376, 32), (441, 64), (505, 64), (584, 64), (648, 192), (119_050, 96))
"""Offset and size of the texts in a coordinator account, such as name, description, run id and repository."""
RUN_STATE = 408
"""Offset of the run state in a coordinator account."""


class Shown:
    """Renders output in both formats and checks that it is safe for a terminal."""

    def __init__(self) -> None:
        self.environments = {as_json: _environment() for as_json in (False, True)}

    def result(self, result: Result) -> Any:
        """Print a result in both formats and return the parsed JSON."""
        return self._print(lambda renderer: renderer.result(result))

    def error(self, error: PsycheError) -> Any:
        """The same for an error."""
        return self._print(lambda renderer: renderer.error(error, error.exit_code))

    def _print(self, print_to: Callable[[Renderer], None]) -> Any:
        document = None
        for as_json, environment in self.environments.items():
            print_to(Renderer(environment, command="json-dump-run", as_json=as_json))
            stdout, stderr = _taken(environment.stdout), _taken(environment.stderr)
            check(stdout + stderr)
            if as_json:
                document = json.loads(stdout)
        return document


def _environment() -> Environment:
    def no_transport(url: str) -> Transport:
        raise AssertionError(url)

    return Environment(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        variables={},
        home=Path("/nowhere"),
        clock=SystemClock(),
        open_transport=no_transport,
    )


def _taken(stream: Any) -> str:
    text: str = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return text


def check(text: str) -> None:
    """Check that there are no control or other unprintable characters except line breaks."""
    assert text.replace("\n", "").isprintable(), [c for c in text if not c.isprintable() and c != "\n"]


def utf16(value: object) -> bytes:
    """Normalize a text so that a surrogate pair equals the character that it encodes, as in JSON."""
    return str(value).encode("utf-16-be", "surrogatepass")


def test_rendering_of_names(random_seed: int) -> None:
    source, shown = random.Random(random_seed), Shown()
    for start in range(0, NAMES, NAMES_AT_ONCE):
        names = [strangers.name(source) for _ in range(NAMES_AT_ONCE)]
        kind = start // NAMES_AT_ONCE % 4
        if kind == 0:
            document = shown.result(Document({name: name for name in names}))
            assert {utf16(key) for key in document} == {utf16(name) for name in names}
            assert all(utf16(key) == utf16(value) for key, value in document.items())
        elif kind == 1:
            landed = Receipt(names[0], names[1], 5, tuple(names))
            rows = tuple(zip(names, reversed(names), strict=True))
            result = OperationResult(names[0], {"names": names}, rows, (landed,), tuple(names), tuple(names))
            document = shown.result(result)
            assert list(map(utf16, document["warnings"])) == list(map(utf16, names))
        elif kind == 2:
            document = shown.result(PlainText("\n".join(names), {"names": names}))
            assert list(map(utf16, document["data"]["names"])) == list(map(utf16, names))
        else:
            hint, message = names[0], names[1]
            problems = tuple(BrokenRule(key=name, rule=name, message=name) for name in names)
            document = shown.error(ConfigurationError(message, hint=hint, problems=problems))
            assert utf16(document["error"]["context"]["problems"][-1]["key"]) == utf16(names[-1])
            shown.error(RpcError(message, hint=hint, rpc_code=-32002, rpc_data=list(names)))


def test_small_accounts(random_seed: int) -> None:
    source, shown = random.Random(random_seed + 1), Shown()
    coordinator = decode_coordinator_account(raw(v1_image()))
    mint = TokenMint(ADDRESS, 6, 10**15, None)
    decoded = 0
    for number in range(SMALL_ACCOUNTS):
        owner, image = _small_image(source, number % 4)
        account = RawAccount(address=ADDRESS, owner=owner, lamports=1, data=image)
        try:
            if number % 4 == 0:
                instance = decode_instance(account)
                shown.result(OperationResult(instance.run_id, {"run_id": instance.run_id}, (("run", instance.run_id),)))
            elif number % 4 == 1:
                authorization = decode_authorization(account)
                scope = authorization.scope.decode("utf-8", "replace")
                shown.result(OperationResult(scope, {"scope": scope}, ((scope, scope),)))
            elif number % 4 == 2:
                dump = run_dump(_instance(), coordinator, decode_treasurer_run(account), mint, 5)
                shown.result(Document(dump["treasurer_run"]))
            else:
                participant = decode_participant(account)
                shown.result(Document(user_dump(ADDRESS, 1, coordinator, mint=mint, participant=participant)))
            decoded += 1
        except PsycheError as error:
            shown.error(error)
    assert SMALL_ACCOUNTS // 4 < decoded < SMALL_ACCOUNTS


def _small_image(source: random.Random, kind: int) -> tuple[Pubkey, bytes]:
    """An instance, authorization, treasurer Run or participant with hostile texts, sometimes damaged."""
    text = strangers.name_bytes(source, 60)
    sized = (len(text) if source.random() < 0.9 else source.getrandbits(32)).to_bytes(4, "little") + text
    owner, name, body = (
        (PUBLISHED.coordinator, "CoordinatorInstance", source.randbytes(97) + sized),
        (PUBLISHED.authorizer, "Authorization", source.randbytes(65) + sized + b"\1" + bytes(12)),
        (PUBLISHED.treasurer, "Run", source.randbytes(192)),
        (PUBLISHED.treasurer, "Participant", source.randbytes(24)),
    )[kind]
    image = bytearray(account_discriminator(name) + body)
    if source.random() < 0.2:
        image[source.randrange(len(image))] = source.randrange(256)
    if source.random() < 0.1:
        del image[source.randrange(len(image)) :]
    return (owner if source.random() < 0.95 else Pubkey.from_bytes(source.randbytes(32))), bytes(image)


def _instance() -> CoordinatorInstance:
    return CoordinatorInstance(ADDRESS, 1, 255, ADDRESS, ADDRESS, ADDRESS, "test")


def _coordinator_image(source: random.Random) -> bytearray:
    """A coordinator account with hostile texts, sometimes with damaged bytes."""
    image = v1_image()
    for offset, size in TEXT_FIELDS:
        if source.random() < 0.7:
            image[offset : offset + size] = strangers.name_bytes(source, size).ljust(size, b"\0")
    if source.random() < 0.3:
        for _ in range(source.randint(1, 3)):
            image[source.randrange(1100)] = source.randrange(256)
    return image


def test_coordinator_accounts(random_seed: int) -> None:
    source, shown = random.Random(random_seed + 2), Shown()
    dumped = 0
    for _ in range(COORDINATOR_ACCOUNTS):
        try:
            account = decode_coordinator_account(raw(_coordinator_image(source)))
            document = shown.result(Document(run_dump(_instance(), account)))
            assert document["coordinator_account"]["run_id"] == account.run_id.strip("\0")
            dumped += 1
        except PsycheError as error:
            shown.error(error)
    assert COORDINATOR_ACCOUNTS // 2 < dumped < COORDINATOR_ACCOUNTS


def test_accounts_in_complete_verbs(house: House, random_seed: int) -> None:
    source = random.Random(random_seed + 3)
    run_id = house.run()
    address = Pubkey.from_string(house.dump(run_id)["coordinator_account"]["address"])
    bank = house.chain.dispatcher.context.bank
    before = bank.accounts.get(address)
    assert before is not None
    verbs = [
        ("json-dump-run", "--run-id", run_id),
        ("json-dump-user", "--run-id", run_id, "--address", ADDRESS),
        ("set-paused", "--run-id", run_id, "--resume"),
        ("update-config", "--run-id", run_id, "--name", strangers.name(source, surrogates=False).replace("\0", "")),
    ]
    codes = set()
    for number in range(ACCOUNTS_BY_VERB):
        image = _coordinator_image(source)
        if number % 9 == 0:  # each verb meets damage in both formats; random damage alone may never matter
            image[RUN_STATE] = 0xFF
        bank.set_account(address, Account(before.lamports, bytes(image), before.owner))
        outcome = house.cli(*verbs[number // 2 % len(verbs)], *(("--output", "json") if number % 2 else ()))
        check(outcome.stdout + outcome.stderr)
        if number % 2:
            json.loads(outcome.stdout)
        codes.add(outcome.code)
    assert ExitCode.INTERNAL not in codes
    assert {ExitCode.OK, ExitCode.ACCOUNT} <= codes


@pytest.mark.parametrize("character", [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x202E, 0xD800)])
def test_control_characters_in_json_are_escaped_and_preserved(character: str) -> None:
    shown = Shown()
    assert shown.result(Document({"name": f"a{character}b"})) == {"name": f"a{character}b"}
