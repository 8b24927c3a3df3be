"""A process that cannot be seen may live: it is never taken for dead, and never killed."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from conftest import REPOSITORY

from jobs.processes import born, descendants, is_alive, kill_tree
from runner.record.lock import Holder, StudyBusyError, holder, study_lock
from srcnn.files import remove_orphans, write_json
from srcnn.paths import StudyPaths
from srcnn.place import FIRST_NAMESPACE, here, mark

CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
HOST = socket.gethostname()
IMPORTS = (
    "import os, socket, sys\n"
    "from pathlib import Path\n"
    "from jobs.processes import born, descendants, is_alive\n"
    "from runner.record.lock import study_lock\n"
    "from srcnn.files import remove_orphans\n"
    "from srcnn.paths import StudyPaths\n"
)


@contextmanager
def running(command, code, *arguments):
    """A process that runs Python code, and a function that says a line to it and gives its next line."""
    with subprocess.Popen(
        [*command, sys.executable, "-uc", IMPORTS + code, *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        assert process.wait(60) == 0


def permitted(*command):
    done = subprocess.run([*command, "true"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(command)} is not permitted here: {done.stderr.strip()}")


@pytest.fixture(params=[["--mount-proc"], []], ids=["own /proc", "the machine's /proc"])
def container(request):
    """The start of a command in a PID namespace of its own, on a host of the same name."""
    permitted(*CONTAINER, *request.param)
    return [*CONTAINER, *request.param]


@pytest.fixture
def sleeper():
    """A process that does nothing, for long."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_process_of_a_container_is_neither_alive_nor_dead_from_outside(container):
    code = "me = born(os.getpid()); print(os.getpid(), me, is_alive(socket.gethostname(), os.getpid(), me)); input()"
    with running(container, code.replace("input()", "sys.stdin.read()")) as line:
        pid, since, alive = line.split()
        assert alive == "True"
        assert is_alive(HOST, int(pid), since) is None


def test_a_process_outside_is_neither_alive_nor_dead_from_a_container(container, sleeper):
    code = "print(is_alive(socket.gethostname(), int(sys.argv[1]), sys.argv[2]), descendants(1)); sys.stdin.read()"
    with running(container, code, sleeper.pid, born(sleeper.pid)) as line:
        assert line == "None []"


