"""Seconds of ``runner.status`` on a study of 10,000 tasks in every state.

    python -m benchmarks.status [--tasks 10000] [--json FILE]

The study's folder is real (contents, attempts, checkpoints, shards, jobs of two submissions). The
scheduler is a stand-in that prints sacct's and squeue's answers for every unfinished task from files, since no
test cluster has run 10,000 jobs; benchmarks/submit.py asks a real one. Beside it, one call of the
stand-in for each task, as a tool that asks job by job would make: measured on a sample.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.written import add_json, require_free, write_figures

REPOSITORY = Path(__file__).resolve().parents[1]
EPOCHS = (1, 2)
SHARDS = 3
SENT = "0001-20260101T000000.000000Z"  # the submission of all
SENT_AT = "2026-01-01T00:00:00"
SAMPLE = 50  # calls, to compare with


# Of files that are looked at by their ends, no more than those.
ENDS = {".parquet": b"PAR1" + bytes(4) + b"PAR1", ".h5": b"\x89HDF\r\n\x1a\n" + bytes(32) + (48).to_bytes(8, "little")}


def write(path, value=None):
    """Write a file with JSON, or an empty one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ENDS.get(path.suffix, b"") if value is None else json.dumps(value).encode())


def make_study(folder, runs):
    """Write a study's folder; return sacct's lines for it: half of the runs are done, the others in all states."""
    ids = [f"r{number:010x}" for number in range(runs)]
    stages = {"train": ids, "render": ids}
    for block in range(SHARDS):
        stages[f"evaluate{block}"] = [f"{run}.{block}" for run in ids]
    entries = [
        {"run_id": run, "label": f"seed={n}", "variant": "all seeds", "seed": n, "eval_id": "e1", "epochs": EPOCHS}
        | {"degradation_id": "b1", "data_id": "d1", "shards": SHARDS}
        for n, run in enumerate(ids)
    ]
    sets = {"cat": {"group": "eval", "set_id": "s1"}}
    contents = {"layout": 2, "study": folder.name, "notes": [], "data_root": None, "runs": entries, "sets": sets}
    write(folder / "contents.json", contents | {"tasks": list(tasks(ids))})
    write(folder.parent / "data" / "d1.h5")
    arrays, lines = [], []
    for number, (stage, names) in enumerate(stages.items(), 1):
        arrays.append({"stage": stage.rstrip("0123456789"), "job": str(number), "tasks": names})
        for index, name in enumerate(names):
            lines += task(folder, arrays[-1], index, name, runs)
    write(folder / "submissions" / SENT / "jobs.json", {"executor": "slurm", "sent_at": 0.0, "arrays": arrays})
    return lines


def tasks(ids):
    """Give the tasks as a submission writes them; those with several epochs make a file for each."""

    def made(kind, place, **more):
        return {"kind": kind, "place": place, **more}

    def of_run(run, stage, name, needs, *outputs):
        return {"stage": stage, "name": name, "run": run, "needs": needs, "outputs": outputs}

    yield {"stage": "prepare", "name": "d1", "outputs": [made("file", "../data/d1.h5")]}
    yield {"stage": "baseline", "name": "b1", "outputs": [made("shard", "scores/b1/e1-0000-000of001.parquet")]}
    for run in ids:
        kept = made("file", f"runs/{run}/checkpoints/epoch_{{epoch}}.pt", epochs=EPOCHS)
        last = made("file", f"runs/{run}/checkpoints/last.pt")
        yield of_run(run, "train", run, [["prepare", "d1"]], kept, last)
        folder = f"runs/{run}/Eval_SRCNN_Output/epoch_{{epoch}}/cat"
        yield of_run(run, "render", run, [["train", run]], made("pictures", folder, epochs=EPOCHS, set_id="s1"))
        for block in range(SHARDS):
            shards = made("shard", f"scores/{run}/e1-{{epoch}}-{block:03d}of{SHARDS:03d}.parquet", epochs=EPOCHS)
            yield of_run(run, "evaluate", f"{run}.{block}", [["render", run]], shards)
    needs = [["baseline", "b1"], *(["train", run] for run in ids)]
    needs += [["evaluate", f"{run}.{block}"] for run in ids for block in range(SHARDS)]
    yield {"stage": "report", "name": "report", "needs": needs, "outputs": [made("report", "report/index.html")]}


