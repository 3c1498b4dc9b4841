"""Options for transactions that are signed or sent elsewhere: the signers, and the blockhash or durable nonce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.environment import RAW_KEY_VARIABLE, Environment
from psyche_cli.errors import NotFound, Refused, UsageError
from psyche_cli.limits import BLOCKHASH_MAX_AGE
from psyche_cli.operations.signatures import parse_signature
from psyche_cli.protocol.addresses import parse_pubkey
from psyche_cli.solana.nonces import Nonce, NonceUse, nonce_in
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.partly_signed import AbsentSigner, SignedElsewhere
from psyche_cli.solana.sending.transaction import Signer
from psyche_cli.solana.wallet import load_keypair, load_wallet

Mode: TypeAlias = Literal["send", "dry-run", "sign-only", "unsigned"]
"""What happens to a transaction: it is sent, only simulated, signed and printed, or printed without the signatures of
wallets."""


class Elsewhere(NamedTuple):
    """The options for signing or sending a transaction elsewhere; with the defaults, it is signed and sent here.

    ``authority`` acts instead of the wallet. ``fee_payer`` and ``nonce_authority`` are public keys or keypair files.
    ``blockhash`` is that of the transaction, or the value of the account ``nonce``. ``signatures`` were made elsewhere.
    """

    mode: Mode = "send"
    authority: Pubkey | None = None
    fee_payer: str | None = None
    blockhash: Hash | None = None
    nonce: Pubkey | None = None
    nonce_authority: str | None = None
    signatures: Mapping[Pubkey, Signature] = {}
    output_file: Path | None = None


HERE: Final = Elsewhere()
"""Signed and sent here."""


class Keys(NamedTuple):
    """Who signs: the ``authority``, which acts, the fee ``payer``, and ``others``, such as a nonce's authority."""

    authority: Signer
    payer: Signer
    others: tuple[Signer, ...] = ()

    @property
    def all(self) -> tuple[Signer, ...]:
        """All of them; a key may occur more than once."""
        return (self.payer, self.authority, *self.others)


def parse_elsewhere(
    environment: Environment,
    *,
    authority: str | None,
    fee_payer: str | None,
    unsigned: bool,
    sign_only: bool,
    blockhash: str | None,
    nonce: str | None,
    nonce_authority: str | None,
    signer: Sequence[str] | None,
    output_file: Path | None,
    dry_run: bool = False,
) -> Elsewhere:
    """Check the options, offline. Raises UsageError."""
    modes: dict[Mode, bool] = {"dry-run": dry_run, "unsigned": unsigned, "sign-only": sign_only}
    chosen = [mode for mode, is_given in modes.items() if is_given]
    if len(chosen) > 1:
        raise UsageError(f"Specify only one of {' and '.join(f'--{mode}' for mode in chosen)}.")
    if nonce_authority is not None and nonce is None:
        raise UsageError("--nonce-authority requires --nonce.")
    if output_file is not None and not (unsigned or sign_only):
        raise UsageError("--output-file requires --unsigned or --sign-only.")
    if signer and blockhash is None and nonce is None:
        raise UsageError(
            "--signer requires the blockhash or nonce of the message that was signed.",
            hint="Use --blockhash or --nonce, or tx send with the exported file.",
        )
    return Elsewhere(
        mode=chosen[0] if chosen else "send",
        authority=None if authority is None else parse_pubkey(authority, "--authority"),
        fee_payer=fee_payer,
        blockhash=None if blockhash is None else _parse_hash(blockhash),
        nonce=None if nonce is None else parse_pubkey(nonce, "--nonce"),
        nonce_authority=nonce_authority,
        signatures=parse_signers(environment, signer or ()),
        output_file=output_file,
    )


def parse_signers(environment: Environment, texts: Sequence[str]) -> dict[Pubkey, Signature]:
    """The values of ``--signer``: a public key and its signature, separated by ``=``. Raises UsageError."""
    found: dict[Pubkey, Signature] = {}
    for text in texts:
        key, equals, signature = text.partition("=")
        if not equals:
            raise UsageError("The value of --signer is not PUBKEY=SIGNATURE.")
        found[parse_pubkey(key, "--signer")] = parse_signature(signature, environment.redactor)
    return found


