"""Whatever sbatch takes can be asked for, values stay values, and what would break the runner is refused."""

import shlex
import sys

import pytest
from conftest import tiny_study

from runner.executors.slurm.sbatch import resources_text, sbatch_options
from runner.executors.slurm.send import sbatch_parameters, sbatch_script
from runner.study.cluster import ClusterConfig, StageResources
from runner.study.config import ConfigError, load_study
from runner.study.cost import cost
from runner.study.gres import gpus_by_kind, names_gpu, without_gpus
from runner.study.options import TAKEN
from runner.study.plan import make_plan
from runner.submit import main
from srcnn.paths import RootPaths


def cluster(tmp_path, *settings: str) -> ClusterConfig:
    return load_study(str(tiny_study(tmp_path)), [f"cluster.{each}" for each in settings])[0].cluster


def header(settings: ClusterConfig, stage: str, tmp_path) -> list[str]:
    """The options of a stage's batch file, as a shell reads their quotes."""
    script = sbatch_script(sbatch_parameters("tiny", stage, settings), tmp_path, 1)
    lines = [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]
    return [word for line in lines for word in shlex.split(line)]


def test_a_stage_adds_options_to_the_common_ones_changes_them_and_takes_them_back(tmp_path):
    common = "sbatch={reservation: course, exclude: [n1, n2], nice: 100, contiguous: true}"
    settings = cluster(tmp_path, common, "train.sbatch={nice: 5, licenses: 'matlab:1', contiguous: null}")
    assert settings.stage("report").sbatch == {
        "reservation": "course",
        "exclude": "n1,n2",
        "nice": "100",
        "contiguous": True,
    }
    assert settings.stage("train").sbatch == {
        "reservation": "course",
        "exclude": "n1,n2",
        "nice": "5",
        "licenses": "matlab:1",
        "contiguous": False,  # whatever the site chooses
    }
    assert {"--contiguous", "--nice=100"} <= set(header(settings, "report", tmp_path))
    assert "--contiguous" not in header(settings, "train", tmp_path)


def test_one_option_may_be_named_on_the_command_line(tmp_path):
    assert cluster(tmp_path, "sbatch.nice=7", "train.sbatch.begin=now+1hour").stage("train").sbatch == {
        "nice": "7",
        "begin": "now+1hour",
    }


def test_the_plan_and_the_batch_files_say_all_that_is_asked_for(tmp_path, capsys):
    settings = [
        "cluster.sbatch={nice: 100, contiguous: true}",
        "cluster.train.gpus=1g.10gb:2",
        "cluster.wckey=thesis",
        "cluster.exclusive=user",
        "cluster.evaluate.gres=shard:2",
        "cluster.mem_per_cpu_gb=1.5",
        "cluster.report.mem_gb=3",
        "cluster.train.python=[apptainer, exec, --nv, my image.sif, python]",
    ]
    arguments = [str(tiny_study(tmp_path)), *settings, "--executor", "slurm", "--dry-run"]
    assert main([*arguments, "--root", str(tmp_path / "results")]) == 0
    out = capsys.readouterr().out
    train = out.split("\ntrain:\n")[1].split("\nrender:\n")[0]
    for line in ("--nice=100", "--contiguous", "--gpus-per-node=1g.10gb:2", "--wckey=thesis", "--exclusive=user"):
        assert f"#SBATCH {line}\n" in train
    assert "#SBATCH --dependency=afterok:JOB_PREPARE\n" in train
    assert "export PYTHONPATH=" in train
    assert "apptainer exec --nv 'my image.sif' python -I -S " in train
    assert "runner.executors.slurm.requeue" in train
    assert "--mem-per-cpu=1536MB" in train
    assert "--mem=" not in train
    assert not (tmp_path / "results" / "tiny" / "submissions").exists()
    asked = load_study(str(tmp_path / "tiny.yaml"), settings)[0].cluster
    assert resources_text(asked.stage("train")) == (
        "default partition, 2 1g.10gb GPU, 2 cores, 1.5 GB a core, 240 min, wckey thesis, nodes shared with one's own "
        "jobs only, --nice=100, --contiguous, run by apptainer exec --nv 'my image.sif' python"
    )
    assert "gres shard:2" in resources_text(asked.stage("evaluate"))
    assert resources_text(asked.stage("report")).startswith("default partition, 1 core, 3 GB, 30 min")


