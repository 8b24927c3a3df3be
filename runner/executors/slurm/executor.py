"""SLURM as an executor."""

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner.executors.executor import Executor, Presence, Request, Room, WatchedTask
from runner.executors.job_state import Answer, Origin, QueuedJob
from runner.executors.slurm import scheduler, unrecorded
from runner.executors.slurm.inside import own_job
from runner.executors.slurm.queued import jobs_in_queue
from runner.executors.slurm.requeue import MEMORY, tail
from runner.executors.slurm.root import TROUBLES
from runner.executors.slurm.sbatch import check_options, resources_text
from runner.executors.slurm.site import site_notes
from runner.executors.slurm.states import LAUNCH_FAILED, job_states
from runner.executors.submitit_names import log_file
from runner.record.array_ids import collapse
from runner.record.submission import Submission
from runner.study.cluster import ClusterConfig
from runner.study.cost import cost_text
from runner.study.packs import ALONE, packs_of
from runner.study.plan import Plan, PlannedTask
from runner.study.stages import STAGES
from srcnn.paths import StudyPaths


class Slurm(Executor):
    """The SLURM cluster that the commands here lead to."""

    name = "slurm"
    title = "SLURM"
    is_elsewhere = True
    look = "squeue --me"
    troubles = TROUBLES

    def presence(self) -> Presence:
        """Say whether this machine belongs to a cluster that answers."""
        if shutil.which("sbatch") is not None and scheduler.answers():
            return Presence(True, "sbatch answers here; --executor local to stay on this machine")
        return Presence(False, "no SLURM answers here")

    def refuse(self, cluster: ClusterConfig, root: Path) -> None:
        """Raise ConfigError for options that the sbatch here does not know, and for a folder that cannot be named."""
        super().refuse(cluster, root)
        check_options(cluster)

    def notes(self) -> Iterable[str]:
        """Give what the variables of the environment do, and what they do not."""
        return site_notes()

    def asks(self, plan: Plan, tasks: Sequence[PlannedTask], room: Room) -> Mapping[str, str]:
        """Return the resources of each stage."""
        packs, counts = packs_of(plan), Counter(task.stage for task in tasks)
        words = {}
        for stage in STAGES:
            pack, resources = packs.get(stage, ALONE), plan.study.cluster.stage(stage)
            held = min(pack.size, counts[stage])
            words[stage] = resources_text(resources.of_job(max(1, min(pack.at_once, held))))
            if held > pack.at_once:
                words[stage] += f", {held} tasks a job"
        return words

    def cost(self, plan: Plan, tasks: Sequence[PlannedTask]) -> str:
        """Return the most core-hours and GPU-hours that the tasks may take."""
        return cost_text(plan.study.cluster, tasks, packs_of(plan))

    def batch_files(self, plan: Plan, tasks: Sequence[PlannedTask]) -> Mapping[str, str]:
        """Return the whole batch file of each stage's first array."""
        from runner.executors.slurm.send import batch_files  # brings submitit, which status and cancel do without

        return batch_files(plan, tasks)

    def submit(self, request: Request) -> Sequence[WatchedTask]:
        """Send the tasks as arrays that wait for one another. Raises SchedulerError."""
        from runner.executors.slurm.send import send  # brings submitit

        send(request)
        return ()

    def states(self, wanted: Mapping[str, Origin], settled: Mapping[str, Origin]) -> Answer:
        """Return the states of jobs, by one call of sacct and at most one of squeue."""
        return job_states(wanted, settled)

    def queued(self, sent: Sequence[Submission]) -> list[QueuedJob]:
        """Return the jobs that squeue lists. Raises SchedulerError."""
        return jobs_in_queue(sent)

    def cancel(self, jobs: Sequence[str]) -> None:
        """Call scancel; elements of one array are named together. Raises SchedulerError."""
        scheduler.cancel(collapse(jobs))

    def log(self, folder: Path, stage: str, job: str) -> Path:
        """Return the log that submitit names after the job."""
        return log_file(folder / stage, job)

    def find_unrecorded(self, paths: StudyPaths, sent: Sequence[Submission]) -> list[Submission]:
        """Return submissions with the numbers of arrays whose sender was killed. Raises SchedulerError."""
        return unrecorded.find_unrecorded(paths, sent)

    def take_on_record(self, paths: StudyPaths, sent: Sequence[Submission]) -> Iterable[str]:
        """Write the numbers of such arrays down. Raises SchedulerError."""
        return unrecorded.take_on_record(paths, sent)

    def release(self, jobs: Sequence[str]) -> None:
        """Call scontrol release. Raises SchedulerError."""
        scheduler.release(jobs)

    def keep_out(self, jobs: Sequence[str], node: str, why: str) -> str:
        """Return the commands that keep jobs from a node which could not start them."""
        if LAUNCH_FAILED not in why:
            return ""
        named = shlex.quote("jobid=" + ",".join(collapse(jobs)))
        return (
            f"if {node} fails again, keep it out: scontrol update {named} excnodelist={node}, and "
            f"cluster.sbatch.exclude={node} for what is sent later"
        )

    def enclosing_job(self) -> str | None:
        """Return the SLURM job that this process belongs to."""
        return own_job()

    def says_memory(self, log: Path) -> bool:
        """Say whether srun or slurmstepd wrote into the log that they killed the task for its memory."""
        return bool(re.search(MEMORY, tail(log)))
