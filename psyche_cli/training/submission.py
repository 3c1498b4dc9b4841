"""What a member publishes in a round: its update, the weights it trained from, and its checks of other shares."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, Final, NamedTuple

from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.training.trainer import BadUpdate, Result

LARGEST_HEADER: Final = 1 << 16
"""The maximum size of a submission in bytes without its update."""

_FORMAT: Final = "psyche-rehearsal-result-1"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LARGEST_COUNT: Final = 1 << 53


class Submission(NamedTuple):
    """A member's result of a round.

    ``member`` is the member's name, such as its wallet address. ``base`` is the hash of the weights that it trained
    from, in hexadecimal. ``loss`` is in nats per byte, and ``tokens`` the number of bytes trained. ``checks`` are the
    owner of each share that the member checked, and the score of what it computed for it. ``claimed`` is what it says
    that ``digest_of`` the update is, if that is false: one that is read has none.
    """

    member: str
    base: str
    update: bytes
    loss: float
    tokens: int
    checks: tuple[tuple[str, str], ...] = ()
    claimed: str | None = None

    @property
    def score(self) -> str:
        """The score of its result."""
        return Result(self.update, self.loss, self.tokens).score

    def encode(self) -> bytes:
        """The bytes to publish."""
        header = {
            "format": _FORMAT,
            "member": self.member,
            "base": self.base,
            "sha256": self.claimed or digest_of(self.update),
            "loss": float(self.loss),
            "tokens": self.tokens,
            "checks": [list(check) for check in self.checks],
        }
        return json.dumps(header, sort_keys=True).encode() + b"\n" + self.update


def digest_of(update: bytes) -> str:
    """SHA-256 of an update in hexadecimal."""
    return hashlib.sha256(update).hexdigest()


def is_member_name(name: str) -> bool:
    """Whether the text can be the name of a member, and of its files: 1 to 64 letters, digits, ``_`` and ``-``."""
    return bool(_NAME.fullmatch(name))


def decode_submission(content: bytes, member: str) -> Submission:
    """The submission of a member, from the bytes that it published. Raises BadUpdate.

    The update itself is not decoded: see ``Trainer.flaw``.
    """
    line, newline, update = content[:LARGEST_HEADER].partition(b"\n")
    update = content[len(line) + len(newline) :]
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadUpdate("its header is not JSON") from error
    if not newline or not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise BadUpdate("it does not start with a header")
    if header.get("member") != member:
        raise BadUpdate("it names another member")
    if header.get("sha256") != digest_of(update):
        raise BadUpdate("its update does not match its SHA-256")
    base, loss, tokens = header.get("base"), header.get("loss"), header.get("tokens")
    if not (isinstance(base, str) and _SHA256.fullmatch(base)):
        raise BadUpdate("the hash of its weights is not a SHA-256")
    if not (isinstance(loss, float) and math.isfinite(loss)):
        raise BadUpdate("its loss is not a finite number")
    if not (type(tokens) is int and 0 <= tokens <= _LARGEST_COUNT):
        raise BadUpdate("its number of tokens is not valid")
    return Submission(member, base, update, loss, tokens, _checks(header.get("checks")))


def _checks(found: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(found, list) or len(found) > MAX_CLIENTS:
        raise BadUpdate("its checks are not a list of at most 256")
    for check in found:
        if not (isinstance(check, list) and len(check) == 2 and all(isinstance(part, str) for part in check)):
            raise BadUpdate("a check is not a pair of texts")
        if not is_member_name(check[0]) or not _SHA256.fullmatch(check[1]):
            raise BadUpdate("a check is not a name and a SHA-256")
    if len({owner for owner, _ in found}) != len(found):
        raise BadUpdate("it checks a share twice")
    return tuple((owner, digest) for owner, digest in found)
