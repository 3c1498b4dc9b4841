"""Members of a run: what a training client does on-chain, without the training.

``Member`` sends what a member sends, ``RunView`` is a run as a member sees it, and ``next_step`` decides what it does
next. docs/members.md has examples.
"""

from psyche_cli.members.member import Member
from psyche_cli.members.next_step import Memory, next_step
from psyche_cli.members.records import WitnessFigures
from psyche_cli.members.run_now import RoundId, RunNow
from psyche_cli.members.view import RunView

__all__ = ["Member", "Memory", "RoundId", "RunNow", "RunView", "WitnessFigures", "next_step"]
