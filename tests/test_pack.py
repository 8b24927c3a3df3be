"""Tasks that share a job: how many, in which jobs, and what the process does that starts them."""

import os
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from conftest import REPOSITORY, tiny_study, wait_for
from stub_stages import Follow, Train

from jobs.attempt import attempt_files, last_attempt, read_attempt
from jobs.processes import born
from runner.executors.job_state import JobState
from runner.executors.slurm.arrays import arrange
from runner.executors.slurm.inside import InSlurm
from runner.executors.slurm.pack import PackCall, TasksFailed
from runner.executors.slurm.requeue import KILLS
from runner.executors.task import TaskCall
from runner.record.shared_job import ROOM, of_one_task
from runner.record.submission import SentArray, Submission, read_submission
from runner.study.config import ConfigError, load_study
from runner.study.cost import cost, cost_text
from runner.study.packs import Pack, packs_of
from runner.study.plan import Plan, make_plan
from runner.submit import main
from srcnn.files import write_json
from srcnn.paths import RootPaths
from srcnn.schema import Attempt


def plan_of(folder: Path, *settings: str, runs: int = 10, shards: int = 2) -> Plan:
    file = tiny_study(folder, sweep={"grid": {"seed": list(range(runs))}}, evaluate__shards=shards)
    return make_plan(load_study(str(file), settings)[0], RootPaths(folder / "results"))


def arranged(plan: Plan, array_size: int = 1001) -> list[tuple[str, int, int, str | None]]:
    """Stage, tasks, jobs and dependency of each array, as if each got the next number from 100 on."""
    batches = arrange(plan.study.cluster, plan.missing(), {}, array_size, packs_of(plan))
    for number, batch in enumerate(batches):
        batch.job = str(100 + number)
    return [(batch.stage, len(batch.tasks), len(batch.jobs), batch.dependency()) for batch in batches]


def test_what_needs_runs_that_share_a_job_waits_for_that_job_alone(tmp_path):
    assert arranged(plan_of(tmp_path, "cluster.train.pack=4"))[2:-1] == [
        ("train", 10, 3, "afterok:100"),
        ("render", 4, 4, "afterany:102_0"),
        ("render", 4, 4, "afterany:102_1"),
        ("render", 2, 2, "afterany:102_2"),
        ("evaluate", 4, 4, "aftercorr:103"),
        ("evaluate", 4, 4, "aftercorr:104"),
        ("evaluate", 2, 2, "aftercorr:105"),
        ("evaluate", 4, 4, "aftercorr:103"),
        ("evaluate", 4, 4, "aftercorr:104"),
        ("evaluate", 2, 2, "aftercorr:105"),
    ]


def test_blocks_that_share_a_job_wait_for_all_that_they_need(tmp_path):
    found = arranged(plan_of(tmp_path, "cluster.evaluate.pack=3", runs=3))
    assert [each for each in found if each[0] in ("train", "render", "evaluate")] == [
        ("train", 3, 3, "afterok:100"),
        ("render", 3, 3, "aftercorr:102"),
        ("evaluate", 3, 1, "afterany:103_0:103_1"),
        ("evaluate", 3, 1, "afterany:103_1:103_2"),
    ]


@pytest.mark.parametrize("size", [2, 3, 1001])
def test_arrays_of_shared_jobs_are_no_larger_than_allowed_and_hold_every_task_once(tmp_path, size):
    plan = plan_of(tmp_path, "cluster.train.pack=4", "cluster.render.pack=3", "cluster.evaluate.pack=3")
    batches = arrange(plan.study.cluster, plan.missing(), {}, size, packs_of(plan))
    assert all(len(batch.jobs) <= size for batch in batches)
    sent = [task.key for batch in batches for task in batch.tasks]
    assert sorted(sent) == sorted(task.key for task in plan.missing())
    if size == 3:  # not 2 jobs of 3 runs and one of 1, as if arrays counted runs
        assert sum(len(batch.jobs) for batch in batches if batch.stage == "train") == 3


def test_no_more_tasks_run_at_once_than_the_cap_where_they_share_jobs(tmp_path):
    plan = plan_of(tmp_path, "cluster.train.pack=4", "cluster.train.parallelism=9", runs=40)
    (train,) = [b for b in arrange(plan.study.cluster, plan.missing(), {}, 1001, packs_of(plan)) if b.stage == "train"]
    assert (len(train.jobs), train.parallelism) == (10, 2)


