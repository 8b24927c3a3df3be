"""A metric that raises anything, or writes to its arrays, costs its own rows and changes no others."""

import os
import sys
import warnings

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import photograph, write_pictures
from PIL import Image

from jobs.attempt import last_attempt, run_attempt
from jobs.compare_folders import main as evaluate
from jobs.scoring import rows_or_reason
from srcnn.metrics import QUICK_METRICS, score

# Of dark pictures, the first fault is for the darkest.
RAISING = """
class Strange(BaseException):
    def __init__(self, one, two):  # cannot be made again from its text in another process
        super().__init__("strange")


class Mute(Exception):
    def __str__(self):
        raise SystemExit("no word")


def deeper(number):
    return deeper(number + 1)


FAULTS = {
    "exits": lambda: exit_with(0),
    "interrupts": lambda: throw(KeyboardInterrupt()),
    "is_hungry": lambda: throw(MemoryError()),
    "recurses": lambda: deeper(0),
    "is_mute": lambda: throw(Mute()),
    "generates": lambda: throw(GeneratorExit()),
    "is_a_group": lambda: throw(BaseExceptionGroup("several", [ValueError("one"), KeyboardInterrupt()])),
    "is_strange": lambda: throw(Strange(1, 2)),
}


def exit_with(status):
    import sys

    sys.exit(status)


def throw(error):
    raise error


def own(reference, estimate, data_range):
    level = int(reference.mean()) // 12
    if level < len(FAULTS):
        list(FAULTS.values())[level]()
    return 1.0
"""
SAID = {
    "exits": "SystemExit: 0",
    "interrupts": "KeyboardInterrupt",
    "is_hungry": "MemoryError",
    "recurses": "RecursionError: maximum recursion depth",
    "is_mute": "raising_of_mine.Mute: its text cannot be made: SystemExit",
    "generates": "GeneratorExit",
    "is_a_group": "BaseExceptionGroup: several (2 sub-exceptions)",
    "is_strange": "raising_of_mine.Strange: strange",
}
WRITING = """
import numpy as np


def subtracts(reference, estimate, data_range):
    reference -= 1
    return 1.0


def insists(reference, estimate, data_range):
    for picture in (reference, estimate):
        picture.flags.writeable = True
        picture[:] = 0
    return 1.0


def by_torch(reference, estimate, data_range):
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.from_numpy(reference).zero_()
    return 1.0
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "raising_of_mine.py").write_text(RAISING)
    (tmp_path / "writing_of_mine.py").write_text(WRITING)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("raising_of_mine", "writing_of_mine"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("workers", [1, 2])
def test_whatever_a_metric_raises_costs_the_rows_of_its_picture_in_two_folders(ends, own, workers):
    for folder in ("originals", "mine"):
        write_pictures(own / folder, [1, 3])
        for level, fault in enumerate(SAID):
            Image.fromarray(photograph(2) // 16 + 12 * level).save(own / folder / f"{fault}.png")
    folders = ["--reference", own / "originals", "--estimate", own / "mine", "--out", own / "out"]
    ended = ends(evaluate, *folders, "--metrics", "psnr", "raising_of_mine:own", "--workers", workers)
    assert ended.status == 1
    for fault, said in SAID.items():
        assert f"{fault}.png: metric raising_of_mine:own raised {said}" in ended.said
    assert pq.read_table(own / "out" / "scores.parquet")["image"].to_pylist() == ["photo1", "photo3"]


@pytest.mark.parametrize("name", ["subtracts", "insists", "by_torch"])
def test_a_metric_that_writes_to_its_arrays_changes_no_other(own, name):
    pair = photograph(1), photograph(1) // 2 + 60
    before = [picture.copy() for picture in pair]
    alone = score(*pair)
    both = [f"writing_of_mine:{name}", *QUICK_METRICS]
    if name == "subtracts":
        with pytest.raises(ValueError, match=r"writing_of_mine:subtracts raised .*read-only"):
            score(*pair, both)
        both.pop(0)
    found = score(*pair, both)
    assert {metric: found[metric] for metric in QUICK_METRICS} == alone
    assert all(np.array_equal(*each) for each in zip(pair, before, strict=True))


def exits_well(progress):
    sys.exit(0)


def test_a_task_whose_code_exits_as_if_all_were_well_has_failed(tmp_path):
    with pytest.raises(RuntimeError, match=r"sys\.exit"):
        run_attempt(exits_well, tmp_path, "train", "r0")
    assert last_attempt(tmp_path, "train", "r0").outcome == "failed"


def test_the_reason_of_a_call_is_told_where_its_error_has_no_words():
    def call():
        raise AssertionError

    assert rows_or_reason(call) == "AssertionError"


STRANGE = """
import os, sys, warnings
import numpy as np


class Odd:
    def __float__(self):
        raise TypeError("no")


RETURNED = {"text": "1.0", "octets": b"1", "complex": 1 + 0j, "several": np.zeros(2), "huge": 10**400, "odd": Odd()}


def returns(kind):
    return lambda reference, estimate, data_range: RETURNED[kind]


globals().update({kind: returns(kind) for kind in RETURNED})


def moves(reference, estimate, data_range):
    os.chdir("/")
    sys.setrecursionlimit(200)
    warnings.simplefilter("error")
    np.seterr(all="raise")
    sys.stdout = None
    return 1.0
"""


@pytest.fixture
def strange(tmp_path, monkeypatch):
    (tmp_path / "strange_of_mine.py").write_text(STRANGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "a", [1, 2])
    yield tmp_path
    sys.modules.pop("strange_of_mine", None)


@pytest.mark.parametrize("kind", ["text", "octets", "complex", "several", "huge", "odd"])
def test_what_a_metric_returns_is_a_number_or_named(strange, kind):
    with pytest.raises(ValueError, match=rf"metric strange_of_mine:{kind} returned \w+.*, expected a number, or None"):
        score(photograph(1), photograph(2), [f"strange_of_mine:{kind}"])


def test_what_a_metric_changes_of_the_process_is_as_before(strange, ends):
    before = os.getcwd(), sys.getrecursionlimit(), list(warnings.filters), np.geterr()
    command = ["--reference", "a", "--estimate", "a", "--metrics", "strange_of_mine:moves", "psnr", "--out", "out"]
    ended = ends(evaluate, *command, "--workers", 1)
    assert (ended.status, "2 comparisons of 2 pictures in out" in ended.out) == (0, True), ended
    assert (os.getcwd(), sys.getrecursionlimit(), list(warnings.filters), np.geterr()) == before
    assert (strange / "out" / "scores.parquet").exists()
