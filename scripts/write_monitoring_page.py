"""Write the generated parts of ``docs/monitoring.md``, from a run that is played on an in-process validator.

A test checks that the page is up to date.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402 -- after the path

from psyche_cli.solana.rpc.http import HttpTransport  # noqa: E402
from tests.cli.conftest import House  # noqa: E402
from tests.cli.harness import Chain, CommandLine  # noqa: E402
from tests.support.shown_runs import START  # noqa: E402

TARGET = ROOT / "docs" / "monitoring.md"
_RULES = """[[rule]]
kind = "funding_below"
epochs = 10
clear_at = 20
"""
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


def failed_scrape(house: House) -> str:
    """The metrics of an endpoint that does not respond, which counts failures."""
    cli, target = replace(house.cli, open_transport=HttpTransport), house.cli.home / "failed.prom"
    cli("metrics", "--run-id", "test", "--once", "--textfile", target, "--rpc", "http://127.0.0.1:9")
    return target.read_text(encoding="utf-8")


def metrics_table(text: str, failed: str) -> list[str]:
    """The metrics in a scrape as a table of names, labels and meanings. ``failed`` has those of failures."""
    with_failures = {family.name: family for family in text_string_to_metric_families(failed)}
    rows = ["| metric | labels | meaning |", "|---|---|---|"]
    for found in text_string_to_metric_families(text):
        family = found if found.samples else with_failures[found.name]
        names = {sample.name for sample in family.samples}
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"run_id"})
        [name] = names
        meaning = family.documentation.replace("10**", "10^").replace("2**", "2^").replace("*", r"\*")
        rows.append(f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {meaning} |".replace("|  |", "| |"))
    return rows


def alarm_of(house: House) -> dict[str, list[str]]:
    """A rules file, the output of a check, and the body of its notification, for a run whose vault is nearly empty."""
    house.run("my-run", treasurer=True)
    house.cli.json("treasurer-top-up-rewards", "--run-id", "my-run", "--collateral-amount", "100")
    house.cli.json("set-future-epoch-rates", "--run-id", "my-run", "--earning-rate", "12.5")
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        path = house.cli.home / "rules.toml"
        url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        path.write_text(f'{_RULES}\n[[destination]]\nname = "ops"\nkind = "webhook"\nurl = "{url}"\n')
        done = house.cli("monitor", "--rules", path, "--run-id", "my-run", "--once")
        thread.join()
    body = json.loads(bodies[0])
    body |= {"id": "8c5ff53b0ff4c2eb4a7e4a1b3c6bd5a1", "cluster": "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"}
    return {
        "rules": ["```toml", *_RULES.splitlines(), "```"],
        "once": ["```text", *done.stdout.splitlines(), "```"],
        "body": ["```json", *json.dumps(body, indent=2).splitlines(), "```"],
    }


def page(text: str) -> str:
    """The page with its generated parts written again."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        house = house_in(Path(first))
        parts = {
            "metrics": metrics_table(complete_scrape(house), failed_scrape(house)),
            **alarm_of(house_in(Path(second))),
        }
    return _SECTION.sub(lambda found: "\n".join([found[1].strip(), "", *parts[found[2]], "", found[3]]), text)


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
