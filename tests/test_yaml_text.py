"""Settings are read as they look; what YAML would drop, turn into something else or blow up is refused."""

import pytest
import yaml

from srcnn.yaml_text import MOST_VALUES, YamlError, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4:00:00", "4:00:00"),
        ("1:2:3", "1:2:3"),
        ("1:30.5", "1:30.5"),
        ("2024-01-01", "2024-01-01"),
        ("010", "010"),
        ("yes", "yes"),
        ("off", "off"),
        ("on: 1", {"on": 1}),
        ("1: x", {"1": "x"}),
        ("no: {2024-01-01: y}", {"no": {"2024-01-01": "y"}}),
        ("true", True),
        ("1_000", 1000),
        ("0x10", 16),
        ("-1.5e+3", -1500.0),
        (".inf", float("inf")),
        ("~", None),
        ("", None),
    ],
)
def test_plain_text_means_what_it_looks_like(text, value):
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("training: {epochs: 1}\nseed: 2\ntraining: {}", r"line 3: training is given twice, first in line 1"),
        ("sets:\n  a: 1\n  b: 2\n  'a': 3", r"line 4: a is given twice, first in line 2"),
        ("- {on: 1, 'on': 2}", r"line 1: on is given twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a", r"line 4: << is given twice, first in line 3; write <<: \[\*one"),
        ("a: &a {x: 1, x: 2}\nb: {<<: *a}", r"line 1: x is given twice"),
        ("[a, b]: 1", r"line 1: a key is text"),
        ("a: !!python/name:os.system x", r"line 1, column 4: .*python/name"),
        ("a: &a [*a]", r"line 1: an alias stands within what it stands for"),
        ("a: [", r"not valid YAML: line 1"),
        ("a: 1\n--- \nb: 2", r"another document"),
        ("a\x01", r"line 1: the character '\\x01' is not allowed"),
        ("[" * 5000, r"more than 50 levels deep"),
        ("x" * 5_000_000, r"has 5,000,000 characters"),
        ('a: "x\\0y"', "line 1: 'x\\\\x00y' holds a zero byte"),
        ('"x\\0y": 1', "line 1: 'x\\\\x00y' holds a zero byte"),
    ],
)
def test_what_has_no_single_meaning_is_refused_with_its_line(text, complaint):
    with pytest.raises(YamlError, match=complaint):
        read_yaml(text)


def test_aliases_that_expand_without_measure_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    with pytest.raises(YamlError, match=f"has more than {MOST_VALUES:,} values"):
        read_yaml("\n".join(lines))
    chain = ["b0: &b0 [x]"] + [f"b{n}: &b{n} [*b{n - 1}]" for n in range(1, 3000)]
    with pytest.raises(YamlError, match="levels deep, its aliases expanded"):
        read_yaml("\n".join(chain))


def test_own_keys_win_over_merged_ones_and_are_no_repetition():
    assert read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}")["b"] == {"x": 3, "y": 2}
    assert read_yaml("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}")["c"] == {"x": 1, "y": 2}


def test_what_yaml_dumps_is_read_back_as_it_was():
    value = {"on": ["yes", "010", "4:00:00", "2024-01-01", "1e-3", "~", "", "ü", 1, 1.5e-9, True, None], "1": {"<<": 2}}
    assert read_yaml(yaml.safe_dump(value)) == value
