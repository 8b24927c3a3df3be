"""The scientific configuration: what is refused, which epochs are kept, what names a result."""

import re

import pytest
from pictures import SRCNNS
from pydantic import BaseModel, ValidationError

from srcnn.experiment import (
    DataConfig,
    EvaluateConfig,
    Experiment,
    LossConfig,
    RenderConfig,
    TrainingConfig,
    source_name,
)
from srcnn.identity import data_id, degradation_id, eval_id, run_id, short_hash
from srcnn.metrics import METRICS
from srcnn.models import MODELS
from srcnn.upsample import UPSAMPLERS

MINIMAL = {"data": {"train": "bundled"}}
SETS = {"set5": "s0"}


def experiment(**sections):
    return Experiment.model_validate({**MINIMAL, **sections})


def changed(key, value):
    """The minimal experiment with one dotted key set."""
    section, *inner = key.split(".")
    for field in reversed(inner):
        value = {field: value}
    return experiment(**{section: {**MINIMAL.get(section, {}), **value} if inner else value})


def ids(this, train="s-train", sets=SETS):
    return {
        "data": data_id(this.data, train),
        "run": run_id(this, data_id(this.data, train)),
        "baseline": degradation_id(this.data, sets),
        "eval": eval_id(this, sets),
    }


# --- identity ---------------------------------------------------------------------------------
DEGRADATION = {"data", "run", "baseline"}
PATCHES = {"data", "run"}
TRAINING = {"run"}
SCORING = {"eval"}
NOTHING: set[str] = set()

# Every field of the configuration, another value than the default, and the ids that it changes.
# Sources enter by their content (the ids of sets), never by where they were found.
CHANGES = {
    "data.train": ("elsewhere", NOTHING),
    "data.test": ({"a": "set5"}, NOTHING),
    "data.eval": ({"a": "set5"}, NOTHING),
    "data.allow_leak": (True, NOTHING),
    "data.scale": (4, DEGRADATION),
    "data.blur_sigma": (1.0, DEGRADATION),
    "data.resampling": ("pillow", DEGRADATION),
    "data.crop_to_scale": (True, DEGRADATION),
    "data.squeeze_to_scale": (True, DEGRADATION),
    "data.luma": ("jpeg", DEGRADATION),
    "data.patch_size": (41, PATCHES),
    "data.stride": (7, PATCHES),
    "data.holdout": (0.1, PATCHES),
    "data.holdout_seed": (1, PATCHES),
    "data.train_size": ((60, 60), PATCHES),
    "data.train_resampling": ("area", PATCHES),
    "data.dtype": ("float32", PATCHES),
    "model.name": ("9-5-5", TRAINING),
    "model.residual": (False, TRAINING),
    "model.init": ("gaussian", TRAINING),
    "model.weights": ("some.mat", NOTHING),  # their content counts, not where they lie
    "model.weights_scale": ({"mean": 0.4, "std": 0.2}, TRAINING),
    "model.self_ensemble": (True, TRAINING),
    "training.epochs": (11, TRAINING),
    "training.optimiser": ("sgd", TRAINING),
    "training.last_layer_rate": (0.1, TRAINING),
    "training.schedule": ("constant", TRAINING),
    "training.batch_size": (17, TRAINING),
    "training.learning_rate": (1e-3, TRAINING),
    "training.warmup_steps": (0, TRAINING),
    "training.final_rate": (1.0, TRAINING),
    "training.loss.name": ("l1", TRAINING),
    "training.standardise": ("dataset", TRAINING),
    "training.augment": (False, TRAINING),
    "training.precision": ("bfloat16", TRAINING),
    "training.monitor_pictures": (0, NOTHING),
    "training.tensorboard": (True, NOTHING),
    "training.device": ("cpu", NOTHING),
    "training.deterministic": (True, NOTHING),
    "keep.last": (3, NOTHING),
    "keep.best": (False, NOTHING),
    "keep.every_s": (9.0, NOTHING),
    "render.epochs": ([1, 10], NOTHING),
    "render.keep": ("none", NOTHING),
    "evaluate.protocols": (["region"], SCORING),
    "evaluate.crops": ([[80, 160]], SCORING),
    "evaluate.upsamplers": (["bicubic"], SCORING),
    "evaluate.zooms": ([4], SCORING),
    "evaluate.metrics": (["psnr"], SCORING),
    "evaluate.definitions": (["package"], SCORING),
    "evaluate.shards": (2, NOTHING),
    "evaluate.workers": (3, NOTHING),
    "evaluate.backend": ("torch", NOTHING),
    "seed": (1, TRAINING),
}


