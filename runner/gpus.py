"""The GPUs of this machine, without importing torch."""

import os
import subprocess


def visible_gpus() -> tuple[int, ...]:
    """Indices of the GPUs that CUDA programs started here may use; empty where there are none."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    present = tuple(int(line) for line in listed.stdout.split() if line.isdigit())
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return present
    return tuple(int(index) for index in allowed.split(",") if index.strip().isdigit() and int(index) in present)
