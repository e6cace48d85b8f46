"""The course as a static site: JupyterLite with the Pyodide kernel, offline, from any file server.

    python site/build.py            build/site, whole
    python -m http.server -d build/site --bind 127.0.0.1

What is put together:

    JupyterLab's own pages      jupyter lite build, with the extensions of this environment
    static/pyodide              CPython for WebAssembly (npm's `pyodide`, the version the kernel was made for)
    static/pyodide/*.whl        the wheels of packages.txt, pinned by hash, and minidis itself
    static/pyodide/lua.*        Lua 5.1 for WebAssembly (npm's `wasmoon-lua5.1`)
    files                       notebooks/ and exercises/, as they are in this folder

Everything is fetched from PyPI and npm's registry once, at build time, and checked against its hash; the
finished site asks no other host for anything.

Read next: jupyter-lite.json (the settings of the page), minidis/scripting/wasm.py (Lua there).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from email import message_from_bytes
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
BUILD = PROJECT / "build"
CACHE = BUILD / "site-cache"
PAGES = BUILD / "site-pages"
OUTPUT = BUILD / "site"
KERNEL_WHEELS = (
    Path(sys.prefix) / "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi"
)

PYTHON_VERSION = "3.14"

NPM = "https://registry.npmjs.org"
NPM_PACKAGES = {
    (
        "pyodide",
        "314.0.6",
    ): "sha512-BKDTJyIqFxC4BExLqeRS3f5xvXZIjOt8C3zGLN/Cc7tFxSwvKVhVkchQQ2AGLOtR4YrVOIFxbV8poyDOOmWwxQ==",
    (
        "wasmoon-lua5.1",
        "1.18.10",
    ): "sha512-7ZLYj7FQgqzJOTJOLXqnIYYIUSRgG/Dw+uDMKnTor5G1Q9ykzRRPBomC3XgS0If+dbj+a8/Hj3+lA2URwKF0BA==",
}

RUNTIME = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]
FILES = {  # of a package: the name that each has in the site
    "pyodide": {name: name for name in RUNTIME},
    "wasmoon-lua5.1": {
        "dist/index.js": "lua.js",
        "dist/liblua5.1.wasm": "lua.wasm",
        "LICENSE": "lua.LICENSE",
    },
}

FOLDERS = ["notebooks", "exercises"]
UNPUBLISHED = (".*", "kept_answers_*", "release", "submitted", "autograded", "feedback")
"""What a learner's or a teacher's work leaves in those folders."""

UNREAD = {  # folders of a wheel that no page opens: types of packages that are not here
    "jedi": ("jedi/third_party/django-stubs/", "jedi/third_party/typeshed/stubs/"),
}


def main() -> None:
    if ("pyodide", PYODIDE_VERSION) not in NPM_PACKAGES:
        sys.exit(
            f"the kernel was made for Pyodide {PYODIDE_VERSION}; NPM_PACKAGES in {__file__} names another"
        )
    for folder in (PAGES, OUTPUT):
        shutil.rmtree(folder, ignore_errors=True)
    runtime = PAGES / "static/pyodide"
    for (name, version), integrity in NPM_PACKAGES.items():
        unpack(npm_package(name, version, integrity), FILES[name], runtime)
    write_settings(write_lock(runtime, python_wheels()))
    shutil.copy(HERE / "overrides.json", PAGES)
    for folder in FOLDERS:
        copy_contents(PROJECT / folder, PAGES / "files" / folder)
    builder = Path(sys.executable).parent / "jupyter-lite"
    contents, settings = PAGES / "files", PAGES / "overrides.json"
    run(builder, "build", "--lite-dir", PAGES, "--output-dir", OUTPUT, "--contents", contents,
        "--settings-overrides", settings, cwd=PAGES)  # fmt: skip
    write_first_page()
    print(f"{OUTPUT}: {sum(path.stat().st_size for path in OUTPUT.rglob('*') if path.is_file()) >> 20} MB")


def copy_contents(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*UNPUBLISHED))


def npm_package(name: str, version: str, integrity: str) -> Path:
    """A package in npm's registry, from the cache or fetched; its hash is checked each time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{name}-{version}.tgz"
    if not path.exists():
        with urllib.request.urlopen(f"{NPM}/{name}/-/{name}-{version}.tgz", timeout=120) as answer:
            path.write_bytes(answer.read())
    found = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != integrity:
        path.unlink()
        sys.exit(f"{name} {version} has the hash {found}, expected {integrity}")
    return path


