"""The same-named pictures of two folders scored, pair by pair; what was scored before an interruption is kept."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from rich.progress import track

from jobs.backends import Backend
from jobs.kept_scores import KeptScores
from jobs.own_check import check_own_code, own_metrics
from jobs.pair_scores import pair_to_score
from jobs.pairs import FilePair, pairs_of, require_one_size
from jobs.scoring import Row
from srcnn.experiment import EvaluateConfig
from srcnn.identity import short_hash
from srcnn.metrics import METRICS, find
from srcnn.own_code import code_digest
from srcnn.terminal import Terminal


def is_own(target: Path) -> bool:
    """Say whether this command wrote a file of scores."""
    try:
        return "comparison" in json.loads((pq.read_schema(target).metadata or {}).get(b"made_from", b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return False


def comparison_name(arguments: argparse.Namespace, evaluate: EvaluateConfig) -> str:
    """Return a name for everything that decides the scores, except for the pictures themselves."""
    return short_hash(
        "c",
        {
            "folders": [str(folder.resolve()) for folder in (arguments.reference, arguments.estimate)],
            "settings": [
                *(evaluate.model_dump(mode="json"), arguments.protocol, arguments.crop, arguments.shave),
                *([arguments.data_range] if arguments.data_range else []),
            ],
            "metrics": {
                name: find(name).version if name in METRICS else code_digest(name) for name in evaluate.metrics
            },
        },
    )


def score(
    pairs: list[FilePair],
    evaluate: EvaluateConfig,
    backend: Backend,
    arguments: argparse.Namespace,
    kept: KeptScores,
) -> tuple[list[Row], list[str]]:
    """Return the rows of all pairs, old and new ones, and the reasons why some pairs have none."""
    rows = kept.read({pair.name: (pair.reference, pair.estimate) for pair in pairs})
    if rows:
        print(f"{len(rows)} of {len(pairs)} pictures were scored before: {kept.file}")
    failed = []
    todo = [pair for pair in pairs if pair.name not in rows]
    calls = [(pair, evaluate, arguments) for pair in todo]
    results = backend.score(pair_to_score, calls, evaluate, arguments.workers)
    with kept.adding() as add:
        for pair, scores in zip(todo, track(results, "scoring", total=len(todo), console=Terminal()), strict=True):
            if isinstance(scores, str):
                named = any(str(place) in scores for place in (pair.reference, pair.estimate))
                failed.append(scores if named else f"{pair.place}: {scores}")
            elif not scores.rows:
                failed.append(f"{pair.place}: is smaller than the crop")
            else:
                rows[pair.name] = scores.rows
                add(pair.name, list(scores.state), scores.rows)
    return [row for pair in pairs for row in rows.get(pair.name, ())], failed


def check_arguments(arguments: argparse.Namespace) -> tuple[EvaluateConfig, list[FilePair], list[str]]:
    """Return the settings, the pairs of one name, and complaints about pictures without a partner.

    Raises ValueError for what cannot be done as asked.
    """
    if "whole" in arguments.protocol and not arguments.crop:
        raise ValueError("protocol whole compares crops: say their size with --crop H W")
    settings = {
        "protocols": arguments.protocol,
        "upsamplers": arguments.upsampler,
        "definitions": arguments.definition,
        "zooms": (),
        "backend": arguments.backend,
        **({"crops": [arguments.crop]} if arguments.crop else {}),
        **({"metrics": arguments.metrics} if arguments.metrics else {}),
    }
    try:
        # Zooms follow from the pictures' sizes, so the crop is checked against them pair by pair.
        without = {**settings, "protocols": [p for p in arguments.protocol if p != "compound"] or ["region"]}
        evaluate = EvaluateConfig(**without)
    except ValidationError as error:
        raise ValueError("; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())) from error
    for note in check_own_code(own_metrics(evaluate.metrics)).notes:  # raises before anything is computed
        print(f"note: {note}", file=sys.stderr)
    pairs, alone = pairs_of(arguments.reference, arguments.estimate)
    if pairs[0].frame and arguments.protocol != ["compound"]:  # which compares sizes that differ, pair by pair
        require_one_size(arguments.reference, arguments.estimate)
    return evaluate, pairs, alone


def means(rows: list[Row], evaluate: EvaluateConfig) -> str:
    """Return a table of the metrics' means, a line for every protocol, upsampler and definition."""
    frame = pd.DataFrame(rows)
    by = ["protocol", "upsampler", "definition"]
    return str(
        frame.groupby(by, dropna=False)[list(evaluate.metrics)].mean().round(4).reset_index().to_string(index=False)
    )
