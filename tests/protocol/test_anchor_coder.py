"""AnchorPy's coder, loaded without the rest of AnchorPy, encodes the same bytes as the complete package."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import anchorpy.coder.idl
import anchorpy.coder.instruction
import pytest
from anchorpy.program.context import Context
from anchorpy.program.core import Program
from anchorpy.provider import Provider, Wallet
from anchorpy_core.idl import Idl
from pyheck import snake
from solders.pubkey import Pubkey

from psyche_cli.protocol.instructions import anchor_programs
from psyche_cli.protocol.instructions.anchor_programs import AnchorPrograms
from psyche_cli.protocol.instructions.anchor_values import AnchorValues
from psyche_cli.protocol.instructions.private_import import PrivateModules
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.resources import idl_path

IDLS: dict[str, Any] = {
    program: json.loads(idl_path(program).read_text(encoding="utf-8"))
    for program in ("coordinator", "authorizer", "treasurer")
}
INSTRUCTIONS = [(program, entry["name"]) for program, idl in IDLS.items() for entry in idl["instructions"]]
DRAWS = 25
WORDS = "aZ09 ~/é中🦙"


@pytest.fixture(scope="module")
def whole_programs() -> dict[str, Any]:
    provider = Provider(None, Wallet.dummy())  # type: ignore[arg-type]  # None instead of a connection
    with warnings.catch_warnings():
        # sumtypes, under AnchorPy, passes attrs an argument that attrs calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        return {
            program: Program(Idl.from_json(json.dumps(idl)), getattr(PUBLISHED, program), provider)
            for program, idl in IDLS.items()
        }


@pytest.mark.parametrize(("program", "name"), INSTRUCTIONS)
def test_every_instruction_is_that_of_the_whole_of_anchorpy(
    program: str, name: str, whole_programs: dict[str, Any]
) -> None:
    whole = whole_programs[program]
    [entry] = [entry for entry in IDLS[program]["instructions"] if entry["name"] == name]
    values = AnchorValues(IDLS[program], whole.type, snake)
    draw = Draw(IDLS[program], Random(f"{program} {name}"))
    for _ in range(DRAWS):
        accounts = {snake(account["name"]): draw.pubkey() for account in entry["accounts"]}
        arguments = {snake(argument["name"]): draw.value(argument["type"]) for argument in entry["args"]}
        typed = [values.convert(argument["type"], arguments[snake(argument["name"])], "") for argument in entry["args"]]
        theirs = whole.instruction[snake(name)](*typed, ctx=Context(accounts=dict(accounts)))
        ours = AnchorPrograms(PUBLISHED).instruction(program, snake(name), accounts, arguments)
        assert ours == theirs
        assert ours.accounts == theirs.accounts


class Draw:
    """Random plain values of the types of an IDL."""

    def __init__(self, idl: Mapping[str, Any], random: Random) -> None:
        self._types = {entry["name"]: entry["type"] for entry in idl["types"]}
        self._random = random

    def pubkey(self) -> Pubkey:
        return Pubkey.from_bytes(self._random.randbytes(32))

    def value(self, kind: Any) -> object:
        if isinstance(kind, str):
            return self._simple(kind)
        [(form, inner)] = kind.items()
        if form == "option":
            return self.value(inner) if self._random.random() < 0.7 else None
        if form == "vec":
            return [self.value(inner) for _ in range(self._random.randrange(4))]
        if form == "array":
            return [self.value(inner[0]) for _ in range(inner[1])]
        return self._defined(inner)

    def _simple(self, kind: str) -> object:
        random = self._random
        if kind == "bool":
            return random.random() < 0.5
        if kind == "publicKey":
            return self.pubkey()
        if kind == "string":
            return self._text(60)
        if kind == "bytes":
            return random.randbytes(random.randrange(40))
        bits = int(kind[1:])
        if kind[0] == "f":
            return random.choice([0.0, -0.0, float("inf"), random.uniform(-1e30, 1e30)])
        lowest = -(2 ** (bits - 1)) if kind[0] == "i" else 0
        return random.choice([lowest, lowest + 2**bits - 1, lowest + random.getrandbits(bits)])

    def _defined(self, name: str) -> object:
        definition = self._types[name]
        if name.startswith("FixedString"):
            return self._text(definition["fields"][0]["type"]["array"][1])
        if name.startswith("FixedVec"):
            kind, capacity = definition["fields"][0]["type"]["array"]
            return [self.value(kind) for _ in range(self._random.randint(0, capacity))]
        if definition["kind"] == "struct":
            return self._fields(definition["fields"])
        variant = self._random.choice(definition["variants"])
        fields = variant.get("fields")
        if not fields:
            return variant["name"]
        payload = self._fields(fields) if "name" in fields[0] else self.value(fields[0])
        return {variant["name"]: payload}

    def _fields(self, fields: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        return {snake(field["name"]): self.value(field["type"]) for field in fields}

    def _text(self, size: int) -> str:
        text = "".join(self._random.choices(WORDS, k=self._random.randint(0, size)))
        return text.encode()[:size].decode(errors="ignore")


def output_of(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


MAKE = """
import sys
from solders.pubkey import Pubkey
from psyche_cli.protocol.instructions.builder import Instructions
key = Pubkey.default()
made = Instructions().set_paused(authority=key, instance=key, account=key, paused=True)
"""


def test_an_instruction_is_made_without_any_trace_of_anchorpy() -> None:
    loaded = output_of(MAKE + "print(*sys.modules)").split()
    assert "construct" in loaded
    unwanted = [name for name in loaded if name.partition(".")[0] in ("anchorpy", "httpx", "pytest", "_pytest")]
    assert not unwanted


def test_a_later_import_of_anchorpy_is_complete() -> None:
    check = """
