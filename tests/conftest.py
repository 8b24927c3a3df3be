"""What many tests need: the large public data where it is at hand, and a tiny study."""

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter

from jobs import own_import
from jobs.attempt import Attempt, last_attempt
from jobs.job import CORES_VARIABLE
from jobs.own_check import OwnCode
from srcnn.files import write_bytes, write_text
from srcnn.paths import StudyPaths

REPOSITORY = Path(__file__).resolve().parents[1]
pytest_plugins = ["finished_study"]
pytest.register_assert_rewrite("batched_contract", "batched_pictures_contract", "executor_contract")

# Tests run beside each other: threads that wait for one another would burn what the others need.
os.environ |= {"OMP_NUM_THREADS": "1", CORES_VARIABLE: "1"}

# A shell's background command ignores Ctrl-C, and so would every command that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What is collected stays until the end: looking through it for what can be freed takes seconds of each process.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on memory is freed again."""
    gc.enable()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything was installed first, a skipped test is a test that was forgotten."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NOTHING_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with bsds500/, set5/, set14/ and t91/; skips where it is absent."""
    folder = Path(os.environ.get("SRCNN_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public image sets are not at {folder}; name their folder in SRCNN_DATA")
    return folder


def photograph(seed: int, height: int = 64, width: int = 80) -> np.ndarray:
    """A colour picture (height, width, 3), uint8, smooth like a photograph, different for every seed."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = gaussian_filter(noise, (2.0, 2.0, 0.5))
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def opened(path: Path) -> np.ndarray:
    """The pixels of a picture file, as Pillow reads them."""
    with Image.open(path) as image:
        return np.asarray(image)


def write_pictures(folder: Path, seeds: list[int], **size: int) -> Path:
    """A folder of photographs named after their seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        Image.fromarray(photograph(seed, **size)).save(folder / f"photo{seed}.png")
    return folder


def tiny_study(folder: Path, **changes: object) -> Path:
    """A study file on two tiny training pictures and one of each evaluation set; ``a__b=c`` changes it."""
    write_pictures(folder / "train", [1, 2])
    write_pictures(folder / "test", [3])
    write_pictures(folder / "eval", [4])
    study = {
        "data": {
            "train": "train",
            "test": {"tests": ["test"]},
            "eval": {"evals": ["eval"]},
            "scale": 2,
            "patch_size": 17,
            "stride": 8,
            "holdout": 0.2,
        },
        "training": {"epochs": 2, "batch_size": 8, "warmup_steps": 2, "monitor_pictures": 1},
        "evaluate": {"crops": [[32, 40]], "upsamplers": ["nearest", "bicubic"], "workers": 1},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            study.setdefault(section, {})[name] = value
        else:
            study[section] = value
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(study))
    return file


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The tiny study in a folder of its own."""
    return tiny_study(tmp_path)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a report only that it is there: drawing it takes longer than all else in a tiny study."""
    monkeypatch.setattr(
        "analysis.build.write_report", lambda folder, *_: write_text(StudyPaths(folder).report_page, "page")
    )


@pytest.fixture
def checked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the user's own code is made in this process, where another would import torch first, 3 s long.

    That it is another is tested in test_models.py, test_own_metric.py and tests/hostile.
    """

    def check(folder: Path, subjects: Sequence[OwnCode], limit_s: float) -> int:
        (folder / "printed").touch()
        results = [json.dumps(own_import._checked(subject, str(folder))) for subject in subjects]
        (folder / "results").write_text("\n".join(results))
        return 0

    monkeypatch.setattr("jobs.own_check._run_child", check)


@contextmanager
def empty_figures() -> Iterator[None]:
    """Reports are made as ever, with empty figures beside them: drawing these takes longest, and reads no file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.page.save", lambda panels, *files: [write_bytes(file, b"drawn") for file in files])
        yield


@pytest.fixture
def without_figures() -> Iterator[None]:
    """Reports of this test have empty figures."""
    with empty_figures():
        yield


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """What the condition gives, once it gives anything."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)
    return value


def ended(pid: int) -> bool:
    """Whether this process runs no more; one that was killed just now may still run for a moment: wait for it."""
    return not Path(f"/proc/{pid}/exe").exists()  # a zombie has none


HELD_NETWORK = """
import time
from pathlib import Path

import torch

HELD, RUNS = Path({held!r}), Path({runs!r})


class Network(torch.nn.Module):
    border, scale, reach = 2, 1, 2

    def __init__(self, residual):
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 1, 5)

    def forward(self, luma):
        while self.training and HELD.exists() and any(RUNS.glob("*/history.jsonl")):
            time.sleep(0.01)
        return self.layer(luma)
"""


@dataclass(frozen=True)
class Held:
    """A study that halts in the second epoch of its training until it is let go, however fast the machine is."""

    folder: Path
    epochs: int = 5

    @property
    def paths(self) -> StudyPaths:
        return StudyPaths(self.folder / "results" / "tiny")

    @property
    def _held(self) -> Path:
        return self.folder / "held"

    def let_go(self) -> None:
        """From here on it trains as any other."""
        self._held.unlink()


@dataclass(frozen=True)
class HeldTraining(Held):
    """A study whose training halts in its second epoch until it is let go, however fast the machine is."""

    def study(self, **changes: object) -> Path:
        """The study's file; its training keeps the state of every epoch."""
        self._held.touch()
        runs = self.paths.folder / "runs"
        (self.folder / "held_network.py").write_text(HELD_NETWORK.format(held=str(self._held), runs=str(runs)))
        return tiny_study(
            self.folder,
            model={"name": "held_network:Network"},
            training={"epochs": self.epochs, "batch_size": 8, "monitor_pictures": 0},
            render={"epochs": [self.epochs]},
            keep={"every_s": 0},
            **changes,
        )

    def attempt(self) -> Attempt:
        """The record of the attempt that trains, once the training halts."""
        history = wait_for(lambda: list(self.paths.folder.glob("runs/*/history.jsonl")))[0]
        last = last_attempt(history.parent / "attempts", "train", history.parent.name)
        assert last is not None
        return last


@dataclass(frozen=True)
class HeldStub(Held):
    """A study of stub stages (see stub_stages.py) whose training halts in its second epoch until it is let go."""

    def study(self, **changes: object) -> Path:
        """The study's file."""
        self._held.touch()
        training = {"epochs": self.epochs, "batch_size": 8, "monitor_pictures": 0}
        return tiny_study(self.folder, training=training, render={"epochs": [self.epochs]}, **changes)

    def attempt(self) -> Attempt:
        """The record of the attempt that trains, once the training halts."""
        (counted,) = wait_for(lambda: list(self.paths.folder.glob("runs/*/epochs.txt")))
        last = last_attempt(counted.parent / "attempts", "train", counted.parent.name)
        assert last is not None
        return last

    def counted(self) -> list[int]:
        """The epochs that the training has on record."""
        (file,) = self.paths.folder.glob("runs/*/epochs.txt")
        return [int(line) for line in file.read_text().splitlines()]


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What starts a command on stub stages, before the command's name; its processes find them, too."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))
    return [sys.executable, "-m", "stub_stages"]


@pytest.fixture
def training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of stub stages end with their trainings: each further task is a process."""
    monkeypatch.setenv("STUB_STAGES_WITHOUT", "render evaluate report")


@pytest.fixture
def held(tmp_path: Path, stubs: list[str]) -> HeldStub:
    """A training that halts."""
    return HeldStub(tmp_path)


@pytest.fixture
def held_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeldTraining:
    """A training of a real network that halts; processes started by the test find the network."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    return HeldTraining(tmp_path)
