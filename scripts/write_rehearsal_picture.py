"""Write ``docs/pictures/rehearsal.svg``: the rounds of the rehearsal in docs/rehearsal.md, under its faults file.

The rehearsal has a seed, so that the picture is always the same. It takes about a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from psyche_cli.cli.app import environment_of_this_process  # noqa: E402 -- after the path
from psyche_cli.operations.rehearsal.page import plot  # noqa: E402
from psyche_cli.operations.rehearsal.rehearse import rehearse  # noqa: E402
from psyche_cli.operations.rehearsal.request import Request  # noqa: E402
from psyche_cli.rehearsal.faults import Fault  # noqa: E402
from psyche_cli.run_config.load import load_run_config  # noqa: E402

TARGET = ROOT / "docs" / "pictures" / "rehearsal.svg"
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
        result = rehearse(environment_of_this_process(), request, lambda _: None)
    TARGET.write_text(plot(result.data), encoding="utf-8")
    sys.stderr.write(f"wrote {TARGET.relative_to(ROOT)}: {result.summary}\n")


if __name__ == "__main__":
    main()
