"""Checkpoints: everything that training needs to go on, or that restoring needs to start."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from srcnn.deprocess import Standardisation
from srcnn.experiment import DataConfig, ModelConfig
from srcnn.files import write_bytes
from srcnn.models import build_model

if TYPE_CHECKING:
    from srcnn.models.srcnn import SRCNN


class CheckpointError(RuntimeError):
    """A checkpoint file that cannot be used, named, with the reason."""


@dataclass
class Checkpoint:
    """The state at the end of an epoch.

    ``history`` holds one record an epoch so far. Random states are not kept: every epoch draws
    from its own seed.
    """

    epoch: int
    model: dict[str, Any]
    optimiser: dict[str, Any]
    history: list[dict[str, Any]]
    model_config: dict[str, Any]
    data_config: dict[str, Any]
    seed: int
    mean: float
    std: float
    format: int = field(default=1)

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint onto the CPU. Raises CheckpointError if it is missing or damaged."""
        try:
            return cls(**torch.load(path, map_location="cpu", weights_only=True))
        except FileNotFoundError as error:
            raise CheckpointError(f"{path}: no such checkpoint") from error
        except Exception as error:  # torch raises a dozen types for a damaged archive
            raise CheckpointError(f"{path}: cannot be read as a checkpoint ({error})") from error

    def build(self) -> "SRCNN":
        """The trained model, in evaluation mode."""
        config = ModelConfig(**self.model_config)
        model = build_model(config.name, residual=config.residual, seed=self.seed)
        model.load_state_dict(self.model)
        return model.eval()

    @property
    def data(self) -> DataConfig:
        """The degradation that the model was trained to undo."""
        return DataConfig(**self.data_config)

    @property
    def standardisation(self) -> Standardisation:
        """The scale that the model was trained on."""
        return Standardisation(self.mean, self.std)
