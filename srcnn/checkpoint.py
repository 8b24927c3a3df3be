"""Checkpoints: everything that training needs to go on, or that restoring needs to start.

A checkpoint is a file that ``torch.load(path, weights_only=True)`` opens: torch's own archive, whose
comment holds the SHA-256 of all that comes before it. So a file that a full disk, a copy or a failing
drive has damaged is recognised, even where torch would read it without complaint.
"""

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig, ModelConfig, faults
from srcnn.files import write_bytes
from srcnn.history import Epoch, epoch_of
from srcnn.models import is_own_model
from srcnn.models.build import build_model
from srcnn.models.ensemble import as_restoring
from srcnn.models.network import Network
from srcnn.models.state import StateError, load_state
from srcnn.regular import read_regular
from srcnn.whole import is_sealed, sealed, unpacks_to_more
from srcnn.words import said


class CheckpointError(RuntimeError):
    """The error of a checkpoint file that cannot be used: its name, and the reason."""


@dataclass
class Checkpoint:
    """The state at the end of an epoch.

    ``history`` holds one record an epoch so far. Random states are not kept: every epoch draws
    from its own seed.
    """

    epoch: int
    model: dict[str, Any]
    optimiser: dict[str, Any]
    history: list[Epoch]
    model_config: dict[str, Any]
    data_config: dict[str, Any]
    seed: int
    mean: float
    std: float
    format: int = field(default=2)

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        write_bytes(path, self.to_bytes(), durable=True)

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return sealed(buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint onto the CPU. Raises CheckpointError if it is missing or damaged."""
        try:
            content = read_regular(path)
        except FileNotFoundError as error:
            raise CheckpointError(f"{path}: no such checkpoint") from error
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
        return cls.of(path, content)

    @classmethod
    def of(cls, path: Path, content: bytes) -> "Checkpoint":
        """Return the checkpoint in a file of this content. Raises CheckpointError if it is damaged, or is not one."""
        if content and not content.startswith(b"PK\x03\x04"):
            raise CheckpointError(f"{path}: is a file of another kind, not a checkpoint; name one that training wrote")
        if not is_sealed(content):
            raise CheckpointError(f"{path}: is damaged ({len(content)} bytes that do not give its checksum)")
        try:
            if unpacks_to_more(io.BytesIO(content), len(content)):
                raise ValueError("it is a packed archive")
            checkpoint = cls(**torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
            checkpoint._require_sound()
            return checkpoint
        except Exception as error:  # torch raises a dozen types, with advice to open the file unsafely
            ours = isinstance(error, TypeError | ValueError)
            why = said(error) if ours else "it holds something else than a checkpoint of this project"
            raise CheckpointError(f"{path}: cannot be read as a checkpoint ({why})") from error

    def _require_sound(self) -> None:
        if not isinstance(self.model, dict) or not all(
            isinstance(value, torch.Tensor) for value in self.model.values()
        ):
            raise TypeError("its model is not a state dict")
        self.history = [epoch_of(epoch) for epoch in self.history]
        if not (math.isfinite(self.mean) and 0 < self.std < math.inf):
            raise ValueError(f"its luma has mean {self.mean} and deviation {self.std}")

    def build(self, own: str | None = None) -> Network:
        """Return what restores pictures with the trained model, in evaluation mode.

        A network of the user's own is imported, which runs its code, only if the caller names it in ``own``.
        Raises CheckpointError.
        """
        try:
            config = ModelConfig(**self.model_config)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"what it says of its network cannot be read ({faults(error)})") from error
        if is_own_model(config.name) and config.name != own:
            raise CheckpointError(
                f"holds the network {config.name}, whose code is somebody's own and runs only where it is named: "
                f"python -m jobs.restore --model FILE --model {config.name}"
            )
        model = build_model(
            config.name, residual=config.residual, seed=self.seed, settings=config.settings, scale=self.data.scale
        )
        try:
            load_state(model, self.model)
        except StateError as error:
            raise CheckpointError(f"its weights do not fit the network {config.name} ({error})") from error
        # A third faster on a CPU, same arithmetic.
        model.to(memory_format=torch.channels_last)
        return as_restoring(model, self_ensemble=config.self_ensemble).eval()

    @property
    def data(self) -> DataConfig:
        """The degradation that the model was trained to undo."""
        return DataConfig(**self.data_config)

    @property
    def standardisation(self) -> Standardisation:
        """The scale that the model was trained on."""
        return Standardisation(self.mean, self.std)
