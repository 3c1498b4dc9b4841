"""Decoding of the four Borsh-encoded account types.

The fields follow an 8-byte discriminator without padding; the rest of the account is zero and ignored. Every decoding
function raises WrongOwner, WrongDiscriminator or MalformedAccount.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError
from psyche_cli.limits import CLAIMER_TREASURER_RUN_BYTES, DISCRIMINATOR_BYTES
from psyche_cli.protocol.accounts.account_checks import check_discriminator, check_owner, malformed
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.raw_account import RawAccount

JOIN_AUTHORITY_OFFSET: Final = 41
"""Offset of ``join_authority`` in a CoordinatorInstance, for ``getProgramAccounts`` filters."""


class CoordinatorInstance(NamedTuple):
    """The authorities of a run and the address of its coordinator account, stored under the run id. Immutable."""

    address: Pubkey
    lamports: int
    bump: int
    main_authority: Pubkey
    """The administrator or, for a run with a treasurer, the treasurer's Run account."""
    join_authority: Pubkey
    """The grantor whose authorizations let clients join."""
    coordinator_account: Pubkey
    run_id: str


class Authorization(NamedTuple):
    """A grantor's permission for a grantee and the delegates that the grantee appoints."""

    address: Pubkey
    lamports: int
    bump: int
    grantor: Pubkey
    grantee: Pubkey
    scope: bytes
    active: bool
    delegates: tuple[Pubkey, ...]
    grantor_update_timestamp: int
    """When the grantor last activated or deactivated it, in Unix seconds by the cluster clock; 0 if never."""

    def is_valid_for(self, grantor: Pubkey, user: Pubkey, scope: bytes = JOIN_SCOPE) -> bool:
        """Whether the programs accept it as a permission from ``grantor`` for ``user``."""
        allowed = self.grantee in (ANYONE, user) or user in self.delegates
        return self.active and self.grantor == grantor and self.scope == scope and allowed


class TreasurerRun(NamedTuple):
    """The treasurer's Run account. Totals are in base units of the collateral and in points."""

    address: Pubkey
    lamports: int
    bump: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nothing needs here
    main_authority: Pubkey
    """The wallet that administers the run."""
    join_authority: Pubkey | None
    """None in layout v2-claimer, in which only the instance has it."""
    coordinator_account: Pubkey
    coordinator_instance: Pubkey
    collateral_mint: Pubkey
    total_claimed_collateral_amount: int
    total_claimed_earned_points: int


class Participant(NamedTuple):
    """The claims of one user against a treasurer's Run, in base units of the collateral and in points."""

    address: Pubkey
    lamports: int
    bump: int
    claimed_collateral_amount: int
    claimed_earned_points: int


