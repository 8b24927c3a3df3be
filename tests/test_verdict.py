"""What a task's own record and its executor's word together mean: a table of both, and its words."""

import time
from dataclasses import replace

import pytest

from runner.executors.job_state import JobState, Origin
from runner.executors.slurm import scheduler
from runner.executors.slurm.states import job_states
from runner.record.tasks import RecordedTask
from runner.record.verdict import STATE_OF, TABLE, Signs, verdict
from runner.record.words import Case, words
from srcnn.schema import Attempt

WAITS = JobState("waiting", "PENDING", node="n")
RUNS = JobState("running", "RUNNING", node="n", started=True)
FAILED = JobState("ended", "FAILED", end="failed", node="n", started=True)
CANCELLED = replace(FAILED, word="CANCELLED", end="cancelled")
TIMEOUT = replace(FAILED, word="TIMEOUT", end="time limit")
SILENT = {"answered": False, "complete": False}

# What the task's own record says of its last attempt; the executor's word; what else is known; what that means.
MEANINGS = [
    # Of tasks that were never sent as a job: their own record, and whether the process that runs the study is there.
    (None, None, {}, "was not sent"),
    (None, None, {"watched": True}, "has its turn to come"),
    (None, None, {"lacking": True, "watched": True}, "lacks what it needs"),
    (None, None, {"done": True}, "is done"),
    (None, None, {"damaged": True}, "is damaged"),
    ("running", None, {"alive": True}, "runs"),
    ("running", None, {"alive": None, "watched": True}, "runs"),
    ("running", None, {"alive": None}, "died"),
    ("running", None, {"alive": False, "watched": True}, "died"),
    ("failed", None, {"watched": True}, "said why it failed"),
    ("failed", None, {"damaged": True}, "is damaged"),
    ("interrupted", None, {}, "was stopped"),
    ("done", None, {}, "was not sent"),
    ("done", None, {"done": True}, "is done"),
    # Of jobs that wait.
    (None, WAITS, {}, "is in the queue"),
    ("running", WAITS, {}, "is in the queue"),
    ("failed", WAITS, {}, "is in the queue"),
    ("done", WAITS, {"done": True}, "is in the queue"),
    ("interrupted", WAITS, {"damaged": True}, "is in the queue"),
    ("running", WAITS, {"answered": False}, "runs"),
    (None, replace(WAITS, held_by="user"), {}, "is held"),
    ("done", replace(WAITS, held_by="scheduler"), {"done": True}, "is held"),
    (None, replace(WAITS, never=True), {}, "waits for what cannot come"),
    (None, replace(WAITS, never=True, held_by="user"), {}, "waits for what cannot come"),
    # Of jobs that run.
    (None, RUNS, {}, "runs"),
    ("running", RUNS, {}, "runs"),
    ("interrupted", RUNS, {}, "runs"),
    ("failed", RUNS, {}, "said why it failed"),
    ("done", RUNS, {"done": True}, "is done"),
    ("done", RUNS, {}, "was not sent"),
    # Of jobs that have ended.
    (None, FAILED, {}, "job ended"),
    (None, FAILED, {"done": True}, "is done"),
    ("done", FAILED, {}, "job ended"),
    ("running", FAILED, {"alive": None}, "job ended"),
    ("running", CANCELLED, {"alive": True}, "job ended"),
    ("running", replace(CANCELLED, ending=True), {"alive": True}, "is being ended"),
    ("running", replace(TIMEOUT, ending=True), {"alive": None}, "is being ended"),
    ("running", replace(FAILED, ending=True), {"alive": None}, "job ended"),
    ("interrupted", replace(CANCELLED, ending=True), {}, "job ended"),
    (None, replace(CANCELLED, ending=True), {}, "job ended"),
    ("failed", CANCELLED, {}, "said why it failed"),
    ("interrupted", TIMEOUT, {}, "job ended"),
    # Of jobs that the executor does not know, or cannot be asked about.
    ("running", "unknown", SILENT, "runs"),
    (None, "unknown", SILENT, "not answered for"),
    ("interrupted", "unknown", SILENT, "not answered for"),
    ("failed", "unknown", SILENT, "said why it failed"),
    (None, "unknown", {"complete": False}, "job is unknown"),
    ("running", "unknown", {}, "died"),
    (None, "unknown", {"lacking": True}, "lacks what it needs"),
    (None, "unknown", {}, "was not sent"),
]


