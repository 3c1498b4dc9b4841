"""The build tool of the programs: reproducible output, clear errors, and code that runs in the VM."""

from __future__ import annotations

import importlib
import shutil
import struct
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from .chain import PROGRAMS_FOLDER, outcome_of

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build-programs"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "programs"))
    names = ("build", "compiler", "errors", "linker", "objects")
    return {name: importlib.import_module(f"toolchain.{name}") for name in names}


def build_programs(*arguments: str, interpreter: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run([interpreter, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def compile_text(tool: dict[str, ModuleType], folder: Path, name: str, text: str) -> object:
    source, output = folder / f"{name}.c", folder / f"{name}.o"
    source.write_text(text)
    tool["compiler"].compile_c(source, output, include=ROOT / "programs", cache=folder / "cache")
    return tool["objects"].read_object(name, output.read_bytes())


# --- the committed programs ------------------------------------------------------------------------------------------


def test_committed_programs_are_what_their_sources_give_elsewhere_and_hold_no_paths(tmp_path: Path) -> None:
    copy = tmp_path / "another folder"
    shutil.copytree(ROOT / "programs", copy / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "scripts").mkdir()
    shutil.copy(SCRIPT, copy / "scripts")
    script = str(copy / "scripts" / "build-programs")
    command = [sys.executable, script, "--check", "--output", str(PROGRAMS_FOLDER)]
    environment = {"TZ": "Asia/Tokyo", "PATH": ""}
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("coordinator.so", "authorizer.so", "treasurer.so"):
        assert name in result.stdout
        committed = (PROGRAMS_FOLDER / name).read_bytes()
        assert b"another folder" not in committed
        assert str(ROOT).encode() not in committed


def test_check_names_the_program_that_differs(
    tool: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = {
        file.stem: tool["linker"].Program(file.read_bytes(), code_size=1, constants_size=1, syscalls=())
        for file in sorted(PROGRAMS_FOLDER.glob("*.so"))
    }
    monkeypatch.setattr(tool["build"], "build_programs", lambda: built)
    shutil.copytree(PROGRAMS_FOLDER, tmp_path, dirs_exist_ok=True)
    damaged = bytearray((tmp_path / "treasurer.so").read_bytes())
    damaged[1000] ^= 1
    (tmp_path / "treasurer.so").write_bytes(damaged)
    (tmp_path / "authorizer.so").unlink()
    assert tool["build"].main(["--check", "--output", str(tmp_path)]) == 1
    complaints = capsys.readouterr().err
    assert "treasurer.so (" in complaints
    assert "authorizer.so (0 bytes)" in complaints
    assert "coordinator.so" not in complaints
    assert (tmp_path / "treasurer.so").read_bytes() == damaged


def test_missing_compiler_is_named_with_its_installation(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False, symlinks=True)
    result = build_programs("--check", interpreter=str(tmp_path / "bin" / "python"))
    assert result.returncode == 1
    assert "no ziglang package" in result.stderr
    assert "pip install ziglang==0.15.2" in result.stderr


def test_other_compiler_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    (tmp_path / "ziglang" / "__main__.py").write_text("print('0.13.0')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = build_programs()
    assert result.returncode == 1
    assert "found ziglang 0.13.0" in result.stderr
    assert "0.15.2" in result.stderr


# --- the linker ------------------------------------------------------------------------------------------------------

ENTRY = "typedef unsigned long long u64; "


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("u64 counter = 1; u64 entrypoint(void) { return counter++; }", "writable global"),
        ("u64 counter; u64 entrypoint(void) { return counter++; }", "writable global"),
        ("u64 sol_curve_group_op(void); u64 entrypoint(void) { return sol_curve_group_op(); }", "not a syscall"),
        ("extern u64 x; u64 entrypoint(void) { return x; }", "undefined"),
        ("u64 other(void) { return 0; }", "no function entrypoint"),
    ],
)
def test_linker_refuses(tool: dict[str, ModuleType], tmp_path: Path, text: str, complaint: str) -> None:
    obj = compile_text(tool, tmp_path, "a", ENTRY + text)
    with pytest.raises(tool["errors"].BuildError, match=complaint):
        tool["linker"].link([obj])


def test_linker_refuses_a_function_defined_twice(tool: dict[str, ModuleType], tmp_path: Path) -> None:
    objects = [compile_text(tool, tmp_path, name, ENTRY + "u64 entrypoint(void) { return 0; }") for name in "ab"]
    with pytest.raises(tool["errors"].BuildError, match="entrypoint is defined twice, in a and in b"):
        tool["linker"].link(objects)


def test_linker_refuses_code_for_another_processor(
    tool: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [flag if flag != "-mcpu=v2" else "-mcpu=v3" for flag in tool["compiler"].FLAGS]
    monkeypatch.setattr(tool["compiler"], "FLAGS", flags)
    obj = compile_text(tool, tmp_path, "a", "unsigned entrypoint(unsigned *x) { return x[0] + x[1]; }")
    with pytest.raises(tool["errors"].BuildError, match="does not exist in SBPF v0"):
        tool["linker"].link([obj])


@pytest.mark.parametrize("image", [b"", b"\x7fELF\x01\x01" + bytes(60), b"\x7fELF\x02\x01" + bytes(60)])
def test_only_bpf_objects_are_read(tool: dict[str, ModuleType], image: bytes) -> None:
    with pytest.raises(tool["errors"].BuildError, match="thing"):
        tool["objects"].read_object("thing", image)


def test_stack_frame_above_4_kib_does_not_compile(tool: dict[str, ModuleType], tmp_path: Path) -> None:
    text = "void use(char *); unsigned long long entrypoint(void) { char big[5000]; use(big); return 0; }"
    with pytest.raises(tool["errors"].BuildError, match=r"a\.c does not compile"):
        compile_text(tool, tmp_path, "a", text)


PROGRAM = """
void sol_log_(const char *, u64);
static u64 twice(u64 x) { return 2 * x; }
static u64 negative(u64 x) { return 0 - x; }
typedef u64 Function(u64);
static Function *const FUNCTIONS[] = {twice, negative};
static const char *const NAMES[] = {"twice", "negative"};
u64 elsewhere(u64);
u64 entrypoint(unsigned char *input) {
    u64 choice = input[16];
    sol_log_(NAMES[choice], choice ? 8 : 5);
    return (unsigned)(elsewhere(FUNCTIONS[choice](21)) - 100);
}
"""


@pytest.mark.parametrize(("choice", "name", "code"), [(0, "twice", 42), (1, "negative", 2**32 - 21)])
def test_linked_program_runs(tool: dict[str, ModuleType], tmp_path: Path, choice: int, name: str, code: int) -> None:
    """Indirect calls, calls between files, and constants with pointers: all kinds of relocations."""
    main = compile_text(tool, tmp_path, "main", ENTRY + PROGRAM)
    other = compile_text(tool, tmp_path, "other", ENTRY + "u64 elsewhere(u64 x) { return x + 100; }")
    linked = tool["linker"].link([main, other])
    svm, address, payer = LiteSVM(), Pubkey(bytes([7]) * 32), Keypair()
    svm.add_program(address, linked.image)
    svm.airdrop(payer.pubkey(), 10**9)
    # No accounts: the input is their number, the data's length, the data.
    blockhash = svm.latest_blockhash()
    message = Message.new_with_blockhash([Instruction(address, bytes([choice]), [])], payer.pubkey(), blockhash)
    outcome = outcome_of(svm.send_transaction(Transaction([payer], message, blockhash)))
    assert outcome.said(f"Program log: {name}")
    assert outcome.code == code


def test_image_is_a_shared_object_with_addresses_equal_to_offsets() -> None:
    image = (PROGRAMS_FOLDER / "coordinator.so").read_bytes()
    kind, machine, _, entry = struct.unpack_from("<HHIQ", image, 16)
    table, flags = struct.unpack_from("<QI", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    assert (kind, machine, flags) == (3, 247, 0)
    assert entry % 8 == 0
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, table + size * index) for index in range(count)]
    assert all(header[3] == header[4] for header in headers if header[2] & 2)
