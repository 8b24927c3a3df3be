"""Whatever stands in a record, a line or a study: a value, or an error that names the file."""

import json

import pyarrow as pa
import pytest
import yaml
from conftest import write_pictures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_records import ROW, WHOLE

from jobs.claim import build_once
from jobs.kept_scores import KeptScores
from jobs.pictures import load_set, read_set
from runner.record.submission import submissions
from runner.study.config import ConfigError, StudyConfig, load_study
from srcnn.attempts import read_attempt
from srcnn.contents import read_contents
from srcnn.damage import DamagedFile
from srcnn.files import write_text
from srcnn.history import read_history
from srcnn.paths import RootPaths, StudyPaths
from srcnn.picture_list import ListedPicture
from srcnn.records import record
from srcnn.score_schema import score_schema

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAME = settings(
    max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("kind", WHOLE)
@SAME
@given(data=st.data())
def test_a_record_with_any_field_changed_missing_or_added_is_a_record_or_refused(kind, data):
    value = dict(WHOLE[kind])
    assert record(kind)(value)
    name = data.draw(st.sampled_from([*value, "more"]))
    if name == "more" or data.draw(st.booleans()):
        value[name] = data.draw(ANY_JSON)
    else:
        del value[name]
    try:
        record(kind)(value)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


@SAME
@given(content=st.binary(max_size=60) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_in_place_of_a_record_are_a_value_or_a_named_damage(tmp_path, content):
    paths = StudyPaths(tmp_path / "study")
    for file, read in (
        (paths.contents, lambda: read_contents(paths)),
        (tmp_path / "history.jsonl", lambda: read_history(tmp_path / "history.jsonl")),
        (paths.submission("1-a") / "jobs.json", lambda: list(submissions(paths))),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        try:
            read()
        except DamagedFile as error:
            assert str(error).startswith(f"{file}: is damaged (")  # noqa: PT017
    (tmp_path / "train-r0-1.json").write_bytes(content)
    read_attempt(tmp_path / "train-r0-1.json")


@SAME
@given(data=st.data())
def test_a_list_of_pictures_is_one_or_a_named_damage(tmp_path, data):
    root = RootPaths(tmp_path)
    picture = dict(WHOLE[ListedPicture])
    picture[data.draw(st.sampled_from([*picture, "more"]))] = data.draw(ANY_JSON)
    write_text(root.pictures("s0"), json.dumps([picture]))
    load_set.cache_clear()
    try:
        load_set(root, "s0")
    except DamagedFile as error:
        assert str(error).startswith(f"{root.pictures('s0')}: is damaged (")  # noqa: PT017


@SAME
@given(data=st.data())
def test_fingerprints_with_any_field_changed_are_set_aside_and_the_pictures_read_again(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("pictures")
    root, source = RootPaths(folder / "results"), str(write_pictures(folder / "own", [1], height=20, width=20))
    before = read_set([source], root)
    ((path, about),) = json.loads(root.fingerprints.read_text()).items()
    (content,) = about["pictures"]
    field = data.draw(st.sampled_from([*about, *content, "more", "all"]))
    other = data.draw(ANY_JSON)
    changed = {"pictures": [{**content, field: other}]} if field in content else {field: other}
    write_text(root.fingerprints, json.dumps(other if field == "all" else {path: {**about, **changed}}))
    again = read_set([source], root)
    if field in ("all", "more", "stamp", "pictures"):  # a text in place of another is one
        assert again == before
    assert read_set([source], root) == again


@SAME
@given(data=st.data())
def test_a_line_of_scores_that_are_kept_is_one_or_passed_over(tmp_path, data):
    line = {"name": "a", "state": ["x"], "rows": [dict(ROW)]}
    target = line if data.draw(st.booleans()) else line["rows"][0]
    target[data.draw(st.sampled_from([*target, "more"]))] = data.draw(ANY_JSON)
    file = tmp_path / "kept.jsonl"
    file.write_text(json.dumps(line) + "\n" + json.dumps({"name": "b", "state": [], "rows": [ROW]}) + "\n")
    kept = KeptScores(file)
    assert ROW in kept.rows()
    assert kept.read({"b": ()}) == {"b": [ROW]}
    assert pa.Table.from_pylist(kept.rows(), schema=score_schema(["psnr"])).num_rows


@SAME
@given(content=st.binary(max_size=40) | st.lists(ANY_JSON, max_size=4).map(lambda value: json.dumps(value).encode()))
def test_any_content_of_a_claim_is_waited_for_and_taken_over(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("claim")
    (folder / ".x.claim").write_bytes(content)
    build_once(folder / "x", lambda: write_text(folder / "x", "built"), poll_s=0.001, stale_s=0.0)
    assert (folder / "x").read_text() == "built"


@SAME
@given(text=st.text(max_size=60) | ANY_JSON.map(lambda value: yaml.safe_dump({"data": value})))
def test_any_text_as_a_study_is_a_study_or_a_configuration_error(tmp_path, text):
    file = tmp_path / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(load_study(str(file))[0], StudyConfig)
    except ConfigError as error:
        assert "any.yaml" in str(error) or str(error)  # noqa: PT017
