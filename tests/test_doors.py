"""Only ``diagnostics`` writes to stderr and only ``render`` to stdout; no other module writes to a standard stream."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "psyche_cli"

STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
PRINTING_CALLS = {
    *("print", "echo", "secho", "pprint", "Console", "print_exc", "print_exception", "print_stack", "print_tb"),
    *("StreamHandler", "basicConfig", "redirect_stdout", "redirect_stderr", "displayhook", "excepthook", "writelines"),
}
DESCRIPTORS = {1, 2}

ALLOWED = {
    ("__main__.py", "sys.__stdout__"): "flushed at the end of the process",
    ("__main__.py", "sys.__stderr__"): "flushed at the end of the process",
    ("__main__.py", "sys.stderr"): "replaced once, by diagnostics",
    ("environment.py", "sys.stdout"): "the streams of the process",
    ("environment.py", "sys.stderr"): "the streams of the process",
    ("environment.py", "self.stderr"): "passed to diagnostics",
    ("environment.py", "self.stdout"): "its encoding and width are read",
    ("diagnostics.py", "self._stream.write"): "the only write to stderr",
    ("diagnostics.py", "redirect_stderr"): "redirects stderr of all other code to this module",
    ("cli/render.py", "environment.stdout"): "the only writes to stdout",
    ("cli/render.py", "environment.stdout.write"): "the only writes to stdout",
    ("cli/render.py", "self._stdout.write"): "the only writes to stdout",
    ("cli/live_screen.py", "environment.stdout"): "the live screen of watch",
    ("cli/live_screen.py", "Console"): "draws what the renderer has made printable",
    ("localnet/server/sliced_connection.py", "self._transport.write"): "responses for a client",
    ("operations/dashboard/server.py", "response.write"): "events for a page",
    ("operations/localnet/ready_file.py", "os.dup"): "the ready file",
    ("rehearsal/worker.py", "sys.stdout"): "the telemetry of the worker program, flushed",
    ("rehearsal/worker.py", "sys.stdout.write"): "the telemetry of the worker program",
    ("rehearsal/worker.py", "sys.stderr"): "the stream of the worker program, which the daemon keeps in a log",
    ("rehearsal/worker.py", "sys.stderr.write"): "the error of the worker program",
    ("workers/daemon/__main__.py", "sys.stdout"): "the error of the daemon, for the command that has started it",
    ("workers/daemon/__main__.py", "sys.stdout.write"): "the error of the daemon, for the command that has started it",
    ("workers/engines/held_process.py", "os.write"): "a signal to the process that holds a worker",
    ("workers/engines/holder.py", "os.dup2"): "the streams of the process that holds a worker",
    ("workers/engines/holder.py", "os.write"): "the report of that process to the engine, through a pipe",
    ("workers/telemetry/proxy.py", "os.write"): "the output of a worker, which this process copies to its log",
    ("workers/telemetry/proxy.py", "worker.stdout"): "the pipe from which the output of a worker is read",
}
"""Code that could write to a standard stream but is allowed to, by file and expression, with the reason."""


def uses(tree: ast.AST) -> set[str]:
    """Expressions in a module that write to a stream or could pass one on. Files opened by ``with`` do not count."""
    found = set()
    files = _opened_files(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in STREAMS:
            found.add(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            found |= {f"sys.{alias.name}" for alias in node.names if alias.name in STREAMS}
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        receiver, _, last = name.rpartition(".")
        if last in PRINTING_CALLS and receiver not in files:
            found.add(last if last in ("Console", "redirect_stdout", "redirect_stderr") else name)
        elif (
            (last == "write" and receiver and receiver not in files)
            or name in ("os.dup", "os.dup2")
            or _opens_descriptor(node, name)
        ):
            found.add(name)
    return found


def _opened_files(tree: ast.AST) -> set[str]:
    opened = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Call) and node.optional_vars:
            call = node.context_expr
            name = ast.unparse(call.func)
            if name.rpartition(".")[2] in ("open", "fdopen", "complete_new_file") and not _opens_descriptor(call, name):
                opened.add(ast.unparse(node.optional_vars))
    return opened


def _opens_descriptor(call: ast.Call, name: str) -> bool:
    first = call.args[0] if call.args else None
    if name not in ("open", "io.open", "os.fdopen") or not isinstance(first, ast.Constant):
        return False
    return first.value in DESCRIPTORS or "/dev/std" in str(first.value)


def test_only_two_modules_write_to_a_standard_stream() -> None:
    found = {
        (path.relative_to(PACKAGE).as_posix(), use)
        for path in sorted(PACKAGE.rglob("*.py"))
        for use in uses(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    "line",
    [
        "print('x')",
        "sys.stderr.write('x')",
        "from sys import stderr",
        "environment.stderr.flush()",
        "typer.echo('x')",
        "click.secho('x', err=True)",
        "traceback.print_exc()",
        "logging.basicConfig()",
        "os.write(2, b'x')",
        "open(2, 'w')",
        "out = ctx.obj.stdout",
        "rich.print('x')",
        "sys.__stderr__",
        "with open('/dev/stderr', 'w') as file: file.write('x')",
        "stream.write('x')",
    ],
)
def test_every_other_way_to_write_is_detected(line: str) -> None:
    assert uses(ast.parse(line))
