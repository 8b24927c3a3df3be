"""Code of one's own is imported in a process of its own when it is checked; what it did there is said."""

import os
import sys

import pytest
from conftest import ended, tiny_study, wait_for, write_pictures

from jobs import own_check
from jobs.compare_folders import main as evaluate
from jobs.own_check import OwnCode, OwnCodeError, check_own_code, own_metrics
from runner.submit import main as submit
from srcnn.models import ModelError
from srcnn.models.build import build_model
from srcnn.own_code import own_attribute

FUNCTION = "\ndef f(reference, estimate, data_range):\n    return 1.0\n"
MUTE = "class Mute(BaseException):\n    def __str__(self):\n        raise SystemExit\n\nraise Mute\n"
# What a module does when it is imported, and what is said of it.
REFUSED = {
    "exits": ("import sys\nsys.exit(0)", "SystemExit: 0 when it was imported"),
    "exits_at_once": ("import os\nos._exit(0)", "ends Python when it is imported (status 0)"),
    "is_killed": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "ends Python when it is imported (SIGSEGV)",
    ),
    "is_killed_without_a_name": ("import os\nos.kill(os.getpid(), 40)", "ends Python when it is imported (signal 40)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt when it was imported"),
    "raises": ("raise BaseException('no')", "BaseException: no when it was imported"),
    "is_mute": (MUTE, "Mute: its text cannot be made: SystemExit when it was imported"),
    "asks": ("input('name? ')", "EOFError"),
    "is_wrong": ("def", "SyntaxError"),
    "has_none": ("f = 1", "is a int, not a function"),
    "has_a_unit": (f"{FUNCTION}f.unit = 5", "states unit 5, expected text"),
    "has_no_text": (f"{FUNCTION}f.unit = chr(0xd800)", "states unit '\\ud800', expected text"),
    "has_no_direction": (f"{FUNCTION}f.higher_is_better = 'yes'", "states higher_is_better 'yes'"),
}
SAID = {
    "prints": ("print('hello [/red] there')", "prints when it is imported: hello [/red] there"),
    "moves": ("import os\nos.chdir('/')", "changes the working folder to / when it is imported"),
    "adds": ("import sys\nsys.path.insert(0, '/elsewhere')", "changes sys.path when it is imported (adds /elsewhere)"),
    "stays": ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()", ""),
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes modules, and sees to it that this process never imports one."""
    monkeypatch.syspath_prepend(tmp_path)
    for name, (text, _) in (REFUSED | SAID).items():
        (tmp_path / f"{name}_of_mine.py").write_text(f"{text}\n{'' if name.startswith('has') else FUNCTION}")
    before = os.getcwd(), list(sys.path)
    yield tmp_path
    assert (os.getcwd(), sys.path) == before
    assert not [name for name in sys.modules if name.endswith("_of_mine")]


@pytest.mark.parametrize("name", REFUSED)
def test_a_module_that_does_not_come_back_as_it_should_is_refused_with_what_it_did(own, name):
    with pytest.raises(OwnCodeError) as caught:
        check_own_code(own_metrics([f"{name}_of_mine:f"]))
    assert f"'{name}_of_mine" in str(caught.value)
    assert REFUSED[name][1] in str(caught.value)


def test_a_module_that_waits_for_ever_is_ended_with_what_it_started(own, monkeypatch):
    (own / "waits_of_mine.py").write_text(
        "import pathlib, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(own / 'child')!r}).write_text(str(child.pid))\ntime.sleep(600)\n"
    )
    monkeypatch.setenv(own_check.LIMIT_VARIABLE, "4")
    with pytest.raises(OwnCodeError, match=r"does not come back from its import within 4 s; .*SRCNN_OWN_CODE_S"):
        check_own_code(own_metrics(["waits_of_mine:f"]))
    child = own / "child"
    if (
        child.exists() and child.read_text()
    ):  # on a machine so busy that it did not come that far, nothing is to be ended
        wait_for(lambda: ended(int(child.read_text())), seconds=60)


def test_what_else_a_module_does_is_said(own):
    notes = check_own_code(own_metrics([f"{name}_of_mine:f" for name in SAID])).notes
    for name, (_, said) in SAID.items():
        assert [said in note for note in notes if f"'{name}_of_mine:f'" in note] == [True] * bool(said), notes


def test_one_that_is_fine_says_nothing_and_none_starts_no_process(own, monkeypatch):
    (own / "fine_of_mine.py").write_text(FUNCTION)
    assert check_own_code(own_metrics(["psnr", "fine_of_mine:f"])) == ([], {})
    monkeypatch.setattr(own_check, "_run_child", None)
    assert check_own_code(own_metrics(["psnr", "ssim"])) == ([], {})


def test_submit_and_evaluate_outlive_code_of_ones_own(own, ends):
    write_pictures(own / "a", [1])
    for name in ("exits_at_once", "exits"):
        file = tiny_study(own, evaluate__metrics=["psnr", f"{name}_of_mine:f"])
        ended = ends(submit, file, "--dry-run", "--executor", "debug", "--root", own / "root")
        assert ended.status == 2
        assert f"evaluate.metrics: metric '{name}_of_mine:f'" in ended.err
        assert REFUSED[name][1] in ended.said
        folders = ["--reference", own / "a", "--estimate", own / "a", "--out", own / "out"]
        ended = ends(evaluate, *folders, "--metrics", f"{name}_of_mine:f")
        assert (ended.status, (own / "out").exists()) == (2, False)
        assert REFUSED[name][1] in ended.said
    file = tiny_study(own, evaluate__metrics=["psnr", "prints_of_mine:f"])
    ended = ends(submit, file, "--dry-run", "--executor", "debug", "--root", own / "root")
    assert ended.status == 0
    assert "note: metric 'prints_of_mine:f' prints when it is imported: hello [/red] there" in ended.said


NETS = """
import sys
from torch import nn

class Fine(nn.Conv2d):
    border, scale, reach = 1, 1, 1

    def __init__(self, residual):
        super().__init__(1, 1, 3)

class Exits(Fine):
    def __init__(self, residual):
        sys.exit(0)

class Interrupts(Fine):
    def forward(self, luma):
        raise KeyboardInterrupt
"""


def test_a_model_that_ends_python_when_it_is_built_or_called_is_refused(own):
    (own / "nets_of_mine.py").write_text(NETS)
    fine = OwnCode("model", "nets_of_mine:Fine", True, 33)
    stated = {"border": 1, "scale": 1, "reach": 1, "weights": 10, "multiplications": 9}
    assert check_own_code([fine]) == ([], {fine: stated})
    for name, said in {"Exits": "SystemExit: 0", "Interrupts": "KeyboardInterrupt"}.items():
        subjects = [OwnCode("model", f"nets_of_mine:{each}", True, 33) for each in ("Fine", name)]
        with pytest.raises(OwnCodeError, match=f"model 'nets_of_mine:{name}' raised {said}"):
            check_own_code(subjects)


def test_a_task_that_imports_such_a_module_fails_and_is_not_taken_for_done(own):
    with pytest.raises(ValueError, match="SystemExit: 0 when it was imported"):
        own_attribute("exits_of_mine:f")
    with pytest.raises(ModelError, match="SystemExit: 0 when it was imported"):
        build_model("exits_of_mine:f", residual=True, seed=0)


@pytest.mark.parametrize("limit", ["soon", "0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_time_is_refused_by_name(own, monkeypatch, limit):
    monkeypatch.setenv(own_check.LIMIT_VARIABLE, limit)
    with pytest.raises(OwnCodeError, match=f"SRCNN_OWN_CODE_S={limit}: expected seconds"):
        check_own_code(own_metrics(["fine_of_mine:f"]))
