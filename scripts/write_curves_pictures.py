"""Write two pictures of the curves of a rehearsal in which a member reports a false loss: ``docs/pictures/curves.svg``
is the terminal, and ``docs/pictures/curves.png`` the file that the command writes.

The rehearsal has a seed, so that the curves are always the same. It takes about a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from psyche_cli.operations.rehearsal import rehearse as operation  # noqa: E402 -- after the path
from psyche_cli.operations.rehearsal.request import Request  # noqa: E402
from psyche_cli.rehearsal.faults import Fault  # noqa: E402
from psyche_cli.results import Line, Span  # noqa: E402
from psyche_cli.run_config.load import load_run_config  # noqa: E402
from scripts.write_show_picture import COLUMNS, screen_picture  # noqa: E402
from tests.support.rehearsed_curves import call, rehearse_and_then  # noqa: E402

PICTURES: Final = ROOT / "docs" / "pictures"
SHOWN: Final = ("--what", "loss,lr,members")
RUN_ID: Final = operation.RUN_ID


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        printed: list[str] = []

        def then(url: str) -> None:
            words = ("curves", "--run-id", RUN_ID, "--rpc", url)
            code, stdout, stderr = call(folder, *words, *SHOWN, columns=COLUMNS)
            assert code == 0, stderr
            printed.extend(stdout.splitlines())
            code, _, stderr = call(folder, *words, "-o", str(folder / "curves.png"))
            assert code == 0, stderr

        faults = (Fault("lie", 2, at_step=2, how="false-loss"),)
        config = load_run_config(ROOT / "configs" / "minimal.toml")
        rehearse_and_then(folder, Request(config, 5, epochs=2, faults=faults, state_folder=folder / "s"), then)
        (PICTURES / "curves.png").write_bytes((folder / "curves.png").read_bytes())
    plots = printed.index("")  # the lines before it contain wallets
    lines: list[Line] = [[Span("$ ", "dim"), Span(f"psyche-cli curves --run-id {RUN_ID} {' '.join(SHOWN)}")]]
    lines += [[Span(line)] for line in (printed[0], *printed[plots:])]
    (PICTURES / "curves.svg").write_text(screen_picture(lines, "The output of psyche-cli curves"), encoding="utf-8")


if __name__ == "__main__":
    main()
