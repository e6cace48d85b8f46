"""What a server asks of its process, on a file that stands for /proc/self/oom_score_adj."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minidis.drivers.process import OomScore
from minidis.engine.settings.config import Config


def test_the_score_follows_configuration_and_role(tmp_path: Path) -> None:
    path = tmp_path / "oom_score_adj"
    path.write_text("22\n")
    config = Config({"oom-score-adj-values": "10 20 30"})
    score = OomScore(config, str(path))

    def after(is_replica: bool = False, **changes: str) -> int:
        config.set({name.replace("_", "-"): value for name, value in changes.items()})
        score.update(is_replica)
        return int(path.read_text())

    assert after() == 22
    assert after(oom_score_adj="yes") == 32
    assert after(is_replica=True) == 42
    assert after(oom_score_adj_values="15 20 30") == 37
    assert after(oom_score_adj="absolute") == 15
    assert after(oom_score_adj_values="-2000 0 0") == -1000
    assert after(oom_score_adj="no") == 22
    path.write_text("7\n")  # somebody else's business now
    assert after(oom_score_adj_values="1 1 1") == 7
    assert after(oom_score_adj="relative") == 8


def test_what_is_not_allowed_is_an_error(tmp_path: Path) -> None:
    score = OomScore(Config({"oom-score-adj": "yes"}), str(tmp_path / "missing" / "file"))
    with pytest.raises(OSError, match="No such file"):
        score.update(is_replica=False)


def test_the_program_is_named_by_the_folder_it_was_started_in(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(
        "import os\nfrom minidis.drivers.process import process_facts\n"
        "os.chdir('/')\nprint(process_facts('server')['executable'])\n"
    )
    done = subprocess.run(
        [sys.executable, "server.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"{script}\n", done.stderr
