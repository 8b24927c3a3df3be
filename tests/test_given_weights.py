"""A study may start from weights that it is given, or use them as they are."""

import json

import pytest
import torch
from small_study import small_plan, train

from jobs.checkpoint import Checkpoint
from runner.study.config import ConfigError, load_study
from srcnn.models.weights import WeightsError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    ((paths, _),) = train(tmp_path_factory.mktemp("first"))
    return paths.best


def test_weights_are_used_as_they_are_with_no_epochs_and_no_patches(tmp_path, weights):
    plan = small_plan(tmp_path, model={"weights": str(weights)}, training={"epochs": 0, "standardise": "dataset"})
    assert not plan.stage("prepare")
    for task in plan.tasks:
        if task.stage != "report":
            task.job()
            assert task.job.is_done(), task.key
    assert plan.missing()[0].stage == "report"
    given, used = Checkpoint.load(weights), Checkpoint.load(plan.paths.run(plan.runs[0].run_id).checkpoint(0))
    assert all(torch.equal(value, used.model[name]) for name, value in given.model.items())
    assert (used.mean, used.std) == (given.mean, given.std)


def test_training_goes_on_from_given_weights(tmp_path, weights):
    before = json.loads((weights.parent.parent / "history.jsonl").read_text().splitlines()[0])
    ((_, history),) = train(tmp_path, model={"weights": str(weights)}, training={"learning_rate": 1e-5})
    assert history[0]["train_loss"] < before["train_loss"]


def test_weights_that_changed_since_the_study_was_submitted_train_no_run_of_the_earlier_ones(tmp_path, weights):
    file = tmp_path / "w.pt"
    file.write_bytes(weights.read_bytes())
    plan = small_plan(tmp_path, model={"weights": str(file)}, training={"epochs": 0, "standardise": "dataset"})
    (task,) = plan.stage("train")
    changed = Checkpoint.load(file)
    changed.model["extract.bias"] += 1
    changed.save(file)
    with pytest.raises(
        WeightsError, match=r"w\.pt: has changed since the study was submitted.* submit the study again"
    ):
        task.job()
    assert not plan.paths.run(plan.runs[0].run_id).last.exists()
    again = small_plan(tmp_path, model={"weights": str(file)}, training={"epochs": 0, "standardise": "dataset"})
    assert again.runs[0].run_id != plan.runs[0].run_id
    again.stage("train")[0].job()
    file.write_bytes(weights.read_bytes())
    task.job()


def test_weights_of_another_network_are_refused_with_the_settings_that_fit(tmp_path, weights):
    with pytest.raises(ConfigError, match=r"holds 9-1-5 with residual=true.*set model\.name=9-1-5"):
        small_plan(tmp_path, model={"name": "9-1-7", "weights": str(weights)})
    with pytest.raises(ConfigError, match=r"model\.weights: .*no such file"):
        small_plan(tmp_path, model={"weights": "/nowhere.mat"})


def test_no_epochs_need_weights():
    with pytest.raises(ConfigError, match=r"training\.epochs is 0, which needs model\.weights"):
        load_study("quickstart", ["training.epochs=0", "render.epochs=[0]"])


def test_weights_are_looked_for_beside_the_study(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("data: {train: bundled/coffee}\nmodel: {weights: w.mat, residual: false}\n")
    assert load_study(str(file))[0].model.weights == str(tmp_path / "w.mat")