def _fields(model: type[BaseModel], prefix: str = ""):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_it_is_stated_of_every_field_which_ids_it_changes():
    assert sorted(_fields(Experiment)) == sorted(CHANGES)


@pytest.mark.parametrize("key", CHANGES)
def test_a_field_changes_the_ids_of_what_it_changes_and_no_other(key):
    value, expected = CHANGES[key]
    other = changed(key, value)
    assert other != experiment(), "the value must differ from the default for the test to mean anything"
    before, after = ids(experiment()), ids(other)
    assert {name for name in before if before[name] != after[name]} == expected


def test_a_new_setting_with_a_default_changes_no_id():
    class Newer(TrainingConfig):
        clip_gradients: float | None = None

    plain = experiment()
    assert ids(plain.model_copy(update={"training": Newer()})) == ids(plain)
    assert ids(plain.model_copy(update={"training": Newer(clip_gradients=1.0)}))["run"] != ids(plain)["run"]


@pytest.mark.parametrize(
    ("section", "expected"), [(DataConfig, DEGRADATION), (TrainingConfig, TRAINING), (EvaluateConfig, SCORING)]
)
def test_a_new_version_of_a_section_changes_the_ids_of_what_it_decides(monkeypatch, section, expected):
    before = ids(experiment())
    monkeypatch.setattr(section, "version", section.version + 1)
    after = ids(experiment())
    assert {name for name in before if before[name] != after[name]} == expected