def _parse_hash(text: str) -> Hash:
    try:
        return Hash.from_string(text)
    except ParseHashError as error:
        raise UsageError("--blockhash is not a hash: expected 32 bytes in base58.") from error


def load_keys(environment: Environment, elsewhere: Elsewhere, wallet_path: Path | None) -> Keys:
    """Read the keypairs that the command needs, and no others.

    An ``authority`` given as a public key pays the fee unless the wallet was specified, or ``fee_payer``. Raises
    WalletError, UsageError, and MissingSignatures if the transaction could not be sent.
    """
    notify = environment.diagnostics.line
    has_wallet = wallet_path is not None or bool(environment.variables.get(RAW_KEY_VARIABLE))
    wallet: Signer | None = None
    if elsewhere.authority is None or (has_wallet and elsewhere.mode != "unsigned"):
        wallet = load_wallet(environment, wallet_path, notify)
    authority = _signer(elsewhere, wallet, elsewhere.authority)
    if elsewhere.fee_payer is not None:
        payer = _named(environment, elsewhere, wallet, elsewhere.fee_payer, "--fee-payer")
    else:
        payer = wallet or authority
    others: list[Signer] = [] if wallet is None else [wallet]
    if elsewhere.nonce_authority is not None:
        others.append(_named(environment, elsewhere, wallet, elsewhere.nonce_authority, "--nonce-authority"))
    keys = Keys(authority, payer, tuple(others))
    if elsewhere.mode == "send":
        for signer in keys.all:
            if isinstance(signer, AbsentSigner):
                raise UsageError(
                    f"The private key of {signer.address} was not provided, so the transaction cannot be signed.",
                    hint="Use --unsigned or --sign-only to export the transaction, or --signer with a signature made "
                    "elsewhere.",
                )
    return keys


def _signer(elsewhere: Elsewhere, wallet: Signer | None, address: Pubkey | None) -> Signer:
    """The signer with this key (None: the wallet)."""
    if wallet is not None and address in (None, wallet.address):
        return wallet
    assert address is not None  # without it, there is a wallet
    signature = elsewhere.signatures.get(address)
    return AbsentSigner(address) if signature is None else SignedElsewhere(address, signature)


def _named(environment: Environment, elsewhere: Elsewhere, wallet: Signer | None, text: str, option: str) -> Signer:
    """The signer named by a public key, or by a keypair file or another source of a keypair."""
    try:
        is_file = Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # too long, ~ with an unknown user, or a NUL character
        is_file = False
    if is_file or any(mark in text for mark in "./:") or text in ("-", "ASK"):
        return load_keypair(environment, Path(text), environment.diagnostics.line)
    return _signer(elsewhere, wallet, parse_pubkey(text, option))


def limit_of(elsewhere: Elsewhere, keys: Keys, rpc: RpcClient) -> Blockhash | NonceUse | None:
    """What limits the next transaction: the given blockhash, or the current value of the given nonce account.

    Raises NotFound, Refused.
    """
    if elsewhere.nonce is not None:
        authority = keys.others[-1] if elsewhere.nonce_authority is not None else keys.authority
        return _nonce_use(elsewhere.nonce, authority.address, elsewhere.blockhash, rpc)
    if elsewhere.blockhash is not None:
        # It is not older than the latest block, so this height is not too low.
        return Blockhash(elsewhere.blockhash, rpc.block_height() + BLOCKHASH_MAX_AGE)
    return None


def read_nonce(rpc: RpcClient, address: Pubkey) -> tuple[Nonce, int]:
    """A nonce account, and its balance in lamports. Raises NotFound."""
    account = rpc.account(address)
    nonce = None if account is None else nonce_in(account.owner, account.data)
    if account is None or nonce is None:
        raise NotFound(
            f"{address} is not a nonce account on this cluster.", hint="To create one: psyche-cli nonce create"
        )
    return nonce, account.lamports


def _nonce_use(address: Pubkey, authority: Pubkey, value: Hash | None, rpc: RpcClient) -> NonceUse:
    nonce, _ = read_nonce(rpc, address)
    if nonce.authority != authority:
        raise Refused(
            f"The authority of the nonce account {address} is {nonce.authority}, not {authority}.",
            hint=f"Use --nonce-authority {nonce.authority} or its keypair file.",
        )
    return NonceUse(address, authority, value or nonce.value)
