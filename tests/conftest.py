"""What many tests need: the large public data where it is at hand, and a tiny study."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter

REPOSITORY = Path(__file__).resolve().parents[1]


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