import warnings
warnings.simplefilter("ignore")
import anchorpy
import anchorpy.coder.idl
assert anchorpy.coder.idl is sys.modules["anchorpy.coder.idl"]
print(anchorpy.Program.__module__, anchorpy.error.ProgramError.__name__, anchorpy.coder.idl.FIELD_TYPE_MAP is not None)
"""
    assert output_of(MAKE + check) == "anchorpy.program.core ProgramError True\n"


def test_where_anchorpy_is_laid_out_differently_it_is_imported_as_a_whole() -> None:
    broken = """
import warnings
warnings.simplefilter("ignore")
from psyche_cli.protocol.instructions.private_import import PrivateModules
def fail(self, name):
    raise ImportError(name)
PrivateModules.load = fail
"""
    assert output_of(broken + MAKE + "print('anchorpy.program' in sys.modules, made.data.hex())") == (
        output_of(MAKE + "print(True, made.data.hex())")
    )


def test_the_complete_package_is_imported_if_the_coder_cannot_be_loaded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PrivateModules, name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(PrivateModules, "load", fail)
    assert anchor_programs._coder_modules.__wrapped__() == (anchorpy.coder.instruction, anchorpy.coder.idl)


@pytest.mark.parametrize(
    "source",
    ["import shelf.other", "from . import other", "from shelf.nowhere import x", "from shelf.other.deeper import x"],
)
def test_an_unsupported_import_is_an_import_error(source: str, tmp_path: Any, monkeypatch: Any) -> None:
    package = tmp_path / "shelf"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('not wanted')")
    (package / "other.py").write_text("x = 1")
    (package / "book.py").write_text(source)
    (package / "leaf.py").write_text("import json\nfrom shelf.other import x\ny = (json, x)")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = PrivateModules("shelf")
    assert modules.load("shelf.leaf").y == (json, 1)
    with pytest.raises(ImportError):
        modules.load("shelf.book")
    with pytest.raises(ImportError):
        PrivateModules("shelves").load("shelves.leaf")
    assert "shelf" not in sys.modules