# What the ids leave unsaid. Who changes a default here has to raise the version of its section with it.
DEFAULTS = {
    "data": (
        1,
        {
            "test": {},
            "eval": {},
            "scale": 3,
            "blur_sigma": 0.0,
            "resampling": "matlab",
            "crop_to_scale": False,
            "squeeze_to_scale": False,
            "luma": "bt601",
            "patch_size": 33,
            "stride": 14,
            "holdout": 0.05,
            "holdout_seed": None,
            "train_size": None,
            "train_resampling": None,
            "dtype": "uint8",
            "allow_leak": False,
        },
    ),
    "model": (
        1,
        {
            "name": "9-1-5",
            "residual": True,
            "init": "default",
            "weights": None,
            "weights_scale": None,
            "self_ensemble": False,
        },
    ),
    "training": (
        1,
        {
            "epochs": 10,
            "batch_size": 16,
            "optimiser": "adam",
            "learning_rate": 0.002,
            "last_layer_rate": 1.0,
            "schedule": "cosine",
            "warmup_steps": 100,
            "final_rate": 0.01,
            "loss": LossConfig(),
            "standardise": "centre",
            "augment": True,
            "precision": "auto",
            "device": "auto",
            "deterministic": False,
            "monitor_pictures": 3,
            "tensorboard": False,
        },
    ),
    "evaluate": (
        1,
        {
            "protocols": ("whole", "region", "compound", "luma"),
            "crops": ((160, 160),),
            "upsamplers": ("nearest", "bilinear", "bicubic", "lanczos", "zero_stuffing"),
            "zooms": (2,),
            "metrics": ("psnr", "ssim", "rmse", "sre", "sam", "cos", "uiq", "fsim", "issm"),
            "definitions": ("paper",),
            "shards": 1,
            "workers": None,
            "backend": "auto",
        },
    ),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_that_changes_has_a_new_version(name):
    section = Experiment.model_fields[name].annotation
    fields = {field: about for field, about in section.model_fields.items() if not about.is_required()}
    found = {field: about.get_default(call_default_factory=True) for field, about in fields.items()}
    assert (section.version, found) == DEFAULTS[name], f"raise {section.__name__}.version, then write both here"


def test_the_content_of_the_training_set_names_patches_and_runs():
    before, after = ids(experiment()), ids(experiment(), train="s-other")
    assert {name for name in before if before[name] != after[name]} == {"data", "run"}


@pytest.mark.parametrize("sets", [{"set5": "s1"}, {"renamed": "s0"}, {"set5": "s0", "more": "s2"}])
def test_the_names_and_content_of_the_sets_name_baselines_and_scores(sets):
    before, after = ids(experiment()), ids(experiment(), sets=sets)
    assert {name for name in before if before[name] != after[name]} == {"baseline", "eval"}


def test_the_order_of_sets_does_not_matter():
    one, other = {"a": "s1", "b": "s2"}, {"b": "s2", "a": "s1"}
    assert ids(experiment(), sets=one) == ids(experiment(), sets=other)


def test_writing_a_default_out_or_a_number_in_another_way_keeps_the_ids():
    spelled = experiment(
        data={"train": ["bundled"], "scale": 3, "blur_sigma": 0, "test": {}},
        training={"learning_rate": "2e-3"},  # YAML 1.1 reads 2e-3 as text
        evaluate={"crops": [[160, 160]], "zooms": [2]},
    )
    assert ids(spelled) == ids(experiment())


def test_a_new_version_of_a_metric_is_scored_anew(monkeypatch):
    before = ids(experiment())
    psnr = METRICS["psnr"]
    newer = type(psnr)(**{**vars(psnr), "version": psnr.version + 1})
    monkeypatch.setitem(METRICS, "psnr", newer)
    after = ids(experiment())
    assert {name for name in before if before[name] != after[name]} == {"eval"}
    without = experiment(evaluate={"metrics": ["ssim"]})
    monkeypatch.setitem(METRICS, "psnr", psnr)
    assert ids(without) == ids(experiment(evaluate={"metrics": ["ssim"]}))


def test_ids_start_with_a_letter_and_survive_being_stored():
    found = ids(experiment())
    for letter, name in (("d", "data"), ("r", "run"), ("b", "baseline"), ("e", "eval")):
        assert re.fullmatch(letter + "[0-9a-f]{10}", found[name])
    stored = Experiment.model_validate(experiment().model_dump(mode="json"))
    assert stored == experiment()
    assert ids(stored) == found


def test_a_short_hash_does_not_depend_on_the_order_of_keys():
    assert short_hash("x", {"a": 1, "b": [2]}) == short_hash("x", {"b": [2], "a": 1})
    assert short_hash("x", [1, 2]) != short_hash("x", [2, 1])


# --- kept epochs ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("epochs", "of", "kept"),
    [
        ([3, 1, 3], 5, (1, 3)),
        ({"every": 1}, 3, (1, 2, 3)),
        ({"every": 4}, 10, (4, 8, 10)),
        ({"every": 5}, 10, (5, 10)),
        ({"every": 99}, 10, (10,)),
        ({"log_spaced": 4}, 1000, (1, 10, 100, 1000)),
        ({"log_spaced": 2}, 7, (1, 7)),
        ({"log_spaced": 9}, 3, (1, 2, 3)),
        ({"log_spaced": 5}, 1, (1,)),
    ],
)
def test_which_epochs_are_kept(epochs, of, kept):
    assert RenderConfig(epochs=epochs).kept(of) == kept


@pytest.mark.parametrize("number", [2, 3, 5, 10, 37])
@pytest.mark.parametrize("of", [1, 2, 10, 64, 243, 999])
def test_log_spaced_epochs_run_from_the_first_to_the_last(number, of):
    kept = RenderConfig(epochs={"log_spaced": number}).kept(of)
    assert (kept[0], kept[-1]) == (1, of)
    assert list(kept) == sorted(set(kept))
    assert len(kept) <= number


@pytest.mark.parametrize("epochs", [[-1], {"every": 0}, {"log_spaced": 1}, {"every": 2, "log_spaced": 3}, "all"])
def test_impossible_choices_of_epochs_are_refused(epochs):
    with pytest.raises(ValidationError):
        RenderConfig(epochs=epochs)


