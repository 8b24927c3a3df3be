"""Stage ``report``: one page of what is there so far; it is made also when some runs failed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from jobs.job import Job, Progress, silent
from jobs.planned import PlannedRun
from jobs.shown_pictures import ShownPictures
from srcnn.files import write_json
from srcnn.inputs import inputs_file, report_inputs
from srcnn.outputs import Output
from srcnn.paths import StudyPaths


@dataclass(frozen=True)
class Report(Job):
    """The study's page, made anew whenever what it shows has changed."""

    paths: StudyPaths

    @classmethod
    def of(cls, run: PlannedRun) -> Iterator[tuple[str, Self]]:
        """Give the page of the study that a run belongs to."""
        yield "report", cls(run.study)

    def outputs(self) -> tuple[Output, ...]:
        """Return the page, which is done if it shows the files that are there now."""
        return (Output("report", self.paths.report_page),)

    def __call__(self, progress: Progress = silent) -> None:
        """Write tables, plots and the page."""
        from analysis.build import write_report  # pandas, which a plan does without

        inputs = report_inputs(self.paths)
        write_report(self.paths.folder, ShownPictures(self.paths))
        write_json(inputs_file(self.paths), inputs)
        progress(1, 1, str(self.paths.report_page))
