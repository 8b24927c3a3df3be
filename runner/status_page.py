"""The page that ``status`` shows: the whole of it, or what matters most where there is little room."""

import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.record.groups import TaskGroup, by_detail, failure_groups
from runner.record.judged import JudgedTask
from runner.record.matching import task_text
from runner.record.progress import progress_text
from runner.record.state import StudyStatus
from runner.record.verdict import STATES
from runner.study.stages import STAGES
from srcnn.pages import page as document
from srcnn.paths import StudyPaths
from srcnn.words import counted

SHOWN = 12  # items of a section
STYLES = {"failed": "red", "running": "green", "held": "yellow"}


@dataclass(frozen=True)
class StatusPart:
    """What is said of one matter: a heading, then items of a few lines each, the most important first.

    The part of ``rank`` 0 is the last to go where room is lacking. ``more`` is what hidden items are called,
    ``least`` the number of lines that it shows before another part shows more than that.
    """

    rank: int
    heading: str
    items: Sequence[Sequence[Text]]
    more: str = "line"
    least: int = 1
    whole: bool = False  # a long line is wrapped, not cut: somebody may want to copy it

    @property
    def length(self) -> int:
        """How many lines it has, heading aside."""
        return sum(map(len, self.items[:SHOWN]))

    def lines(self, count: int, tell: bool = True) -> list[Text]:
        """Return the heading and the first lines; where ``tell`` is true, also how many items are not shown."""
        if not count:
            return []
        lines = [Text(self.heading, "bold")] * bool(self.heading)
        begun = 0
        for item in self.items[:SHOWN]:
            begun += count > 0
            lines += item[:count]
            count = max(0, count - len(item))
        hidden = len(self.items) - begun
        return lines + [Text(f"  and {counted(hidden, f'more {self.more}')}", "dim")] * (tell and hidden > 0)


def page(status: StudyStatus, console: Console, height: int | None = None) -> Group:
    """Return the page: stages, what runs, waits, is held or failed, and what to do; at most ``height`` rows, if given.

    Where rows count, the commands name the study as it is called from here, if that is shorter.
    """
    title = Text.assemble((f"{time.strftime('%H:%M:%S', time.localtime(status.time))}  ", "dim"))
    title.append(f"{status.folder.name}  {status.folder}", "bold")
    table = _stage_table(status)
    folder = str(status.folder)
    if height is not None:
        folder = min(os.path.relpath(folder), folder, key=len)
    sections = [section for section in _sections(status, shlex.quote(folder)) if section.items]
    whole = Group(title, table, *(line for section in sections for line in (Text(), *section.lines(section.length))))
    if height is None or _rows(whole, console) <= height:
        return whole
    counts = table if _rows(table, console) <= height // 3 else _counts_line(status)
    title.truncate(console.width, overflow="ellipsis")
    return Group(title, counts, *_fitted(sections, console, height - 1 - _rows(counts, console)))


def _fitted(sections: Sequence[StatusPart], console: Console, height: int) -> list[Text]:
    """Return the lines that fit: first the least of each section, then more of each, those of low rank first."""
    count = [0] * len(sections)
    tell = [False] * len(sections)

    def fits() -> bool:
        return height >= sum(
            len(line.wrap(console, console.width)) if section.whole else 1
            for section, number, also in zip(sections, count, tell, strict=True)
            for line in section.lines(number, also)
        )

    by_rank = sorted(range(len(sections)), key=lambda place: sections[place].rank)
    for most in ([section.least for section in sections], [section.length for section in sections]):
        for place in by_rank:
            while count[place] < min(most[place], sections[place].length):
                count[place] += 1
                if not fits():
                    count[place] -= 1
                    break
        for place in by_rank:
            tell[place] = True
            tell[place] = fits()
    shown = []
    for section, number, also in zip(sections, count, tell, strict=True):
        for line in section.lines(number, also):
            shown.append(line.copy())
            if not section.whole:
                shown[-1].truncate(console.width, overflow="ellipsis")
    return shown


def _rows(what: RenderableType, console: Console) -> int:
    return len(console.render_lines(what, console.options.update(height=None), pad=False))


