"""A stage that asked for a GPU has one, or fails at once and says why: these nodes' GPUs are not there for torch."""

import pytest
from conftest import tiny_study

from .studies import LITTLE, Submitted


def test_a_stage_without_the_gpu_that_it_asked_for_fails_at_once_and_takes_the_cpu_where_that_is_said(slurm, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a torch that sees no GPU")
    on_gpu, later = {"gpus": 1, "partition": "gpu"}, {"sbatch": {"begin": "now+1hour"}}
    cluster = {"train": on_gpu, "render": on_gpu, "baseline": later, "evaluate": later, "report": later}
    file = tiny_study(tmp_path, cluster={**LITTLE, **cluster}, training__epochs=1, data__test={})
    study = Submitted(slurm, file, real=True)

    def ended(stage):
        """Its only task, once it is done or has failed."""
        return next((task for task in study.tasks(stage) if task["state"] in ("done", "failed")), None)

    train = slurm.wait_for(lambda: ended("train"), "the refusal of the training", every=0.3)
    assert (train["state"], train["cause"], train["attempts"]) == ("failed", "no GPU", 1)
    for said in ("1 GPU asked for", f"sees none on {train['host']}", "nvidia-smi: ", "CUDA_VISIBLE_DEVICES is '0'"):
        assert said in train["detail"]
    text = study.command("status", str(study.folder)).stdout
    assert "no GPU" in text
    assert "cluster.train.gpus=0" in text
    slurm.wait_for(lambda: "render" not in study.queued(), "the end of what needs the training", every=0.3)
    study.submit(str(study.folder), "cluster.train.gpus=0")
    slurm.wait_for(lambda: study.attempts("render") and ended("render"), "the refusal of the rendering", every=0.3)
    assert [task["state"] for task in study.tasks("train")] == ["done"]
    assert [(task["state"], task["cause"]) for task in study.tasks("render")] == [("failed", "no GPU")]
    study.submit(str(study.folder), "cluster.render.gpus=0")
    slurm.wait_for(lambda: [a for a in study.attempts("render") if a["outcome"] == "done"], "the rendering", every=0.3)