def test_a_job_asks_for_cores_and_memory_of_all_and_one_gpu(tmp_path, capsys):
    file = tiny_study(tmp_path, sweep={"grid": {"seed": list(range(10))}})
    pack = ("cluster.train.pack=4", "cluster.train.mem_gb=1.5", "cluster.train.cpus=3", "cluster.train.timeout_min=60")
    assert main([str(file), *pack, "--executor", "slurm", "--dry-run", "--root", str(tmp_path / "results")]) == 0
    out = capsys.readouterr().out
    header = out.split("\ntrain:\n")[1].split("# command")[0].splitlines()
    for option in ("--cpus-per-task=12", "--mem=6144MB", "--gpus-per-node=1", "--array=0-2%3", "--time=60"):
        assert f"#SBATCH {option}" in header
    assert "12 cores, 6 GB" in " ".join(out.split())
    assert "shared by 4 tasks at once" in " ".join(out.split())
    plan = plan_of(tmp_path, *pack)
    asked = cost(plan.study.cluster, plan.stage("train"), packs_of(plan))
    assert (asked.tasks, asked.jobs, asked.core_hours, asked.gpu_hours) == (10, 3, 36, 3)
    assert cost_text(plan.study.cluster, plan.stage("train"), packs_of(plan)).startswith("asks for: 10 tasks in 3 jobs")
    few = plan_of(tmp_path, *pack, runs=2)  # who asks for two runs needs no cores for four
    assert cost(few.study.cluster, few.stage("train"), packs_of(few)).core_hours == 6


def test_how_runs_share_jobs_is_in_no_id(tmp_path):
    alone, packed = plan_of(tmp_path), plan_of(tmp_path, "cluster.pack=auto")
    assert [task.key for task in alone.tasks] == [task.key for task in packed.tasks]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            ["cluster.train.pack=0"],
            r"cluster.train.pack: expected how many tasks share a job, 1 to .*, or auto, found 0",
        ),
        (["cluster.train.pack=many"], "or auto, found 'many'"),
        (["cluster.prepare.pack=2"], "prepare.pack: only tasks of runs share jobs, those of train, render, evaluate"),
        (["cluster.train.pack=2", "cluster.gpus=2", "cluster.train.gpus=2"], "share one GPU, and 2 are asked for"),
    ],
)
def test_a_pack_that_cannot_be_is_refused(study_file, settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_study(str(study_file), settings)


def record(task, number: int, job: str, seconds: float, **more: object) -> None:
    attempt = Attempt(*task.key, number, "here", 1, 1000.0, end=1000.0 + seconds, job=job, **more)
    write_json(task.attempts / f"{task.stage}-{task.name}-{number}.json", attempt.to_json())


def test_auto_fills_a_time_limit_by_the_epochs_on_record(tmp_path):
    plan = plan_of(tmp_path, "cluster.train.pack=auto", "cluster.train.timeout_min=60", runs=4)
    assert packs_of(plan) == {"train": Pack(8, 8)}  # on one GPU, while nothing is known
    first, second, third, fourth = plan.stage("train")
    for task in plan.stage("train"):
        task.attempts.mkdir(parents=True)
    # It made 2 of 4 epochs in 30 s alone: beside seven others the whole may take 480 s.
    record(first, 1, "7", 30, done=3, first=1, total=4, outcome="interrupted")
    assert packs_of(plan) == {"train": Pack(8 * 6, 8)}
    # What shared a job is known better: 240 s and 250 s.
    record(second, 1, "9_0", 240, done=4, total=4, outcome="done")
    record(third, 1, "9_0", 250, done=4, total=4, outcome="done")
    record(fourth, 1, "9_1", 1, outcome="failed")  # which made no epoch
    assert packs_of(plan) == {"train": Pack(8 * 11, 8)}
    on_cores = plan.with_cluster(plan.study.cluster.with_stage("train", gpus=0))
    assert packs_of(on_cores) == {"train": Pack(11, 1)}  # one after another
    short = plan.with_cluster(plan.study.cluster.with_stage("train", timeout_min=1))
    assert packs_of(short) == {"train": Pack(8, 8)}


RUNNING, WAITING = JobState("running", "RUNNING"), JobState("waiting", "PENDING")


@pytest.mark.parametrize(
    ("job", "outcome", "lacking", "busy", "expected"),
    [
        (RUNNING, "running", False, 2, RUNNING),
        (RUNNING, "done", False, 1, None),  # the others go on
        (WAITING, "failed", False, 0, None),  # it is not tried again with the others
        (WAITING, "interrupted", False, 0, WAITING),
        (RUNNING, None, False, 1, RUNNING),  # it starts
        (RUNNING, None, False, 2, JobState("waiting", "RUNNING", why=ROOM)),
        (RUNNING, "interrupted", False, 2, JobState("waiting", "RUNNING", why=ROOM)),
        (RUNNING, None, True, 0, None),
        (None, None, False, 0, None),
    ],
)
def test_a_shared_job_tells_of_each_task_what_it_does_for_that(job, outcome, lacking, busy, expected):
    array = SentArray("train", "7", ("a", "b", "c"), size=3, at_once=2)
    assert of_one_task(job, array, "a", outcome, lacking, busy) == expected


def test_a_task_that_is_taken_back_is_cancelled_whatever_its_job_does():
    array = SentArray("train", "7", ("a", "b"), size=2, at_once=2, taken_back=("a",))
    states = [
        of_one_task(job, array, "a", outcome, False, 1) for job, outcome in ((WAITING, None), (RUNNING, "running"))
    ]
    assert [(state.end, state.started, state.ending) for state in states] == [
        ("cancelled", False, False),
        ("cancelled", True, True),
    ]
    assert of_one_task(RUNNING, array, "a", "done", False, 1) is None
    assert of_one_task(RUNNING, array, "b", "running", False, 1) == RUNNING


class Crew:
    """Stub trainings that a process of ours starts as SLURM would have it start."""

    def __init__(self, folder: Path, count: int, at_once: int, **more: object) -> None:
        self.folder, self.beside = folder / "0001-now", folder
        (self.folder / "train").mkdir(parents=True)
        names = [f"r{number}" for number in range(count)]
        for name in names:
            (folder / name).mkdir()
        calls = [self.call_of(name) for name in names]
        self.pack = PackCall(tuple(calls), self.folder, at_once, **more)

    def call_of(self, name: str, rate: float = 0.1) -> TaskCall:
        job = Train(self.beside / name, self.beside, name, 3, rate)
        return TaskCall(job, "train", name, self.beside / name / "attempts", self.folder.name, InSlurm())

    def with_call(self, place: int, call: TaskCall) -> None:
        calls = list(self.pack.calls)
        calls[place] = call
        self.pack = replace(self.pack, calls=tuple(calls))

    def attempts(self, name: str) -> list[Attempt]:
        return [read_attempt(file) for file in attempt_files(self.beside / name / "attempts", "train", name)]

    def outcomes(self) -> list[list[str]]:
        return [[each.outcome for each in self.attempts(call.name)] for call in self.pack.calls]

    def running(self, name: str, number: int = 1) -> Attempt:
        """The record of an attempt that halts after an epoch."""

        def found() -> Attempt | None:
            last = last_attempt(self.beside / name / "attempts", "train", name)
            return last if last and last.number == number and last.outcome == "running" and last.done else None

        return wait_for(found)


@pytest.fixture
def crew(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]))
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    return lambda count, at_once, **more: Crew(tmp_path, count, at_once, **more)


