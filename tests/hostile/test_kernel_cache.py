"""Kernels are compiled once for a machine, whichever copy of the code asks for them."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import REPOSITORY

SCORE = (
    "import numpy as np, srcnn.metrics\n"
    "a = np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3)\n"
    "print(srcnn.metrics.score(a, a[::-1].copy(), ['ssim', 'uiq'], definition='package'))\n"
)


def scored(folder, cache, script=SCORE):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache of some kernels, and what the process scored that compiled them."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, scored(REPOSITORY, cache)


def stamps(cache):
    return {file: file.stat().st_mtime_ns for file in cache.rglob("*.nb?")}


def test_each_snapshot_of_the_code_uses_the_kernels_of_the_first(compiled, tmp_path):
    cache, first = compiled
    before = stamps(cache)
    assert before
    copy = tmp_path / "copy"
    shutil.copytree(REPOSITORY / "srcnn", copy / "srcnn", ignore=shutil.ignore_patterns("__pycache__"))
    assert scored(copy, cache) == first
    assert stamps(cache) == before


def test_a_cache_that_others_may_write_into_is_not_used(tmp_path):
    (tmp_path / "cache" / "srcnn-kernels").mkdir(parents=True)
    (tmp_path / "cache" / "srcnn-kernels").chmod(0o777)
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    where = "from srcnn.metrics.kernels.cache import cache_folder; print(cache_folder())"
    command = [sys.executable, "-c", where]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(elsewhere)}
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    folder = elsewhere / f"cache-{os.getuid()}" / "srcnn-kernels"
    assert done.stdout.startswith(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(folder)
    (tmp_path / "planted").mkdir()
    folder.symlink_to(tmp_path / "planted")
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(elsewhere / "srcnn-kernels-"))
