"""``srcnn COMMAND`` is every command by a short name, and a shell completes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from runner.console import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_parser_of_its_module(name, capsys, monkeypatch):
    monkeypatch.setattr("srcnn.called._SHORT", {})
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    short = capsys.readouterr().out
    assert short.startswith(f"usage: srcnn {name} ")
    module = COMMANDS[name].called
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert " ".join(done.stdout.split()) == " ".join(short.replace(f"srcnn {name}", f"python -m {module}", 1).split())


def test_a_commands_status_is_passed_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("srcnn.called._SHORT", {})
    assert main(["status", str(tmp_path)]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_word_that_is_no_command_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit) as end:
        main(["statsu"])
    assert end.value.code == 2
    assert "'status'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    file = tmp_path_factory.mktemp("completion") / "srcnn"
    srcnn = Path(sys.executable).with_name("srcnn")
    done = subprocess.run([srcnn, "completion", "bash"], capture_output=True, text=True, check=True)
    file.write_text(done.stdout)
    return file


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["srcnn", "st"], {"status"}),
        (["srcnn", "submit", "--exec"], {"--executor"}),
        (["srcnn", "submit", "--executor", "sl"], {"slurm"}),
        (["srcnn", "evaluate", "--reference", "dat"], {"data"}),
        (["srcnn", "status", "dat"], {"data"}),
    ],
)
def test_bash_completes_commands_options_their_values_and_paths(script, tmp_path, line, expected):
    (tmp_path / "data").mkdir()
    words = " ".join(f"'{word}'" for word in line)
    program = f"""
        shopt -s progcomp; source '{script}'
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        $(complete -p srcnn | sed 's/.*-F \\([^ ]*\\).*/\\1/') srcnn "${{COMP_WORDS[COMP_CWORD]}}" ''
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert set(done.stdout.split()) == expected, done.stderr