def task(folder, array, index, name, runs):
    """Write one task's files, and what sacct says of it."""
    stage, run = array["stage"], folder / "runs" / name.partition(".")[0]
    part = index / runs
    job = f"{array['job']}_{index}"
    record = {"stage": stage, "task": name, "number": 1, "host": "node1", "pid": 1, "start": time.time() - 900}
    record |= {"job": job, "born": "x-1", "done": 1, "total": 2, "note": "loss 0.001", "log": f"/logs/{job}.out"}
    record |= {"submission": SENT}
    attempts = run / "attempts" / f"{stage}-{name}-1.json"
    if part < 0.5:
        write(attempts, record | {"outcome": "done", "end": time.time()})
        for epoch in EPOCHS:
            if stage == "train":
                write(run / "checkpoints" / f"epoch_{epoch:04d}.pt")
                write(run / "checkpoints" / "last.pt")
            elif stage == "render":
                mark = run / "Eval_SRCNN_Output" / f"epoch_{epoch:04d}" / "cat" / ".set"
                mark.parent.mkdir(parents=True)
                mark.write_text("s1")
            else:
                block = int(name.partition(".")[2])
                write(folder / "scores" / run.name / f"e1-{epoch:04d}-{block:03d}of{SHARDS:03d}.parquet")
        return []
    if stage != "train":
        return [f"{job}|PENDING|Dependency|0:0|None assigned|0|240|{SENT_AT}|job|"]
    if part < 0.8:
        write(attempts, record | {"outcome": "running"})
        return [
            f"{job}|RUNNING|None|0:0|node1|900|240|{SENT_AT}|job|",
            f"{job}.batch|RUNNING||0:0|node1|900||{SENT_AT}|job|",
            f"{job}.0|RUNNING||0:0|node1|900||{SENT_AT}|job|",
        ]
    if part < 0.9:
        write(attempts, record | {"outcome": "failed", "cause": "ValueError", "message": f"bad value {index}"})
        return [f"{job}|FAILED|None|1:0|node1|9|240|{SENT_AT}|job|", f"{job}.0|FAILED||1:0|node1|9||{SENT_AT}|job|"]
    return [f"{job}|PENDING|Priority|0:0|None assigned|0|240|{SENT_AT}|job|"]


def main():
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    add_json(parser, "benchmarks/status.json")
    arguments = parser.parse_args()
    require_free(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = -(-arguments.tasks // (2 + SHARDS))
        lines = make_study(folder / "results" / "large", runs)
        (folder / "answer").write_text("\n".join(lines) + "\n")
        sacct = folder / "bin" / "sacct"
        sacct.parent.mkdir()
        sacct.write_text(f"#!/bin/sh\ncat {folder}/answer\n")
        waiting = [line.split("|") for line in lines if "|PENDING|" in line]
        queue = "\n".join(f"{job}|{state}|{reason}||N/A|100|" for job, state, reason, *_ in waiting)
        (folder / "queue").write_text(f"{queue}\n")
        squeue = sacct.with_name("squeue")
        squeue.write_text(f"#!/bin/sh\ncat {folder}/queue\n")
        sacct.chmod(0o755)
        squeue.chmod(0o755)
        env = {**os.environ, "PATH": f"{sacct.parent}:{os.environ['PATH']}"}
        command = [sys.executable, "-m", "runner.status", str(folder / "results" / "large")]
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True)
            seconds.append(time.perf_counter() - start)
        answer = subprocess.run([*command, "--json"], env=env, cwd=REPOSITORY, capture_output=True, text=True)
        if not answer.stdout:
            sys.exit(answer.stderr)
        counts = json.loads(answer.stdout)["counts"]
        start = time.perf_counter()
        for _ in range(SAMPLE):
            subprocess.run([sacct], stdout=subprocess.DEVNULL, check=True)
        each = (time.perf_counter() - start) / SAMPLE
    print(done.stdout)
    total = sum(counts.values())
    found = {"tasks": total, **counts, "lines of sacct": len(lines)}
    found |= {"seconds, best of 5": min(seconds), "seconds, worst of 5": max(seconds)}
    found |= {
        "seconds of a call for each task (extrapolated)": each * total,
        "times faster": each * total / min(seconds),
    }
    for key, value in found.items():
        print(f"{key:50}{value if isinstance(value, int) else round(value, 2)!s:>12}")
    write_figures(arguments, "status", found)


if __name__ == "__main__":
    main()
