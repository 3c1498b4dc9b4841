"""JSON encoding of blocks, in parts, since a block may contain thousands of transactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.encoding.json_text import plain_text
from psyche_cli.localnet.rpc.encoding.transaction_view import accounts_view, transaction_view
from psyche_cli.localnet.rpc.params import Config


class _Rewards:
    """The rewards of a block: the leader's share of the fees of its transactions."""

    def __init__(self) -> None:
        self._earned = 0
        self._balance = 0

    def add(self, record: TransactionRecord) -> None:
        if record.leader_reward:
            self._earned += record.leader_reward
            self._balance = record.leader_balance

    def shown(self) -> Json:
        if not self._earned:
            return []
        reward: Json = {"pubkey": str(IDENTITY), "lamports": self._earned, "postBalance": self._balance}
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

    def parts(self, block: Block, records: Iterable[TransactionRecord], *, of: Pubkey | None = None) -> Iterator[str]:
        """The JSON text of a block with these transactions, a part for each of them. Raises RpcFault (-32015).

        With an address ``of``, only the transactions that involve it are shown.
        """
        fields: dict[str, Json] = {
            "blockhash": str(block.blockhash),
            "previousBlockhash": str(block.previous_blockhash),
            "parentSlot": block.parent_slot,
            "blockTime": block.unix_time,
            "blockHeight": block.height,
        }
        rewards, signatures = _Rewards(), list[Json]()
        separator = ',"transactions":['
        yield plain_text(fields)[:-1]
        for record in records if self.rewards or self.details != "none" else ():
            rewards.add(record)
            is_shown = of is None or of in record.keys
            if is_shown and self.details in ("full", "accounts"):
                yield f"{separator}{plain_text(self._transaction(record))}"
                separator = ","
            else:
                if is_shown:
                    signatures.append(str(record.signature))
                yield ""
        if self.details in ("full", "accounts"):
            yield "]" if separator == "," else f"{separator}]"
        elif self.details == "signatures":
            yield f',"signatures":{plain_text(signatures)}'
        yield f',"rewards":{plain_text(rewards.shown())}}}' if self.rewards else "}"

    def _transaction(self, record: TransactionRecord) -> Json:
        if self.details == "accounts":
            return accounts_view(record, self.max_version, rewards=self.rewards)
        return transaction_view(record, self.encoding, self.max_version, rewards=self.rewards)
