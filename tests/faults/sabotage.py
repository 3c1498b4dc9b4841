"""Errors of the product that the judge of rehearsals must notice.

A forker that imports this module forks daemons and workers with the error that ``VARIABLE`` names.
"""

from __future__ import annotations

import os
from typing import Final

from psyche_cli.rehearsal import worker
from psyche_cli.rehearsal.member_training import MemberTraining
from psyche_cli.training import checker
from psyche_cli.workers.daemon.endings import without_proxy
from psyche_cli.workers.registry import changes

from .mutant import Mutant

VARIABLE: Final = "PSYCHE_CLI_TEST_SABOTAGE"

SABOTAGES: Final = {
    "a lie is overlooked": Mutant(checker._add_findings, "if state == _INVALID:", "if False:"),
    "an honest checker is accused": Mutant(
        checker._add_findings, "if state == _INVALID:", 'if state in (_INVALID, "EndGroupRefund"):'
    ),
    "a member counts other results than the rest": Mutant(
        MemberTraining._apply,
        "plan = self._plan(at, closed.shares, closed.seed)",
        "plan = self._plan(at, closed.shares if self._name != 'member-1' else (), closed.seed)",
    ),
    "a member computes another share": Mutant(
        MemberTraining.train,
        "submission = work(self._trainer, plan, self._name)",
        "submission = work(self._trainer, plan, 'member-1')._replace(member=self._name)",
    ),
    "malformed bytes are not named": Mutant(MemberTraining._close, "isinstance(one, str)", "False"),
    "a slot is not freed": Mutant(changes.move, "if target in ENDS or target == OPEN[0]:", "if target == OPEN[0]:"),
    "a killed worker ends as others do": Mutant(
        without_proxy, "return Exited(signal=condition.code - _SIGNALLED)", "return Exited(code=0)"
    ),
    "a process is left": Mutant(
        worker.main,
        "session.close()",
        "session.close(); os.fork() or (os.close(1), os.setsid(), time.sleep(300), os._exit(0))",
    ),
}
"""By what is wrong."""


if name := os.environ.get(VARIABLE):
    SABOTAGES[name].apply()
