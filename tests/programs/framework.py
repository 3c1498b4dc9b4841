"""The Anchor framework's checks of an instruction's accounts, derived from the accounts' declarations.

The framework parses every account in list order and checks the requirements of its type; then it creates the accounts
to be initialized; then it checks the constraints of each account, in list order and in a fixed order of kinds. The
first failure is reported, for the account that declares it. :func:`verdict` does the same with the declarations in
``declarations.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from solders.account import Account
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from .chain import SYSTEM, Chain, account_discriminator

ERRORS = {
    102: ("InstructionDidNotDeserialize", "The program could not deserialize the given instruction"),
    2000: ("ConstraintMut", "A mut constraint was violated"),
    2001: ("ConstraintHasOne", "A has one constraint was violated"),
    2002: ("ConstraintSigner", "A signer constraint was violated"),
    2003: ("ConstraintRaw", "A raw constraint was violated"),
    2004: ("ConstraintOwner", "An owner constraint was violated"),
    2005: ("ConstraintRentExempt", "A rent exemption constraint was violated"),
    2006: ("ConstraintSeeds", "A seeds constraint was violated"),
    2007: ("ConstraintExecutable", "An executable constraint was violated"),
    2009: ("ConstraintAssociated", "An associated constraint was violated"),
    2011: ("ConstraintClose", "A close constraint was violated"),
    2013: ("ConstraintZero", "Expected zero account discriminant"),
    2015: ("ConstraintTokenOwner", "A token owner constraint was violated"),
    3001: ("AccountDiscriminatorNotFound", "No discriminator was found on the account"),
    3002: ("AccountDiscriminatorMismatch", "Account discriminator did not match what was expected"),
    3003: ("AccountDidNotDeserialize", "Failed to deserialize the account"),
    3005: ("AccountNotEnoughKeys", "Not enough account keys given to the instruction"),
    3007: ("AccountOwnedByWrongProgram", "The given account is owned by a different program than expected"),
    3008: ("InvalidProgramId", "Program ID was not as expected"),
    3009: ("InvalidProgramExecutable", "Program account is not executable"),
    3010: ("AccountNotSigner", "The given account did not sign"),
    3011: ("AccountNotSystemOwned", "The given account is not owned by the system program"),
    3012: ("AccountNotInitialized", "The program expected this account to be already initialized"),
    3016: (
        "AccountReallocExceedsLimit",
        "The account reallocation exceeds the MAX_PERMITTED_DATA_INCREASE limit",
    ),
}

Keys = tuple[Pubkey, Pubkey]


@dataclass(frozen=True)
class Given:
    """An account passed to an instruction."""

    key: Pubkey
    signer: bool
    writable: bool
    owner: Pubkey
    lamports: int
    data: bytes
    executable: bool


class Refused(Exception):
    """The framework's error: its code, the reported account, and the two compared keys, if logged."""

    def __init__(self, code: int | str, account: str | None = None, keys: Keys | None = None) -> None:
        super().__init__(code, account)
        self.code, self.account, self.keys = code, account, keys

    @property
    def lines(self) -> tuple[str, ...]:
        """The program's log lines about it."""
        if isinstance(self.code, str):
            return ()
        name, message = ERRORS[self.code]
        origin = "occurred" if self.account is None else f"caused by account: {self.account}"
        line = f"AnchorError {origin}. Error Code: {name}. Error Number: {self.code}. Error Message: {message}."
        keys = () if self.keys is None else ("Left:", str(self.keys[0]), "Right:", str(self.keys[1]))
        return tuple(f"Program log: {text}" for text in (line, *keys))


class Beyond(Exception):
    """The framework accepts the accounts, or another program decides."""


# --- types of accounts ------------------------------------------------------------------------------------------------

Take = Callable[[str, Given], object]
"""Checks the requirements of an account's type, and returns the decoded content."""


def anything(name: str, given: Given) -> object:
    return None


def signer(name: str, given: Given) -> object:
    if not given.signer:
        raise Refused(3010, name)
    return None


def system_account(name: str, given: Given) -> object:
    if given.owner != SYSTEM:
        raise Refused(3011, name)
    return None


def program(address: Pubkey) -> Take:
    def take(name: str, given: Given) -> object:
        if given.key != address:
            raise Refused(3008, name, (given.key, address))
        if not given.executable:
            raise Refused(3009, name)
        return None

    return take


def require_owner(name: str, given: Given, owner: Pubkey, *, may_be_missing: bool = False) -> None:
    if given.owner == SYSTEM and given.lamports == 0 and not may_be_missing:
        raise Refused(3012, name)
    if given.owner != owner:
        raise Refused(3007, name, (given.owner, owner))


def _require_discriminator(name: str, given: Given, expected: bytes) -> None:
    if len(given.data) < 8:
        raise Refused(3001, name)
    if given.data[:8] != expected:
        raise Refused(3002, name)


def borsh(owner: Pubkey, discriminator: bytes, decode: Callable[[bytes], object]) -> Take:
    def take(name: str, given: Given) -> object:
        require_owner(name, given, owner)
        _require_discriminator(name, given, discriminator)
        try:
            return decode(given.data[8:])
        except (struct.error, ValueError):
            raise Refused(3003, name) from None

    return take