def test_one_that_fails_takes_no_other_and_each_has_its_own_record_and_log(crew):
    three = crew(3, 2)
    three.with_call(0, three.call_of("r0", rate=1e30))
    with pytest.raises(TasksFailed, match=r"1 of 3 tasks failed:\n  train r0: .*77_r0_log.out"):
        three.pack()
    assert three.outcomes() == [["failed"], ["done"], ["done"]]
    (first,), (second,) = three.attempts("r0"), three.attempts("r1")
    assert (first.cause, first.job, second.job) == ("Diverged", "77", "77")
    assert len({attempt.pid for name in ("r0", "r1", "r2") for attempt in three.attempts(name)}) == 3
    assert "training diverged" in Path(first.log).read_text()
    assert "r1: 3/3" in Path(second.log).read_text()
    assert second.cores == 1
    # SLURM starts the job once more: nothing is done twice.
    with pytest.raises(TasksFailed):
        three.pack()
    assert three.outcomes() == [["failed"], ["done"], ["done"]]


def test_no_more_run_at_once_than_there_is_room_and_one_that_is_killed_is_tried_again(crew):
    three = crew(3, 2)
    (three.beside / "held").write_text("1")
    watched: list[object] = []

    def watch() -> None:
        first, second = three.running("r0"), three.running("r1")
        watched.append(three.attempts("r2"))
        os.kill(first.pid, signal.SIGKILL)
        watched.append(three.running("r0", number=2).first)
        watched.append(born(second.pid) is not None)
        (three.beside / "held").unlink()

    thread = Thread(target=watch)
    thread.start()
    three.pack()
    thread.join()
    assert watched == [[], 1, True]
    assert three.outcomes() == [["running", "done"], ["done"], ["done"]]


