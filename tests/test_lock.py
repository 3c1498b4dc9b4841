"""The lock files in ``requirements/`` satisfy the dependencies in pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def pins(name: str) -> dict[str, list[Version]]:
    """The pinned versions of each package; there can be one per range of Python versions."""
    found: dict[str, list[Version]] = {}
    for package, version in PIN.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(package), []).append(Version(version))
    return found


def asked(extra: str) -> Iterator[Requirement]:
    """The requirements of an extra, and of those that it includes."""
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            yield from (found for included in requirement.extras for found in asked(included))
        else:
            yield requirement


@pytest.mark.parametrize(("file", "extra"), [("run.txt", ""), ("dev.txt", "dev"), ("ray.txt", "ray")])
def test_every_requirement_is_pinned_within_its_range(file: str, extra: str) -> None:
    pinned = pins(file)
    for requirement in [*map(Requirement, PROJECT["dependencies"]), *(asked(extra) if extra else ())]:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is missing: run scripts/lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: run scripts/lock"


def test_ray_is_added_to_the_packages_of_developers_and_changes_none() -> None:
    developers, ray = pins("dev.txt"), pins("ray.txt")
    assert {name: ray[name] for name in ray.keys() & developers} == {
        name: developers[name] for name in ray.keys() & developers
    }


@pytest.mark.parametrize("file", ["run.txt", "dev.txt", "ray.txt"])
def test_every_pin_has_a_hash(file: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / file).read_text(encoding="utf-8"))
    pinned = [block for block in blocks if PIN.match(block)]
    assert len(pinned) == sum(map(len, pins(file).values()))
    assert all("--hash=sha256:" in block for block in pinned)


def test_the_lock_files_contain_no_package_index() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [file.name for file in files] == ["dev.txt", "ray.txt", "run.txt"]
    assert "://" not in "".join(file.read_text(encoding="utf-8") for file in files)
