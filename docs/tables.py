"""The tables of the reference pages, made of what they describe: ``python -m docs.tables`` writes them anew.

A page says where, ``<!-- table NAME -->`` to ``<!-- end -->``, and is committed with the table in it: so it can be read
in any clone, without building anything, and errors can point to it. A test compares.
"""

import argparse
import ast
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from runner.console import COMMANDS, Listed
from runner.study.cluster import CLUSTER_DEFAULTS, ClusterConfig
from runner.study.config import StudyConfig
from runner.study.stages import stages_table
from runner.study.sweep import SweepConfig
from srcnn.experiment import (
    DataConfig,
    EvaluateConfig,
    KeepConfig,
    ModelConfig,
    RenderConfig,
    TrainingConfig,
    WeightsScale,
)
from srcnn.losses import LOSSES
from srcnn.models import MODELS
from srcnn.schema import KEY_COLUMNS, METHODS
from srcnn.score_schema import score_schema

FOLDER = Path(__file__).resolve().parent
PLACE = re.compile(r"(<!-- table (?P<name>[\w.]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
SECTIONS: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "weights_scale": WeightsScale,
    "training": TrainingConfig,
    "render": RenderConfig,
    "keep": KeepConfig,
    "evaluate": EvaluateConfig,
    "sweep": SweepConfig,
}
# Commands that have no short name.
FURTHER = {
    "published": Listed("srcnn.models.published", "srcnn.models.published", "import weights that others published")
}


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a table; ``head`` has the names of the columns between strokes."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)])


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


