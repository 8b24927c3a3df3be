"""What is sent again, with which resources; what is taken for dead, and what is not."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import tiny_study

from runner.executors.job_state import Answer, Origin
from runner.executors.slurm import scheduler
from runner.executors.slurm.requeue import KILLS, decide
from runner.executors.slurm.states import SlurmJob, _from_sacct, _seconds, job_states
from runner.executors.snapshot import take_snapshot
from runner.executors.table import executor
from runner.record.array_ids import expand
from runner.record.judged import JudgedTask
from runner.record.state import judge
from runner.record.submission import SentArray, SentJob, Submission, latest_jobs, new_submission, submissions
from runner.record.tasks import RecordedTask
from runner.study.config import load_study
from runner.study.plan import make_plan
from runner.study.selection import only_failed, tasks_to_send, with_resources
from srcnn.paths import RootPaths, StudyPaths
from srcnn.schema import Attempt

NOW = 1_800_000_000.0
SENT = "0002-20270115T070000.000000Z"


@pytest.fixture
def plan(tmp_path):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": [1, 2]}})
    return make_plan(load_study(str(file))[0], RootPaths(tmp_path / "results"))


def keys(tasks):
    return [task.key for task in tasks]


def test_what_is_under_way_is_not_sent_again(plan):
    active = set(keys(plan.tasks)) - {("render", plan.runs[1].run_id)}
    # More tasks come with a report of their own: the one that is queued waits only for the others.
    assert keys(tasks_to_send(plan.tasks, active)) == [("render", plan.runs[1].run_id), ("report", "report")]
    assert tasks_to_send(plan.tasks, set(keys(plan.tasks))) == []


def test_a_report_that_was_lost_is_sent_while_others_run(plan):
    active = set(keys(plan.tasks)) - {("report", "report")}
    assert keys(tasks_to_send(plan.tasks, active)) == [("report", "report")]


def test_only_what_failed_is_tried_again_with_what_needs_it_and_what_it_lacks(plan):
    first, second = (run.run_id for run in plan.runs)
    found = set(keys(only_failed(plan.tasks, {("render", first)})))
    prepare = plan.stage("prepare")[0].key
    assert found == {prepare, ("train", first), ("render", first), ("evaluate", f"{first}.0"), ("report", "report")}
    assert not any(second in name for _, name in found)
    assert only_failed(plan.tasks, ()) == []


def test_more_memory_is_for_the_stages_that_failed_by_themselves(plan):
    before = plan.study.cluster
    after = with_resources(before, plan.tasks, {plan.stage("train")[0].key}, {"mem_gb": 48})
    assert after.stage("train").mem_gb == 48
    assert after.stage("report").mem_gb == before.stage("report").mem_gb
    every = with_resources(before, plan.tasks, (), {"timeout_min": 7, "mem_gb": None})
    assert {every.stage(name).timeout_min for name in ("train", "report")} == {7}
    assert every.stage("train").mem_gb == before.stage("train").mem_gb


def test_a_killed_job_goes_back_unless_there_is_a_reason():
    assert decide("RUNNING", 1, b"loss 0.1") is None
    assert "killed 4 times" in decide("RUNNING", KILLS + 1, b"")
    assert "the job is CANCELLED" in decide("CANCELLED", 1, b"")
    assert "--mem-gb" in decide("RUNNING", 1, b"slurmstepd: error: Detected 1 oom_kill event in StepId=7.0.")
    assert "--mem-gb" in decide("RUNNING", 1, b"epoch 1\nslurmstepd: error: Exceeded job memory limit")
    assert decide("RUNNING", 1, b"train r1: 3/9 none of 4 workers ran out of memory\n") is None  # the task's own words


def test_ids_of_arrays_are_spelt_out():
    assert list(expand("12_[0-2,7%5]")) == ["12_0", "12_1", "12_2", "12_7"]
    assert list(expand("12_3")) == ["12_3"]


def slurm_says(states, **about):
    """The executor's answer where SLURM's commands tell these states."""
    return Answer({job: state.told() for job, state in states.items()}, **about)


def judge_sent(task, answer, job, names=("r1",), earlier=(), folder=Path("submissions")):
    """The state of a task that was sent as a job."""
    array = SentArray(task.stage, job.partition("_")[0], names)
    sent = SentJob(job, task.key, array, Submission(folder / SENT, "slurm", [array]))
    return judge(task, sent, executor("slurm"), answer, {each.key: each for each in earlier}, False)


def judged(states, attempt=None, job="123", answer=None, needs=()):
    """The state of a training that was sent as a job."""
    task = RecordedTask("train", "r1", "", tuple(needs), False, attempt, attempt.number if attempt else 0)
    return judge_sent(task, answer or slurm_says(states), job)


def attempt(**fields):
    own = {"stage": "train", "task": "r1", "number": 1, "host": "n", "pid": 1, "start": NOW - 900, "submission": SENT}
    return Attempt(**{**own, **fields})


def test_without_accounting_a_job_that_left_the_queue_is_over():
    without = Answer({}, "no accounting", answered=True, complete=False)
    found = judged({}, answer=without)
    assert (found.state, found.cause) == ("failed", "unknown")
    assert judged({}, attempt(job="123"), answer=without).state == "failed"


def test_while_nothing_answers_nothing_is_taken_for_dead():
    silent = Answer({}, "the scheduler does not answer", answered=False, complete=False)
    assert judged({}, answer=silent).state == "waiting"
    assert judged({}, attempt(job="123"), answer=silent).state == "running"


def test_a_task_that_runs_is_told_from_one_that_was_put_back_whatever_the_clocks_say():
    """The clock of the node is an hour ahead; accounting is seconds behind."""
    record = attempt(start=NOW + 3600)
    waits = {"123": SlurmJob("PENDING", "Priority")}
    assert judged(waits, record).state == "waiting"
    silent = slurm_says(waits, note="squeue does not answer", answered=False)
    assert judged(waits, record, answer=silent).state == "running"


def test_an_older_job_that_starts_again_does_not_hide_the_newer_one():
    waiting = {"123": SlurmJob("PENDING", "Priority")}
    earlier = attempt(job="99", outcome="running", submission="0001-20280115T070000.000000Z")
    found = judged(waiting, earlier)
    assert (found.state, found.job) == ("waiting", "123")


def test_a_job_with_the_number_of_an_earlier_one_does_not_take_over_its_record():
    """Numbers begin again, on a cluster set up anew and where SLURM has used all that it has."""
    waiting = {"123": SlurmJob("PENDING", "Priority")}
    failed = attempt(job="123", outcome="failed", cause="ValueError", submission="0001-20270114T070000.000000Z")
    assert judged(waiting, failed).state == "waiting"
    assert judged({"123": SlurmJob("CANCELLED", "", "0:0", "None assigned")}, failed).cause == "cancelled"


@pytest.mark.parametrize("inside", [None, "77"])
def test_what_was_run_on_this_machine_since_counts_whatever_the_clocks_say(tmp_path, inside):
    """Also from inside a job of one's own, and where the clock of this machine is years behind."""
    (tmp_path / "0003-20200101T000000.000000Z").mkdir()
    here = attempt(job=inside, start=1.0, outcome="failed", cause="ValueError", message="bad")
    here.submission = "0003-20200101T000000.000000Z"
    task = RecordedTask("train", "r1", "", (), False, here, 1)
    found = judge_sent(task, Answer({}), "123", folder=tmp_path)
    assert (found.cause, found.job) == ("exception", None)


