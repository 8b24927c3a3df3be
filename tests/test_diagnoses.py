"""What went wrong is said by its right name, in words, with a remedy that exists."""

import ast
import errno
import io
import pickle
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import pytest
import torch
from conftest import REPOSITORY, photograph, tiny_study
from PIL import Image

from jobs import restore
from jobs.attempt import last_attempt, run_attempt
from jobs.own_check import OwnCode, OwnCodeError, check_own_code
from runner import submit
from runner.study.config import ConfigError, StudyConfig, dotted_keys, load_study
from srcnn.damage import DamagedFile, NoFile
from srcnn.dataset import read_planes
from srcnn.door import sentence
from srcnn.models import ModelError, published
from srcnn.models.build import check_model
from srcnn.schema import Attempt
from srcnn.shard_rows import read_shards
from srcnn.words import said

FULL = "No space left on device; make room (python -m runner.clean"


# --- errors without words ---------------------------------------------------------------------
EMPTY = [AssertionError(), ValueError(), ValueError(" \n"), RuntimeError(), KeyError(), StopIteration(), Exception("")]


@pytest.mark.parametrize("error", EMPTY)
def test_an_error_that_says_nothing_is_told_by_its_class(error):
    assert sentence(error).startswith(type(error).__name__)
    assert type(error).__name__ in str(DamagedFile(Path("/a"), error))


def test_a_key_that_is_missing_is_no_message_of_one_quoted_word():
    assert said(KeyError("runs")) == sentence(KeyError("runs")) == "KeyError: 'runs'"
    assert "(KeyError: 'runs')" in str(DamagedFile(Path("/a"), KeyError("runs")))


def test_memory_and_the_system_say_what_to_do_without_a_text():
    assert sentence(MemoryError()) == "the memory is used up; give it more memory, or fewer processes at once"
    assert sentence(OSError()) == "OSError"
    with pytest.raises(OSError, match="errno") as caught, h5py.File("/proc", "r"):
        pass
    assert sentence(caught.value).startswith("Is a directory; ")


def raises(error):
    def job(progress):
        raise error

    return job


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AssertionError(), "AssertionError"),
        (KeyError("a"), "KeyError: 'a'"),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), f"OSError: /a/b: {FULL}"),
    ],
)
def test_the_record_of_a_task_tells_what_ended_it(tmp_path, error, words):
    with pytest.raises(type(error)):
        run_attempt(raises(error), tmp_path, "train", "r0")
    attempt = last_attempt(tmp_path, "train", "r0")
    assert isinstance(attempt, Attempt)
    assert attempt.fault().startswith(words)
    assert not attempt.fault().endswith(": ")


MODELS = """
from torch import nn

class Silent(nn.Conv2d):
    border, scale, reach = 1, 1, 1

    def __init__(self, residual):
        raise ValueError

class Lost(nn.Conv2d):
    border, scale, reach = 1, 1, 1

    def __init__(self, residual):
        super().__init__(1, 1, 3)

    def forward(self, luma):
        raise KeyError("layer")
"""