# --- the study file ---------------------------------------------------------------------------
def keys(section: type[BaseModel], defaults: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return the keys of a section, what each may be, its default, its meaning; some ``defaults`` are not its own."""
    return table("Key | May be | Default | Meaning", _keys(section, defaults))


def _keys(section: type[BaseModel], defaults: Mapping[str, Any] = MappingProxyType({})) -> Iterator[list[str]]:
    schema = section.model_json_schema()
    for name, about in schema["properties"].items():
        if name in section.model_fields and "description" in about:
            default = "needed" if name in schema.get("required", ()) else _code(about["default"])
            yield [f"`{name}`", _may_be(about, schema), defaults.get(name, default), about["description"]]


def _code(value: Any) -> str:
    """Return a value as YAML has it, in one line."""
    text = re.sub(r'"([^, ]+?)"', r"\1", json.dumps(value))  # which YAML reads, but for quotes that it does not need
    return f"`{text}`"


def _may_be(about: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON schema allows."""
    if "$ref" in about:
        return _may_be(schema["$defs"][about["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in about:
        words = dict.fromkeys(_may_be(kind, schema) for kind in about["anyOf"])
        return " or ".join(words)
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    kind = about.get("type")
    if kind == "array":
        each = about.get("items") or {"type": ""}
        inner = _may_be(each, schema)
        return f"list: {inner}" if inner.startswith("`") else "list"
    names = {"integer": "whole number", "number": "number", "boolean": "true, false", "string": "text"}
    return " ".join(filter(None, (names.get(str(kind), str(kind).replace("object", "mapping")), _bounds(about))))


def _bounds(about: Mapping[str, Any]) -> str:
    above, below = about.get("exclusiveMinimum"), about.get("exclusiveMaximum")
    low, high = about.get("minimum"), about.get("maximum")
    words = [
        f"above {above:,}" if above is not None else "",
        f"{low:,} to {high:,}" if low is not None and high is not None else "",
        f"from {low:,}" if low is not None and high is None else "",
        f"up to {high:,}" if high is not None and low is None else "",
        f"below {below:,}" if below is not None else "",
    ]
    return " ".join(filter(None, words))


def networks() -> str:
    """Return the networks that a study may name, with their settings."""
    rows = []
    for name, spec in MODELS.items():
        weights = f"{spec.weights(spec.settings(), 3):,}"
        rows.append([f"`{name}`", f"the {spec.fed} picture".replace("low res", "low-res"), _settings(spec), weights])
    return table("Name | Is fed | Settings | Weights, 3 times", rows)


def losses() -> str:
    """Return the losses that a study may name, with their settings."""
    rows = []
    for name, spec in LOSSES.items():
        source = FOLDER.parent / (spec.builder.partition(":")[0].replace(".", "/") + ".py")
        about = (ast.get_docstring(ast.parse(source.read_text())) or "").partition("\n")[0]
        rows.append([f"`{name}`", _settings(spec), about.rstrip(".")])
    return table("Name | Settings | What it is", rows)


def _settings(spec: Any) -> str:
    rows = _keys(spec.settings) if spec.settings.model_fields else ()
    return "; ".join(f"{key}: {default}, {meaning} ({may_be})" for key, may_be, default, meaning in rows)


# --- files ------------------------------------------------------------------------------------
KEYS = {
    "run_id": "the run; null for what no network made",
    "epoch": "the epoch; null likewise",
    "set": "the set of pictures",
    "image": "the picture, without suffix; a frame of a clip is `walk_000001`",
    "method": "; ".join(f"`{name}`: {meaning}" for name, meaning in METHODS.items()),
    "protocol": "`whole`, `region`, `compound` or `luma`",
    "upsampler": "what enlarged; null where nothing was",
    "zoom": "of `compound`",
    "definition": "`paper` or `package`",
    "x": "left of the patch, in pixels of the reference",
    "y": "top of the patch, likewise",
    "width": "of the patch, likewise",
    "height": "of the patch, likewise",
}


def columns() -> str:
    """Return the columns of the score table."""
    rows = [[f"`{name}`", str(score_schema().field(name).type), KEYS[name]] for name in KEY_COLUMNS]
    for field in score_schema():
        if field.name not in KEY_COLUMNS:
            unit = field.metadata[b"unit"].decode()
            better = "higher" if field.metadata[b"higher_is_better"] == b"true" else "lower"
            about = f"{'without unit' if unit == '1' else f'in {unit}'}, {better} is better; null where undefined"
            rows.append([f"`{field.name}`", str(field.type), about])
    return table("Column | Type | Holds", rows)


# --- the commands -----------------------------------------------------------------------------
def commands() -> str:
    """Return a section for every command: what it does, what it takes, its exit status."""
    return "\n\n".join(_command(name, listed) for name, listed in {**COMMANDS, **FURTHER}.items())


def _command(name: str, listed: Listed) -> str:
    module = importlib.import_module(listed.module)
    parser: argparse.ArgumentParser = module.parser()
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    formatter = parser._get_formatter()
    rows = []
    for action in actions:
        about = formatter._expand_help(action) if action.help else ""
        rows.append([_called(action), _default(action), about])
    short = f" or `srcnn {name}`" if name in COMMANDS else ""
    usage = [f"python -m {listed.called}", *map(_in_usage, actions)]
    status = (
        " ".join((module.main.__doc__ or "").partition("\n\n")[0].split()).partition("eturn ")[2].replace("``", "`")
    )
    parts = [
        f"## {name}",
        f"`python -m {listed.called}`{short}. {parser.description}".replace("%%", "%"),
        f"```text\n{_folded(usage)}\n```",
        table("Argument | Default | Meaning", rows),
        *([parser.epilog] if parser.epilog else []),
        *([] if "Exit status" in (parser.description or "") else [f"Exit status: {status}"]),
    ]
    return "\n\n".join(parts)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    if isinstance(name, tuple):
        return " ".join(name)
    return f"{name} ..." if action.nargs in ("+", "*") else name


def _called(action: argparse.Action) -> str:
    value = _value(action)
    return ", ".join(f"`{' '.join(filter(None, (option, value)))}`" for option in action.option_strings or [""])


def _in_usage(action: argparse.Action) -> str:
    text = " ".join(filter(None, (next(iter(action.option_strings), ""), _value(action))))
    needed = action.required and action.nargs not in ("?", "*")
    return text if needed else f"[{text}]"


def _default(action: argparse.Action) -> str:
    if action.required and action.nargs not in ("?", "*"):
        return "needed"
    value = action.default
    if value in (None, False, [], argparse.SUPPRESS):
        return ""
    return f"`{' '.join(map(str, value)) if isinstance(value, list) else value}`"


def _folded(words: Iterable[str], width: int = 100) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines).strip()


# --- the report -------------------------------------------------------------------------------
def light_keys() -> str:
    """Return the keys of the report's light table."""
    script = (FOLDER.parent / "analysis" / "templates" / "light_keys.js").read_text()
    rows = re.findall(r'^  \["([^"]+)", "([^"]+)", ', script, re.MULTILINE)
    return table("Key | Does", [[" ".join(f"`{key}`" for key in keys.split()), words] for keys, words in rows])


# --- writing ----------------------------------------------------------------------------------
TABLES: dict[str, Callable[[], str]] = {
    **{name: partial(keys, section) for name, section in SECTIONS.items()},
    "cluster": partial(keys, ClusterConfig, {name: _code(value) for name, value in CLUSTER_DEFAULTS.items()}),
    "study": partial(keys, StudyConfig, {"name": "the file's"}),
    "stages": stages_table,
    "networks": networks,
    "losses": losses,
    "columns": columns,
    "commands": commands,
    "light_keys": light_keys,
}


def written(text: str) -> str:
    """Return a page with its tables as they are now. Raises KeyError for one that is not known."""
    return PLACE.sub(lambda place: f"{place[1]}{TABLES[place['name']]()}\n", text)


def main() -> int:
    """Write the tables of all pages anew, and return 0."""
    for page in sorted(FOLDER.rglob("*.md")):
        text = page.read_text()
        if (new := written(text)) != text:
            page.write_text(new)
            print(page.relative_to(FOLDER))
    return 0


if __name__ == "__main__":
    sys.exit(main())
