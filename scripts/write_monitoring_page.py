"""Write the generated parts of ``docs/monitoring.md``, from a run that is played on an in-process validator.

A test checks that the page is up to date.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402 -- after the path

from tests.cli.conftest import House  # noqa: E402
from tests.cli.harness import Chain, CommandLine  # noqa: E402
from tests.support.shown_runs import START  # noqa: E402

TARGET = ROOT / "docs" / "monitoring.md"
_SECTION = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def house_in(folder: Path) -> House:
    """A validator whose clock stands still, with an owner and a stranger."""
    chain, files = Chain.start(folder, stopped_at=START, owner=100, stranger=100)
    cli = CommandLine(folder, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(files["owner"])})
    return House(chain, cli, files["owner"], files["stranger"])


def complete_scrape(house: House) -> str:
    """The metrics of a run with a treasurer in its first round, which has all metrics."""
    house.run(treasurer=True)
    house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1000.25")
    rates = ("--earning-rate", "12.5", "--slashing-rate", "1")
    house.cli.json("set-future-epoch-rates", "--run-id", "test", *rates)
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    house.cli.json("join-authorization-create", "--permissionless")
    house.driver().start_training(0, 1, 2)
    return house.cli("metrics", "--run-id", "test", "--once").stdout


def metrics_table(text: str) -> list[str]:
    """The metrics in a scrape as a table of names, labels and meanings."""
    rows = ["| metric | labels | meaning |", "|---|---|---|"]
    for family in text_string_to_metric_families(text):
        names = {sample.name for sample in family.samples} or {f"{family.name}_total"}
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"run_id"})
        [name] = names
        meaning = family.documentation.replace("10**", "10^").replace("2**", "2^").replace("*", r"\*")
        rows.append(f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {meaning} |".replace("|  |", "| |"))
    return rows


def page(text: str) -> str:
    """The page with its generated parts written again."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {"metrics": metrics_table(complete_scrape(house_in(Path(folder))))}
    return _SECTION.sub(lambda found: "\n".join([found[1].strip(), "", *parts[found[2]], "", found[3]]), text)


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