@pytest.mark.parametrize(("outcome", "job", "about", "meant"), MEANINGS)
def test_the_record_and_the_word_mean(outcome, job, about, meant):
    told = job if isinstance(job, JobState) else None
    assert verdict(Signs(outcome=outcome, sent=job is not None, job=told, **about)) == meant


def test_every_verdict_has_an_example_a_state_and_words():
    assert {meant for *_, meant in MEANINGS} == set(STATE_OF) == {meant for _, meant in TABLE}


TASK = RecordedTask("train", "r1", "", (), False, None, 1)
ATTEMPT = Attempt("train", "r1", 1, "node7", 1, time.time(), outcome="running")
WARNED = replace(ATTEMPT, outcome="failed", cause="UncompletedJobError", message="Job not requeued.")


@pytest.mark.parametrize(
    ("meant", "case", "cause", "said"),
    [
        ("runs", Case(TASK), None, "starting"),
        ("runs", Case(TASK, ATTEMPT), None, ""),
        ("is in the queue", Case(TASK, job=WAITS), None, "its turn; 1 attempt so far"),
        ("is in the queue", Case(TASK, job=replace(WAITS, why="free nodes")), None, "free nodes; 1 attempt so far"),
        ("is held", Case(TASK, job=replace(WAITS, why="JobHeldUser: its user holds it")), None, "its user holds it"),
        ("died", Case(TASK, ATTEMPT, seen=True), "killed", "the process ended without a word"),
        ("died", Case(TASK, ATTEMPT, seen=False), "killed", "word (on node7; it cannot be seen from here)"),
        ("died", Case(TASK, ATTEMPT, full_disk="the disk is full"), "killed", "word, and the disk is full"),
        ("job ended", Case(TASK, job=FAILED), "killed", "its job ended as FAILED (exit code ) without a word"),
        ("job ended", Case(TASK, job=FAILED, says_memory=True), "out of memory", "--mem-gb"),
        ("job ended", Case(TASK, job=CANCELLED, says_memory=True), "cancelled", "cancelled by you"),
        ("job ended", Case(TASK, job=replace(CANCELLED, started=False)), "cancelled", "before it started"),
        ("job ended", Case(TASK, job=TIMEOUT, full_disk="the disk is full"), "time limit", "--timeout-min"),
        ("job ended", Case(TASK, job=FAILED, full_disk="the disk is full"), "killed", "no word, and the disk is full"),
        ("job ended", Case(TASK, job=replace(FAILED, end="node failure")), "node failure", "its node n failed"),
        ("job ended", Case(TASK, job=replace(FAILED, end="well"), executor="Flux"), "killed", "ended well for Flux"),
        ("job ended", Case(TASK, job=replace(FAILED, end="killed")), "killed", "again and again"),
        ("said why it failed", Case(TASK, WARNED, job=replace(FAILED, early=False)), "time limit", "--timeout-min"),
        ("said why it failed", Case(TASK, WARNED, job=TIMEOUT), "time limit", "--timeout-min"),
        ("said why it failed", Case(TASK, WARNED, job=FAILED), "unknown", "the scheduler has not told which"),
        ("said why it failed", Case(TASK, WARNED, job=replace(FAILED, early=True)), "preempted", "submit again"),
        ("said why it failed", Case(TASK, WARNED), "unknown", "the scheduler has not told which"),
        ("was stopped", Case(TASK), "cancelled", "what was done is kept"),
        ("not answered for", Case(TASK), None, "the scheduler, which has not answered for it"),
        ("is being ended", Case(TASK, ATTEMPT), None, "its process still lives"),
    ],
)
def test_a_verdict_is_said_with_what_is_known(meant, case, cause, said):
    found, text = words(meant, case)
    assert found == cause
    assert said in text


@pytest.mark.parametrize("end", ["CANCELLED", "TIMEOUT"])
def test_a_job_whose_processes_slurm_still_ends_is_told_from_one_that_is_gone(monkeypatch, end):
    """Accounting tells the end when it is decided; the queue has the job until the last process is gone."""
    answers = {"sacct": f"7|{end}|None|0:0|node2|10|10|1795664332|tiny-train|", "squeue": ""}
    monkeypatch.setattr(scheduler, "call", lambda command, *_, **__: answers[command])

    def told():
        (state,) = job_states({"7": Origin()}).states.values()
        return state.alive, state.ending

    assert told() == (False, False)
    answers["squeue"] = "7|COMPLETING|None|node2|N/A|9|0:05|10:00|tiny-train|"
    assert told() == (False, True)
