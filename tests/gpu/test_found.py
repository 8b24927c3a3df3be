"""The GPU of this machine, as torch, nvidia-smi, the local executor and the doctor find it."""

import json
import os
import subprocess
import sys

import pytest
import torch
from conftest import REPOSITORY

from jobs.device import device_text, task_device
from jobs.gpus import nvidia_smi
from runner.checks import gpu
from runner.checks.circumstances import Circumstances
from runner.executors.gpus import visible_gpus
from runner.executors.nvidia import listed_cards

from .conftest import SOON_S, needs_gpu

pytestmark = needs_gpu


def uuids():
    """What nvidia-smi calls the GPUs."""
    return nvidia_smi("--query-gpu=uuid", "--format=csv,noheader")[0]


def test_a_task_takes_the_gpu_that_it_asked_for(monkeypatch):
    for asked, wanted, kind in (
        ("1", "auto", "cuda"),
        ("0", "auto", "cpu"),
        ("1", "cpu", "cpu"),
        ("0", "cuda", "cuda"),
    ):
        monkeypatch.setenv("RUNNER_GPUS", asked)
        assert task_device(wanted).type == kind
    monkeypatch.delenv("RUNNER_GPUS")
    assert task_device().type == "cuda"


def test_a_device_is_named_as_nvidia_smi_names_it():
    names, complaint = nvidia_smi("--query-gpu=name", "--format=csv,noheader")
    assert not complaint
    text = device_text(torch.device("cuda"))
    assert any(name in text for name in names)
    assert any(uuid in text for uuid in uuids())
    assert device_text(torch.device("cpu")) == "cpu"


def seen_by_cuda(visible):
    """How many GPUs a process of its own sees."""
    program = "import torch; print(torch.cuda.device_count())"
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=SOON_S
    )
    return int(done.stdout)


@pytest.mark.parametrize("form", ["unset", "0", "UUID", "UUID cut short", "", "-1", "99", "0,99"])
def test_cuda_sees_as_many_gpus_as_we_say(monkeypatch, form):
    uuid = uuids()[0]
    visible = {"unset": None, "UUID": uuid, "UUID cut short": uuid[:12]}.get(form, form)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    ours = visible_gpus()
    assert len(ours) == seen_by_cuda(visible)
    if visible and ours:
        assert str(ours[0]) == visible.split(",")[0]
    for each in ours:
        assert seen_by_cuda(str(each)) == 1


def test_the_doctor_says_that_torch_computes_on_the_gpu(tmp_path):
    (found,) = gpu.cuda(Circumstances(tmp_path))
    assert found.state == "ok"
    assert listed_cards()[0][0].name in found.what


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_the_doctor_names_a_variable_that_hides_the_gpu(tmp_path, monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    (found,) = gpu.cuda(Circumstances(tmp_path))
    assert (found.state, f"hidden by CUDA_VISIBLE_DEVICES={hidden!r}" in found.what) == ("note", True)


def test_a_job_whose_gpu_is_hidden_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "1")
    (found,) = gpu.cuda(Circumstances(tmp_path))
    assert found.state == "ok"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (found,) = gpu.cuda(Circumstances(tmp_path))
    assert found.state == "WRONG"


def test_the_doctor_goes_through_on_a_machine_with_a_gpu(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "runner.doctor", "--json", "--root", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert listed_cards()[0][0].name in done.stdout, done.stderr
    assert json.loads(done.stdout)


def test_a_task_that_wants_the_gpu_and_finds_none_says_what_hides_it():
    done = subprocess.run(
        [sys.executable, "-c", "from jobs.device import task_device; task_device('cuda')"],
        cwd=REPOSITORY,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert done.returncode == 1
    for said in ("training.device is cuda, and torch sees none", "CUDA_VISIBLE_DEVICES is ''", "nvidia-smi: GPU 0: "):
        assert said in done.stderr
