"""Whether a study can be read."""

from collections.abc import Iterator

from runner.checks.circumstances import Circumstances
from runner.checks.finding import Finding
from srcnn.pages import page
from srcnn.words import counted


def readable(asked: Circumstances) -> Iterator[Finding]:
    """Say whether the study is valid."""
    if asked.damage:
        yield Finding("note", asked.damage)
    if asked.error:
        yield Finding("WRONG", asked.error, f"correct the study; {page('reference/study.md')} has every setting")
    elif asked.study is None:
        yield Finding("note", "no study named: python -m runner.doctor STUDY also looks at its pictures and its space")
    else:
        count = len(asked.runs)
        yield Finding("ok", f"{asked.study.name}: {counted(count, 'run')}, nothing wrong as it is written")