def test_a_study_that_a_container_holds_is_not_taken_over(container, tmp_path):
    paths = StudyPaths(tmp_path / "study")
    code = "with study_lock(StudyPaths(Path(sys.argv[1])), 'local'):\n print('held')\n sys.stdin.read()"
    with running(container, code, paths.folder) as line:
        assert line == "held"
        assert holder(paths)
        with (
            pytest.raises(StudyBusyError, match=f"cannot be seen from here .*delete {paths.lock}"),
            study_lock(paths, "local"),
        ):
            pass
        cancel = subprocess.run(
            [sys.executable, "-m", "runner.cancel", paths.folder, "--yes"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
        assert cancel.returncode == 1
        assert "cannot be seen from here; if it is gone, delete" in cancel.stderr
    assert not holder(paths)


def test_what_a_process_writes_outside_is_no_left_over_in_a_container(container, tmp_path):
    (tmp_path / f".{mark()}-0123abcd.pt").touch()
    with running(container, "print(remove_orphans(Path(sys.argv[1]))); sys.stdin.read()", tmp_path) as line:
        assert line == "0"
    with running([], "print(f'.{os.getpid()}'); sys.stdin.read()") as line:
        left = tmp_path / f".{mark().partition('-')[0]}{line.replace('.', '-')}-0123abcd.pt"
        left.touch()
        assert remove_orphans(tmp_path) == 0
    assert remove_orphans(tmp_path) == 1
    assert not left.exists()


@pytest.mark.parametrize("hidepid", [1, 2])
def test_a_process_that_proc_hides_is_neither_alive_nor_dead(hidepid, sleeper):
    hidden = ["unshare", "--mount", "sh", "-c", f'mount -t proc -o hidepid={hidepid} proc /proc && exec "$@"', "sh"]
    if os.getuid():
        pytest.skip("only root can mount /proc and then be another user")
    permitted(*hidden)
    code = (
        "os.setgid(65534), os.setuid(65534)\n"
        "pid, since, host = int(sys.argv[1]), sys.argv[2], socket.gethostname()\n"
        "me = is_alive(host, os.getpid(), born(os.getpid()))\n"
        "print(born(pid), is_alive(host, pid, since), is_alive(host, 2**22 + 1, since), me)\n"
        "sys.stdin.read()"
    )
    with running(hidden, code, sleeper.pid, born(sleeper.pid)) as line:
        assert line == "None None False True"


def test_a_machine_that_was_started_again_runs_nothing_of_before():
    machine, boot, _, start = born(os.getpid()).split("-")
    earlier = f"{machine}-{boot[::-1]}-{{}}-{start}"
    assert is_alive(HOST, os.getpid(), earlier.format("4026532999")) is None  # a container, here or elsewhere
    outside = here().namespace == FIRST_NAMESPACE
    assert is_alive(HOST, os.getpid(), earlier.format(FIRST_NAMESPACE)) is (False if outside else None)
    another = earlier.replace(machine, machine[::-1]).format(FIRST_NAMESPACE)
    assert is_alive(HOST, os.getpid(), another) is None  # a machine of the same name
    assert is_alive("elsewhere", os.getpid(), earlier.format(FIRST_NAMESPACE)) is None


def test_a_machine_that_was_given_another_name_knows_its_processes(sleeper):
    since = born(sleeper.pid)
    assert is_alive("an earlier name", sleeper.pid, since) is True
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # it has ended; its remains stay
    assert is_alive("an earlier name", sleeper.pid, since) is False
    sleeper.wait()
    assert is_alive("an earlier name", sleeper.pid, since) is False


def test_a_process_of_a_name_in_no_encoding_disturbs_nobody():
    code = "Path('/proc/self/comm').write_bytes(b'\\xff) R 1 \\xfe'); print(os.getpid()); sys.stdin.read()"
    with running([], code) as line:
        assert int(line) in descendants(os.getpid())
        assert is_alive(HOST, int(line), born(int(line))) is True


def not_of(pid):
    """Births that do not prove that a number still names the process that is meant."""
    machine, boot, namespace, start = born(pid).split("-")
    return [
        None,
        "",
        "-",
        start,
        f"{machine}-{boot}-{start}",
        f"{machine}-{boot}-{namespace}-",
        f"{machine}-{boot}-{namespace}-{int(start) - 1}",
        f"{machine}-{boot}-4026532999-{start}",
        f"{machine}-{boot[::-1]}-{namespace}-{start}",
    ]


def test_nothing_is_killed_without_proof_that_it_is_the_same_process(sleeper):
    for since in not_of(sleeper.pid):
        assert is_alive(HOST, sleeper.pid, since) is not True
        kill_tree(sleeper.pid, since)
    for number in (str(sleeper.pid), f"{sleeper.pid}/../{sleeper.pid}", -1, 0, True, None, 2**70):
        assert not is_alive(HOST, number, born(sleeper.pid))
        kill_tree(number, born(sleeper.pid))
    time.sleep(0.1)
    assert sleeper.poll() is None
    kill_tree(sleeper.pid, born(sleeper.pid))
    assert sleeper.wait() == -9


def test_cancel_kills_no_process_on_the_word_of_a_file(sleeper, tmp_path):
    paths = StudyPaths(tmp_path / "study")
    for since in not_of(sleeper.pid)[::6]:  # none, and that of an earlier process of its number
        write_json(paths.lock, vars(Holder(HOST, sleeper.pid, since, "local", 0.0)))
        command = [sys.executable, "-c", "from runner.cancel import main; main()", str(paths.folder), "--yes"]
        subprocess.run(command, cwd=REPOSITORY, capture_output=True)
        assert sleeper.poll() is None
