"""The floors under the libraries whose older versions have been found wanting."""

from __future__ import annotations

import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.tidy.tree import ROOT, report

# The two that read bytes from strangers: below these, known faults of their parsers are open.
FLOORS = {"msgpack": "1.2.4", "websockets": "17.4"}


def floors_complaints(dependencies: list[str], floors: dict[str, str]) -> list[str]:
    """Dependencies that are missing, or that a version below the floor would satisfy."""
    declared = {requirement.name: requirement for requirement in map(Requirement, dependencies)}
    found = []
    for name, floor in floors.items():
        lower = (
            [s.version for s in declared[name].specifier if s.operator == ">="] if name in declared else []
        )
        if not any(Version(version) >= Version(floor) for version in lower):
            found.append(
                f"pyproject.toml: {name}>={floor} is wanted, {declared.get(name, 'nothing')} is declared"
            )
    return found


def test_pyproject_declares_the_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    report(floors_complaints(project["dependencies"], FLOORS))


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_the_installed_library_is_not_below_its_floor(name: str, floor: str) -> None:
    assert Version(metadata.version(name)) >= Version(floor)


@pytest.mark.parametrize("dependencies", [[], ["msgpack"], ["msgpack>=1.2.3"], ["msgpack<2"]])
def test_a_missing_floor_is_caught(dependencies: list[str]) -> None:
    assert floors_complaints(dependencies, {"msgpack": "1.2.4"})


def test_a_higher_floor_passes() -> None:
    assert not floors_complaints(["msgpack>=1.3,<3"], {"msgpack": "1.2.4"})