def _stage_table(status: StudyStatus) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("stage", *STATES):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in STAGES:
        of_stage = [task for task in status.tasks if task.stage == stage]
        if of_stage:
            counts = [sum(task.state == state for task in of_stage) for state in STATES]
            cells = [
                Text(str(n or "-"), STYLES.get(s, "") if n else "dim") for n, s in zip(counts, STATES, strict=True)
            ]
            table.add_row(stage, *cells)
    return table


def _counts_line(status: StudyStatus) -> RenderableType:
    counts = {state: len(status.of(state)) for state in STATES}
    return Text("  ").join(Text(f"{state} {n}", STYLES.get(state, "")) for state, n in counts.items() if n)


def _sections(status: StudyStatus, study: str) -> list[StatusPart]:
    """Return the parts in the order in which they are read: what to do comes last, where the eye is."""
    report = StudyPaths(status.folder).report_page
    running, waiting = status.of("running"), status.of("waiting")
    return [
        StatusPart(4, "", [[Text(f"note: {note}", "yellow")] for note in status.notes], "note", whole=True),
        StatusPart(5, f"running ({len(running)})", [[Text(f"  {_progress(task)}")] for task in running], "task"),
        StatusPart(6, f"waiting ({len(waiting)})", [[_waiting_line(group)] for group in by_detail(waiting)], "reason"),
        StatusPart(2, "", [_held_lines(group) for group in by_detail(status.of("held"))], "held group"),
        StatusPart(1, "", [_failure_lines(group) for group in failure_groups(status.of("failed"))], "cause", least=2),
        StatusPart(7, "", [[Text(f"report: {report}")]] if report.exists() else [], whole=True),
        StatusPart(0, "next:", [[Text(f"  {command}")] for command in _advice(status, study)], least=2, whole=True),
    ]


def _progress(task: JudgedTask) -> str:
    where = f" on {task.host}" if task.host and task.job else ""
    job = f", job {task.job}" if task.job else ""
    if not task.total:
        return f"{task_text(task)}: {task.detail or 'starting'}{where}{job}"
    progress = progress_text(task.stage, task.done, task.total, task.seconds_left)
    return f"{task_text(task)}: {progress}{where}{job}  {task.note}"


def _waiting_line(group: TaskGroup) -> Text:
    jobs = f"; {group.jobs_text}" if group.jobs else ""
    return Text(f"  {group.first.stage} ({len(group.tasks)}) for {group.first.detail}{jobs}")


def _held_lines(group: TaskGroup) -> list[Text]:
    return [
        Text(f"held: {group.first.stage}: {group.text}, {group.jobs_text}", "bold yellow"),
        Text(f"  {group.first.detail}"),
    ]


def _failure_lines(group: TaskGroup) -> list[Text]:
    task, several = group.first, len(group.tasks) > 1
    lines = [Text(group.failure, "bold red"), *(Text(f"  {line}") for line in group.detail_lines)]
    if several:
        names = ", ".join(other.label or other.name for other in group.tasks[:4])
        lines.append(Text(f"  {names}{', ...' * (len(group.tasks) > 4)}", "dim"))
    if group.jobs and task.cause != "dependency":
        lines.append(Text(f"  {group.jobs_text}", "dim"))
    if task.log and task.cause != "dependency":
        lines.append(Text(f"  log: {task.log}", "dim"))
    return lines


def _advice(status: StudyStatus, study: str) -> list[str]:
    """Return the commands that help now, the most helpful first, and the page that tells of failures."""
    causes = {task.cause for task in status.of("failed")}
    helps = (("out of memory", "--mem-gb GB"), ("time limit", "--timeout-min MIN"))
    raised = [option for cause, option in helps if cause in causes]
    releasable = any(task.held_by != "administrator" for task in status.of("held"))
    advice = []
    if status.of("failed") or releasable or (status.of("missing") and not status.runner):
        only = " --only failed" if raised else ""
        advice.append(f"python -m runner.submit {study}{only}{''.join(f' {option}' for option in raised)}")
    if causes - {"dependency"}:
        advice.append(f"python -m runner.logs {study} --failed")
    if status.of("running"):
        advice.append(f"python -m runner.logs {study} --follow")
    if causes:
        advice.append(f"more: {document('how-to/jobs.md')}")
    return advice
