"""A study is checked before anything starts, and errors name file, key, expectation and remedy."""

import pytest
import yaml
from conftest import tiny_study

from runner.study.config import ConfigError, load_study, packaged_studies, runs_of, save_study


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("training.epoch=3", r"unknown key training\.epoch; did you mean training\.epochs\?"),
        ("epochs=3", r"unknown key epochs; did you mean training\.epochs\?"),
        ("cluster.train.gpu=1", r"unknown key cluster\.train\.gpu; did you mean cluster\.train\.gpus\?"),
        ("training.epochs=ten", r"training\.epochs: expected an integer, found 'ten'"),
        ("training.epochs=1.5", r"training\.epochs: expected an integer, found 1\.5"),
        ("training.augment=maybe", r"training\.augment: expected true or false, found 'maybe'"),
        ("data.scale=1", r"data\.scale: expected at least 2, found 1"),
        ("training.learning_rate=0", r"training\.learning_rate: expected more than 0.*, found 0"),
        ("training.learning_rate=.nan", r"training\.learning_rate: .*finite"),
        ("data.luma=rgb", r"data\.luma: expected 'bt601' or 'jpeg', found 'rgb'"),
        ("data.train=[]", r"data\.train: expected at least one entry"),
        ("model.name=9-5-6", r"model\.name: unknown model '9-5-6'; did you mean '9-5-5'\? known: 9-1-5, 9-3-5"),
        ("evaluate.upsamplers=[bicubc]", r"unknown upsampler 'bicubc'; did you mean 'bicubic'\?"),
        ("evaluate.protocols=[region, region]", r"evaluate\.protocols: listed twice: region"),
        ("evaluate.crops=[[33,40]]", r"crop 33x40 is not a multiple of zoom 2"),
        ("render.epochs=[5]", r"render\.epochs asks for epoch 5, but training\.epochs is 2"),
        ("render.epochs={evry: 2}", r"render\.epochs: expected a list of epochs, \{every: n\} or \{log_spaced: n\}"),
        ("sweep.grid={seed: []}", r"sweep\.grid: expected at least one entry"),
        ("sweep.grid.training.epoch=[1]", r"sweep: unknown key training\.epoch; did you mean training\.epochs\?"),
        (
            "sweep.grid.training.batch_size=[0]",
            r"sweep point 'batch_size=0': training\.batch_size: expected at least 1",
        ),
        ("sweep.grid.render.epochs=[1]", r"render\.epochs cannot be swept"),
        ("sweep.zip={seed: [1, 2], data.scale: [2]}", r"zip needs lists of one length"),
        ("data.eval={luma: [x]}", r"'luma' cannot name a set"),
        ("data.eval={tests: [x]}", r"test and eval both have a set named 'tests'"),
        ("name=data", r"'data' cannot name a study"),
        ("seed", r"expected KEY=VALUE"),
        ("seed=[", r"not valid YAML"),
    ],
)
def test_a_bad_setting_is_refused_with_its_remedy(study_file, override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_study(str(study_file), [override])


def test_an_unknown_key_in_the_file_is_named_with_the_file(tmp_path):
    file = tiny_study(tmp_path, training={"epochz": 3})
    with pytest.raises(
        ConfigError, match=r"^tiny\.yaml: training\.epochz: unknown key; did you mean training\.epochs\?"
    ):
        load_study(str(file))


def test_every_fault_of_a_file_is_listed_at_once(tmp_path):
    file = tiny_study(tmp_path, training={"epochs": -1, "batch_size": 0})
    with pytest.raises(ConfigError) as error:
        load_study(str(file))
    assert len(str(error.value).splitlines()) == 2


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected sections"):
        load_study(str(tmp_path / "list.yaml"))


def test_a_mistyped_packaged_study_suggests_the_right_one():
    with pytest.raises(ConfigError, match=r"did you mean 'quickstart'\?"):
        load_study("quickstrat")


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no study\.yaml"):
        load_study(str(tmp_path))


def test_overrides_win_over_the_file(study_file):
    study, _ = load_study(str(study_file), ["training.epochs=1", "training.learning_rate=1e-3"])
    assert (study.training.epochs, study.training.learning_rate) == (1, 0.001)


def test_overrides_win_over_a_sweep_of_the_same_key(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2], "training.batch_size": [4, 8]}})
    study, _ = load_study(str(file), ["seed=7"])
    assert [(run.experiment.seed, run.experiment.training.batch_size) for run in runs_of(study)] == [(7, 4), (7, 8)]


def test_relative_pictures_are_found_beside_the_file_and_from_the_command_line_here(study_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    study, _ = load_study(str(study_file), ["data.test={more: [elsewhere]}"])
    assert study.data.train == (str(tmp_path / "train"),)
    assert study.data.test["more"] == (str(tmp_path.parent / "elsewhere"),)


def test_a_saved_study_reads_back_as_the_same_study(study_file, tmp_path):
    study, _ = load_study(str(study_file), ["sweep.grid.seed=[1,2]"])
    save_study(study, tmp_path / "saved" / "study.yaml")
    again, _ = load_study(str(tmp_path / "saved"))
    assert again == study


@pytest.mark.parametrize("name", packaged_studies())
def test_every_packaged_study_is_valid(name):
    study, _ = load_study(name)
    assert list(runs_of(study))
    assert study.name == name


def test_yaml_numbers_without_a_point_are_numbers(tmp_path):
    file = tiny_study(tmp_path)
    raw = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(raw).replace("batch_size: 8", "batch_size: 8\n  learning_rate: 1e-3"))
    assert load_study(str(file))[0].training.learning_rate == 0.001


def test_a_section_given_twice_is_refused_with_both_lines(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("training:\n  epochs: 5\ndata:\n  train: x\ntraining:\n  batch_size: 4\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml: line 5: training is given twice, first in line 1"):
        load_study(str(file))
    with pytest.raises(ConfigError, match="line 1: x is given twice"):
        load_study(str(tiny_study(tmp_path)), ["data.test={x: [a], x: [b]}"])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("training.epochs=true", r"training\.epochs: expected a number, found true"),
        ("training.learning_rate=true", r"training\.learning_rate: expected a number, found true"),
        ("evaluate.crops=[[32, true]]", r"evaluate\.crops: expected a number"),
        ("sweep.grid.training.epochs=[false]", r"training\.epochs: expected a number, found false"),
        ("seed=1:2:3", r"seed: expected an integer, found '1:2:3'"),
        ("render.epochs=[true]", r"render\.epochs: expected a list of epochs"),
    ],
)
def test_a_number_is_neither_a_truth_value_nor_in_base_60(study_file, override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_study(str(study_file), [override])


def test_yes_and_no_are_truth_values_only_where_one_is_wanted(study_file):
    study, _ = load_study(str(study_file), ["training.augment=yes", "cluster.partition=no", "data.test={on: [x]}"])
    assert study.training.augment is True
    assert study.cluster.partition == "no"
    assert list(study.data.test) == ["on"]
