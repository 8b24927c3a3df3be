"""What we use of submitit beyond its promises is as it was, and nobody else uses it."""

import configparser
import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import version

import submitit
from conftest import REPOSITORY
from submitit.core.utils import DelayedSubmission, JobPaths
from submitit.slurm import slurm

from runner.executors import submitit_ways
from runner.executors.submitit_names import LOG, OWN_PICKLES, RESULT, SUBMIT, log_file
from runner.executors.submitit_ways import batch_file, name_after, unsent_calls

CHANGED = "submitit has changed: correct runner/executors/submitit_ways.py, then the bounds in setup.cfg"


def test_only_versions_that_were_looked_at_are_installed():
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    (bounds,) = [line for line in settings["options"]["install_requires"].split() if line.startswith("submitit")]
    assert bounds == "submitit>=1.5.2,<1.6", "look at submitit_ways.py whenever the bounds change"
    assert version("submitit").startswith("1.5."), CHANGED


def test_its_files_are_named_as_we_name_them(tmp_path):
    for job in ("7", "7_3"):
        paths = JobPaths(tmp_path, job)
        assert (paths.stdout, paths.result_pickle) == (log_file(tmp_path, job), tmp_path / f"{job}{RESULT}"), CHANGED
        assert paths.submitted_pickle.name.endswith(OWN_PICKLES), CHANGED
        assert paths.result_pickle.name.endswith(OWN_PICKLES), CHANGED


def test_a_task_leaves_its_last_word_and_its_log_where_we_look(tmp_path):
    executor = submitit.LocalExecutor(tmp_path)
    executor.update_parameters(timeout_min=1, stderr_to_stdout=True)
    job = executor.submit(submitit_ways.own_log)
    assert job.result() == str(log_file(tmp_path, job.job_id)), CHANGED
    assert (tmp_path / f"{job.job_id}{RESULT}").exists(), CHANGED
    assert log_file(tmp_path, job.job_id).exists(), CHANGED


def test_a_batch_file_starts_a_pickled_task_as_submitit_itself_does(tmp_path):
    text = batch_file({"additional_parameters": {}, "srun_args": []}, tmp_path, 2, "python")
    assert f"python -u -m {SUBMIT} {tmp_path}" in text, CHANGED
    command = submitit.SlurmExecutor._submitit_command_str.fget
    assert f"-u -m {SUBMIT}" in inspect.getsource(command), CHANGED
    assert f"#SBATCH --output={tmp_path}/%A_%a{LOG}" in text, CHANGED
    help_text = subprocess.run([sys.executable, "-m", SUBMIT], capture_output=True, text=True, env=os.environ)
    assert "No module named" not in help_text.stderr, CHANGED
    assert {"command", "folder", "map_count"} <= inspect.signature(slurm._make_sbatch_string).parameters.keys(), CHANGED


def test_a_pickle_that_was_not_named_yet_is_found_and_named(tmp_path):
    file = tmp_path / "0123456789abcdef.pkl"
    DelayedSubmission(len, "abc").dump(file)
    (tmp_path / f"7{RESULT}").write_bytes(b"")
    (tmp_path / "torn.pkl").write_bytes(b"")
    ((found, call),) = unsent_calls(tmp_path)
    assert (found, call) == (file, len)
    name_after(file, "7_0")
    assert JobPaths(tmp_path, "7_0").submitted_pickle.exists()


def test_nobody_else_uses_what_it_does_not_promise():
    private = re.compile(
        r"submitit\.(core|slurm|local)\b|_0_(log|result)\b|JobPaths|JobEnvironment|_make_sbatch_string"
    )
    guilty = {
        str(file.relative_to(REPOSITORY))
        for package in ("srcnn", "jobs", "runner", "analysis")
        for file in (REPOSITORY / package).rglob("*.py")
        if private.search(file.read_text())
    }
    assert guilty == {"runner/executors/submitit_names.py", "runner/executors/submitit_ways.py"}