def test_submissions_are_ordered_by_number_whatever_the_clocks_say(tmp_path):
    """One was sent from a machine whose clock is a year ahead; ten thousand are in order too."""
    paths = StudyPaths(tmp_path)
    for number, (name, job) in enumerate({"9999-2027": "1", "10000-2026": "2"}.items()):
        folder = paths.submission(name)
        folder.mkdir(parents=True)
        Submission(folder, "slurm").add(SentArray("train", job, ("r1",)))
        assert new_submission(paths).name.startswith(f"{10000 + number}-")
    assert latest_jobs(submissions(paths))["train", "r1"].id == "2"


def test_a_running_task_says_the_time_that_its_own_record_says():
    record = attempt(job="123", done=91, total=100, first=90, seconds_left=45.0)
    found = judged({"123": SlurmJob("RUNNING", node="n")}, record)
    assert (found.state, found.done, found.seconds_left) == ("running", 91, 45.0)


@pytest.mark.parametrize(
    ("state", "holder", "said"),
    [
        (SlurmJob("PENDING", "launch failed requeued held", priority=0, earlier_node="node7"), "scheduler", "node7"),
        (SlurmJob("PENDING", "launch failed requeued held", priority=0), "scheduler", "sinfo -R"),
        (SlurmJob("PENDING", "job requeued in held state", priority=0), "user", "requeuehold"),
        (SlurmJob("SPECIAL_EXIT", "job requeued in held state", priority=0), "user", "requeuehold"),
        (SlurmJob("REQUEUE_HOLD", ""), "scheduler", "REQUEUE_HOLD"),
        (SlurmJob("RESV_DEL_HOLD", "ReservationDeleted", priority=0), "scheduler", "ReservationDeleted"),
        (SlurmJob("PENDING", "JobHeldUser", priority=0), "user", "its user holds it"),
        (SlurmJob("PENDING", "JobHeldAdmin", priority=0), "administrator", "only an administrator can release it"),
        (SlurmJob("PENDING", "a reason of later versions", priority=0), "scheduler", "a reason of later versions"),
    ],
)
def test_a_job_that_is_held_is_told_from_one_that_waits(state, holder, said):
    found = judged({"123": state})
    assert (found.state, found.held_by, found.under_way) == ("held", holder, True)
    assert said in found.detail
    assert found.detail.startswith(state.reason)
    assert found.host == (state.earlier_node or None)