def test_kept_epochs_beyond_the_end_of_training_are_refused():
    with pytest.raises(ValidationError, match=r"render.epochs asks for epoch 11, but training.epochs is 10"):
        experiment(training={"epochs": 10}, render={"epochs": [1, 11]})
    assert experiment(training={"epochs": 11}, render={"epochs": [1, 11]}).kept_epochs == (1, 11)


def test_keeping_no_epoch_is_refused():
    with pytest.raises(ValidationError, match="none"):
        experiment(render={"epochs": []})


# --- what is refused --------------------------------------------------------------------------
def test_the_defaults_are_valid_and_follow_the_published_recipe():
    this = experiment()
    assert (this.data.scale, this.data.patch_size, this.data.stride) == (3, 33, 14)
    assert (this.model.name, this.model.residual) == ("9-1-5", True)
    assert this.kept_epochs == tuple(range(1, this.training.epochs + 1))
    assert set(this.evaluate.upsamplers) == set(UPSAMPLERS)


@pytest.mark.parametrize("section", ["data", "model", "training", "render", "evaluate"])
def test_unknown_keys_are_refused_in_every_section(section):
    refusal = "9-1-5 has no setting no_such_key" if section == "model" else "Extra inputs are not permitted"
    with pytest.raises(ValidationError, match=refusal):
        changed(f"{section}.no_such_key", 1)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        changed("no_such_section", {})


IMPOSSIBLE = [
    ("data.train", []),
    ("data.train", 7),
    ("data.scale", 1),
    ("data.scale", 2.5),
    ("data.scale", "three"),
    ("data.blur_sigma", -1),
    ("data.blur_sigma", float("nan")),
    ("data.resampling", "opencv"),
    ("data.luma", "BT601"),
    ("data.patch_size", 0),
    ("data.stride", 0),
    ("data.holdout", 1),
    ("data.dtype", "float64"),
    ("training.epochs", -1),
    ("training.batch_size", 0),
    ("training.learning_rate", 0),
    ("training.learning_rate", float("inf")),
    ("training.final_rate", 1.5),
    ("training.standardise", "center"),
    ("data.train_size", [300]),
    ("data.holdout_seed", -1),
    ("evaluate.protocols", []),
    ("evaluate.crops", []),
    ("evaluate.crops", [[160]]),
    ("evaluate.crops", [[0, 160]]),
    ("evaluate.upsamplers", []),
    ("evaluate.zooms", [1]),
    ("evaluate.metrics", []),
    ("evaluate.definitions", ["papers"]),
    ("evaluate.shards", 0),
    ("evaluate.workers", 0),
    ("seed", -1),
]


@pytest.mark.parametrize(("key", "value"), IMPOSSIBLE)
def test_impossible_values_are_refused_by_their_key(key, value):
    with pytest.raises(ValidationError) as caught:
        changed(key, value)
    assert all(".".join(map(str, error["loc"])).startswith(key) for error in caught.value.errors())


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("model.name", "9-5-6", "did you mean '9-5-5'"),
        ("training.loss", "mes", "did you mean 'mse'"),
        ("evaluate.upsamplers", ["bicubik"], "did you mean 'bicubic'"),
        ("evaluate.metrics", ["pnsr"], "did you mean 'psnr'"),
        ("evaluate.protocols", ["regions"], "did you mean 'region'"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one_and_the_whole_list(key, value, hint):
    with pytest.raises(ValidationError, match=hint) as caught:
        changed(key, value)
    assert "known: " in str(caught.value)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_be_asked_for(name):
    assert changed("model.name", name).model.name == name


@pytest.mark.parametrize("name", SRCNNS)
def test_patches_that_a_model_would_use_up_are_refused(name):
    smallest = 2 * MODELS[name].border + 1
    with pytest.raises(ValidationError, match=f"data.patch_size is {smallest - 1}, .* it needs {smallest} or more"):
        experiment(data={"train": "t91", "patch_size": smallest - 1}, model={"name": name})
    assert experiment(data={"train": "t91", "patch_size": smallest}, model={"name": name})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("protocols", ["luma", "luma"]),
        ("crops", [[80, 160], [80, 160]]),
        ("upsamplers", ["bicubic", "bicubic"]),
        ("zooms", [2, 2]),
        ("metrics", ["psnr", "psnr"]),
        ("definitions", ["paper", "paper"]),
    ],
)
def test_nothing_is_scored_twice(key, value):
    with pytest.raises(ValidationError, match="listed twice"):
        EvaluateConfig(**{key: value})


