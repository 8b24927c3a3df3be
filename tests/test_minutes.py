"""A time limit is minutes, or a time as SLURM writes it; what could mean two things is refused."""

import pytest
from conftest import tiny_study

from runner.study.config import ConfigError, load_study, save_study
from runner.submit import parser


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        (240, 240),
        ("240", 240),
        (90.5, 91),
        ("4:00:00", 240),
        ("100:00:00", 6000),
        ("0:00:01", 1),
        ("1:00:30", 61),
        ("1-00:00:00", 1440),
        ("2-12:30", 3630),
        ("1-12", 2160),
    ],
)
def test_times_are_read_as_slurm_reads_them_and_rounded_up(tmp_path, written, minutes):
    file = tiny_study(tmp_path, cluster={"train": {"timeout_min": "PLACE"}})
    file.write_text(file.read_text().replace("PLACE", str(written)))
    study, _ = load_study(str(file))
    assert study.cluster.stage("train").timeout_min == minutes
    save_study(study, tmp_path / "saved" / "study.yaml")
    assert load_study(str(tmp_path / "saved"))[0] == study
    assert load_study(str(file), [f"cluster.timeout_min={written}"])[0].cluster.timeout_min == minutes
    assert parser().parse_args(["--timeout-min", str(written)]).timeout_min == minutes


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("4:00", "could mean 4 minutes 0 seconds, as SLURM reads it, or 4 hours 0 minutes; write 4 or 240, in minutes"),
        ("90:30", "write 91 or 5430, in minutes"),
        ("4:60:00", "expected minutes as a number, H:MM:SS or D-HH:MM:SS, found '4:60:00'"),
        ("1-24:00:00", "expected minutes"),
        ("4h", "expected minutes"),
        ("0", "expected minutes"),
        (".nan", "expected minutes"),
        ("-5", "expected minutes"),
    ],
)
def test_other_times_are_refused_wherever_they_are_written(study_file, capsys, written, complaint):
    with pytest.raises(ConfigError, match=r"cluster\.train\.timeout_min: ") as error:
        load_study(str(study_file), [f"cluster.train.timeout_min={written}"])
    assert complaint in str(error.value)
    with pytest.raises(SystemExit):
        parser().parse_args([f"--timeout-min={written}"])
    assert complaint in " ".join(capsys.readouterr().err.split())
