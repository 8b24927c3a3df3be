"""``make storm``: faults without end for some minutes, on a real SLURM and on this machine, then the reckoning.

A study is struck again and again until it ends, then the next one; each is compared to the bit with one that nothing
befell, and ``runner.status`` is asked meanwhile whether it tells the truth. Exit status 1 if anything differs, was told
wrong, or did not end.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conftest import REPOSITORY
from slurm.cluster import Cluster, missing, started
from slurm.studies import results

from runner.record.state import StudyStatus, study_status
from runner.record.submission import latest_jobs, submissions
from srcnn.paths import StudyPaths

from . import cluster_faults, local_faults
from .cluster_faults import Weather
from .local_faults import House
from .studies import Key, plan_of, storm_study
from .tally import Tally
from .truth import Moment, lies, living

PAUSE_S = (0.8, 2.5)  # between two faults
LOOK_S = 2.0  # between two looks at the status
SETTLE_S = 120.0  # for a study to end after the last fault, at least; three times what it takes on a quiet machine


def main() -> int:
    """0 if nothing differed, nothing was told wrong and all studies ended."""
    parser = argparse.ArgumentParser(prog="make storm", description="Faults on a cluster and on one machine.")
    parser.add_argument("--seed", type=int, default=1, help="decides which fault comes when, and whom it strikes")
    parser.add_argument("--cluster-s", type=float, default=240, help="seconds of faults on the cluster")
    parser.add_argument("--local-s", type=float, default=75, help="seconds of faults on this machine")
    arguments = parser.parse_args()
    begin = time.monotonic()
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory(prefix="srcnn-storm-") as name:
        folder = Path(name)
        reference = undisturbed(folder / "quiet")
        quiet = time.monotonic() - begin
        settle = max(SETTLE_S, 3 * quiet)
        say(f"{len(reference)} results of a quiet run on this machine, after {quiet:.0f} s")
        if arguments.local_s:
            house = random.Random(arguments.seed)
            tallies.append(on_this_machine(folder / "local", reference, house, arguments.local_s, settle))
            print(tallies[-1].text("\nthis machine"), flush=True)
        if arguments.cluster_s:
            if reason := missing():
                say(f"no storm on a cluster: {reason}")
                return 1
            with started() as slurm:
                weather = Weather(slurm, random.Random(arguments.seed))
                tallies.append(on_a_cluster(weather, folder / "cluster", reference, arguments.cluster_s, settle))
            print(tallies[-1].text("\nSLURM"), flush=True)
    print(f"\nseed {arguments.seed}, {time.monotonic() - begin:.0f} s in all")
    return int(not all(tally.is_clean() for tally in tallies))


def say(words: str) -> None:
    """One line of what happens."""
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def undisturbed(folder: Path) -> dict[str, Any]:
    """What the study finds when nothing happens to it."""
    file = storm_study(folder)
    done = subprocess.run(_command(file, "local"), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the quiet run failed:\n{done.stdout}{done.stderr}")
    return results(folder / "results" / file.stem)


def _command(file: Path, executor: str) -> list[str]:
    command = [sys.executable, "-m", "runner.submit", str(file), "--executor", executor]
    return [*command, "--root", str(file.parent / "results"), *(["--cores", "2"] if executor == "local" else [])]


def choose(faults: Mapping[str, tuple[Any, int]], rng: random.Random) -> str:
    """The next kind of fault."""
    return rng.choices(list(faults), [weight for _, weight in faults.values()])[0]


def strike(faults: Mapping[str, tuple[Any, int]], rng: random.Random, target: Any, tally: Tally) -> None:
    """One fault, counted if it found somebody to befall."""
    kind = choose(faults, rng)
    try:
        struck = faults[kind][0](target)
    except (RuntimeError, subprocess.TimeoutExpired) as error:  # of cluster.sh: the fault came, its end did not
        struck = True
        say(f"{kind}: {error}")
    if struck:
        tally.faults[kind] += 1
        say(kind)


# --- on one machine ---------------------------------------------------------------------------
def on_this_machine(
    folder: Path, reference: dict[str, Any], rng: random.Random, seconds: float, settle: float
) -> Tally:
    """Studies run by this machine under fault, one after the other."""
    tally, number, end = Tally(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        _local_study(folder / f"{number}", reference, rng, (end, settle), tally)
    return tally


def _local_study(
    folder: Path, reference: dict[str, Any], rng: random.Random, until: tuple[float, float], tally: Tally
) -> None:
    end, settle = until
    file = storm_study(folder)
    study = folder / "results" / file.stem
    plan = plan_of(file, folder / "results")

    said = folder / "said.txt"  # no pipe: what outlives a runner would keep its end open

    def start() -> "subprocess.Popen[bytes]":
        with said.open("ab") as output:
            return subprocess.Popen(
                _command(file, "local"), cwd=REPOSITORY, stdout=output, stderr=output, start_new_session=True
            )

    house = House(start, study, rng)
    strikes, looks = time.monotonic() + 3, 0.0
    while time.monotonic() < end + settle:
        house.undo(all_of_it=time.monotonic() > end)
        code = house.runner.poll()
        if code == 0:
            tally.compare(results(study), reference, str(study))
            return
        if code is not None:
            if house.ended_by_us:
                tally.expected["the runner was ended"] += 1
            else:
                tally.resubmissions[_reason(study, said.read_text())] += 1
            house.again()
        elif time.monotonic() > strikes and time.monotonic() < end:
            strike(local_faults.FAULTS, rng, house, tally)
            strikes = time.monotonic() + rng.uniform(*PAUSE_S)
        if time.monotonic() > looks and (study / "contents.json").exists():
            looks = time.monotonic() + LOOK_S
            _look(study, plan, lambda: {}, tally)
        time.sleep(0.2)
    tally.unfinished += 1
    os.killpg(house.runner.pid, signal.SIGKILL)


def _reason(study: Path, said: str) -> str:
    failed = study_status(StudyPaths(study), time.time()).of("failed") if (study / "contents.json").exists() else []
    own = [f"{task.stage}: {task.cause}" for task in failed if task.cause != "dependency"]
    return ", ".join(sorted(set(own))) or (said.strip().splitlines() or ["no word"])[-1]


# --- on a cluster -----------------------------------------------------------------------------
def on_a_cluster(weather: Weather, folder: Path, reference: dict[str, Any], seconds: float, settle: float) -> Tally:
    """Studies on a cluster under fault, one after the other."""
    os.environ["SLURM_CONF"] = weather.slurm.env["SLURM_CONF"]  # for what is asked in this process
    tally, number, end = Tally(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        _cluster_study(weather, folder / f"{number}", reference, (end, settle), tally)
    weather.undo(all_of_it=True)
    return tally


def _cluster_study(
    weather: Weather, folder: Path, reference: dict[str, Any], until: tuple[float, float], tally: Tally
) -> None:
    end, settle = until
    file = storm_study(folder)
    study = folder / "results" / f"storm{folder.name}"
    file = file.rename(file.with_stem(study.name))
    plan = plan_of(file, folder / "results")
    weather.begin(study)
    _submit(weather.slurm, _command(file, "slurm"))
    strikes, looks = time.monotonic() + 2, 0.0
    while time.monotonic() < end + settle:
        weather.undo(all_of_it=time.monotonic() > end)
        if end > time.monotonic() > strikes:
            strike(cluster_faults.FAULTS, weather.rng, weather, tally)
            strikes = time.monotonic() + weather.rng.uniform(*PAUSE_S)
        if time.monotonic() > looks:
            looks = time.monotonic() + LOOK_S
            status = _look(study, plan, lambda: _queue(weather.slurm, study), tally)
            if status and len(status.of("done")) == len(status.tasks):
                tally.compare(results(study), reference, str(study))
                return
            if status and not status.of("running") and (status.of("held") or not status.of("waiting")):
                _count(status, tally, weather.cancelled)
                weather.cancelled = False
                _submit(weather.slurm, _command(file, "slurm"))
        time.sleep(0.2)
    tally.unfinished += 1
    say(f"{study.name} did not end: {Counter((t.state, t.cause, t.detail) for t in _status(study).tasks)}")
    weather.slurm.call("reset")


def _submit(slurm: Cluster, command: list[str]) -> None:
    done = slurm.run(*command)
    say(f"submitted: {(done.stdout + done.stderr).strip().splitlines()[-1]}" if done.returncode else "submitted")


def _count(status: StudyStatus, tally: Tally, cancelled: bool) -> None:
    """Count a resubmission by what made it necessary."""
    for task in status.of("held"):
        tally.resubmissions[f"{task.stage} was held: {task.detail}"] += 1
        return
    for task in status.of("failed"):
        if task.cause == "cancelled" and cancelled:
            tally.expected["scancel"] += 1
            return
    first = next((task for task in status.of("failed") if task.cause != "dependency"), None)
    tally.resubmissions[f"{first.stage}: {first.cause}: {first.detail.splitlines()[0]}" if first else "unsent"] += 1


def _queue(slurm: Cluster, study: Path) -> dict[Key, tuple[str, str]] | None:
    done = slurm.run("squeue", "--noheader", "--array", "--format=%i|%T|%j")
    if done.returncode:
        return None
    states = dict(line.split("|")[:2] for line in done.stdout.splitlines() if f"|{study.name}-" in line)
    jobs = latest_jobs(submissions(StudyPaths(study)))
    return {key: (job.id, states[job.id]) for key, job in jobs.items() if job.id in states}


# --- both -------------------------------------------------------------------------------------
def _status(study: Path) -> StudyStatus:
    return study_status(StudyPaths(study), time.time())


def _look(study: Path, plan: Any, queue: Any, tally: Tally) -> StudyStatus | None:
    """The status now; what it told wrong goes on record."""
    tally.looks += 1
    before = Moment(queue(), living(study))
    try:
        status = _status(study)
    except Exception as error:  # noqa: BLE001 - a status that breaks is no answer, whatever broke
        tally.lies.append(f"it broke: {error!r}")
        return None
    after = Moment(queue(), living(study))
    for lie in lies(status, plan, before, after):
        say(f"LIE: {lie}")
        tally.lies.append(lie)
    return status


if __name__ == "__main__":
    sys.exit(main())
