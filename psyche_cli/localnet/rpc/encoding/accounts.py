"""JSON encoding of accounts: base58, base64, base64+zstd or jsonParsed, complete or as a slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.encoding.json_text import base64_text
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.localnet.rpc.params import Config
from psyche_cli.solana.programs import NATIVE_LOADER, SYSVAR_OWNER
from psyche_cli.solana.rpc.codes import INVALID_REQUEST

if TYPE_CHECKING:
    from psyche_cli.localnet.rpc.encoding.parsed.accounts import AccountOf

_MAX_BASE58_BYTES: Final = 128
_TOO_LARGE: Final = "error: data too large for bs58 encoding"


def _compressed(data: bytes) -> bytes:
    """Data compressed with zstd as a stream, whose header does not give its size."""
    import zstandard

    stream = zstandard.ZstdCompressor(level=0, write_content_size=False).compressobj()
    return stream.compress(data) + stream.flush()


def _rent_epoch(account: Account) -> int:
    """The epoch in which rent is due: never, but built-in programs and sysvars keep the one of their creation."""
    if account.rent_epoch or account.owner in (NATIVE_LOADER, SYSVAR_OWNER):
        return account.rent_epoch
    return U64_MAX


@dataclass(frozen=True)
class AccountView:
    """The requested encoding of accounts, and the slice of their data, in bytes. ``length`` None selects all data.

    Data that is too large for base58 is refused or, with ``never_refuses``, replaced by a sentence, as a node does in
    notifications.
    """

    encoding: str
    offset: int = 0
    length: int | None = None
    never_refuses: bool = False

    @classmethod
    def of(cls, config: Config, *, default: str) -> AccountView:
        """The view for the options ``encoding`` and ``dataSlice``."""
        cut = config.config("dataSlice")
        encoding = config.text("encoding") or default
        if cut is None:
            return cls(encoding)
        return cls(encoding, cut.unsigned("offset") or 0, cut.unsigned("length") or 0)

    def data(self, data: bytes) -> Json:
        """Account data in this view's (binary) encoding."""
        if self.length is not None:
            data = data[self.offset : self.offset + self.length]
        if self.encoding in ("binary", "base58"):
            if len(data) > _MAX_BASE58_BYTES and not self.never_refuses:
                raise RpcFault(
                    INVALID_REQUEST,
                    "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.",
                )
            text = base58.encode(data) if len(data) <= _MAX_BASE58_BYTES else _TOO_LARGE
            return text if self.encoding == "binary" else [text, "base58"]
        if self.encoding == "base64+zstd":
            return [base64_text(_compressed(data)), "base64+zstd"]
        return [base64_text(data), "base64"]

    def account(self, address: Pubkey, account: Account, account_of: AccountOf) -> Json:
        """The account object of the RPC interface."""
        data = account.data
        written = None
        if self.encoding == "jsonParsed":
            from psyche_cli.localnet.rpc.encoding.parsed.accounts import parsed_account

            written = parsed_account(address, account, account_of)
        return {
            "lamports": account.lamports,
            "owner": str(account.owner),
            "data": self.data(data) if written is None else written,
            "executable": account.executable,
            "rentEpoch": _rent_epoch(account),
            "space": len(data),
        }

    def keyed(self, address: Pubkey, account: Account, account_of: AccountOf) -> Json:
        """The account object with its address."""
        return {"pubkey": str(address), "account": self.account(address, account, account_of)}
