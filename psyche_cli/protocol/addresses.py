"""Run ids, public keys in text form, and the addresses that the programs derive.

All derived addresses are canonical (``find_program_address``): the seeds below and the highest bump whose address is
off the curve.
"""

from __future__ import annotations

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.errors import InvalidPublicKey, InvalidRunId, UsageError
from psyche_cli.limits import MAX_RUN_ID_BYTES, MAX_SEED_BYTES, U64_MAX
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM

JOIN_SCOPE = b"CoordinatorJoinRun"
ANYONE = SYSTEM_PROGRAM
"""The grantee of an authorization that permits every wallet to join: the system program's id, 32 zero bytes."""

_SHORTEST_KEY = 32
_LONGEST_KEY = 44
_LONGEST_SHOWN = 20


def check_run_id(text: str) -> str:
    """The run id, unchanged, if an instance address can be derived from it: 1 to 32 bytes of UTF-8.

    The maximum is the size of an address seed. Raises InvalidRunId.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRunId("The run id is not valid UTF-8.", hint="Check the terminal's character encoding.") from None
    if size == 0:
        raise InvalidRunId("The run id is empty.", hint="A run id must be 1 to 32 bytes of UTF-8.", bytes=0)
    if size > MAX_RUN_ID_BYTES:
        raise InvalidRunId(
            f"The run id is {size} bytes long; the maximum is {MAX_RUN_ID_BYTES}.",
            hint="Choose a shorter one. Characters outside ASCII take two to four bytes.",
            bytes=size,
            maximum=MAX_RUN_ID_BYTES,
        )
    return text


def check_new_run_id(text: str) -> str:
    """The run id, unchanged, if it is acceptable for a new run: readable, and possible to type again.

    Such an id is printable and visible, has no leading or trailing blanks, and is in Unicode NFC. ``check_run_id``
    accepts every id that has an address, since other clients may create runs with any of them. Raises InvalidRunId.
    """
    from psyche_cli.texts import flaw_of_identifier  # not at the top: only new runs need it

    flaw = flaw_of_identifier(check_run_id(text))
    if flaw is not None:
        raise InvalidRunId(
            f"The run id {text!a} {flaw}.",
            hint="Choose one that is easy to type: later commands must use exactly the same characters.",
        )
    return text


def parse_pubkey(text: str, what: str) -> Pubkey:
    """The public key (32 bytes) that a base58 text encodes.

    ``what`` names the text in the error, for example ``--authorizer``. The error repeats only a short text, since a
    long one may be a private key, or part of one. Raises InvalidPublicKey.
    """

    def refuse(reason: str) -> InvalidPublicKey:
        return InvalidPublicKey(
            f"{what} is not a public key: {reason}.",
            hint="A public key is 32 bytes in base58: 32 to 44 letters and digits.",
            what=what,
        )

    shown, of = (repr(text), f" of {text!r}") if len(text) <= _LONGEST_SHOWN else ("it", "")
    if not text:
        raise refuse("it is empty")
    if len(text) > _LONGEST_KEY:
        raise refuse(f"it is {len(text)} characters long; the maximum is {_LONGEST_KEY}")
    position = base58.first_invalid_position(text)
    if position is not None:
        raise refuse(f"{text[position]!r} at position {position + 1}{of} is not in the base58 alphabet")
    if len(text) < _SHORTEST_KEY:
        raise refuse(f"{shown} is too short; the minimum is {_SHORTEST_KEY} characters")
    data = base58.decode(text)
    if len(data) != Pubkey.LENGTH:
        raise refuse(f"{shown} decodes to {len(data)} bytes; expected {Pubkey.LENGTH}")
    return Pubkey.from_bytes(data)


def instance_address(run_id: str, programs: ProgramIds = PUBLISHED) -> Pubkey:
    """The address of a CoordinatorInstance: coordinator program, ``"coordinator"``, run id. Raises InvalidRunId."""
    return find_instance(run_id, programs)[0]


def find_instance(run_id: str, programs: ProgramIds = PUBLISHED) -> tuple[Pubkey, int]:
    """The address of a CoordinatorInstance with its bump. Raises InvalidRunId."""
    seeds = [b"coordinator", check_run_id(run_id).encode()]
    return Pubkey.find_program_address(seeds, programs.coordinator)


def treasurer_index(run_id: str) -> int:
    """The index (u64) of a run's treasurer: the first 8 bytes of SHA-256(run id), little-endian.

    This is a convention of the clients; the treasurer program accepts any index.
    """
    return int.from_bytes(bytes(Hash.hash(run_id.encode()))[:8], "little")


def treasurer_run_address(index: int, programs: ProgramIds = PUBLISHED) -> Pubkey:
    """The address of a treasurer's Run: treasurer program, ``"Run"``, index as u64.

    Raises UsageError for an index outside u64.
    """
    return find_treasurer_run(index, programs)[0]


def find_treasurer_run(index: int, programs: ProgramIds = PUBLISHED) -> tuple[Pubkey, int]:
    """The address of a treasurer's Run with its bump. Raises UsageError for an index outside u64."""
    if not 0 <= index <= U64_MAX:
        raise UsageError(f"The treasurer index {index} is not in the range 0 to {U64_MAX}.", index=index)
    return Pubkey.find_program_address([b"Run", index.to_bytes(8, "little")], programs.treasurer)


def authorization_address(
    grantor: Pubkey, grantee: Pubkey, programs: ProgramIds = PUBLISHED, scope: bytes = JOIN_SCOPE
) -> Pubkey:
    """The address of an Authorization: authorizer program, ``"Authorization"``, grantor, grantee, scope.

    Raises UsageError for a scope of more than 32 bytes, the maximum size of a seed.
    """
    return find_authorization(grantor, grantee, programs, scope)[0]


def find_authorization(
    grantor: Pubkey, grantee: Pubkey, programs: ProgramIds = PUBLISHED, scope: bytes = JOIN_SCOPE
) -> tuple[Pubkey, int]:
    """The address of an Authorization with its bump. Raises UsageError for a scope of more than 32 bytes."""
    if len(scope) > MAX_SEED_BYTES:
        raise UsageError(f"The scope is {len(scope)} bytes long; the maximum is {MAX_SEED_BYTES}.")
    seeds = [b"Authorization", bytes(grantor), bytes(grantee), scope]
    return Pubkey.find_program_address(seeds, programs.authorizer)


def participant_address(run: Pubkey, user: Pubkey, programs: ProgramIds = PUBLISHED) -> Pubkey:
    """The address of a treasurer's Participant: treasurer program, ``"Participant"``, address of the Run, user."""
    return find_participant(run, user, programs)[0]


def find_participant(run: Pubkey, user: Pubkey, programs: ProgramIds = PUBLISHED) -> tuple[Pubkey, int]:
    """The address of a treasurer's Participant with its bump."""
    return Pubkey.find_program_address([b"Participant", bytes(run), bytes(user)], programs.treasurer)


def associated_token_address(owner: Pubkey, mint: Pubkey) -> Pubkey:
    """The associated token account of a wallet or program address for a mint of classic SPL Token."""
    seeds = [bytes(owner), bytes(TOKEN_PROGRAM), bytes(mint)]
    return Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM)[0]
