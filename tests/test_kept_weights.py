"""Weights are read from checkpoints without torch, as torch reads them, and nothing in a file is run."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from srcnn.checkpoint import Checkpoint
from srcnn.kept_weights import KeptWeights
from srcnn.models.build import build_model
from srcnn.whole import sealed


def checkpoint(model: dict) -> bytes:
    """A checkpoint of these weights, beside the state of an optimiser."""
    optimiser = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(4, 4)}}}
    return Checkpoint(1, model, optimiser, [{"epoch": 1}], {}, {}, 0, 0.45, 1.0).to_bytes()


def test_all_weights_of_a_network_are_those_that_torch_reads():
    state = build_model("9-1-5", residual=True, seed=0).state_dict()
    kept = KeptWeights(checkpoint(state))
    assert list(kept.shapes) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(kept.array(name), tensor.numpy())


def test_parts_of_tensors_and_other_layouts_have_their_values():
    numbers = torch.arange(720.0).reshape(4, 5, 6, 6)
    model = {
        "turned": numbers.to(memory_format=torch.channels_last),
        "part": numbers[1:3, ::2],
        "whole numbers": torch.arange(5),
        "one": torch.tensor(2.5, dtype=torch.float64),
        "none": torch.zeros(0, 3),
    }
    kept = KeptWeights(checkpoint(model))
    for name in ("turned", "part", "whole numbers", "one"):
        np.testing.assert_array_equal(kept.array(name), model[name].numpy())
    with pytest.raises(ValueError, match="lacks some of the numbers"):
        kept.array("none")


class Harm:
    """Something whose unpickling runs a command."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_file_that_would_run_something_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(1), "b": Harm()}}, buffer)
    with pytest.raises(ValueError, match="something else than a checkpoint"):
        KeptWeights(sealed(buffer.getvalue()))
    assert not (tmp_path / "harmed").exists()


def test_a_damaged_file_is_refused():
    content = bytearray(checkpoint({"a": torch.zeros(3)}))
    content[len(content) // 2] ^= 1
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        KeptWeights(bytes(content))


def test_a_report_needs_no_torch():
    code = "import sys, analysis.build; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
