"""The generated code of the worker service is that of its definition."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path("psyche_cli/workers/service")


def test_the_generated_code_is_that_of_the_definition(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "generate_worker_service", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    generated = {path.name: path.read_text("utf-8") for path in (tmp_path / FOLDER).iterdir()}
    committed = {path.name: path.read_text("utf-8") for path in (ROOT / FOLDER).glob("*_pb2*.py*")}
    assert set(generated) == {"worker_pb2.py", "worker_pb2.pyi", "worker_pb2_grpc.py", "worker_pb2_grpc.pyi"}
    assert generated == committed, "run scripts/generate_worker_service"


@pytest.mark.parametrize(("package", "constant"), [("grpcio-tools", "1.76.0"), ("mypy-protobuf", "5.1.0")])
def test_the_tools_are_those_that_the_extras_allow(package: str, constant: str) -> None:
    assert importlib.metadata.version(package) == constant