def test_crops_must_be_multiples_of_every_zoom_that_compound_uses():
    with pytest.raises(ValidationError, match="crop 160x160 is not a multiple of zoom 3"):
        EvaluateConfig(zooms=[2, 3])
    with pytest.raises(ValidationError, match="crop 80x161"):
        EvaluateConfig(crops=[[80, 161]])
    assert EvaluateConfig(zooms=[3], crops=[[81, 162]]).used_zooms == (3,)


def test_zooms_matter_to_compound_alone():
    assert EvaluateConfig(protocols=["region"], zooms=[3]).used_zooms == ()
    assert EvaluateConfig(protocols=["region"], zooms=[]).used_zooms == ()
    with pytest.raises(ValidationError, match="at least one zoom"):
        EvaluateConfig(zooms=[])


def test_a_definition_that_a_metric_lacks_is_refused(monkeypatch):
    psnr = METRICS["psnr"]
    monkeypatch.setitem(
        METRICS, "psnr", type(psnr)(**{**vars(psnr), "definitions": {"paper": psnr.definitions["paper"]}})
    )
    with pytest.raises(ValidationError, match="'psnr' has no definition 'package'; it has: paper"):
        EvaluateConfig(metrics=["psnr"], definitions=["package"])


def test_sections_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        experiment().training.epochs = 3


def test_a_single_name_stands_for_a_list_of_one():
    assert DataConfig(train="t91").train == ("t91",)
    assert EvaluateConfig(protocols="luma").protocols == ("luma",)


# --- sets -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("set5", "set5"),
        ("bsds500/val", "bsds500-val"),
        ("bundled/astronaut", "bundled-astronaut"),
        ("/data/my/photos", "photos"),
        ("/data/photos/", "photos"),
        ("/data/photos/*.png", "photos"),
        ("~/photos/**/*.png", "photos"),
        ("./photos", "photos"),
        ("../photos", "photos"),
        ("photos/*.png", "photos"),
        ("photos/", "photos"),
        ("./*.png", "pictures"),
        ("*.png", "pictures"),
    ],
)
def test_a_set_is_named_after_where_it_comes_from(source, name):
    assert source_name(source) == name
    assert DataConfig(train="t91", test=source).test == {name: (source,)}


def test_two_sources_that_would_share_a_name_are_refused_and_not_merged():
    with pytest.raises(ValidationError, match=r"'/a/images' and '/b/images' would both be named 'images'"):
        DataConfig(train="t91", test=["/a/images", "/b/images"])
    assert DataConfig(train="t91", test={"both": ["/a/images", "/b/images"]}).test == {
        "both": ("/a/images", "/b/images")
    }


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "luma", "zoom_2", "a\\b", "a\n"])
def test_a_name_that_cannot_be_a_folder_of_its_own_is_refused(name):
    with pytest.raises(ValidationError, match="name"):
        DataConfig(train="t91", eval={name: "set5"})


def test_one_name_in_both_groups_is_refused():
    with pytest.raises(ValidationError, match="test and eval both have a set named 'set5'"):
        DataConfig(train="t91", test="set5", eval="set5")


def test_sets_say_which_group_they_belong_to():
    data = DataConfig(train="t91", test={"cat": "bundled/chelsea"}, eval="set5")
    assert data.sets == {"cat": ("test", ("bundled/chelsea",)), "set5": ("eval", ("set5",))}


def test_a_mapping_may_not_hold_an_empty_list():
    with pytest.raises(ValidationError):
        DataConfig(train="t91", test={"a": []})
    with pytest.raises(ValidationError, match="expected sources"):
        DataConfig(train="t91", test=[["a"]])


def test_numbers_written_as_text_are_numbers():
    assert TrainingConfig(learning_rate="1e-3").learning_rate == 1e-3
