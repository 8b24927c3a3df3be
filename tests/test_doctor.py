"""The doctor looks at everything that a study needs, and says of each thing that is wrong what to do about it."""

import json
import os
import shlex
import stat
import subprocess
import sys

import pytest
from conftest import REPOSITORY, tiny_study

from runner import doctor
from runner.actions import doctor as actions
from runner.checks import CHECKS, disk, gpu, job, own_python, packages, scheduler, stages, study
from runner.checks.circumstances import Circumstances
from runner.checks.gpu import Torch
from runner.executors.slurm.partitions import minutes, read_partitions
from runner.study.cluster import StageResources
from runner.study.config import load_study
from srcnn.contents import LAYOUT
from srcnn.paths import StudyPaths

# As SLURM 22.05 says it of tests/slurm's cluster.
SINFO = """\
cpu*|up|infinite|(null)|8|32000|2|idle
gpu|up|1-00:00:00|gpu:2|8|32000|1|mixed
old|up|30:00|gpu:k80:4(S:0-1)|4|8000|3|down*
"""
SCONTROL = """\
MaxArraySize            = 1001
PreemptType             = preempt/partition_prio
SlurmctldParameters     = preempt_send_user_signal
"""


class FakeSlurm:
    """Stands in for SLURM's programs: shell scripts that are found before any others."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.delenv("SLURM_CONF", raising=False)
        for name, text in {
            "sinfo": SINFO,
            "scontrol": SCONTROL,
            "sacct": "",
            "sbatch": "",
            "sacctmgr": "lab\n",
        }.items():
            self.says(name, text)

    def says(self, program, text="", error="", code=0):
        """Let a program give a certain answer from now on."""
        script = self.folder / program
        script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\ncat >&2 <<'END'\n{error}\nEND\nexit {code}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    return FakeSlurm(tmp_path / "slurm", monkeypatch)


@pytest.fixture
def no_slurm(tmp_path, monkeypatch):
    """A machine without SLURM's programs."""
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("SLURM_CONF", raising=False)


@pytest.fixture
def _quick(monkeypatch):
    """Imports take seconds and have tests of their own."""
    monkeypatch.setattr(packages, "import_faults", lambda modules: {})
    monkeypatch.setattr(gpu, "probe", lambda: Torch("2.13.0", None, [], None))


@pytest.fixture(autouse=True)
def _outside_a_job(monkeypatch):
    for name in list(os.environ):
        if name.startswith("SLURM_") and name != "SLURM_CONF":
            monkeypatch.delenv(name)


def asked(tmp_path, settings=(), **changes):
    file = tiny_study(tmp_path)
    return Circumstances(tmp_path / "results", study=load_study(str(file), settings)[0], **changes)


def wrong(findings):
    """What is wrong, and its remedy."""
    return [(each.what, each.remedy) for each in findings if each.state == "WRONG"]


