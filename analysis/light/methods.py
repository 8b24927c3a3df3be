"""What a light table can show of a picture: the original, the inputs, the runs at their kept epochs; as files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analysis.evidence import Evidence
from analysis.study import RunResults
from srcnn.paths import view_folder
from srcnn.rendered import picture_file

ORIGINAL, LOW, BICUBIC, DIRECT, RUN = "original", "low", "bicubic", "direct", "run"


@dataclass(frozen=True)
class Picture:
    """A picture of every study on the table: its set, its name, the size that restored pictures have."""

    set: str
    name: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Method:
    """One way to a picture of full size, of one study; ``key`` is its name in addresses, ``name`` on the page.

    ``run`` has an epoch and stands for no other kind. ``scale`` is how many pixels of the full size each of its pixels
    covers. ``run_of`` is a run with its degradation.
    """

    key: str
    name: str
    kind: str
    study: int
    run_of: RunResults
    scale: int = 1
    epochs: tuple[int, ...] = ()
    zooms: tuple[int, ...] = ()


@dataclass(frozen=True)
class Piece:
    """One file of pixels: a method's picture, at an epoch (0 where it has none), in a view of those rendered.

    ``view`` is ``full``, or ``zoom_<k>`` for the picture at 1/k size that regions are enlarged from.
    """

    method: Method
    epoch: int
    picture: int
    view: str = "full"


@dataclass(frozen=True)
class Table:
    """The studies on a table, the pictures that all of them have, and the methods of all."""

    studies: tuple[Evidence, ...]
    pictures: tuple[Picture, ...]
    methods: tuple[Method, ...] = field(default=())

    def base(self, method: Method, set_name: str) -> str:
        """Return the folder of a method's views of a set, relative to its study's, ``{epoch}`` for the epoch."""
        study = self.studies[method.study].study
        paths, run = study.paths, method.run_of
        if method.kind == BICUBIC:
            base = paths.baseline(run.degradation_id)
        elif method.kind == RUN:
            base = paths.run(run.run_id).each_rendered_epoch(study.sets[set_name]["group"])
        else:
            set_id = study.sets[set_name]["set_id"]  # pictures of another content lie elsewhere
            base = paths.report_pictures / run.degradation_id / set_id / method.kind
        return base.relative_to(paths.folder).as_posix()

    def file(self, piece: Piece) -> Path:
        """Return the file of a piece, whether it is there or not."""
        picture = self.pictures[piece.picture]
        base = self.base(piece.method, picture.set).replace("{epoch}", f"{piece.epoch:04d}")
        folder = self.studies[piece.method.study].study.folder
        return picture_file(view_folder(folder / base, picture.set, piece.view), picture.name)

    def present(self, method: Method, epoch: int, view: str = "full") -> list[int]:
        """Return the pictures of which a method's file is there, by their places on the table."""
        names: dict[Path, set[str]] = {}
        found = []
        for i in range(len(self.pictures)):
            file = self.file(Piece(method, epoch, i, view))
            if file.parent not in names:
                names[file.parent] = _names(file.parent)
            if file.name in names[file.parent]:
                found.append(i)
        return found


def methods_of(evidence: Evidence, study: int, prefix: str, beside: str) -> Iterator[Method]:
    """Give the methods of one study: of each degradation the original and the inputs, then the runs.

    ``prefix`` begins their keys and ``beside`` ends their names where two studies are on the table.
    """
    degradations: dict[str, RunResults] = {}
    for run in evidence.study.runs:
        degradations.setdefault(run.degradation_id, run)
    several = len(degradations) > 1
    for number, run in enumerate(degradations.values(), 1):
        scale = int(run.settings.get("data.scale", 1))
        mark, head = (f" ({run.label})", f"{prefix}{number}.") if several else ("", prefix)
        for kind, name, pixels in (
            (ORIGINAL, "original", 1),
            (LOW, "low resolution", scale),
            (BICUBIC, evidence.study.baseline_names["bicubic"], 1),
        ):
            yield Method(f"{head}{kind}", f"{name}{mark}{beside}", kind, study, run, pixels)
        if zooms := _zooms(run):
            name = f"{evidence.study.baseline_names['direct']}{mark}{beside}"
            yield Method(f"{head}{DIRECT}", name, DIRECT, study, run, scale, zooms=zooms)
    for run in evidence.study.runs:
        yield Method(
            f"{prefix}{run.run_id}", f"{run.label}{beside}", RUN, study, run, 1, tuple(run.epochs), _zooms(run)
        )


def _zooms(run: RunResults) -> tuple[int, ...]:
    if "compound" not in run.settings.get("evaluate.protocols", ()):
        return ()
    return tuple(int(zoom) for zoom in run.settings.get("evaluate.zooms", ()))


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:  # none was rendered, or it cannot be read: either way there is nothing to show
        return set()