def zero_copy(owner: Pubkey, type_name: str) -> Take:
    def take(name: str, given: Given) -> object:
        require_owner(name, given, owner, may_be_missing=True)
        _require_discriminator(name, given, account_discriminator(type_name))
        return given.data

    return take


def packed(owner: Pubkey, decode: Callable[[bytes], object]) -> Take:
    """An account of a program that is not built with the framework; ``decode`` raises the runtime's error."""

    def take(name: str, given: Given) -> object:
        require_owner(name, given, owner)
        return decode(given.data)

    return take


# --- declarations -----------------------------------------------------------------------------------------------------


class Accounts:
    """The accounts of one call by name, and their decoded content."""

    def __init__(self, chain: Chain, instruction: Instruction) -> None:
        self.chain = chain
        self.program = instruction.program_id
        self.given: dict[str, Given] = {}
        self.held: dict[str, object] = {}

    def key(self, name: str) -> Pubkey:
        return self.given[name].key


Condition = Callable[[str, Accounts], None]
"""Raises :class:`Refused` if it is violated; :class:`Beyond` if another program decides."""


@dataclass(frozen=True)
class Declared:
    """An account of an instruction: its name, its type, its conditions, and whether it is created ("new").

    An account without content yet, because it is to be created or has only been allocated ("zeroed"), is not checked
    when it is parsed; if it is missing, it is reported without its name.
    """

    name: str
    take: Take
    conditions: Sequence[Condition] = ()
    kind: str = ""


def writable(name: str, accounts: Accounts) -> None:
    if not accounts.given[name].writable:
        raise Refused(2000, name)


def seeds(program_id: Pubkey, make: Callable[[Accounts], Sequence[bytes]]) -> Condition:
    """The address is the PDA of the seeds, the last of which is a stored bump."""

    def check(name: str, accounts: Accounts) -> None:
        try:
            expected = Pubkey.create_program_address(list(make(accounts)), program_id)
        except BaseException as error:  # solders panics on an address that lies on the curve
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            raise Refused(2006, name) from None
        if accounts.key(name) != expected:
            raise Refused(2006, name, (accounts.key(name), expected))

    return check


def found_seeds(make: Callable[[Accounts], Sequence[bytes]]) -> Condition:
    """The address is the canonical PDA of the seeds."""

    def check(name: str, accounts: Accounts) -> None:
        expected, _ = Pubkey.find_program_address(list(make(accounts)), accounts.program)
        if accounts.key(name) != expected:
            raise Refused(2006, name, (accounts.key(name), expected))

    return check


def raw(holds: Callable[[Accounts], bool]) -> Condition:
    def check(name: str, accounts: Accounts) -> None:
        if not holds(accounts):
            raise Refused(2003, name)

    return check


def owned_by(owner: Pubkey) -> Condition:
    def check(name: str, accounts: Accounts) -> None:
        found = accounts.given[name].owner
        if found != owner:
            raise Refused(2004, name, (found, owner))

    return check


def close_to(recipient: str) -> Condition:
    def check(name: str, accounts: Accounts) -> None:
        if accounts.key(name) == accounts.key(recipient):
            raise Refused(2011, name)

    return check


def created(name: str, accounts: Accounts) -> None:
    """The payer pays for the account, unless the system program rejects it."""
    new, payer = accounts.given[name], accounts.given["payer"]
    can_pay = payer.owner == SYSTEM and not payer.data and payer.lamports >= 10**9
    if not (can_pay and payer.signer and payer.writable and new.writable and new.lamports == 0):
        raise Beyond
    for other, given in accounts.given.items():
        if given.key == new.key:
            accounts.given[other] = replace(given, owner=accounts.program)


def account_named(chain: Chain, key: Pubkey) -> Account:
    return chain.svm.get_account(key) or Account(0, b"", SYSTEM, False, 0)


def verdict(chain: Chain, instruction: Instruction, declared: Sequence[Declared]) -> Refused | None:
    """The framework's error for the accounts, or None."""
    accounts = Accounts(chain, instruction)
    metas = list(instruction.accounts)
    roles: Mapping[Pubkey, tuple[bool, bool]] = {
        meta.pubkey: (
            any(other.is_signer for other in metas if other.pubkey == meta.pubkey),
            any(other.is_writable for other in metas if other.pubkey == meta.pubkey)
            and meta.pubkey != instruction.program_id,
        )
        for meta in metas
    }
    try:
        for place, account in enumerate(declared):
            if place >= len(metas):
                raise Refused(3005, None if account.kind else account.name)
            key = metas[place].pubkey
            stored = account_named(chain, key)
            given = Given(key, *roles[key], stored.owner, stored.lamports, bytes(stored.data), stored.executable)
            accounts.given[account.name] = given
            if not account.kind:
                accounts.held[account.name] = account.take(account.name, given)
        in_order = [account for account in declared if account.kind == "new"]
        in_order += [account for account in declared if account.kind != "new"]
        for account in in_order:
            for condition in account.conditions:
                condition(account.name, accounts)
    except Refused as refused:
        return refused
    except Beyond:
        return None
    return None
