"""A job that SLURM, its user or an administrator holds is named as held, and let go by the next submission."""

import pytest

from .studies import Submitted, hold, let_go, stub_study

NODE = "node2"


def held(study, stage="train"):
    """The held task of a stage, as ``status`` sees it; None if it is not held now."""
    found = [task for task in study.tasks(stage) if task["state"] == "held"]
    return found[0] if found else None


def drain(slurm, nodes="node2,node3"):
    """Nothing starts on these nodes from now on."""
    slurm.run("scontrol", "update", f"nodename={nodes}", "state=drain", "reason=later", check=True)


@pytest.fixture
def spoilt(slurm, tmp_path):
    """A study on a node where no job can be started."""
    slurm.call("spoil-node", NODE)
    drain(slurm, "node3")
    return Submitted(slurm, stub_study(tmp_path))


def test_a_job_that_a_bad_node_could_not_start_is_named_and_released(slurm, spoilt):
    study = spoilt
    slurm.wait_for(lambda: (held(study) or {}).get("host"), "the failed launch, and accounting's word on where", 300)
    task = held(study)
    assert task["detail"] == f"launch failed requeued held: no job could be started on {NODE}"
    assert (task["held_by"], task["host"], task["attempts"]) == ("scheduler", NODE, 0)
    text = study.command("status", str(study.folder))
    assert text.returncode == 4
    assert f"held: train: {task['stage']} {task['label']}, job {task['job']}" in text.stdout
    assert f"python -m runner.submit {study.folder}" in text.stdout
    watched = study.command("status", str(study.folder), "--watch")  # no terminal: it ends, since nobody looks on
    assert watched.returncode == 4
    planned = study.submit(str(study.folder), "--dry-run")
    assert f"job {task['job']} would be released" in planned
    assert held(study)
    slurm.call("mend-node", NODE)
    slurm.run("scontrol", "update", "nodename=node3", "state=resume", check=True)
    said = study.submit(str(study.folder))
    assert f"job {task['job']} released, held until now ({task['detail']})" in said
    assert f"scontrol update jobid={task['job']} excnodelist={NODE}" in said
    assert "Nothing to send." in said
    study.wait_until_done()
    assert len(list((study.folder / "submissions").iterdir())) == 1


def test_jobs_that_a_person_holds_are_told_from_those_that_wait(slurm, tmp_path):
    slurm.call("stop-accounting")  # squeue alone tells all of it
    drain(slurm)
    study = Submitted(slurm, stub_study(tmp_path, sweep={"grid": {"seed": [1, 2, 3]}}))
    jobs = {task["label"]: task["job"] for task in study.tasks("render")}
    slurm.run("scontrol", "uhold", jobs["seed=1"], check=True)
    slurm.run("scontrol", "hold", jobs["seed=2"], check=True)  # the user of this cluster administers it
    found = {task["label"]: task for task in study.tasks("render")}
    assert [found[f"seed={n}"]["state"] for n in (1, 2, 3)] == ["held", "held", "waiting"]
    assert [found[f"seed={n}"]["held_by"] for n in (1, 2, 3)] == ["user", "administrator", None]
    assert found["seed=3"]["detail"] == "train"
    only = study.submit(str(study.folder), "--only", "failed")
    assert "released" not in only  # a person's order, and nothing that failed
    said = study.submit(str(study.folder))
    assert f"render seed=1: job {jobs['seed=1']} released, held until now (JobHeldUser: its user holds it)" in said
    assert f"note: render seed=2: job {jobs['seed=2']} cannot be released from here (JobHeldAdmin: " in said
    assert {task["label"] for task in study.tasks("render") if task["state"] == "held"} == {"seed=2"}
    slurm.run("scontrol", "release", jobs["seed=2"], check=True)
    assert {task["state"] for task in study.tasks("render")} == {"waiting"}


@pytest.mark.usefixtures("training_alone")
def test_a_job_that_was_put_back_in_held_state_is_named_and_released(slurm, tmp_path):
    study = Submitted(slurm, hold(stub_study(tmp_path), after=3))
    job = study.wait_for_epoch(3)["job"]
    slurm.run("scontrol", "requeuehold", "State=SpecialExit", job, check=True)
    task = slurm.wait_for(lambda: held(study), "the held training", 300, every=0.3)
    assert task["detail"].startswith("job requeued in held state: scontrol requeuehold, or a rule of the site")
    assert task["job"] == job
    let_go(study.file)
    said = study.submit(str(study.folder))
    assert f"train tiny: job {job} released" in said
    study.wait_until_done()
    assert [a["first"] for a in study.attempts()] == [0, 3]  # of which the time left knows


def test_while_squeue_alone_is_silent_no_task_is_called_missing(slurm, tmp_path, monkeypatch):
    """Accounting answers, and does not know jobs that were never eligible."""
    drain(slurm)
    study = Submitted(slurm, stub_study(tmp_path))
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "squeue").write_text("#!/bin/sh\necho 'squeue: error: Socket timed out' >&2\nexit 1\n")
    (broken / "squeue").chmod(0o700)
    monkeypatch.setitem(slurm.env, "PATH", f"{broken}:{slurm.env['PATH']}")
    status = study.status()
    assert {task["state"] for task in status["tasks"]} == {"waiting"}
    assert status["notes"] == ["the scheduler does not answer (squeue: error: Socket timed out)"]


def test_a_job_that_is_to_begin_later_says_when(slurm, tmp_path):
    drain(slurm)
    study = Submitted(slurm, stub_study(tmp_path))
    (task,) = study.tasks("train")
    slurm.run("scontrol", "update", f"jobid={task['job']}", "starttime=2035-01-02T03:04:05", check=True)

    def detail():
        return study.tasks("train")[0]["detail"]

    slurm.wait_for(lambda: detail() == "2035-01-02 03:04:05", "the time that the job waits for", 30, every=0.3)
    assert study.command("status", str(study.folder)).returncode == 3