def test_a_job_that_is_held_though_its_files_are_there_is_named_while_others_wait_for_it(monkeypatch):
    """A node is lost between a task's last file and the end of its job, and the next one cannot start it."""
    said = {
        "sacct": "8|PENDING|Dependency|0:0|None assigned|0|10|1795664332|tiny-report|",
        "squeue": "8|PENDING|Dependency||N/A|9|0:05|10:00|tiny-report|\n"
        "7_1|PENDING|launch failed requeued held||N/A|0|0:00|10:00|tiny-evaluate|",
    }
    monkeypatch.setattr(scheduler, "call", lambda command, *_, **__: said[command])
    answer = job_states({"8": Origin()}, settled={"7_0": Origin(), "7_1": Origin()})
    assert answer.states.keys() == {"8", "7_1"}
    task = RecordedTask("evaluate", "r1.1", "", (), True, attempt(outcome="done"), 1)
    found = judge_sent(task, answer, "7_1", ("r1.0", "r1.1"))
    assert (found.state, found.held_by) == ("held", "scheduler")
    assert judge(task, None, None, answer, {}, False).state == "done"


@pytest.mark.parametrize("end", ["NODE_FAIL", "PREEMPTED", "TIMEOUT", "CANCELLED"])
def test_accounting_that_is_behind_does_not_make_a_job_that_is_put_back_a_failed_one(monkeypatch, end):
    """It is told of the end of the first start; of the next it hears when that begins."""
    said = {
        "sacct": f"7|{end}|None|0:0|node2|10|10|1795664332|tiny-train|",
        "squeue": "7|PENDING|BeginTime||N/A|9|0:05|10:00|tiny-train|",
    }
    monkeypatch.setattr(scheduler, "call", lambda command, *_, **__: said[command])
    (state,) = job_states({"7": Origin()}).states.values()
    assert (state.word, state.node, state.started) == ("PENDING", "node2", False)
    said["squeue"] = "7|COMPLETING|None|node2|N/A|9|0:05|10:00|tiny-train|"
    (state,) = job_states({"7": Origin()}).states.values()
    assert state.alive == (end in ("NODE_FAIL", "PREEMPTED"))  # whoever cancels is not told that it goes on
    said["squeue"] = f"7|{end}|None|node2|N/A|9|0:05|10:00|tiny-train|"
    (state,) = job_states({"7": Origin()}).states.values()
    assert (state.word, state.alive) == (end, False)