@pytest.mark.usefixtures("no_slurm", "_quick")
def test_where_nothing_is_wrong_the_status_is_0_and_every_line_says_ok_or_note(tmp_path, capsys):
    file = tiny_study(tmp_path)
    assert doctor.main([str(file), "--root", str(tmp_path / "results")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Nothing is wrong."
    assert {line.split()[0] for line in lines if line.startswith("  ") and "->" not in line} == {"ok", "note"}
    assert [line for line in lines[:-1] if not line.startswith(" ")] == [
        "scheduler",
        "machine",
        "Python",
        "GPU",
        "disk",
        "study",
    ]
    assert "  note  no SLURM here: studies run on this machine (--executor local)" in lines
    assert "  ok    tiny: 1 run, nothing wrong as it is written" in lines


@pytest.mark.usefixtures("no_slurm", "_quick")
def test_what_is_wrong_comes_with_its_remedy_and_status_1_also_as_json(tmp_path, capsys):
    file = tiny_study(tmp_path, data__test="set5")
    arguments = [str(file), "--root", str(tmp_path / "results")]
    assert doctor.main(arguments) == 1
    out = capsys.readouterr().out
    assert "  WRONG the pictures of 'set5' are not in " in out
    assert f"        -> fetch them with: python -m jobs.fetch set5 --root {tmp_path}/results" in out
    assert out.splitlines()[-1] == "1 thing is wrong."
    assert doctor.main([*arguments, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["wrong"] == 1
    (found,) = [each for each in told["findings"] if each["state"] == "WRONG"]
    assert found["group"] == "study"
    assert "jobs.fetch set5" in found["remedy"]


def test_a_study_or_folder_that_does_not_exist_is_bad_usage(tmp_path, capsys):
    assert doctor.main(["quickstrat"]) == 2
    assert "did you mean 'quickstart'?" in capsys.readouterr().err
    assert doctor.main(["quickstart", "--data-root", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.usefixtures("no_slurm", "_quick")
def test_a_study_with_a_mistake_is_wrong_and_everything_else_is_still_looked_at(tmp_path, capsys):
    file = tiny_study(tmp_path, training__epochz=3)
    assert doctor.main([str(file), "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "did you mean training.epochs?" in out
    assert "are free for results" in out


@pytest.mark.usefixtures("no_slurm", "_quick")
def test_a_submitted_study_is_looked_at_where_it_lies_with_the_data_root_that_it_remembers(tmp_path):
    paths = StudyPaths(tmp_path / "there" / "tiny")
    paths.folder.mkdir(parents=True)
    paths.config.write_text(tiny_study(tmp_path).read_text())
    paths.contents.write_text(
        json.dumps({"layout": LAYOUT, "study": "tiny", "data_root": "/pictures", "runs": [], "sets": {}, "tasks": []})
    )
    found = actions.circumstances(doctor.parser().parse_args([str(paths.folder)]))
    assert (found.root, str(found.data_root)) == (tmp_path / "there", "/pictures")


def test_a_check_that_breaks_does_not_hide_what_the_others_find(tmp_path, monkeypatch):
    def tired(asked):
        raise RuntimeError("too tired")
        yield

    monkeypatch.setitem(CHECKS, "scheduler", (tired,))
    for group in ("Python", "GPU", "job", "disk"):
        monkeypatch.setitem(CHECKS, group, ())
    found = [finding for _, finding in actions.findings(Circumstances(tmp_path))]
    assert found[0].what == "the check 'tired' broke: RuntimeError: too tired"
    assert len(found) > 1


# --- scheduler --------------------------------------------------------------------------------


@pytest.mark.usefixtures("slurm")
def test_partitions_are_listed_with_their_state_limits_and_gpus(tmp_path):
    found = [(each.state, each.what) for each in scheduler.partitions(Circumstances(tmp_path))]
    assert found == [
        (
            "ok",
            "partition cpu (the default): up, no time limit, no GPUs, 8 cores and 31 GB a node, "
            "2 of 2 nodes can take jobs",
        ),
        ("ok", "partition gpu: up, at most 1-00:00:00, 2 GPUs, 8 cores and 31 GB a node, 1 of 1 node can take jobs"),
        ("note", "partition old: up, at most 30:00, 4 GPUs (k80), 4 cores and 8 GB a node, 0 of 3 nodes can take jobs"),
    ]


@pytest.mark.usefixtures("slurm")
def test_a_stage_that_asks_for_gpus_where_there_are_none_is_told_where_there_are(tmp_path):
    ((what, remedy),) = wrong(stages.stages(Circumstances(tmp_path)))
    assert what.startswith("stage train asks for default partition, 1 GPU")
    assert "partition cpu: it has no GPUs" in what
    assert remedy == "--partition gpu, or cluster.train.partition=gpu has all of it"
    assert not wrong(stages.stages(Circumstances(tmp_path, partition="gpu")))


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize("partition", ["gpux", "cpu,gpux"])
def test_a_partition_that_does_not_exist_is_named_with_those_that_do(tmp_path, partition):
    ((what, remedy),) = wrong(stages.stages(Circumstances(tmp_path, partition=partition)))
    assert what == "stage train names partition 'gpux', which does not exist"
    assert "cpu, gpu, old" in remedy


@pytest.mark.usefixtures("slurm")
def test_the_partition_option_is_looked_at_also_where_no_stage_uses_gpus(tmp_path):
    found = wrong(stages.stages(asked(tmp_path, ["cluster.train.gpus=0"], partition="gpux")))
    assert [what for what, _ in found] == ["--partition names partition 'gpux', which does not exist"]


@pytest.mark.usefixtures("slurm")
def test_a_time_limit_that_the_partition_does_not_allow_is_wrong(tmp_path):
    ((what, _),) = wrong(stages.stages(asked(tmp_path, ["cluster.train.timeout_min=1441"], partition="gpu")))
    assert "partition gpu: its time limit is 1-00:00:00, not 1441 min" in what


def test_what_sbatch_would_refuse_is_said_in_its_words(tmp_path, slurm):
    slurm.says("sbatch", error="allocation failure: Invalid account or account/partition combination", code=1)
    found = wrong(stages.stages(asked(tmp_path, ["cluster.account=nolab"], partition="gpu")))
    assert len(found) == 6
    assert found[0][0].endswith("account nolab: Invalid account or account/partition combination")
    assert "sacctmgr show associations" in found[0][1]


@pytest.mark.usefixtures("slurm")
def test_an_account_that_accounting_does_not_know_is_noted_with_those_that_it_does(tmp_path):
    (found,) = scheduler.accounts(asked(tmp_path, ["cluster.account=nolab"]))
    assert (found.state, found.what) == ("note", "account 'nolab' is unknown to accounting, which knows lab")
    assert not list(scheduler.accounts(asked(tmp_path, ["cluster.account=lab"])))


def test_without_accounting_it_is_said_what_is_lost(tmp_path, slurm):
    slurm.says("sacct", error="Slurm accounting storage is disabled", code=1)
    (found,) = scheduler.accounting(Circumstances(tmp_path))
    assert found.state == "note"
    assert "storage is disabled" in found.what
    assert "want of memory" in found.what


def test_preemption_without_a_warning_is_noted(tmp_path, slurm):
    (found,) = scheduler.preemption(Circumstances(tmp_path))
    assert found.state == "ok"
    slurm.says("scontrol", SCONTROL.replace("preempt_send_user_signal", "(null)"))
    (found,) = scheduler.preemption(Circumstances(tmp_path))
    assert found.state == "note"
    assert "are not warned" in found.what


def test_a_controller_that_does_not_answer_is_wrong_and_nothing_more_is_asked_of_it(tmp_path, slurm):
    slurm.says("sinfo", error="slurm_load_partitions: Unable to contact slurm controller", code=1)
    there = Circumstances(tmp_path)
    (found,) = scheduler.answering(there)
    assert found.state == "WRONG"
    assert "Unable to contact slurm controller" in found.what
    assert [finding for check in CHECKS["scheduler"][1:] for finding in check(there)] == []


def test_a_program_that_hangs_is_not_waited_for(tmp_path, slurm, monkeypatch):
    (slurm.folder / "sinfo").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("runner.executors.slurm.scheduler.ANSWER_S", 0.2)
    (found,) = scheduler.answering(Circumstances(tmp_path))
    assert "did not answer within" in found.what


def test_slurms_programs_without_a_cluster_are_no_fault(tmp_path, slurm):
    slurm.says("sinfo", error="sinfo: fatal: Could not establish a configuration source", code=1)
    (found,) = scheduler.answering(Circumstances(tmp_path))
    assert found.state == "note"


@pytest.mark.usefixtures("no_slurm")
def test_a_partition_needs_a_cluster(tmp_path):
    ((what, remedy),) = wrong(scheduler.answering(Circumstances(tmp_path, partition="gpu")))
    assert what == "no SLURM here, so there is no partition gpu"
    assert "login node" in remedy


@pytest.mark.parametrize(
    ("text", "expected"), [("infinite", None), ("30:00", 30), ("2-03:00:30", 3060.5), ("4:00:00", 240)]
)
def test_time_limits_are_read_as_sinfo_writes_them(text, expected):
    assert minutes(text) == expected


def test_what_no_node_of_a_partition_has_is_listed():
    there = read_partitions(SINFO)
    asks = StageResources(gpus=3, cpus=16, mem_gb=64, timeout_min=60)
    assert list(there["gpu"].lacks(asks)) == [
        "its nodes have 2 GPUs, not 3",
        "its nodes have 8 cores, not 16",
        "its nodes have 31.2 GB of memory, not 64",
    ]
    assert list(there["old"].lacks(StageResources(timeout_min=60))) == ["its time limit is 30:00, not 60 min"]
    assert list(there["cpu"].lacks(StageResources(cpus=4, mem_per_cpu_gb=10))) == [
        "its nodes have 31.2 GB of memory, not 40"
    ]


def test_a_kind_of_gpu_that_no_node_of_a_partition_has_is_named():
    old = read_partitions(SINFO)["old"]
    assert list(old.lacks(StageResources(gpus="k80:4"))) == []
    assert list(old.lacks(StageResources(gpus="a100:1"))) == ["its nodes have 4 k80 GPUs, not 1 a100"]
    assert list(old.lacks(StageResources(gres="gpu:k80:8"))) == ["its nodes have 4 GPUs, not 8"]


# --- inside a job -----------------------------------------------------------------------------


def test_a_job_that_got_fewer_cores_than_it_asked_for_is_told_why(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1000")
    ((what, remedy),) = wrong(job.cores(Circumstances(tmp_path)))
    assert what.startswith("1000 cores a task were asked for, and this process may use ")
    assert "SRUN_CPUS_PER_TASK" in remedy


def test_a_job_that_got_its_cores_is_well(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 5})
    monkeypatch.setattr(job, "cpu_quota", lambda: None)
    assert [each.state for each in job.cores(Circumstances(tmp_path))] == ["ok"]
    monkeypatch.setattr(job, "cpu_quota", lambda: 1.0)
    assert wrong(job.cores(Circumstances(tmp_path)))


@pytest.mark.parametrize(("limit", "state"), [(None, "note"), (2000 * job.MB, "ok"), (500 * job.MB, "WRONG")])
def test_the_memory_of_a_job_is_what_its_cgroup_allows(tmp_path, monkeypatch, limit, state):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "2000")
    monkeypatch.setattr(job, "memory_limit", lambda: limit)
    assert [each.state for each in job.memory(Circumstances(tmp_path))] == [state]


def test_outside_a_job_nothing_is_said_of_one(tmp_path):
    assert [finding for check in CHECKS["job"] for finding in check(Circumstances(tmp_path))] == []


# --- Python -----------------------------------------------------------------------------------


def test_the_list_of_required_packages_is_that_of_the_installed_project():
    wanted = packages.required()
    assert wanted["torch"] == ">=2.4"
    assert not {"pytest", "image-similarity-measures"} & set(wanted)
    assert {"numpy", "opencv-python-headless"} <= set(wanted)


def test_a_package_is_imported_by_its_own_name():
    names = packages.import_names(
        ["opencv-python-headless", "pillow", "scikit-image", "pyyaml", "torch", "no-such-thing"]
    )
    assert names == {
        "opencv-python-headless": "cv2",
        "pillow": "PIL",
        "scikit-image": "skimage",
        "pyyaml": "yaml",
        "torch": "torch",
        "no-such-thing": None,
    }


def test_a_module_that_ends_python_does_not_keep_the_others_from_being_tried(tmp_path, monkeypatch):
    programs = {
        "sound": "",
        "broken": "raise ImportError('libGL.so.1: cannot open shared object file')",
        "crashing": "import os; os.abort()",
        "leaving": "import os; os._exit(3)",
        "last": "1 / 0",
    }
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert packages.import_faults(list(programs)) == {
        "broken": "ImportError: libGL.so.1: cannot open shared object file",
        "crashing": "the import ended Python by signal 6",
        "leaving": "the import ended Python with status 3",
        "last": "ZeroDivisionError: division by zero",
    }


def test_an_import_that_never_ends_is_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert packages.import_faults(["endless"], timeout_s=1) == {"endless": "the import did not end within 1 s"}


@pytest.mark.parametrize(
    ("arrow", "numpy", "clashes"), [("26.0.0", "1.26.4", True), ("25.0.1", "1.26.4", False), ("26.0.0", "2.1.0", False)]
)
def test_pyarrow_and_numpy_that_do_not_go_together_are_found(tmp_path, monkeypatch, arrow, numpy, clashes):
    monkeypatch.setattr(packages, "version_of", {"pyarrow": arrow, "numpy": numpy}.get)
    found = wrong(packages.clash(Circumstances(tmp_path)))
    assert bool(found) == clashes
    assert not found or found[0][1].endswith("'pyarrow<26'")


def test_a_version_that_the_project_does_not_take_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "import_faults", lambda modules: {})
    monkeypatch.setattr(packages, "version_of", lambda name: None if name == "h5py" else "999")
    found = dict(wrong(packages.requirements(Circumstances(tmp_path))))
    assert "h5py>=3.10 is not installed" in found
    (remedy,) = (remedy for what, remedy in found.items() if what.startswith("submitit 999 is installed; "))
    assert "'submitit" in remedy
    assert "<1.6" in remedy


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A program that stands for a container: it does a line, then starts Python. Few packages, to be quick."""
    monkeypatch.setattr(own_python, "required", lambda: {"PyYAML": "", "submitit": ""})

    def make(line=""):
        program = tmp_path / "container"
        program.write_text(f'#!/bin/sh\n{line}\nexec {shlex.quote(sys.executable)} "$@"\n')
        program.chmod(0o755)
        return asked(tmp_path, [f"cluster.train.python=[{program}]"])

    return make


def test_the_command_for_python_is_started_and_has_our_code_and_the_packages(container):
    (found,) = own_python.starts(container())
    assert found.state == "ok"
    assert found.what.startswith("cluster.python of train (")


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        ("echo no image >&2; exit 255", "starts no Python (status 255): no image", "in a job"),
        ("export PYTHONPATH=$PWD/other", "does not import our code", "pass the environment (PYTHONPATH) and mount"),
        ("export PYTHONPATH=$PWD/torn:$PYTHONPATH", "cannot import yaml: ImportError: torn", "setup.cfg"),
    ],
)
def test_a_command_for_python_that_would_fail_every_task_is_wrong(container, tmp_path, monkeypatch, line, what, remedy):
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "yaml.py").write_text("raise ImportError('torn')")
    (tmp_path / "other" / "srcnn").mkdir(parents=True)
    (tmp_path / "other" / "srcnn" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    ((found, cure),) = wrong(own_python.starts(container(line)))
    assert what in found
    assert remedy in cure


def test_a_command_for_python_that_is_not_here_is_named(tmp_path):
    settings = ["cluster.python=[apptainer-of-nobody, exec, image.sif, python]"]
    ((what, remedy),) = wrong(own_python.starts(asked(tmp_path, settings)))
    assert "there is no program apptainer-of-nobody here" in what
    assert "in a job" in remedy
    # A line of cluster.setup, which is for nodes, may bring it.
    (note,) = own_python.starts(asked(tmp_path, [*settings, "cluster.setup=[module load apptainer]"]))
    assert note.state == "note"


def test_a_folder_of_results_that_tasks_would_not_find_is_wrong(tmp_path):
    ((what, remedy),) = wrong(disk.root(Circumstances(tmp_path / "co:lon")))
    assert "splits PYTHONPATH at the colon" in what
    assert "--root" in remedy


def test_without_the_packages_that_it_needs_itself_the_doctor_still_says_what_is_wrong(tmp_path):
    for name in ("numpy", "pydantic", "rich"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('torn by a half-done upgrade')")
    result = subprocess.run(
        [sys.executable, "-m", "runner.doctor", "quickstart", "--root", str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1, result.stderr
    assert "WRONG numpy 1" in result.stdout or "WRONG numpy 2" in result.stdout
    assert "torn by a half-done upgrade" in result.stdout
    assert "results: " in result.stdout
    assert "Traceback" not in result.stderr


# --- GPU --------------------------------------------------------------------------------------

CPU_BUILD = Torch("2.13.0+cpu", None, [], None)
CUDA_BUILD = Torch("2.11.0", "12.8", ["H100, 79 GiB"], None)


def test_a_gpu_and_a_torch_that_was_built_for_the_cpu_is_wrong():
    found = gpu.judge(CPU_BUILD, ["H100"], 0, None)
    assert found.state == "WRONG"
    assert "built for the CPU only" in found.what
    assert "pip uninstall -y torch" in found.remedy


def test_a_machine_without_gpu_is_no_fault():
    assert gpu.judge(CPU_BUILD, [], 0, None).state == "note"


def test_a_job_whose_gpu_torch_does_not_see_is_wrong():
    assert gpu.judge(CPU_BUILD, [], 1, None).state == "WRONG"
    assert gpu.judge(CUDA_BUILD, ["H100"], 1, "0").state == "ok"
    fewer = gpu.judge(CUDA_BUILD, ["H100", "H100"], 2, "0")
    assert (fewer.state, "was given 2 GPUs, and torch sees 1" in fewer.what) == ("WRONG", True)


def test_a_stage_that_would_fail_for_want_of_a_gpu_is_wrong_inside_a_job_and_no_fault_on_a_login_node(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(gpu, "probe", lambda: CPU_BUILD)
    monkeypatch.setattr(gpu, "listed_cards", lambda: ([], ""))
    study, on_cpu = asked(tmp_path), asked(tmp_path, ["cluster.train.gpus=0"])
    assert [each.state for each in gpu.cuda(study)] == ["note"]
    ((what, _),) = wrong(gpu.cuda(asked(tmp_path, ["training.device=cuda"])))
    assert "train would fail here for want of one" in what
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    ((what, remedy),) = wrong(gpu.cuda(study))
    assert "this job was given none" in what
    assert "cluster.train.gpus=0" in remedy
    assert not wrong(gpu.cuda(on_cpu))
    assert not wrong(gpu.cuda(asked(tmp_path, ["training.device=cpu"])))


def test_a_driver_that_is_too_old_is_said_in_torchs_words():
    found = gpu.judge(Torch("2.11.0", "12.8", [], "the NVIDIA driver on your system is too old"), ["K80"], 0, None)
    assert found.state == "WRONG"
    assert "driver on your system is too old" in found.what
    assert "pytorch.org" in found.remedy


def test_gpus_that_a_variable_hides_are_no_fault_outside_a_job():
    found = gpu.judge(Torch("2.11.0", "12.8", [], "No CUDA GPUs are available"), ["H100"], 0, "")
    assert (found.state, "hidden by CUDA_VISIBLE_DEVICES=''" in found.what) == ("note", True)


def test_torch_tells_of_itself():
    found = gpu.probe()
    assert found is not None
    assert found.version.startswith("2.")


# --- disk -------------------------------------------------------------------------------------


def test_a_root_that_is_not_there_yet_is_looked_at_where_it_will_be_and_not_made(tmp_path):
    (found,) = disk.root(Circumstances(tmp_path / "a" / "b"))
    assert found.state == "ok"
    assert "not there yet" in found.what
    assert list(tmp_path.iterdir()) == []


def test_a_root_where_nothing_can_be_written_is_wrong(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", refuse)
    ((what, remedy),) = wrong(disk.root(Circumstances(tmp_path)))
    assert what.endswith("cannot bring a file to the disk (fsync): Disk quota exceeded")
    assert "--root" in remedy
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_root_is_wrong(tmp_path):
    (tmp_path / "results").write_text("")
    assert wrong(disk.root(Circumstances(tmp_path / "results")))


@pytest.mark.usefixtures("slurm")
def test_results_that_only_this_node_would_see_are_noted_on_a_cluster(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert [each.state for each in disk.root(Circumstances(tmp_path / "results"))] == ["ok", "note"]


def test_a_file_servers_clock_that_is_off_is_noted(tmp_path, monkeypatch):
    (found,) = disk.clock(Circumstances(tmp_path))
    assert found.state == "ok"
    monkeypatch.setattr(disk, "time_skew", lambda folder: -40.0)
    (found,) = disk.clock(Circumstances(tmp_path))
    assert (found.state, "40 s behind this machine's clock" in found.what) == ("note", True)


def test_a_cache_that_cannot_be_written_is_noted_with_the_variable_that_names_another(tmp_path, monkeypatch):
    monkeypatch.setattr("srcnn.metrics.kernels.cache.cache_folder", lambda: tmp_path / "kernels")
    (tmp_path / "kernels").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "elsewhere"))
    (found,) = disk.kernels(Circumstances(tmp_path))
    assert (found.state, "NUMBA_CACHE_DIR" in found.remedy) == ("note", True)


# --- study ------------------------------------------------------------------------------------


def test_a_study_that_does_not_fit_on_the_disk_is_wrong(tmp_path, monkeypatch):
    there = asked(tmp_path)
    assert [each.state for each in study.space(there)] == ["ok"]
    full = os.statvfs(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000, "total": full.f_blocks}))
    ((what, remedy),) = wrong(study.space(there))
    assert what.endswith("1 kB are free")
    assert "--root" in remedy


def test_what_a_submission_would_refuse_is_wrong(tmp_path):
    there = asked(tmp_path, [f"data.eval={tmp_path}/train"])
    ((what, _),) = wrong(study.plan(there))
    assert "evaluation pictures are among the training pictures" in what
    assert list(study.space(there)) == []
