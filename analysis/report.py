"""The study as one page: what the runs scored against bicubic, over the epochs, by upsampler."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.aggregate import last_epochs, mean_over_pictures
from analysis.load import contents, load, load_histories, shards
from analysis.seeds import spread_over_seeds
from srcnn.files import atomic_path, read_json, write_text
from srcnn.metrics import find, is_metric
from srcnn.paths import StudyPaths
from srcnn.protocols import PROTOCOLS

HEADLINE = ("psnr", "ssim")


def write_report(study_dir: Path | str) -> Path:
    """Write report/index.html with its tables as CSV and figures as PNG beside it; the page's path.

    Works on a study that is half finished and says what is missing. Raises FileNotFoundError if
    the folder holds no study.
    """
    from jinja2 import Environment, PackageLoader

    paths = StudyPaths(Path(study_dir))
    about = contents(paths.folder)
    frame = load(paths.folder)
    sections = _sections(paths, about, frame) if len(frame) else []
    template = Environment(loader=PackageLoader("analysis"), autoescape=True, trim_blocks=True).get_template(
        "report.html"
    )
    page = template.render(
        study=about["study"],
        runs=len(about["runs"]),
        comparisons=len(frame),
        pictures=frame[["set", "image"]].drop_duplicates().shape[0] if len(frame) else 0,
        headlines=_headlines(frame) if len(frame) else [],
        sections=sections,
        missing=len(shards(paths.folder)[1]),
        failures=_failures(paths),
        command=f"python -m runner.submit {paths.folder}",
    )
    write_text(paths.report_page, page)
    return paths.report_page


def _sections(paths: StudyPaths, about: dict[str, Any], frame: pd.DataFrame) -> list[dict[str, Any]]:
    from analysis.plots import evaluation_plot, loss_plot, run_colours

    colours = run_colours([run["label"] for run in about["runs"]])
    metrics = [name for name in map(str, frame.columns) if is_metric(name) and frame[name].notna().any()]
    sections: list[dict[str, Any]] = []
    main = "luma" if (frame["protocol"] == "luma").any() else "region"
    compared = frame[(frame["protocol"] == main) & (frame["definition"] == frame["definition"].iloc[0])]
    runs = compared[compared["run_id"].notna()]
    if len(runs):
        means = mean_over_pictures(runs, ["set", "label", "epoch"], HEADLINE)
        bicubic = mean_over_pictures(compared[compared["run_id"].isna()], ["set"], HEADLINE)
        figure = evaluation_plot(means, bicubic, HEADLINE, colours)
        sections.append(_figure(paths, "epochs", f"Over the epochs ({PROTOCOLS[main]})", figure))
    for protocol, meaning in PROTOCOLS.items():
        rows = last_epochs(frame[frame["protocol"] == protocol])
        if len(rows):
            by = ["set", "label", "definition"]
            by += ["upsampler"] if rows["upsampler"].notna().any() else []
            by += ["zoom"] if protocol == "compound" else []
            sections.append(_table(paths, protocol, f"{protocol}: {meaning}", mean_over_pictures(rows, by, metrics)))
    seeds = spread_over_seeds(last_epochs(compared), about["runs"], ["set", "definition"], HEADLINE)
    if len(seeds):
        sections.append(_table(paths, "seeds", f"Mean and spread over seeds ({PROTOCOLS[main]})", seeds))
    histories = load_histories(paths.folder)
    if len(histories):
        sections.append(_figure(paths, "loss", "Training", loss_plot(histories, colours)))
    return sections


def _headlines(frame: pd.DataFrame) -> list[str]:
    """For each set, which run has the best PSNR at its last epoch, and by how much over bicubic."""
    for protocol in ("luma", "region"):
        rows = last_epochs(frame[(frame["protocol"] == protocol) & (frame["definition"] == "paper")])
        if len(rows) and rows["run_id"].notna().any():
            break
    else:
        return []
    means = mean_over_pictures(rows, ["set", "label", "method", "degradation_id"], HEADLINE)
    bicubic = means[means["method"] == "bicubic"].set_index(["set", "degradation_id"])
    sentences = []
    for set_name, of_set in means[means["method"] == "srcnn"].groupby("set", sort=False):
        best = of_set.sort_values("psnr").iloc[-1]
        sentence = f"{set_name}: {best['label']} reaches {best['psnr']:.2f} dB"
        key = (set_name, best["degradation_id"])
        if key in bicubic.index:
            base = float(bicubic.loc[key, "psnr"])
            sentence += f", bicubic {base:.2f} dB ({best['psnr'] - base:+.2f} dB)"
        sentences.append(f"{sentence}, over {best['pictures']} pictures ({protocol} protocol).")
    return sentences


def _failures(paths: StudyPaths) -> list[dict[str, Any]]:
    """The latest attempt of every task, where it failed."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for folder in (paths.attempts, *sorted(paths.runs.glob("*/attempts"))):
        for file in folder.glob("*.json"):
            try:
                record = read_json(file)
            except ValueError:  # being written
                continue
            key = (record["stage"], record["task"])
            if record["number"] > latest.get(key, {"number": 0})["number"]:
                latest[key] = record
    return [record for record in latest.values() if record["outcome"] in ("failed", "interrupted")]


def _figure(paths: StudyPaths, name: str, title: str, figure: Any) -> dict[str, Any]:
    from analysis.plots import to_svg

    with atomic_path(paths.report / "figures" / f"{name}.png") as temporary:
        figure.savefig(temporary, dpi=150)
    return {"title": title, "svg": to_svg(figure)}


def _table(paths: StudyPaths, name: str, title: str, table: pd.DataFrame) -> dict[str, Any]:
    write_text(paths.report / "tables" / f"{name}.csv", table.to_csv(index=False))
    best = {metric: _best(table, metric) for metric in map(str, table.columns) if is_metric(metric)}
    rows = [
        [
            {
                "text": _text(value, str(column)),
                "best": column in best and index in best[column],
                "number": is_metric(str(column)),
            }
            for column, value in row.items()
        ]
        for index, row in table.iterrows()
    ]
    heads = [_head(str(column)) for column in table.columns]
    return {"title": title, "heads": heads, "rows": rows, "csv": f"tables/{name}.csv"}


def _best(table: pd.DataFrame, metric: str) -> set[Any]:
    """Rows with the best value of a metric in each set."""
    ranked = table.groupby("set", sort=False)[metric]
    best = ranked.transform("max" if find(metric).higher_is_better else "min")
    return set(table.index[table[metric] == best])


def _head(column: str) -> str:
    if not is_metric(column):
        return column
    metric = find(column)
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    return f"{metric.title}{unit} {'↑' if metric.higher_is_better else '↓'}"


def _text(value: Any, column: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if is_metric(column):
        digits = 2 if find(column).unit in ("dB", "degrees") else 4
        return f"{value:.{digits}f}" if abs(value) >= 10.0**-digits or value == 0 else f"{value:.1e}"
    return str(value)
