"""Stage ``report``: what is there so far, as one page; runs also when some runs failed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from jobs.stage import Progress, silent
from srcnn.files import holds, write_json
from srcnn.paths import StudyPaths


@dataclass(frozen=True)
class Report:
    """The study's page, made anew whenever what it shows has changed."""

    paths: StudyPaths

    def is_done(self) -> bool:
        """Whether the page shows the files that are there now."""
        return self.paths.report_page.exists() and holds(self._inputs_file, self._inputs())

    def __call__(self, progress: Progress = silent) -> None:
        """Write tables, plots and the page."""
        from analysis.report import write_report

        inputs = self._inputs()
        write_report(self.paths.folder)
        write_json(self._inputs_file, inputs)
        progress(1, 1, str(self.paths.report_page))

    @property
    def _inputs_file(self) -> Path:
        return self.paths.report / "inputs.json"

    def _inputs(self) -> dict[str, str | int]:
        """A short account of the files that the page is made from."""
        patterns = (self.paths.contents.name, "scores/*/*.parquet", "runs/*/history.jsonl")
        files = sorted(file for pattern in patterns for file in self.paths.folder.glob(pattern))
        seen = {file: file.stat() for file in files if file.exists()}  # and no link that leads nowhere
        stamps = [(str(f.relative_to(self.paths.folder)), s.st_size, s.st_mtime_ns) for f, s in seen.items()]
        return {"files": len(files), "digest": hashlib.sha256(json.dumps(stamps).encode()).hexdigest()}
