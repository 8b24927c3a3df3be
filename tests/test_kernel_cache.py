"""Kernels are compiled once for a machine, whichever copy of the code asks for them."""

import os
import shutil
import subprocess
import sys

from conftest import REPOSITORY

SCORE = (
    "import numpy as np, srcnn.metrics\n"
    "a = np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3)\n"
    "print(srcnn.metrics.score(a, a[::-1].copy(), ['ssim', 'uiq'], definition='package'))\n"
)


EVERYTHING = (
    "import numpy as np, srcnn.metrics\n"
    "from skimage import data\n"
    "a = data.astronaut()[:160, :160]\n"
    "for definition in ('paper', 'package'):\n"
    "    print(srcnn.metrics.score(a, a[::-1].copy(), definition=definition))\n"
)


def scored(folder, cache, script=SCORE):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_snapshot_of_the_code_uses_the_kernels_of_the_first(tmp_path):
    copies = [tmp_path / f"copy{number}" for number in range(3)]
    for copy in copies:
        shutil.copytree(REPOSITORY / "srcnn", copy / "srcnn", ignore=shutil.ignore_patterns("__pycache__"))
    first = scored(copies[0], tmp_path / "cache")
    compiled = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.nb?")}
    assert compiled
    assert [scored(copy, tmp_path / "cache") for copy in copies[1:]] == [first] * 2
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.nb?")} == compiled


def test_the_task_that_compiles_the_kernels_scores_to_the_bit_what_all_others_score(tmp_path):
    first = scored(REPOSITORY, tmp_path / "cache", EVERYTHING)
    assert "fsim" in first
    assert scored(REPOSITORY, tmp_path / "cache", EVERYTHING) == first
