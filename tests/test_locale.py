"""Files are UTF-8 whatever the locale of who reads them."""

import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY, tiny_study

from runner.study.config import ConfigError, load_study

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def in_ascii(*command: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ASCII, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run([sys.executable, "-m", *command], env=environment, capture_output=True, text=True, **kwargs)


def test_a_study_with_letters_beyond_ascii_is_read_in_an_ascii_locale(tmp_path):
    file = tiny_study(tmp_path, name="plain", training__epochs=1)
    study = tmp_path / "größe.yaml"
    study.write_bytes(b"\xef\xbb\xbf" + ("# Größe\n" + file.read_text()).encode())
    places = ["--root", str(tmp_path / "results"), "--executor", "debug"]
    planned = in_ascii("runner.submit", str(study), *places, "--dry-run")
    assert (planned.returncode, planned.stderr) == (0, "")


def test_names_that_this_locale_would_write_in_other_bytes_are_refused(tmp_path):
    file = tiny_study(tmp_path)
    file.write_text(file.read_text().replace("tests:", "prüfung:"), encoding="utf-8")
    refused = in_ascii("runner.submit", str(file), "--root", str(tmp_path / "results"), "--executor", "debug")
    assert refused.returncode == 2
    assert "'pr\\xfcfung' cannot be a file's name in this locale" in refused.stderr
    assert "export LC_ALL=C.UTF-8" in refused.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_study_in_another_encoding_is_refused_with_the_remedy(tmp_path, encoding):
    file = tiny_study(tmp_path)
    file.write_bytes(("# Größe\n" + file.read_text()).encode(encoding))
    with pytest.raises(ConfigError, match=r"tiny\.yaml: .* UTF-8.*iconv -f"):
        load_study(str(file))