def decode_instance(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> CoordinatorInstance:
    """The CoordinatorInstance in ``raw`` (173 bytes)."""
    reader = _Reader(raw, "coordinator instance", "CoordinatorInstance", programs.coordinator, programs)
    return CoordinatorInstance(
        address=raw.address,
        lamports=raw.lamports,
        bump=reader.unsigned("bump", 1),
        main_authority=reader.pubkey("main_authority"),
        join_authority=reader.pubkey("join_authority"),
        coordinator_account=reader.pubkey("coordinator_account"),
        run_id=reader.string("run_id"),
    )


def decode_authorization(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> Authorization:
    """The Authorization in ``raw`` (90 bytes, the scope, and 32 per delegate)."""
    reader = _Reader(raw, "authorization", "Authorization", programs.authorizer, programs)
    return Authorization(
        address=raw.address,
        lamports=raw.lamports,
        bump=reader.unsigned("bump", 1),
        grantor=reader.pubkey("grantor"),
        grantee=reader.pubkey("grantee"),
        scope=reader.byte_string("scope"),
        active=reader.boolean("active"),
        delegates=reader.pubkeys("delegates"),
        grantor_update_timestamp=reader.signed("grantor_update_unix_timestamp", 8),
    )


def lets_join(head: RawAccount, grantor: Pubkey, user: Pubkey, programs: ProgramIds = PUBLISHED) -> bool:
    """Whether an Authorization, of which ``head`` is the beginning, lets ``user`` join as its grantee or as everyone.

    Delegates, which may not be part of the beginning, are not considered. Never raises: an account that cannot be
    decoded lets nobody join.
    """
    try:
        reader = _Reader(head, "authorization", "Authorization", programs.authorizer, programs)
        reader.unsigned("bump", 1)
        parties = reader.pubkey("grantor"), reader.pubkey("grantee")
        scope, active = reader.byte_string("scope"), reader.boolean("active")
    except AccountError:
        return False
    return active and scope == JOIN_SCOPE and parties in ((grantor, ANYONE), (grantor, user))


def decode_treasurer_run(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> TreasurerRun:
    """The treasurer's Run in ``raw`` (200 bytes, or 168 in layout v2-claimer)."""
    reader = _Reader(raw, "treasurer run", "Run", programs.treasurer, programs)
    has_join_authority = len(raw.data) != CLAIMER_TREASURER_RUN_BYTES
    return TreasurerRun(
        address=raw.address,
        lamports=raw.lamports,
        bump=reader.unsigned("bump", 1),
        index=reader.unsigned("index", 8),
        main_authority=reader.pubkey("main_authority"),
        join_authority=reader.pubkey("join_authority") if has_join_authority else None,
        coordinator_account=reader.pubkey("coordinator_account"),
        coordinator_instance=reader.pubkey("coordinator_instance"),
        collateral_mint=reader.pubkey("collateral_mint"),
        total_claimed_collateral_amount=reader.unsigned("total_claimed_collateral_amount", 8),
        total_claimed_earned_points=reader.unsigned("total_claimed_earned_points", 8),
    )


def decode_participant(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> Participant:
    """The treasurer's Participant in ``raw`` (32 bytes)."""
    reader = _Reader(raw, "treasurer participant", "Participant", programs.treasurer, programs)
    return Participant(
        address=raw.address,
        lamports=raw.lamports,
        bump=reader.unsigned("bump", 1),
        claimed_collateral_amount=reader.unsigned("claimed_collateral_amount", 8),
        claimed_earned_points=reader.unsigned("claimed_earned_points", 8),
    )


class _Reader:
    """Reads the Borsh fields of an account in order, after checking its owner and Anchor type ``type_name``."""

    def __init__(self, raw: RawAccount, what: str, type_name: str, owner: Pubkey, programs: ProgramIds) -> None:
        check_owner(raw, owner, what, programs)
        check_discriminator(raw, type_name, what)
        self._raw = raw
        self._what = what
        self._offset = DISCRIMINATOR_BYTES

    def _take(self, field: str, size: int) -> bytes:
        start, end = self._offset, self._offset + size
        if end > len(self._raw.data):
            left = len(self._raw.data) - start
            raise malformed(self._raw, self._what, field, start, f"needs {size} bytes, but only {left} are left")
        self._offset = end
        return self._raw.data[start:end]

    def unsigned(self, field: str, size: int) -> int:
        return int.from_bytes(self._take(field, size), "little")

    def signed(self, field: str, size: int) -> int:
        return int.from_bytes(self._take(field, size), "little", signed=True)

    def boolean(self, field: str) -> bool:
        value = self.unsigned(field, 1)
        if value > 1:
            raise malformed(self._raw, self._what, field, self._offset - 1, f"is {value}, but must be 0 or 1")
        return value == 1

    def pubkey(self, field: str) -> Pubkey:
        return Pubkey.from_bytes(self._take(field, Pubkey.LENGTH))

    def pubkeys(self, field: str) -> tuple[Pubkey, ...]:
        count = self.unsigned(field, 4)
        keys = self._take(field, count * Pubkey.LENGTH)
        return tuple(Pubkey.from_bytes(keys[i : i + Pubkey.LENGTH]) for i in range(0, len(keys), Pubkey.LENGTH))

    def byte_string(self, field: str) -> bytes:
        return self._take(field, self.unsigned(field, 4))

    def string(self, field: str) -> str:
        start = self._offset
        try:
            return self.byte_string(field).decode()
        except UnicodeDecodeError:
            raise malformed(self._raw, self._what, field, start, "is not valid UTF-8") from None
