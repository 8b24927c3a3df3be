"""The report's look inside: what networks take and reach, and the kernels of their first layers."""

import json

import numpy as np
import pytest
import torch
from score_tables import row, write_study

from analysis.charts import legend_of
from analysis.evidence import Evidence
from analysis.sections.networks import ACROSS, CELL, cost_table, drawn_kernels, section, time_panels, training_seconds
from analysis.study import open_study
from srcnn.checkpoint import Checkpoint
from srcnn.files import write_text
from srcnn.paths import StudyPaths

NETWORKS = {"small": (8_129, 8_032, 30.0), "cheap": (22_729, 2_514, 31.0)}  # weights, multiplications, dB at the end
EPOCHS = (1, 2, 4)
EPOCH = {"train_loss": 0.1, "holdout_loss": None, "learning_rate": 0.1, "precision": "float32", "steps": 9, "sets": {}}
EPOCH |= {"cpu_seconds": 1.0, "patches_per_second": 9.0, "peak_memory_mb": 9.0}
KERNELS = torch.linspace(-1, 1, 3 * 25).reshape(3, 1, 5, 5)


def luma_rows(method, psnr):
    return [row(f"photo{i}", method, protocol="luma", psnr=psnr + i, ssim=0.9, x=2, y=2) for i in range(4)]


@pytest.fixture
def study(tmp_path):
    """Two networks with two seeds; one run, the best, has checkpoints."""
    runs = {}
    for name, (weights, multiplications, psnr) in NETWORKS.items():
        for seed in (0, 1):
            runs[f"model.name={name} seed={seed}"] = {
                "settings": {"model": {"name": name}, "seed": seed},
                "epochs": {epoch: luma_rows("srcnn", psnr - 1 / epoch + seed) for epoch in EPOCHS},
                "weights": weights,
                "multiplications": multiplications,
            }
    folder = write_study(tmp_path / "made", runs, luma_rows("bicubic", 28.0))
    for run in open_study(folder).runs:
        paths = StudyPaths(folder).run(run.run_id)
        records = [EPOCH | {"epoch": epoch, "seconds": 2.0 + run.settings["seed"]} for epoch in range(1, 5)]
        write_text(paths.history, "".join(json.dumps(record) + "\n" for record in records))
        if run.label == "model.name=cheap seed=1":
            for epoch in EPOCHS:
                state = {"enlarge.bands": torch.zeros(4, 9), "layers.0.weight": KERNELS * epoch}
                Checkpoint(epoch, state, {}, [], {}, {}, 0, 0.45, 1.0).save(paths.checkpoint(epoch))
    return open_study(folder)


def test_the_table_holds_what_networks_take_and_reach_over_their_seeds(study):
    table = cost_table(Evidence(study)).set_index("network")
    for name, (weights, multiplications, psnr) in NETWORKS.items():
        assert table.loc[name, ["weights", "multiplications"]].tolist() == [weights, multiplications]
        assert table.loc[name, "seconds"] == pytest.approx(4 * 2.5)
        assert table.loc[name, "on test"] == pytest.approx(psnr - 0.25 + 0.5 + 1.5)


def test_seconds_of_training_add_up_over_the_epochs(study):
    assert training_seconds(Evidence(study), study.runs[1]) == {1: 3.0, 2: 6.0, 3: 9.0, 4: 12.0}


def test_the_figure_sets_what_is_reached_against_seconds_and_multiplications(study):
    made = section(Evidence(study))
    (figure,) = [block for block in made.blocks if block.kind == "figure"]
    panels = [time_panels(Evidence(study))["test"], *figure.panels]  # that of the first set stands with the answer
    assert [panel.x.label for panel in panels] == ["seconds of training", "multiplications per pixel"]
    assert [panel.x.log for panel in panels] == [True, True]
    assert set(legend_of(panels)) == {"model.name=small", "model.name=cheap", "bicubic"}


def test_networks_that_take_the_same_are_not_drawn_against_it(study):
    contents = json.loads(study.paths.contents.read_text())
    for run in contents["runs"]:
        run["multiplications"] = 8_032
    study.paths.contents.write_text(json.dumps(contents))
    made = section(Evidence(open_study(study.folder)))
    assert [block for block in made.blocks if block.kind == "figure"] == []


def test_kernels_are_shown_over_the_epochs_and_missing_ones_are_named(study):
    made = section(Evidence(study))
    shots = {block.title: block for block in made.blocks if block.kind == "shots"}
    assert list(shots) == ["First layer over the epochs: model.name=cheap seed=1"]
    (strip,) = shots.values()
    assert [shot.lines for shot in strip.shots] == [["epoch 1"], ["epoch 2"], ["epoch 4"]]
    assert strip.caption == "3 kernels of 5x5; grey is 0, white 4, black −4."
    (remark,) = [block.text for block in made.blocks if block.kind == "prose"]
    assert "model.name=small" in remark


def test_a_damaged_checkpoint_is_left_out_and_the_page_is_made(study):
    file = StudyPaths(study.folder).run(study.runs[3].run_id).checkpoint(2)
    file.write_bytes(file.read_bytes()[:-100])
    (strip,) = [block for block in section(Evidence(study)).blocks if block.kind == "shots"]
    assert [shot.lines for shot in strip.shots] == [["epoch 1"], ["epoch 4"]]


def test_a_weight_is_as_bright_as_it_is_large():
    kernels = np.zeros((ACROSS + 1, 3, 3), np.float32)
    kernels[0, 0, 0], kernels[-1, 2, 2] = 2.0, -2.0
    picture = drawn_kernels(kernels, 2.0)
    dot = CELL // 4
    cell = 4 * dot
    assert picture.shape == (2 * cell + dot, ACROSS * cell + dot, 3)
    assert (picture[dot : 2 * dot, dot : 2 * dot] == 255).all()
    assert (picture[cell + 3 * dot : cell + 4 * dot, 3 * dot : 4 * dot] == 0).all()
    assert set(np.unique(picture[dot : 4 * dot, cell + dot : cell + 4 * dot])) == {128}
    assert (picture[:dot] == 255).all()
