"""Configuration of randomized tests (the seed, printed in every run, and the number of repetitions) and signals.

By default, randomized tests repeat a quarter of what they repeat with ``--full`` (``tests/support/counts.py``).
Hypothesis has no deadline per example, because the machine may be busy. With ``--loads ci`` each run makes the same
choices, so that CI does not fail by chance.

Tests that use the fixture ``ray_cluster`` have the mark ``ray``. They come first, so that one process runs them all,
and ends the cluster after the last of them.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import random
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.support import counts
from tests.support.ray_cluster import RayCluster, SharedCluster

# As in the worker processes: tests run in parallel, and OpenBLAS threads that wait for each other use all processors.
# numpy reads it when it is imported, which the first collected test may do.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

INSTRUCTIONS = 20_000
CLUSTER = pytest.StashKey[SharedCluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--instructions",
        type=int,
        default=None,
        help=f"random instructions that programs are tried with: {INSTRUCTIONS // 4}, or {INSTRUCTIONS} with --full",
    )
    parser.addoption(
        "--loads",
        choices=counts.LEVELS,
        default="usual",
        help="how much randomized tests and load tests repeat; ci: as usual, but fault schedules as often as CI does,"
        " and with the same choices in each run",
    )
    parser.addoption("--full", dest="loads", action="store_const", const="full", help="the same as --loads full")
    parser.addoption("--random-seed", type=int, default=None, help="seed of the program tests' random sequences")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all tests are imported
    # Under nohup, child processes would ignore the signal that some tests send them. A handler is not inherited.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    # Set in the pytest-xdist controller, which passes its options to the workers.
    if config.option.random_seed is None:
        chosen = random.SystemRandom().randrange(2**32)
        config.option.random_seed = counts.CI_SEED if config.option.loads == "ci" else chosen
    config.addinivalue_line("markers", "first: takes long, and starts first so that no worker waits for it at the end")
    config.addinivalue_line("markers", "full: runs with --full only")
    config.addinivalue_line("markers", "ray: runs on a Ray cluster")
    config.addinivalue_line("markers", "on_ray: a test of all engines that runs on Ray without --full too")
    config.stash[CLUSTER] = SharedCluster()
    config.add_cleanup(config.stash[CLUSTER].close)
    settings.load_profile(config.option.loads)
    if config.option.loads == "ci":
        # Hypothesis prefers constants of the modules imported so far, which depend on the order of the tests.
        assert callable(providers._get_local_constants)
        providers._get_local_constants = Constants
    if config.option.instructions is None:
        config.option.instructions = counts.repetitions(INSTRUCTIONS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "ray_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("ray")
    if config.option.loads != "full":
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    items.sort(key=lambda item: (not uses_ray(item), item.get_closest_marker("first") is None))


def uses_ray(item: pytest.Item) -> bool:
    return item.get_closest_marker("ray") is not None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude what has been imported from garbage collection, which took a tenth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    return f"random sequences: --random-seed {config.option.random_seed} --instructions {config.option.instructions}"


@pytest.fixture
def instruction_budget(request: pytest.FixtureRequest) -> int:
    """The number of random instructions per comparison."""
    return int(request.config.getoption("instructions"))


@pytest.fixture
def random_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the random sequences in this run."""
    return int(request.config.getoption("random_seed"))


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to run load tests in full."""
    return bool(request.config.getoption("loads") == "full")


@pytest.fixture
def loads(request: pytest.FixtureRequest) -> counts.Loads:
    """How much is repeated in this run of the tests."""
    return counts.Loads(request.config.getoption("loads"))


@pytest.fixture
def ray_cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A Ray cluster of two nodes, which no other test uses at the same time. Skips the test if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        reason = "Ray is not installed: .venv/bin/python -m pip install --require-hashes -r requirements/ray.txt"
        assert not os.environ.get("PSYCHE_CLI_REQUIRE_RAY"), reason
        pytest.skip(reason)
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "ray"
    with request.config.stash[CLUSTER].opened(shared).turn() as cluster:
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After the last test of this process that uses the Ray cluster, end it: it costs even if it is not used."""
    try:
        yield
    finally:
        if nextitem is None or not uses_ray(nextitem):
            item.config.stash[CLUSTER].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the interleavings of tests/faults have met."""
    parts = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "interleavings"
    ]
    if parts:
        from tests.faults.summary import tables

        terminalreporter.section("interleavings of faults and kills")
        for line in tables(parts):
            terminalreporter.write_line(line)
