"""The pixels of a light table: what a study keeps in no file is written, and some of all is held by the page."""

import base64
import io
import shutil
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

import numpy as np
from PIL import Image

from analysis.light.methods import BICUBIC, DIRECT, LOW, ORIGINAL, RUN, Method, Piece, Table
from analysis.pictures import Album, Bytes
from srcnn.files import write_bytes
from srcnn.paths import StudyPaths, is_within
from srcnn.regular import NotRegular, read_regular

MADE = (ORIGINAL, LOW, DIRECT)  # the kinds of methods whose pictures a study keeps in no file
WRITTEN = 200  # pictures of which originals and inputs are written beside a page
RESTORED = 60  # pictures that are restored for a page, where a study keeps no files of them
MISSES = 8  # groups that do not fit into a page, after which no more are looked for
FIRST, FILMED = 6, 2  # pictures that a page holds of every run, and at every epoch, before it holds others of one run


def write_sources(table: Table, order: Sequence[int]) -> None:
    """Write the originals and low-resolution pictures, the first of ``order``, that are not there yet.

    Those of sets of another content, and of degradations that are no more, are deleted.
    """
    for study, evidence in enumerate(table.studies):
        for method in (method for method in table.methods if method.study == study and method.kind in MADE):
            for i in order[:WRITTEN]:
                for view in _views(method):
                    piece = Piece(method, 0, i, view)
                    if not table.file(piece).exists() and (content := _made(table, piece)) is not None:
                        write_bytes(table.file(piece), content)
        runs, sets = evidence.study.runs, evidence.study.sets.values()
        _delete_old(evidence.study.paths, {(run.degradation_id, own["set_id"]) for run in runs for own in sets})


def _delete_old(paths: StudyPaths, used: Collection[tuple[str, str]]) -> None:
    old = (folder for folder in paths.report_pictures.glob("*/*") if (folder.parent.name, folder.name) not in used)
    for folder in old:
        if is_within(folder, paths.folder) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _made(table: Table, piece: Piece) -> bytes | None:
    """Return the PNG of a picture that a study keeps in no file; None where what it is made from is gone."""
    pixels = _pixels(Album(table.studies[piece.method.study].study), piece.method, table, piece.picture, piece.view)
    return None if pixels is None else _png(pixels)


def _pixels(album: Album, method: Method, table: Table, i: int, view: str) -> Bytes | None:
    picture = table.pictures[i]
    if method.kind == ORIGINAL:
        return album.original(method.run_of, picture.set, picture.name)
    zoom = int(view.removeprefix("zoom_")) if method.kind == DIRECT else 1
    return album.low_resolution(method.run_of, picture.set, picture.name, zoom)


def _views(method: Method) -> list[str]:
    return [f"zoom_{zoom}" for zoom in method.zooms] or ["full"]


def _png(pixels: Bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def restore_first(table: Table, order: Sequence[int], best: Sequence[Method]) -> None:
    """Have those pictures restored that a page would hold first and that no file holds, as far as RESTORED goes."""
    left = RESTORED
    albums = [Album(evidence.study) for evidence in table.studies]
    for piece in chain.from_iterable(groups(table, order, best)):
        if piece.method.kind != RUN or piece.view != "full" or albums[piece.method.study].study.restore is None:
            continue
        if not table.file(piece).exists():
            picture = table.pictures[piece.picture]
            albums[piece.method.study].restored(piece.method.run_of, piece.epoch, picture.set, picture.name)
            left -= 1
        if not left:
            return


def held(table: Table, order: Sequence[int], best: Sequence[Method], most: int) -> dict[Piece, str]:
    """Return the pieces that a page holds, as base64 of their files; together no more than ``most`` letters."""
    chosen: dict[Piece, str] = {}
    misses = 0
    for group in groups(table, order, best):
        contents = {piece: _content(table, piece) for piece in group if piece not in chosen}
        letters = {piece: base64.b64encode(content).decode() for piece, content in contents.items() if content}
        size = sum(map(len, letters.values()))
        if size <= most:
            chosen |= letters
            most -= size
        elif (misses := misses + 1) == MISSES:
            break
    return chosen


def _content(table: Table, piece: Piece) -> bytes | None:
    """Return the bytes of a piece; None if there are none."""
    try:
        return read_regular(table.file(piece))
    except (OSError, NotRegular):
        return _made(table, piece) if piece.method.kind in MADE else None


def groups(table: Table, order: Sequence[int], best: Sequence[Method]) -> Iterator[list[Piece]]:
    """Give all pieces, those first that tell most; some come twice. Those of a group tell nothing without each other.

    ``order`` are the places of the pictures by what they tell, ``best`` each study's best run.
    """
    inputs = [method for method in table.methods if method.kind in (ORIGINAL, LOW, BICUBIC)]
    direct = [method for method in table.methods if method.kind == DIRECT]
    runs = [*best, *(method for method in table.methods if method.kind == RUN and method not in best)]
    first, rest = order[:FIRST], order[FIRST:]

    def inputs_and_best(i: int) -> list[Piece]:
        return [*(Piece(method, 0, i) for method in inputs), *(Piece(method, method.epochs[-1], i) for method in best)]

    def last_of_others(i: int) -> Iterator[list[Piece]]:
        yield from ([Piece(method, method.epochs[-1], i)] for method in runs[len(best) :])

    def to_enlarge(i: int, methods: Sequence[Method]) -> Iterator[list[Piece]]:
        for method in methods:
            epoch = method.epochs[-1] if method.epochs else 0
            yield from ([Piece(method, epoch, i, f"zoom_{zoom}")] for zoom in method.zooms)

    def all_epochs(i: int, methods: Sequence[Method]) -> Iterator[list[Piece]]:
        yield from ([Piece(method, epoch, i)] for method in methods for epoch in reversed(method.epochs))

    yield from map(inputs_and_best, first)
    for i in first:
        yield from last_of_others(i)
        yield from to_enlarge(i, [*direct, *best])
    for i in first[:FILMED]:
        yield from all_epochs(i, best)
    yield from map(inputs_and_best, rest)
    for i in rest:
        yield from last_of_others(i)
    for i in order:
        yield from to_enlarge(i, [*direct, *runs])
        yield from all_epochs(i, runs)