def test_a_charging_key_that_nobody_named_is_not_sent(tmp_path):
    assert not [word for word in header(ClusterConfig(), "train", tmp_path) if word.startswith("--wckey")]


@pytest.mark.parametrize("option", sorted(TAKEN))
def test_what_a_key_of_ours_says_or_what_would_break_the_runner_is_refused(option):
    with pytest.raises(ValueError, match=f"{option} is not for cluster.sbatch: {TAKEN[option]}"):
        StageResources(sbatch={option: "1"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("sbatch={tim: 5}", r"cluster\.sbatch: tim is not for cluster\.sbatch \(short for time\): say timeout_min"),
        ("train.sbatch={partition: gpu}", r"cluster\.train\.sbatch: partition is .*: say partition"),
        ("sbatch={--nice: 5}", r"expected an option of sbatch .*found '--nice'; did you mean nice\?"),
        ("sbatch={gpu_bind: closest}", r"did you mean gpu-bind\?"),
        ("sbatch={p: gpu}", "written in full"),
        ('sbatch={"nice=1 --hold": 5}', "expected an option of sbatch"),
        ('sbatch={reservation: "a\\nb"}', "reservation: expected one line without control characters"),
        ("sbatch={exclude: {a: b}}", "exclude: expected a value, a list of values or true"),
        ("sbatch={exclude: []}", "exclude: expected a value, a list of values or true"),
        ("sbatch=nice", r"cluster\.sbatch: expected a mapping"),
        ("mail=\"x\\\\''\\ntouch F #\"", r"cluster\.mail: expected one line"),
        ('partition="cpu\\n#SBATCH --hold"', r"cluster\.partition: expected one line"),
        ('train.account="a\\rb"', r"cluster\.train\.account: expected one line"),
        ('qos="\\e[31m"', r"cluster\.qos: expected one line"),
        ('constraint="a\\u2028b"', r"cluster\.constraint: expected one line"),
        ('wckey=""', r"cluster\.wckey: expected some text"),
        ("train.gpus=-1", r"cluster\.train\.gpus: expected a number of GPUs, or a kind"),
        ("train.gpus=1.5", r"cluster\.train\.gpus: expected a number of GPUs"),
        ("train.gpus=2e0", r"cluster\.train\.gpus: expected a number of GPUs"),
        ("train.gpus=a100:0", r"cluster\.train\.gpus: expected a number of GPUs"),
        ("train.gpus='a100:1,'", r"cluster\.train\.gpus: expected a number of GPUs"),
        ("train.gpus=true", r"cluster\.train\.gpus: expected a number"),
        ('train.gpus="a100:1 --hold"', r"cluster\.train\.gpus: expected a number of GPUs"),
        ("train={gpus: 1, gres: 'gpu:2'}", "gpus: 1 and gres: gpu:2 both ask for GPUs"),
        ("{mem_gb: 1, mem_per_cpu_gb: 1}", "say one of them"),
        ("python=apptainer exec x python", r"cluster\.python: expected a list of words"),
        ("exclusive=maybe", r"cluster\.exclusive: expected"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_sentence(tmp_path, settings, words):
    override = f"cluster={settings}" if settings.startswith("{") else f"cluster.{settings}"
    with pytest.raises(ConfigError, match=words):
        load_study(str(tiny_study(tmp_path)), [override])


@pytest.mark.parametrize(
    "value", ["two words", "it's", 'say "so"', "back\\slash", "a\\'b", "ends\\", "$HOME `id` #;|&", "--hold", "é"]
)
def test_a_value_of_any_characters_stays_one_value(tmp_path, value):
    settings = ClusterConfig(account=value, constraint=value, sbatch={"reservation": value})
    words = header(settings, "train", tmp_path)
    # sbatch takes a backslash for an escape also between quotes, where a shell keeps it.
    kept = value.replace("\\", "\\\\")
    assert {f"--account={kept}", f"--constraint={kept}", f"--reservation={kept}"} <= set(words)
    assert len([word for word in words if not word.startswith("--")]) == 0


@pytest.mark.parametrize(
    ("gb", "asked"), [(1e-9, "1MB"), (0.0004, "1MB"), (0.9, "922MB"), (1, "1024MB"), (12.5, "12800MB")]
)
def test_memory_is_rounded_up_and_never_all_that_a_node_has(gb, asked):
    assert sbatch_options(StageResources(mem_gb=gb))["mem"] == asked
    assert sbatch_options(StageResources(mem_per_cpu_gb=gb))["mem-per-cpu"] == asked


@pytest.mark.parametrize(
    ("gres", "kinds"),
    [
        ("(null)", {}),
        ("gpu:2", {"": 2}),
        ("gpu", {"": 1}),
        ("gpu:1080ti:4(S:0-1)", {"1080ti": 4}),
        ("gpu:a100:2,gpu:v100:1", {"a100": 2, "v100": 1}),
        ("shard:8,gpu:1(S:0)", {"": 1}),
        ("gpu:1g.10gb:7(S:0,1),gpu:a100:1", {"1g.10gb": 7, "a100": 1}),
    ],
)
def test_gpus_are_counted_however_they_are_written(gres, kinds):
    assert gpus_by_kind(gres) == kinds


def test_parts_of_gpus_are_told_from_other_resources():
    assert names_gpu("license:1,shard:2")
    assert without_gpus("license:1,shard:2,gpu:a100:1") == "license:1"
    assert not names_gpu("license:1")


@pytest.mark.parametrize(
    ("settings", "count", "flags"),
    [
        ([], 1, {"--gpus-per-node=1"}),
        (["train.gpus=2"], 2, {"--gpus-per-node=2"}),
        (["train.gpus='2'"], 2, {"--gpus-per-node=2"}),
        (["train.gpus=a100:3"], 3, {"--gpus-per-node=a100:3"}),
        (["train.gpus=a100"], 1, {"--gpus-per-node=a100"}),
        (["train.gpus='1g.10gb:2,a100:1'"], 3, {"--gpus-per-node=1g.10gb:2,a100:1"}),
        (["train.gpus=1080ti:2"], 2, {"--gpus-per-node=1080ti:2"}),
        (["train.gpus='3090:1'"], 1, {"--gpus-per-node=3090:1"}),
        (["train.gpus=0"], 0, set()),
        (["train.gres='gpu:a100:2'"], 2, {"--gres=gpu:a100:2"}),
        (["train.gres='shard:2'"], 1, {"--gres=shard:2"}),
        (["gres='lic:1,gpu:2'", "train.gpus=0"], 0, {"--gres=lic:1"}),
        (["gres='gpu:2'", "train.gpus=1"], 1, {"--gpus-per-node=1"}),
        (["gpus=1", "train.gres='gpu:2'"], 2, {"--gres=gpu:2"}),
    ],
)
def test_gpus_are_asked_for_and_counted_however_a_study_names_them(tmp_path, settings, count, flags):
    asked = cluster(tmp_path, *settings)
    assert asked.stage("train").gpu_count == count
    found = {word for word in header(asked, "train", tmp_path) if word.startswith(("--gpus", "--gres"))}
    assert found == flags


def test_gpu_hours_and_the_gpu_partition_count_kinds_too(tmp_path):
    study, _ = load_study(str(tiny_study(tmp_path)), ["cluster.train.gpus=a100:2", "cluster.train.timeout_min=60"])
    plan = make_plan(study, RootPaths(tmp_path / "results"))
    assert cost(plan.study.cluster, plan.stage("train")).gpu_hours == 2
    assert study.cluster.with_gpu_partition("gpu").stage("train").partition == "gpu"


def test_more_memory_takes_the_place_of_memory_by_core(tmp_path):
    asked = cluster(tmp_path, "mem_per_cpu_gb=2", "train.mem_per_cpu_gb=3")
    assert "--mem-per-cpu=3072MB" in header(asked, "train", tmp_path)
    more = asked.with_stage("train", mem_gb=64)
    assert {word for word in header(more, "train", tmp_path) if word.startswith("--mem")} == {"--mem=65536MB"}


def test_a_partition_on_the_command_line_is_one_line_too(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tiny_study(tmp_path)), "--partition", "gpu\n#SBATCH --hold"])
    assert "expected one line without control characters" in capsys.readouterr().err


def test_tasks_run_with_the_interpreter_that_submits_where_no_other_is_named(tmp_path, capsys):
    arguments = [str(tiny_study(tmp_path)), "--executor", "slurm", "--dry-run", "--root", str(tmp_path / "results")]
    assert main([*arguments, "cluster.train.python=/opt/python"]) == 0
    out = capsys.readouterr().out
    assert f" {shlex.quote(sys.executable)} -I -S " in out.split("\nrender:\n")[1]
    assert " /opt/python -I -S " in out.split("\ntrain:\n")[1].split("\nrender:\n")[0]