def unpack(tarball: Path, files: dict[str, str], target: Path) -> None:
    """Copy the named files of a package, flat, into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tarball) as archive:
        for path, name in files.items():
            member = archive.extractfile(f"package/{path}")
            assert member is not None, path
            (target / name).write_bytes(member.read())


def python_wheels() -> list[Path]:
    """The wheels of packages.txt, the kernel's own, and minidis built from this folder."""
    pins = hashlib.sha256((HERE / "packages.txt").read_bytes()).hexdigest()[:12]
    folder = CACHE / f"wheels-{pins}"
    if not folder.exists():
        fetch_wheels(folder)
    own = CACHE / "minidis"
    shutil.rmtree(own, ignore_errors=True)
    run(sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", own, PROJECT)
    # The kernel's stand-in for widgetsnbextension is empty: the pages bring the JavaScript themselves.
    kernel = [path for path in KERNEL_WHEELS.glob("*.whl") if "widgetsnbextension-3" not in path.name]
    fetched = [path for path in folder.glob("*.whl") if not path.name.startswith("widgetsnbextension-")]
    return [*sorted(fetched), *sorted(kernel), *own.glob("*.whl")]


def fetch_wheels(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    run(sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary", ":all:",
        "--platform", "any", "--python-version", PYTHON_VERSION, "--require-hashes",
        "--requirement", HERE / "packages.txt", "--dest", partial)  # fmt: skip
    partial.rename(folder)


def write_lock(runtime: Path, wheels: list[Path]) -> str:
    """pyodide-lock.json with these wheels alone: what is not there cannot be asked for elsewhere.

    Answers its hash.
    """
    path = runtime / "pyodide-lock.json"
    lock = json.loads(path.read_text())
    packages = [describe(pack(wheel, runtime)) for wheel in wheels]
    names = {package["name"] for package in packages}
    for package in packages:
        package["depends"] = [name for name in package["depends"] if name in names]
    lock["packages"] = {package["name"]: package for package in packages}
    path.write_text(json.dumps(lock, indent=1))
    missing = set(preloaded()) - names
    if missing:
        sys.exit(f"jupyter-lite.json asks for packages that no wheel carries: {', '.join(sorted(missing))}")
    return content_hash(path)


def pack(wheel: Path, runtime: Path) -> Path:
    """Put a wheel into the site, without UNREAD.

    Its name gets a build tag, the hash of what is in it: a browser that has cached another build's wheel of
    this version does not take that one.
    """
    name, version, _, _ = parse_wheel_filename(wheel.name)
    unread = UNREAD.get(name, ())
    packed = runtime / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            if not member.filename.startswith(unread):
                target.writestr(member, source.read(member), zipfile.ZIP_DEFLATED)
    distribution, _, tags = wheel.name.partition(f"-{version}-")
    return packed.rename(runtime / f"{distribution}-{version}-0{content_hash(packed)}-{tags}")


def content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def describe(wheel: Path) -> dict[str, Any]:
    """The entry of a wheel in pyodide-lock.json."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        listing = archive.namelist()
        metadata = next(path for path in listing if path.endswith(".dist-info/METADATA"))
        requirements = message_from_bytes(archive.read(metadata)).get_all("Requires-Dist") or []
    needed = [Requirement(text) for text in requirements]
    top = {path.partition("/")[0].removesuffix(".py") for path in listing if path.endswith(".py")}
    return {
        "name": name,
        "version": str(version),
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(word for word in top if word.isidentifier()),
        "depends": sorted({canonicalize_name(need.name) for need in needed if wanted(need)}),
    }


def wanted(requirement: Requirement) -> bool:
    """Without extras, on the browser's Python."""
    environment = {
        "python_version": PYTHON_VERSION,
        "python_full_version": f"{PYTHON_VERSION}.0",
        "extra": "",
    }
    environment |= {"sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def preloaded() -> list[str]:
    """The packages that the kernel loads before it says that it is ready."""
    return pyodide_options(read_settings())["packages"]


def write_settings(lock_hash: str) -> None:
    """jupyter-lite.json; the lock's address is another one for each build, as the wheels' are."""
    settings = read_settings()
    pyodide_options(settings)["lockFileURL"] += f"?{lock_hash}"
    (PAGES / "jupyter-lite.json").write_text(json.dumps(settings, indent=1))


def read_settings() -> dict[str, Any]:
    return json.loads((HERE / "jupyter-lite.json").read_text())


def pyodide_options(settings: dict[str, Any]) -> dict[str, Any]:
    plugins = settings["jupyter-config-data"]["litePluginSettings"]
    return plugins["@jupyterlite/pyodide-kernel-extension:kernel"]["loadPyodideOptions"]


def write_first_page() -> None:
    """index.html: what this is, what a browser cannot do, and a link to each chapter."""
    rows = []
    for path in sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb")):
        first_cell = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        title = re.sub(r"# (\d+\. )?", "", first_cell.partition("\n")[0], count=1)  # the list has numbers
        rows.append(
            f'<li><a href="lab/index.html?path=notebooks/{quote(path.name)}">{escape(title)}</a></li>'
        )
    page = Template((HERE / "index.html").read_text(encoding="utf-8"))
    (OUTPUT / "index.html").write_text(page.substitute(chapters="\n".join(rows)), encoding="utf-8")


def run(*command: object, cwd: Path = PROJECT) -> None:
    result = subprocess.run([str(word) for word in command], cwd=cwd)
    if result.returncode:
        sys.exit(result.returncode)


if __name__ == "__main__":
    main()
