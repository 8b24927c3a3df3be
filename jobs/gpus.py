"""GPUs without torch: how many a task asked for, and what nvidia-smi says of them."""

import subprocess

from srcnn.door import sentence

GPUS_VARIABLE = "RUNNER_GPUS"  # how many a task asked for; the runner sets it
ANSWER_S = 60.0  # of nvidia-smi, which is slow where a driver is ill


def build_text(version: str, cuda: str | None) -> str:
    """Return a torch's version, and the CUDA that it was built for."""
    return f"{version} (built for {f'CUDA {cuda}' if cuda else 'the CPU only'})"


def nvidia_smi(*arguments: str) -> tuple[list[str], str]:
    """Return the lines that nvidia-smi prints and no complaint; if it fails, no lines and its complaint."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, errors="replace", timeout=ANSWER_S
        )
    except FileNotFoundError:
        return [], "it is not installed here"
    except (OSError, subprocess.SubprocessError) as error:
        return [], sentence(error)
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        words = " ".join(f"{done.stdout} {done.stderr}".split())
        return [], words or f"nothing, with exit status {done.returncode}"
    return lines, "" if lines else "nothing"