def test_a_model_that_raises_without_words_is_refused_all_the_same(tmp_path, monkeypatch, checked_here):
    (tmp_path / "silent_of_mine.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OwnCodeError, match="silent_of_mine:Silent' raised ValueError when it was built"):
        check_own_code([OwnCode("model", "silent_of_mine:Silent", True, 33)])
    with pytest.raises(ModelError, match=r"silent_of_mine:Lost' fails on luma .*: KeyError: 'layer'"):
        check_model("silent_of_mine:Lost", residual=True, patch_size=33, scale=3)
    sys.modules.pop("silent_of_mine")


# --- files of another kind --------------------------------------------------------------------
def picture() -> bytes:
    content = io.BytesIO()
    Image.fromarray(photograph(1)).save(content, "PNG")
    return content.getvalue()


def saved(value: object) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


OTHERS = {
    "a.pt": (picture, "is a picture; expected a state dict"),
    "b.pt": (lambda: pickle.dumps({"a": 1}), "is not a file of weights; expected a state dict"),
    "c.pt": (lambda: saved(torch.nn.Conv2d(1, 1, 3)), "save its state_dict() instead"),
    "d.pt": (lambda: b"<!DOCTYPE html>", "is not a file of weights; expected a state dict"),
    "e.mat": (picture, "is a picture; expected the authors' layout"),
    "f.mat": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file (Keras weights, or MATLAB 7.3)"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_another_kind_are_called_what_they_are_and_not_damaged(ends, tmp_path, name):
    content, words = OTHERS[name]
    (tmp_path / name).write_bytes(content())
    study = tiny_study(tmp_path)
    for main, *arguments in (
        (restore.main, tmp_path / "train", "--model", tmp_path / name, "--out", tmp_path / "out"),
        (published.main, tmp_path / name),
        (submit.main, study, f"model.weights={tmp_path / name}", "--dry-run", "--executor", "debug"),
    ):
        ended = ends(main, *arguments)
        assert ended.status == 2
        assert words in ended.said
        assert "damaged" not in ended.said
        assert "weights_only" not in ended.said


@pytest.mark.parametrize("content", [picture(), b"null", b"garbage" * 99])
def test_what_stands_where_patches_or_scores_should_is_no_such_file(finished, content):
    (patches,) = finished.root.data.glob("*.h5")
    shard = next(finished.folder.glob("scores/*/*.parquet"))
    for file, kind, read in (
        (patches, "HDF5", read_planes),
        (shard, "Parquet", lambda file: list(read_shards([file]))),
    ):
        file.write_bytes(content)
        with pytest.raises(
            DamagedFile, match=f"is a file of another kind, not {kind}; it was set aside: submit the study again"
        ):
            read(file)


def test_damage_is_said_without_what_libraries_say_of_their_insides(finished):
    (patches,) = finished.root.data.glob("*.h5")
    with h5py.File(patches, "r+") as file:
        del file.attrs["mean"]
    with pytest.raises(DamagedFile, match=r"is damaged \(it does not hold what training reads, or is cut\)"):
        read_planes(patches)
    for shard in list(finished.folder.glob("scores/*/*.parquet")):
        shard.write_bytes(shard.read_bytes()[:-50])
        with pytest.raises(DamagedFile, match=r"is damaged \(its rows cannot be read: it is empty, cut or changed\)"):
            list(read_shards([shard]))


def test_a_folder_in_the_place_of_a_file_is_named_and_set_aside(finished):
    (patches,) = finished.root.data.glob("*.h5")
    shard = next(finished.folder.glob("scores/*/*.parquet"))
    for file, read in ((patches, read_planes), (shard, lambda file: list(read_shards([file])))):
        file.unlink()
        file.mkdir()
        with pytest.raises(NoFile) as caught:
            read(file)
        assert sentence(caught.value).startswith(f"{file}: is a folder, not a file; it was set aside: submit")
        assert not file.exists()


# --- what is suggested exists -----------------------------------------------------------------
# A change that is refused, what is said of it, and the change that follows what is said.
SUGGESTED = [
    ("model.name=0-1-5", "did you mean '9-1-5'?", "model.name=9-1-5"),
    ("model.name='9-1-5 '", "did you mean '9-1-5'?", "model.name=9-1-5"),
    ("training.lr=0.1", "training has: ", "training.learning_rate=0.1"),
    ("training.lerning_rate=0.1", "did you mean training.learning_rate?", "training.learning_rate=0.1"),
    ("trainig.epochs=1", "did you mean training.epochs?", "training.epochs=1"),
    ("train.epoch=1", "did you mean training.epochs?", "training.epochs=1"),
    ("sede=1", "did you mean seed?", "seed=1"),
    ("trainin={epochs: 1}", "did you mean training?", "training={epochs: 1}"),
    ("cluster.node_count=1", "cluster has: ", "cluster.cpus=1"),
    ("cluster.train.gpu=1", "did you mean cluster.train.gpus?", "cluster.train.gpus=1"),
    ("gpus=1", "did you mean cluster.gpus?", "cluster.gpus=1"),
    ("keep.lats=2", "did you mean keep.last?", "keep.last=2"),
    ("evaluate.metrics=[PSNR]", "did you mean 'psnr'?", "evaluate.metrics=[psnr]"),
    ("training.loss=mes", "did you mean 'mse'?", "training.loss=mse"),
    ("sweep.grid.sed=[1]", "unknown key sed; did you mean seed?", "sweep.grid.seed=[1]"),
    ("sweep.grid.epochs=[1]", "unknown key epochs; did you mean training.epochs?", "sweep.grid.training.epochs=[1]"),
    ("sweep.grid.keep.last=[1]", "keep.last cannot be swept: it makes no new run", "keep.last=1"),
    ("sweep.grid.evaluate.zooms=[1]", "list all its values in the section itself", "evaluate.zooms=[2]"),
    ("cluster.sbatch={--nice: 5}", "did you mean nice?", "cluster.sbatch={nice: 5}"),
    ("cluster.sbatch={--mem: 5}", "mem is not for cluster.sbatch: say mem_gb", "cluster.mem_gb=5"),
]


@pytest.mark.parametrize(("change", "words", "then"), SUGGESTED)
def test_who_follows_a_suggestion_is_not_refused_again(tmp_path, change, words, then):
    study = tiny_study(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_study(str(study), [change])
    assert words in str(caught.value)
    load_study(str(study), [then])


def texts(file: Path):
    """Every text in a module of ours, those between the values of a formatted one together."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(each.value if isinstance(each, ast.Constant) else "\0" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


SETTING = re.compile(r"(?<![\w./-])(?:training|model|data|render|evaluate|cluster|keep)(?:\.[a-z_]+)+(?![\w(:/])")
OTHERWISE = re.compile(r"\.sbatch\.|\.(yaml|json|pt|pkl)$")  # options of sbatch, and files
COMMAND = re.compile(r"python -m ([a-z_]+(?:\.[a-z_]+)+)")


def test_every_setting_and_command_that_a_message_names_exists():
    known, wrong = set(dotted_keys(StudyConfig)), set()
    for package in ("srcnn", "jobs", "runner", "analysis"):
        for file in (REPOSITORY / package).rglob("*.py"):
            for text in texts(file):
                wrong |= {key for key in SETTING.findall(text) if not (key in known or OTHERWISE.search(key))}
                wrong |= {module for module in COMMAND.findall(text) if find_spec(module) is None}
    assert wrong == set()
