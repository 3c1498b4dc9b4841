"""Test every mutant and list the survivors. Exit code 1 if a mutant survives that is not a known equivalent."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tomli

from scripts.mutation.mutate import Mutant, mutants
from scripts.mutation.trial import Trial, Verdict, preload

ROOT = Path(__file__).parent.parent.parent
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")
AMOUNTS = Path("psyche_cli/amounts.py")
SENDING = Path("psyche_cli/solana/sending")
TESTS: dict[Path, list[list[str]]] = {
    AMOUNTS: [["tests/test_amounts.py"]],
    SENDING: [
        ["tests/solana/test_sender.py"],
        ["tests/solana/test_delivery.py"],
        ["tests/solana/test_delivery_expiry.py", "tests/solana/test_delivery_deadline.py"],
        ["tests/solana/test_verdict.py"],
        ["tests/solana/test_transaction.py"],
        [
            "tests/solana/test_recorded_sending.py",
            "tests/solana/test_durable_nonces.py",
            "tests/solana/test_journal.py",
        ],
        ["tests/solana/test_sender_on_localnet.py"],
        ["tests/solana/test_forks.py"],
    ],
}
"""The test files to run against a mutant, in this order, after the one named like its module.

Randomized tests are excluded.
"""


PRELOADED: dict[Path, list[str]] = {
    AMOUNTS: [],
    SENDING: ["psyche_cli.solana.rpc.client", "psyche_cli.solana.wallet", "psyche_cli.localnet.in_process"],
}
"""Modules to preload for the tests of a path. They must not import mutated modules. Paths are tested in this order."""


def main(arguments: Sequence[str]) -> int:
    """Test the mutants selected by ``arguments``."""
    options = _options(arguments)
    os.chdir(ROOT)
    known = equivalents()
    chosen = [mutant for target in TESTS for path in modules(target) for mutant in mutants(path, ROOT)]
    names = {(str(mutant.path), mutant.name) for mutant in chosen}
    outdated = [f"{path}: {name}" for path, name in known if (path, name) not in names]
    chosen = [mutant for mutant in chosen if all(part in f"{mutant.path}: {mutant.name}" for part in options.match)]
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    if options.list:
        print(*(_title(mutant) for mutant in chosen), sep="\n")
        return 0
    trials = [mutant for mutant in chosen if (str(mutant.path), mutant.name) not in known]
    skipped = len(chosen) - len(trials)
    survivors = _try(trials, options.jobs, options.verbose)
    print(f"\n{len(trials) - len(survivors)} of {len(trials)} mutants killed; {skipped} known equivalents skipped")
    for mutant in sorted(survivors, key=lambda mutant: (mutant.path, mutant.line)):
        print(f"survived: {_title(mutant)}")
    for entry in outdated:
        print(f"mutant does not exist, remove it from {EQUIVALENTS.relative_to(ROOT)}: {entry}")
    return 1 if survivors or outdated else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutants", description="List small faults that no test detects.")
    parser.add_argument("match", nargs="*", help="only test mutants whose title contains all of these strings")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="test a random sample of N mutants")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random sample (default 0)")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel processes (default 2)")
    parser.add_argument("--list", action="store_true", help="list the mutants without testing them")
    parser.add_argument("--verbose", action="store_true", help="print the test that killed each mutant")
    return parser.parse_args(arguments)


def equivalents() -> Mapping[tuple[str, str], str]:
    """The known equivalents: the reason why no test can detect the mutant, by module and name."""
    entries = tomli.loads(EQUIVALENTS.read_text(encoding="utf-8")).get("mutant", [])
    return {(entry["module"], entry["change"]): entry["reason"] for entry in entries}


def modules(target: Path) -> list[Path]:
    """The modules under a path, relative to the root of the project."""
    files = sorted((ROOT / target).glob("*.py")) if (ROOT / target).is_dir() else [ROOT / target]
    return [file.relative_to(ROOT) for file in files]


def _tests(path: Path) -> list[list[str]]:
    groups = next(groups for target, groups in TESTS.items() if path.is_relative_to(target))
    return sorted(groups, key=lambda group: f"/test_{path.stem}.py" not in group[0])


def _title(mutant: Mutant) -> str:
    return f"{mutant.path}:{mutant.line}: {mutant.name}"


def _try(chosen: Sequence[Mutant], jobs: int, verbose: bool) -> list[Mutant]:
    survivors = []

    def judge(mutant: Mutant, verdict: Verdict) -> None:
        if verdict.survived:
            survivors.append(mutant)
            print(f"\nsurvived: {_title(mutant)}", flush=True)
        elif verbose:
            print(f"killed ({verdict.cpu_seconds:.1f} s): {_title(mutant)}: {verdict.how}", flush=True)
        else:
            print(".", end="", flush=True)

    for target, loaded in PRELOADED.items():
        trials = [mutant for mutant in chosen if mutant.path.is_relative_to(target)]
        if trials:
            preload(loaded)
            _check_original(modules(target)[-1])
            _in_parallel(trials, jobs, judge)
    return survivors


def _check_original(path: Path) -> None:
    """Exit if the tests fail without a mutation."""
    trial = _start(path, (ROOT / path).read_text(encoding="utf-8"))
    while (verdict := trial.finished()) is None:
        time.sleep(0.05)
    if not verdict.survived:
        raise SystemExit(f"The tests fail without a mutation: {verdict.how}")
    print(f"Without a mutation, the tests of {path} pass in {verdict.cpu_seconds:.1f} s of CPU time.", flush=True)


def _start(path: Path, source: str) -> Trial:
    return Trial(".".join(path.with_suffix("").parts), source, _tests(path))


def _in_parallel(chosen: Sequence[Mutant], jobs: int, judge: Callable[[Mutant, Verdict], None]) -> None:
    waiting = list(reversed(chosen))
    running: dict[int, tuple[Mutant, Trial]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                mutant = waiting.pop()
                trial = _start(mutant.path, mutant.source)
                running[trial.pid] = mutant, trial
            for pid, (mutant, trial) in list(running.items()):
                verdict = trial.finished()
                if verdict is not None:
                    del running[pid]
                    judge(mutant, verdict)
            time.sleep(0.02)
    finally:
        for _, trial in running.values():
            trial.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
