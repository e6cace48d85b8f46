"""`make site`: how wheels get into the pages.  What the pages do is tests/browser/test_site.py's subject."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.paths import PROJECT

METADATA = """Metadata-Version: 2.1
Name: jedi
Version: 1.0
Requires-Dist: parso
Requires-Dist: colorama; os_name == "nt"
"""


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_site", PROJECT / "site/build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_learners_and_teachers_leave_is_not_published(build: ModuleType, tmp_path: Path) -> None:
    graded = [f"{folder}/a.ipynb" for folder in ("release", "submitted", "autograded", "feedback")]
    for name in (*graded, ".hidden", "kept_answers_1.ipynb", "1/1.1_first.ipynb", "README.ipynb"):
        path = tmp_path / "exercises" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    build.copy_contents(tmp_path / "exercises", tmp_path / "pages")
    copied = {str(path.relative_to(tmp_path / "pages")) for path in (tmp_path / "pages").rglob("*")}
    assert copied == {"1", "1/1.1_first.ipynb", "README.ipynb"}


def write_wheel(folder: Path, code: str) -> Path:
    folder.mkdir()
    path = folder / "jedi-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (
            ("jedi/__init__.py", code),
            ("jedi/third_party/typeshed/stubs/six/six.pyi", "unread"),
            ("jedi-1.0.dist-info/METADATA", METADATA),
        ):
            archive.writestr(zipfile.ZipInfo(name), text)
    return path


def test_another_content_is_another_name_in_the_browsers_cache(build: ModuleType, tmp_path: Path) -> None:
    wheels = [write_wheel(tmp_path / name, code) for name, code in (("a", "1"), ("b", "2"), ("c", "1"))]
    first, second, third = (build.describe(build.pack(wheel, tmp_path)) for wheel in wheels)
    assert first["file_name"] == third["file_name"] != second["file_name"]
    for entry in (first, second):
        assert (entry["name"], entry["version"], entry["depends"]) == ("jedi", "1.0", ["parso"])
        assert (tmp_path / entry["file_name"]).is_file()


def test_what_no_page_reads_is_left_out(build: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(build.pack(write_wheel(tmp_path / "a", "1"), tmp_path)) as packed:
        assert packed.namelist() == ["jedi/__init__.py", "jedi-1.0.dist-info/METADATA"]