def test_one_that_is_killed_for_ever_is_given_up(crew, monkeypatch):
    one = crew(2, 2)
    (one.beside / "held r0").write_text("1")

    def kill() -> None:
        for number in range(1, KILLS + 2):
            os.kill(one.running("r0", number).pid, signal.SIGKILL)

    thread = Thread(target=kill)
    thread.start()
    with pytest.raises(TasksFailed, match="1 of 2 tasks failed"):
        one.pack()
    thread.join()
    last = one.attempts("r0")[-1]
    assert (last.outcome, last.cause) == ("failed", "Killed")
    assert "ended by SIGKILL without a word, again and again" in last.message
    assert one.outcomes()[1] == ["done"]


class Warned(BaseException):
    """What submitit's handler ends the process with."""


@contextmanager
def warned(crew, *running, handler):
    """Within the block SLURM's warning comes once these tasks run (none: nobody sends it), and meets the handler."""

    def warn():
        for name in running:
            crew.running(name)
        if running:
            os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, handler)
    thread = Thread(target=warn)
    thread.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)
        thread.join()


def test_a_warning_interrupts_all_and_the_job_goes_on_with_those_that_have_not_ended(crew, monkeypatch):
    three = crew(3, 2)
    (three.beside / "held").write_text("2")
    (three.beside / "r0" / "epochs.txt").write_text("1\n2\n3\n")
    sent_back: list[PackCall] = []

    def handler(number: int, frame: object) -> None:
        monkeypatch.setattr("runner.executors.slurm.inside.answers", lambda: True)
        sent_back.append(three.pack.checkpoint().function)
        raise Warned

    with warned(three, "r1", "r2", handler=handler), pytest.raises(Warned):
        three.pack()
    assert three.outcomes() == [["done"], ["interrupted"], ["interrupted"]]
    (three.beside / "held").unlink()
    sent_back[0]()
    assert three.outcomes() == [["done"], ["interrupted", "done"], ["interrupted", "done"]]
    assert [attempt.first for attempt in three.attempts("r1")] == [0, 2]


def test_where_no_time_is_left_nothing_begins_and_the_job_goes_back(crew):
    two = crew(2, 1, until_s=0.0)

    def handler(number: int, frame: object) -> None:
        raise Warned

    with warned(two, handler=handler), pytest.raises(Warned):
        two.pack()
    assert two.outcomes() == [[], []]


def test_when_the_job_is_not_put_back_each_task_says_why(crew):
    """As submitit decides after too many time limits."""
    two = crew(2, 1)
    (two.beside / "held").write_text("1")

    class UncompletedJobError(RuntimeError):
        pass

    def handler(number: int, frame: object) -> None:
        raise UncompletedJobError("Job not requeued because: timed-out too many times.")

    with warned(two, "r0", handler=handler), pytest.raises(UncompletedJobError):
        two.pack()
    found = [two.attempts(name)[-1] for name in ("r0", "r1")]
    assert [(each.outcome, each.cause) for each in found] == [("failed", "UncompletedJobError")] * 2
    assert born(found[0].pid) is None


def test_one_that_is_taken_back_ends_and_the_others_go_on(crew):
    three = crew(3, 2)
    submission = Submission(three.folder, "slurm")
    submission.add(SentArray("train", "77", ("r0", "r1", "r2"), "srcnn-0123456789abcdef", size=3, at_once=2))
    (three.beside / "held").write_text("1")

    def take_back() -> None:
        first = three.running("r0")
        read_submission(three.folder).take_back({("train", "r0"), ("train", "r2")})
        wait_for(lambda: born(first.pid) is None)
        (three.beside / "held").unlink()

    thread = Thread(target=take_back)
    thread.start()
    three.pack()
    thread.join()
    assert three.outcomes() == [["interrupted"], ["done"], []]


def test_what_lacks_what_it_needs_is_not_begun(crew):
    two = crew(2, 2)
    made = Follow(two.beside / "r0", "render", "")
    two.with_call(0, replace(two.pack.calls[0], needs=((("render", "r0"), made.outputs()),)))
    with pytest.raises(TasksFailed):
        two.pack()
    assert two.outcomes() == [[], ["done"]]
    assert two.pack.calls[0].lacking() == "needs render r0, which did not finish"
    made()
    two.pack()
    assert two.outcomes() == [["done"], ["done"]]