@pytest.mark.parametrize("state", [SlurmJob("PENDING", "Priority", priority=1), SlurmJob("PENDING", "Priority")])
def test_a_job_that_has_its_turn_to_come_is_not_held(state):
    assert (judged({"123": state}).state, state.held_by) == ("waiting", None)


def test_what_waits_for_a_time_is_told_from_what_was_put_back():
    state = SlurmJob("PENDING", "BeginTime", starts="2027-01-01T08:00:00", priority=5)
    assert judged({"123": state}).detail == "2027-01-01 08:00:00"
    put_back = "its turn after it was put back into the queue (not before 2027-01-01 08:00:00)"
    assert judged({"123": replace(state, earlier_node="node2")}).detail == put_back
    assert judged({"123": state}, attempt(job="123", outcome="interrupted")).detail == f"{put_back}; 1 attempt so far"
    # The attempt of an earlier job put nothing back.
    before = attempt(job="99", submission="0001-20270114T070000.000000Z")
    assert judged({"123": state}, before).detail == "2027-01-01 08:00:00; 1 attempt so far"


def test_accounting_tells_where_a_job_was_started_before():
    rows = [
        "6_0.batch|RUNNING||0:0|node2|0||1795664331|batch|",  # a step whose job is missing
        "7_0|PENDING|JobHeldUser|0:0|None assigned|00:00:00||1795664334|tiny-train|",
        "7_0|REQUEUED|None|0:0|node2|0|10|1795664332|tiny-train|",
        "7_0.batch|OUT_OF_MEMORY||0:125|node2|0||1795664332|batch|",
        "7_[1-2]|PENDING|None|0:0|None assigned|0|10|1795664332|tiny-train|",
    ]
    states = _from_sacct("\n".join(rows), dict.fromkeys(("7_0", "7_1", "7_2"), Origin()))
    assert states.keys() == {"7_0", "7_1", "7_2"}
    assert (states["7_0"].state, states["7_0"].started, states["7_0"].last_node) == ("PENDING", False, "node2")
    assert not states["7_0"].step_states  # of the start before
    assert states["7_1"].last_node == ""


def test_of_a_launch_that_failed_the_queue_is_believed_where_accounting_says_that_its_user_holds_it(monkeypatch):
    rows = (
        "7|REQUEUED|None|0:0|node2|0|10|1795664332|tiny-train|\n"
        "7|PENDING|{}|0:0|None assigned|0|10|1795664333|tiny-train|"
    )
    said = {"squeue": "7|PENDING|launch failed requeued held||N/A|0|0:00|10:00|tiny-train|"}
    monkeypatch.setattr(scheduler, "call", lambda command, *_, **__: said[command])
    for reason in ("None", "JobHeldUser"):
        said["sacct"] = rows.format(reason)
        (state,) = job_states({"7": Origin()}).states.values()
        assert (state.held_by, state.node) == ("scheduler", "node2")
        assert state.why == "launch failed requeued held: no job could be started on node2"


@pytest.mark.parametrize(
    ("submit", "name", "comment", "ours"),
    [
        (1_000, "tiny-train", "", True),
        (1_000, "allocation", "", True),  # as accounting calls what has only just started
        (1_001, "tiny-train", "srcnn-0123456789abcdef", True),
        (999, "tiny-train", "", False),  # before SLURM began its numbers again
        (1_001, "other-train", "", False),  # after it did
        (1_001, "tiny-train", "srcnn-fedcba9876543210", False),  # a study of this name below another root
    ],
)
def test_accounting_of_another_job_with_the_number_is_no_answer(submit, name, comment, ours):
    origin = Origin("tiny-train", "srcnn-0123456789abcdef", 1_000.0)
    row = f"7|CANCELLED by 0|None|0:0|None assigned|0|10|{submit}|{name}|{comment}"
    assert bool(_from_sacct(row, {"7": origin})) == ours


