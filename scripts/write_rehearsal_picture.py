"""Write two pictures of a rehearsal under faults: ``docs/pictures/rehearsal.svg`` has its rounds, and
``rehearsal-live.svg`` the screen while it is in progress.

The rehearsal has a seed, so that the rounds are always the same. It takes about a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from psyche_cli.cli.app import environment_of_this_process  # noqa: E402 -- after the path
from psyche_cli.operations.rehearsal.page import plot  # noqa: E402
from psyche_cli.operations.rehearsal.progress import Progress, progress_lines  # noqa: E402
from psyche_cli.operations.rehearsal.rehearse import rehearse  # noqa: E402
from psyche_cli.operations.rehearsal.request import Request  # noqa: E402
from psyche_cli.rehearsal.faults import Fault  # noqa: E402
from psyche_cli.results import Line, Span  # noqa: E402
from psyche_cli.run_config.load import load_run_config  # noqa: E402
from scripts.write_show_picture import COLUMNS, screen_picture  # noqa: E402

TARGET = ROOT / "docs" / "pictures" / "rehearsal.svg"
LIVE = ROOT / "docs" / "pictures" / "rehearsal-live.svg"
COMMAND = "psyche-cli rehearse --config configs/minimal.toml --faults faults.toml"
SHOWN_STEP = 16
FAULTS = (
    Fault("slow", 3, at_step=5, seconds=12, factor=3.0),
    Fault("kill", 2, at_step=9),
    Fault("lie", 4, at_step=20, seconds=12),
)


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_run_config(ROOT / "configs" / "minimal.toml")
        request = Request(config, 4, faults=FAULTS, check_percent=100.0, state_folder=Path(folder))
        screen: list[Line] = []

        def show(progress: Progress) -> None:
            if progress.cluster is not None and progress.cluster.record.state.step == SHOWN_STEP and not screen:
                screen.extend(progress_lines(progress, COLUMNS, True))

        result = rehearse(environment_of_this_process(), request, show)
    TARGET.write_text(plot(result.data), encoding="utf-8")
    lines: list[Line] = [[Span("$ ", "dim"), Span(COMMAND)], [Span("Rehearsal", "bold")], [], *screen]
    LIVE.write_text(screen_picture(lines, "The screen of psyche-cli rehearse"), encoding="utf-8")
    sys.stderr.write(f"wrote {TARGET.relative_to(ROOT)}: {result.summary}\n")


if __name__ == "__main__":
    main()
