"""The account declarations of the published programs' instructions, from which the framework derives its checks."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

from solders.pubkey import Pubkey

from .chain import (
    ABORT,
    ASSOCIATED_TOKEN,
    AUTHORIZER,
    COORDINATOR,
    COORDINATOR_ACCOUNT_SIZE,
    SYSTEM,
    TOKEN,
    TREASURER,
    account_discriminator,
    token_address,
)
from .framework import (
    Accounts,
    Beyond,
    Condition,
    Declared,
    Refused,
    Take,
    anything,
    borsh,
    close_to,
    created,
    found_seeds,
    owned_by,
    packed,
    program,
    raw,
    seeds,
    signer,
    system_account,
    writable,
    zero_copy,
)

SCOPE = b"CoordinatorJoinRun"
MAX_GROWTH = 10_240


# --- what accounts hold -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instance:
    bump: int
    main_authority: Pubkey
    join_authority: Pubkey
    coordinator_account: Pubkey
    run_id: bytes


@dataclass(frozen=True)
class Authorization:
    grantor: Pubkey
    grantee: Pubkey
    scope: bytes
    active: bool
    delegates: tuple[Pubkey, ...]


@dataclass(frozen=True)
class Run:
    main_authority: Pubkey
    coordinator_account: Pubkey
    coordinator_instance: Pubkey
    collateral_mint: Pubkey


@dataclass(frozen=True)
class Token:
    mint: Pubkey
    owner: Pubkey
    has_delegate: bool


def _sized(data: bytes, at: int) -> bytes:
    (length,) = struct.unpack_from("<I", data, at)
    content = data[at + 4 : at + 4 + length]
    if len(content) < length:
        raise ValueError("cut off")
    return content


def _instance(data: bytes) -> Instance:
    bump, main, join, account = struct.unpack_from("<B32s32s32s", data)
    run_id = _sized(data, 97)
    run_id.decode()
    return Instance(bump, Pubkey(main), Pubkey(join), Pubkey(account), run_id)


def _authorization(data: bytes) -> Authorization:
    _, grantor, grantee = struct.unpack_from("<B32s32s", data)
    scope = _sized(data, 65)
    active, count = struct.unpack_from("<BI", data, 69 + len(scope))
    start = 74 + len(scope)
    struct.unpack_from("<q", data, start + 32 * count)
    if active > 1:
        raise ValueError("not a boolean")
    delegates = tuple(Pubkey(data[at : at + 32]) for at in range(start, start + 32 * count, 32))
    return Authorization(Pubkey(grantor), Pubkey(grantee), scope, active == 1, delegates)


def _run(data: bytes) -> Run:
    _, _, main, _, account, instance, mint, _, _ = struct.unpack_from("<BQ32s32s32s32s32sQQ", data)
    return Run(Pubkey(main), Pubkey(account), Pubkey(instance), Pubkey(mint))


def _participant(data: bytes) -> int:
    bump, _, _ = struct.unpack_from("<BQQ", data)
    return int(bump)


def _token(data: bytes) -> Token:
    tags = [struct.unpack_from("<I", data, at)[0] for at in (72, 109, 129)] if len(data) == 165 else [2]
    if max(tags) > 1 or data[108] > 2:
        raise Refused("InvalidAccountData")
    if data[108] == 0:
        raise Refused("UninitializedAccount")
    return Token(Pubkey(data[:32]), Pubkey(data[32:64]), tags[0] == 1)


def _mint(data: bytes) -> None:
    tags = [struct.unpack_from("<I", data, at)[0] for at in (0, 46)] if len(data) == 82 else [2]
    if max(tags) > 1 or data[45] > 1:
        raise Refused("InvalidAccountData")
    if data[45] == 0:
        raise Refused("UninitializedAccount")


def _typed(owner: Pubkey, name: str, decode: object) -> Take:
    return borsh(owner, account_discriminator(name), decode)  # type: ignore[arg-type]


INSTANCE = _typed(COORDINATOR, "CoordinatorInstance", _instance)
AUTHORIZATION = _typed(AUTHORIZER, "Authorization", _authorization)
RUN = _typed(TREASURER, "Run", _run)
PARTICIPANT = _typed(TREASURER, "Participant", _participant)
COORDINATOR_ACCOUNT = zero_copy(COORDINATOR, "CoordinatorAccount")
TOKEN_ACCOUNT, MINT = packed(TOKEN, _token), packed(TOKEN, _mint)


def instance(accounts: Accounts) -> Instance:
    return cast(Instance, accounts.held["coordinator_instance"])


def authorization(accounts: Accounts) -> Authorization:
    return cast(Authorization, accounts.held["authorization"])


def run(accounts: Accounts) -> Run:
    return cast(Run, accounts.held["run"])


def token(accounts: Accounts, name: str) -> Token:
    return cast(Token, accounts.held[name])


# --- conditions that are not the framework's own ----------------------------------------------------------------------


def _is_version_1(accounts: Accounts) -> bool:
    data = cast(bytes, accounts.held["coordinator_account"])
    if len(data) < COORDINATOR_ACCOUNT_SIZE:
        raise Refused(ABORT)
    return data[8:16] == struct.pack("<Q", 1)


def _may_join(accounts: Accounts) -> bool:
    given, user = authorization(accounts), accounts.key("user")
    named = given.grantee in (SYSTEM, user) or user in given.delegates
    return given.active and given.grantor == instance(accounts).join_authority and given.scope == SCOPE and named


def resized(arguments: bytes) -> Condition:
    """The authorization is resized for its delegates; growth is paid for through the system program."""
    clear, count = struct.unpack_from("<BI", arguments)

    def check(name: str, accounts: Accounts) -> None:
        held = authorization(accounts)
        kept = 0 if clear else len(held.delegates)
        growth = 90 + len(held.scope) + 32 * (kept + count) - len(accounts.given[name].data)
        if growth > MAX_GROWTH:
            raise Refused(3016, name)
        if growth > 0 and not accounts.given[name].writable:
            raise Beyond
        payer = accounts.given["payer"]
        if growth and (payer.owner != SYSTEM or payer.data or payer.lamports < 10**9):
            raise Beyond

    return check


def _vault_of_run(name: str, accounts: Accounts) -> None:
    owner, expected = token(accounts, name).owner, accounts.key("run")
    if owner != expected:
        raise Refused(2015, name, (owner, expected))


def _associated(name: str, accounts: Accounts) -> None:
    expected = token_address(accounts.key("run"), run(accounts).collateral_mint)
    if accounts.key(name) != expected:
        raise Refused(2009, name, (accounts.key(name), expected))


# --- the three programs -----------------------------------------------------------------------------------------------

SYSTEM_PROGRAM = Declared("system_program", program(SYSTEM))
TOKEN_PROGRAM = Declared("token_program", program(TOKEN))
COORDINATOR_PROGRAM = Declared("coordinator_program", program(COORDINATOR))
PAYER = Declared("payer", signer, [writable])
SPILL = Declared("spill", system_account, [writable])

_instance_seeds = seeds(COORDINATOR, lambda a: (b"coordinator", instance(a).run_id, bytes([instance(a).bump])))
_main_authority = raw(lambda a: instance(a).main_authority == a.key("authority"))
_stored_account = raw(lambda a: instance(a).coordinator_account == a.key("coordinator_account"))
_account = Declared("coordinator_account", COORDINATOR_ACCOUNT, [writable, _stored_account, raw(_is_version_1)])

OWNER = [
    Declared("authority", signer),
    Declared("coordinator_instance", INSTANCE, [_instance_seeds, _main_authority]),
    _account,
]
PERMISSIONLESS = [Declared("user", signer), Declared("coordinator_instance", INSTANCE, [_instance_seeds]), _account]


def _run_id(arguments: bytes) -> bytes:
    return _sized(arguments, 64)


def declarations(name: str, arguments: bytes) -> list[Declared]:
    """The accounts of an instruction. Some conditions depend on its (well-formed) arguments."""
    match name:
        case "init_coordinator":
            address = found_seeds(lambda a: (b"coordinator", _run_id(arguments)))
            return [
                PAYER,
                Declared("coordinator_instance", anything, [address, created], "new"),
                Declared("coordinator_account", anything, [writable, owned_by(COORDINATOR)]),
                SYSTEM_PROGRAM,
            ]
        case "free_coordinator":
            return [
                Declared("authority", signer),
                SPILL,
                Declared(
                    *("coordinator_instance", INSTANCE),
                    [_instance_seeds, writable, _main_authority, close_to("spill")],
                ),
                Declared("coordinator_account", COORDINATOR_ACCOUNT, [writable, _stored_account, close_to("spill")]),
            ]
        case "update" | "update_client_version" | "set_future_epoch_rates" | "set_paused":
            return OWNER
        case "join_run":
            return [PERMISSIONLESS[0], Declared("authorization", AUTHORIZATION, [raw(_may_join)]), *PERMISSIONLESS[1:]]
        case "tick" | "witness" | "warmup_witness" | "health_check" | "checkpoint":
            return PERMISSIONLESS
        case "authorization_create":
            grantee, scope = arguments[:32], _sized(arguments, 32)
            address = found_seeds(lambda a: (b"Authorization", bytes(a.key("grantor")), grantee, scope))
            new = Declared("authorization", anything, [address, created], "new")
            return [PAYER, Declared("grantor", signer), new, SYSTEM_PROGRAM]
        case "authorization_grantor_update":
            return [Declared("grantor", signer), Declared("authorization", AUTHORIZATION, [writable, _of_grantor])]
        case "authorization_grantee_update":
            of_grantee = raw(lambda a: authorization(a).grantee == a.key("grantee"))
            changed = Declared("authorization", AUTHORIZATION, [resized(arguments), writable, of_grantee])
            return [PAYER, Declared("grantee", signer), changed, SYSTEM_PROGRAM]
        case "authorization_close":
            closed = Declared("authorization", AUTHORIZATION, [writable, _of_grantor, close_to("spill")])
            return [Declared("grantor", signer), SPILL, closed, SYSTEM_PROGRAM]
    return _of_treasurer(name, arguments)


_of_grantor = raw(lambda a: authorization(a).grantor == a.key("grantor"))


def _of_treasurer(name: str, arguments: bytes) -> list[Declared]:
    match name:
        case "run_create":
            return [
                PAYER,
                Declared("run", anything, [found_seeds(lambda a: (b"Run", arguments[:8])), created], "new"),
                Declared("run_collateral", anything, [created], "new"),
                Declared("collateral_mint", MINT),
                Declared("coordinator_instance", anything, [writable]),
                Declared("coordinator_account", anything, [writable]),
                COORDINATOR_PROGRAM,
                Declared("associated_token_program", program(ASSOCIATED_TOKEN)),
                TOKEN_PROGRAM,
                SYSTEM_PROGRAM,
            ]
        case "run_update":
            conditions = [
                raw(lambda a: run(a).main_authority == a.key("authority")),
                raw(lambda a: run(a).coordinator_instance == a.key("coordinator_instance")),
                raw(lambda a: run(a).coordinator_account == a.key("coordinator_account")),
            ]
            return [
                Declared("authority", signer),
                Declared("run", RUN, conditions),
                Declared("coordinator_instance", INSTANCE),
                Declared("coordinator_account", COORDINATOR_ACCOUNT, [writable]),
                COORDINATOR_PROGRAM,
            ]
        case "participant_create":
            address = found_seeds(lambda a: (b"Participant", bytes(a.key("run")), bytes(a.key("user"))))
            new = Declared("participant", anything, [address, created], "new")
            return [PAYER, Declared("user", signer), Declared("run", RUN), new, SYSTEM_PROGRAM]
        case "participant_claim":
            return _participant_claim()
    raise ValueError(name)


def _participant_claim() -> list[Declared]:
    def bump(accounts: Accounts) -> bytes:
        return bytes([cast(int, accounts.held["participant"])])

    mine = [
        writable,
        raw(lambda a: token(a, "user_collateral").mint == run(a).collateral_mint),
        raw(lambda a: token(a, "user_collateral").owner == a.key("user")),
        raw(lambda a: not token(a, "user_collateral").has_delegate),
    ]
    own = seeds(TREASURER, lambda a: (b"Participant", bytes(a.key("run")), bytes(a.key("user")), bump(a)))
    of_run = raw(lambda a: run(a).coordinator_account == a.key("coordinator_account"))
    return [
        Declared("user", signer),
        Declared("user_collateral", TOKEN_ACCOUNT, mine),
        Declared("run", RUN, [writable, of_run]),
        Declared("run_collateral", TOKEN_ACCOUNT, [_vault_of_run, _associated, writable]),
        Declared("coordinator_account", COORDINATOR_ACCOUNT, [raw(_is_version_1)]),
        Declared("participant", PARTICIPANT, [own, writable]),
        TOKEN_PROGRAM,
    ]
