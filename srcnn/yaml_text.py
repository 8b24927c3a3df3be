"""YAML as it looks: the one reader of settings, without the surprises of YAML 1.1.

A key given twice is refused, because YAML would drop the first without a word. Only ``true`` and
``false`` are truth values: ``no`` and ``on`` are text, which a setting that wants a truth value
takes all the same. ``4:00:00`` is text and no number in base 60, ``2024-01-01`` is no date, ``010``
is no octal 8, and keys are text as they are written. Text that is too long or too deep, or whose
aliases expand without measure, is refused before it fills the memory. A tag such as ``!!int`` says
what is to be read, by the same rules.
"""

import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

LONGEST = 4_000_000  # characters; a study with 2,000 cases has a tenth of it
DEEPEST = 50  # levels; a study has six
MOST_VALUES = 200_000  # once every alias is replaced by what it stands for
MOST_DIGITS = 400  # of a whole number: as many as the largest float has, and far from where Python stops printing them
SHOWN = 40  # letters of a value in a message

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
# What plain text is taken for. Each pattern is narrower than that of YAML 1.1, so that all that
# yaml.safe_dump leaves without quotes is read back as it was.
_PLAIN = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)",
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
    "merge": "<<",
}
_NUMBER = r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
# What a tag may stand before: the rest would raise in PyYAML's readers, or be read in base 60.
_TAGGED = {kind: re.compile(_PLAIN[kind]) for kind in ("null", "bool", "int")}
_TAGGED["float"] = re.compile(rf"{_PLAIN['float']}|{_NUMBER}")


class YamlError(ValueError):
    """The error of text that cannot be read as settings: the line, the fault and the remedy."""


def read_yaml(text: str) -> Any:
    """Return the value that YAML text states: mappings with text as keys, lists, text, numbers, truth values, None.

    Raises YamlError for what is not YAML, a key given twice, an unknown tag, an alias within itself, and text
    that is too long or too deep or expands to too many values.
    """
    if len(text) > LONGEST:
        raise YamlError(f"has {len(text):,} characters; settings have at most {LONGEST:,}")
    loader = None
    try:
        loader = _Reader(text)
        return loader.get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"line {line}: the character {chr(error.character)!a} is not allowed in YAML") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        fault = ", ".join(filter(None, (error.context, error.problem)))
        raise YamlError(f"is not valid YAML: {place}{fault}") from error
    finally:
        if loader:
            loader.dispose()


class _Reader(yaml.SafeLoader):
    """SafeLoader with fewer kinds of values, which looks at the whole text before it makes anything of it."""

    level = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.level += 1
        if self.level > DEEPEST:
            raise YamlError(f"line {self.peek_event().start_mark.line + 1}: is more than {DEEPEST} levels deep")
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    def get_single_node(self) -> Node | None:
        root = super().get_single_node()
        if root is not None:
            _measure(root, {})
        return root


_Reader.yaml_implicit_resolvers = {
    None: [(_TAG + kind, re.compile(f"(?:{text})$")) for kind, text in _PLAIN.items()],
}
_Reader.yaml_constructors = {
    None: yaml.SafeLoader.construct_undefined,
    **{_TAG + kind: yaml.SafeLoader.yaml_constructors[_TAG + kind] for kind in _KINDS},
}


def _measure(node: Node, measured: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Check a node and make its keys text; return its number of values and its depth, both with aliases expanded."""
    if id(node) in measured:  # an alias: what it stands for came before it
        if measured[id(node)] == _UNDER_WAY:
            raise YamlError(f"line {_line(node)}: an alias stands within what it stands for")
        return measured[id(node)]
    measured[id(node)] = _UNDER_WAY
    children: list[Node] = []
    if isinstance(node, ScalarNode):
        _check_scalar(node)
    elif isinstance(node, MappingNode):
        _check_keys(node)
        children = [value for _, value in node.value]
    elif isinstance(node, SequenceNode):
        children = node.value
    below = [_measure(child, measured) for child in children]
    values, depth = 1 + sum(count for count, _ in below), 1 + max((depth for _, depth in below), default=0)
    if values > MOST_VALUES:
        raise YamlError(f"line {_line(node)}: has more than {MOST_VALUES:,} values, its aliases expanded")
    if depth > DEEPEST:
        raise YamlError(f"line {_line(node)}: is more than {DEEPEST} levels deep, its aliases expanded")
    measured[id(node)] = values, depth
    return values, depth


_UNDER_WAY = (0, 0)


def _check_scalar(node: ScalarNode) -> None:
    _refuse_zero_byte(node)
    shown = f"{node.value[:SHOWN]}{'...' * (len(node.value) > SHOWN)}"
    kind = node.tag.removeprefix(_TAG)
    if kind in _TAGGED and not _TAGGED[kind].fullmatch(node.value):
        raise YamlError(f"line {_line(node)}: {shown} is not a valid {kind}")
    digits = re.sub("0[xb]|[-+_]", "", node.value)
    if kind == "int" and not 0 < len(digits) <= MOST_DIGITS:
        raise YamlError(
            f"line {_line(node)}: {shown} is a number of {len(digits):,} digits; expected 1 to {MOST_DIGITS}"
        )


def _refuse_zero_byte(node: ScalarNode) -> None:
    if "\0" in node.value:
        raise YamlError(f"line {_line(node)}: {node.value!r} holds a zero byte, which no name or path can hold")


def _check_keys(node: MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            raise YamlError(f"line {_line(key)}: a key is text, not a list or a mapping")
        _refuse_zero_byte(key)
        line = _line(key)
        if key.value in lines:
            remedy = "write <<: [*one, *other]" if key.tag == _MERGE else "keep one of them"
            raise YamlError(f"line {line}: {key.value} is given twice, first in line {lines[key.value]}; {remedy}")
        lines[key.value] = line
        if key.tag != _MERGE:
            key.tag = _TAG + "str"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
