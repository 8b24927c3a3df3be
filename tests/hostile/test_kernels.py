"""Kernels that are compiled afresh, all of them or those that were damaged, score what all others score."""

from conftest import REPOSITORY

from .test_kernel_cache import scored, stamps

EVERYTHING = (
    "import numpy as np, srcnn.metrics\n"
    "from skimage import data\n"
    "a = data.astronaut()[:160, :160]\n"
    "for definition in ('paper', 'package'):\n"
    "    print(srcnn.metrics.score(a, a[::-1].copy(), definition=definition))\n"
)


def test_the_task_that_compiles_the_kernels_scores_to_the_bit_what_all_others_score(tmp_path):
    first = scored(REPOSITORY, tmp_path, EVERYTHING)
    assert "fsim" in first
    assert scored(REPOSITORY, tmp_path, EVERYTHING) == first


def test_damaged_kernels_are_compiled_again(tmp_path):
    cache = tmp_path / "cache"
    first = scored(REPOSITORY, cache)
    files = sorted(cache.rglob("*.nb?"))
    whole = {file: file.read_bytes() for file in files}
    for number, file in enumerate(files):
        content = whole[file]
        damage = [
            b"",
            content[: len(content) // 2],
            content[:-1],
            b"garbage" * 9,
            content[:-40] + b"\1" + content[-39:],
        ]
        file.write_bytes(damage[number % len(damage)])
    assert {file.suffix for file in files} == {".nbi", ".nbc"}
    assert scored(REPOSITORY, cache) == first
    before = stamps(cache)
    assert scored(REPOSITORY, cache) == first
    assert stamps(cache) == before, "what was made again is whole"