def test_of_two_jobs_with_one_number_the_earlier_is_over():
    sent = [
        Submission(Path("0001-2027"), "slurm", [SentArray("train", "7", ("r1",))]),
        Submission(Path("0002-2027"), "slurm", [SentArray("train", "7", ("r2",))]),
    ]
    assert latest_jobs(sent[:1]).keys() == {("train", "r1")}
    assert latest_jobs(sent).keys() == {("train", "r2")}


def test_slurm_knows_better_than_the_task_that_memory_ran_out():
    record = attempt(job="123", outcome="failed", cause="TerminatedWorkerError", message="A worker was killed")
    over = SlurmJob("OUT_OF_MEMORY", "", "0:125", "node2")
    assert judged({"123": over}, record).cause == "out of memory"
    stepped = replace(over, state="FAILED", step_states=frozenset({"OUT_OF_MEMORY"}))
    assert judged({"123": stepped}, record).cause == "out of memory"
    assert judged({"123": SlurmJob("FAILED", "", "1:0", "node2")}, record).cause == "exception"


def test_causes_are_told_apart():
    ended = {
        "TIMEOUT": "time limit",
        "NODE_FAIL": "node failure",
        "PREEMPTED": "preempted",
        "CANCELLED": "cancelled",
        "OUT_OF_MEMORY": "out of memory",
    }
    for state, cause in ended.items():
        assert judged({"123": SlurmJob(state, "", "0:0", "node2")}).cause == cause
    assert judged({"123": SlurmJob("FAILED", "", "137:0", "node2")}).cause == "killed"


@pytest.mark.parametrize(
    ("reason", "cause", "expected"),
    [
        ("Dependency", "cancelled", "dependency"),
        ("", "node failure", "dependency"),
        ("", "cancelled", "cancelled"),
    ],
)
def test_what_slurm_cancels_for_want_of_what_it_needs_is_told_from_what_people_cancel(reason, cause, expected):
    train = JudgedTask("train", "r1", "", "failed", cause)
    task = RecordedTask("render", "r1", "", (train.key,), False, None, 0)
    gone = slurm_says({"124": SlurmJob("CANCELLED", reason, "0:0", "None assigned")})
    assert judge_sent(task, gone, "124", earlier=[train]).cause == expected


def test_a_model_beside_our_packages_is_part_of_the_snapshot(tmp_path, monkeypatch):
    """Somebody who works inside a checkout: the module lies where our own packages do."""
    from runner.executors import snapshot

    for package in snapshot.PACKAGES:
        (tmp_path / "home" / package).mkdir(parents=True)
    (tmp_path / "home" / "beside.py").write_text("VALUE = 1\n")
    monkeypatch.setattr(snapshot, "_home", lambda: tmp_path / "home")
    monkeypatch.setattr(snapshot, "own_modules", lambda plan: ["beside"])
    monkeypatch.syspath_prepend(str(tmp_path / "home"))
    assert take_snapshot(None, tmp_path / "submission") == [tmp_path / "submission" / "code", tmp_path / "home"]
    assert (tmp_path / "submission" / "code" / "beside.py").read_text() == "VALUE = 1\n"


@pytest.mark.parametrize(
    ("elapsed_s", "limit_min", "end"), [(40, 60, "preempted"), (3600, 60, "time limit"), (None, None, "time limit")]
)
def test_a_time_limit_that_was_far_was_a_preemption(elapsed_s, limit_min, end):
    """SLURM may call the end of a preemption's grace a time limit."""
    assert SlurmJob("TIMEOUT", elapsed_s=elapsed_s, limit_min=limit_min).told().end == end


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:07", 7), ("12:30", 750), ("1:00:00", 3600), ("2-01:00:05", 176_405), ("UNLIMITED", None)]
)
def test_times_are_read_as_squeue_writes_them(text, seconds):
    assert _seconds(text) == seconds
