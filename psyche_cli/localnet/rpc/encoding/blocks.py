"""JSON encoding of blocks, in parts, since a block may contain thousands of transactions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.encoding.json_text import plain_text
from psyche_cli.localnet.rpc.encoding.transaction_view import accounts_view, transaction_view
from psyche_cli.localnet.rpc.params import Config


def rewards_of(records: Sequence[TransactionRecord]) -> Json:
    """The rewards of a block with these transactions: the leader's share of their fees."""
    earned = sum(record.leader_reward for record in records)
    if not earned:
        return []
    balance = next(record.leader_balance for record in reversed(records) if record.leader_reward)
    reward: Json = {"pubkey": str(IDENTITY), "lamports": earned, "postBalance": balance}
    return [{**reward, "rewardType": "Fee", "commission": None}]


@dataclass(frozen=True)
class BlockView:
    """What a client wants to know of a block. ``details`` are full, accounts, signatures or none."""

    encoding: str
    details: str
    max_version: int | None
    rewards: bool

    @classmethod
    def of(cls, config: Config, *, encoding: str, rewards: bool) -> BlockView:
        """The view for the options of a request, with the defaults of its method."""
        return cls(
            config.text("encoding") or encoding,
            config.text("transactionDetails") or "full",
            config.unsigned("maxSupportedTransactionVersion"),
            config.flag("showRewards" if encoding == "base64" else "rewards", default=rewards),
        )

    def parts(self, block: Block, records: Sequence[TransactionRecord], rewards: Json) -> Iterator[str]:
        """The JSON text of a block with these transactions, a part per transaction. Raises RpcFault (-32015)."""
        fields: dict[str, Json] = {
            "blockhash": str(block.blockhash),
            "previousBlockhash": str(block.previous_blockhash),
            "parentSlot": block.parent_slot,
            "blockTime": block.unix_time,
            "blockHeight": block.height,
        }
        if self.details == "signatures":
            fields["signatures"] = [str(record.signature) for record in records]
        if self.rewards:
            fields["rewards"] = rewards
        if self.details not in ("full", "accounts"):
            yield plain_text(fields)
            return
        yield f'{plain_text(fields)[:-1]},"transactions":['
        for index, record in enumerate(records):
            yield f"{',' if index else ''}{plain_text(self._transaction(record))}"
        yield "]}"

    def _transaction(self, record: TransactionRecord) -> Json:
        if self.details == "accounts":
            return accounts_view(record, self.max_version, rewards=self.rewards)
        return transaction_view(record, self.encoding, self.max_version, rewards=self.rewards)
