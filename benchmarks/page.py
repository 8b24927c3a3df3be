"""``python -m benchmarks.page [PAGE ...]``: seconds until a browser shows a report's page.

Without pages it makes a study of 50 runs and 14 metrics and opens its report. Each page is opened five times from
its file by chromium, which chromedriver starts; printed are the median and the slowest until the window is painted,
and what it takes to draw the figures below the window, too. Writes benchmarks/page.json.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from analysis.build import write_report
from benchmarks.written import add_json, require_free, write_figures
from srcnn.contents import LAYOUT
from srcnn.files import write_json, write_text
from srcnn.metrics import METRICS
from srcnn.paths import StudyPaths
from srcnn.score_schema import score_schema
from srcnn.upsample import UPSAMPLERS

RUNS, EPOCHS, PICTURES, TIMES = 50, 10, 5, 5
SETS = ("near", "far")
WANTED = 2.0  # seconds, for the study that is made here
EVALUATION, DEGRADATION = "e0000000page", "b0000000page"
SHOWN = """
const done = arguments[0];
const paint = () => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
if (document.readyState === 'complete') paint(); else addEventListener('load', paint);
"""
# Figures below the window are drawn when they come near, or when the page is printed.
ALL = "dispatchEvent(new Event('beforeprint')); return document.querySelectorAll('.chart svg').length;"


def make_study(folder):
    """Write a finished study of RUNS runs and all metrics on two sets, by four protocols; return its report's page."""
    paths, generator, metrics = StudyPaths(folder), np.random.default_rng(0), list(METRICS)
    schema = score_schema(metrics)
    kinds = [("luma", None), ("region", None), *((p, name) for p in ("whole", "compound") for name in UPSAMPLERS)]
    keys = [(name, f"picture {n}", *kind) for name in SETS for n in range(PICTURES) for kind in kinds]

    def shard(run_id, epoch, skill):
        rows = []
        for set_name, image, protocol, upsampler in keys:
            method = "srcnn" if run_id else "direct" if protocol == "compound" else "bicubic"
            key = {"run_id": run_id, "epoch": epoch, "set": set_name, "image": image, "method": method}
            key |= {"protocol": protocol, "upsampler": upsampler, "zoom": 2 if protocol == "compound" else 1}
            key |= {"definition": "paper", "x": 0, "y": 0, "width": 160, "height": 160}
            values = np.abs(10 + skill + generator.standard_normal(len(metrics))).tolist()
            rows.append(key | dict(zip(metrics, values, strict=True)))
        file = paths.shard(run_id or DEGRADATION, EVALUATION, epoch or 0, 0)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)

    shard(None, None, 0.0)
    runs = []
    for number in range(RUNS):
        run_id, rate = f"r{number:010d}", 1e-4 * (number + 1)
        settings = {
            "training": {"learning_rate": rate},
            "seed": 0,
            "evaluate": {"metrics": metrics, "crops": [[160, 160]], "zooms": [2], "upsamplers": list(UPSAMPLERS)},
        }
        write_text(paths.run(run_id).config, yaml.safe_dump(settings))
        for epoch in range(1, EPOCHS + 1):
            shard(run_id, epoch, number / RUNS + np.log(epoch))
        ids = {"run_id": run_id, "eval_id": EVALUATION, "degradation_id": DEGRADATION}
        runs.append({**ids, "label": f"learning_rate={rate:g}", "epochs": list(range(1, EPOCHS + 1)), "shards": 1})
    sets = {name: {"group": "test", "set_id": f"s0000000{name}"} for name in SETS}
    write_json(paths.contents, {"layout": LAYOUT, "study": folder.name, "runs": runs, "sets": sets, "tasks": []})
    return write_report(folder)


def opened(pages):
    """Give for each page the seconds of each time that it was opened, those of drawing all figures, and how many."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for page in pages:
            took, drawing, count = [], [], 0
            for _ in range(TIMES):
                browser.get("about:blank")
                start = time.perf_counter()
                browser.get(page.absolute().as_uri())
                browser.execute_async_script(SHOWN)
                took.append(time.perf_counter() - start)
                start = time.perf_counter()
                count = browser.execute_script(ALL)
                drawing.append(time.perf_counter() - start)
            yield took, drawing, count
    finally:
        browser.quit()


def main():
    """Open the pages, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path, nargs="*", metavar="PAGE")
    add_json(parser, "benchmarks/page.json")
    arguments = parser.parse_args()
    require_free(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        pages = arguments.pages or [make_study(Path(temporary) / "many")]
        figures = []
        for page, (took, drawing, count) in zip(pages, opened(pages), strict=True):
            size = round(page.stat().st_size / 1e6, 1)
            figures.append({"page": str(page), "mb": size, "s": took, "all_figures_s": drawing, "figures": count})
            middle, slowest, rest = statistics.median(took), max(took), statistics.median(drawing)
            print(f"{page}: {size} MB, {middle:.2f} s, at most {slowest:.2f} s; all {count} charts {rest:.2f} s more")
            if not arguments.pages:
                verdict = "met" if slowest < WANTED else "MISSED"
                print(f"{RUNS} runs and {len(METRICS)} metrics within {WANTED:.0f} s: {verdict}")
    write_figures(arguments, "page", {"cpu_count": os.cpu_count(), "load": os.getloadavg(), "figures": figures})


if __name__ == "__main__":
    main()
