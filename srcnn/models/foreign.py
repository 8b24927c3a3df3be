"""A three-layer network in a file that somebody else's program wrote, found whatever its layers are called.

A state dict says neither the scale of luma that its network was trained on nor what is outside a
picture; whoever uses it must know the first, and is told what is done about the second.
"""

import hashlib
import io
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from srcnn.models.state import StateError, require_sound
from srcnn.whole import unpacks_to_more

LAYERS = ("extract", "map", "reconstruct")
CHANNELS = (1, 64, 32, 1)
EXPECTED = (
    "expected a state dict of a three-layer SRCNN on luma (convolutions 1 -> 64 -> 32 -> 1, each with its bias), "
    "alone or below a key such as state_dict, model or net"
)
TORCH = (b"PK\x03\x04", b"\x80\x02\x8a\x0a")  # how files of torch begin, today's and those before 1.6
LARGEST_KERNEL = 99  # a small file may claim any size
LONGEST_NAME = 80  # letters of what a file calls its weights, in a message
DEPTH = 3  # of dictionaries in dictionaries
# How files of other kinds begin.
_KINDS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (Keras weights, or MATLAB 7.3)",
    b"MATLAB 5.0 MAT-file": "a MATLAB file, which is read if its name ends with .mat",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x93NUMPY": "a numpy array",
}


class ForeignError(ValueError):
    """The error of a file that holds no such network: what it is instead, and what was expected."""


def read_foreign(file: bytes) -> dict[str, Any]:
    """Return the weights and biases in the content of a file of ``torch.save``, by our names of the layers, in float32.

    Raises ForeignError, which says what the file is, for everything else.
    """
    kind = kind_of(file)
    if kind:
        raise ForeignError(f"is {kind}; {EXPECTED}")
    try:
        content = torch.load(io.BytesIO(file), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen types, with advice to open the file unsafely
        raise ForeignError(_refused(file, str(error))) from error
    if isinstance(content, Mapping) and content.keys() >= {"model_config", "mean", "std"}:
        raise ForeignError("is a checkpoint of this project without its checksum: damaged, or written anew by torch")
    networks = {digest(state): state for state in _networks(content)}
    if len(networks) > 1:
        raise ForeignError("holds several networks that differ; save the state dict of one alone")
    if not networks:
        raise ForeignError(f"holds {_described(content)}; {EXPECTED}")
    return next(iter(networks.values()))


def digest(state: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the weights themselves, whatever file they are in."""
    sha256 = hashlib.sha256()
    for name in sorted(state):
        sha256.update(repr((name, tuple(state[name].shape))).encode())
        sha256.update(state[name].contiguous().numpy().tobytes())
    return sha256.hexdigest()


def _networks(content: Any, depth: int = DEPTH) -> Iterator[dict[str, Any]]:
    """Give every network in dictionaries of dictionaries."""
    if not isinstance(content, Mapping):
        return
    state = _network(content)
    if state:
        yield state
    elif depth:
        for value in content.values():
            yield from _networks(value, depth - 1)


def _network(content: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Return the network if the dictionary is its state dict and nothing else; channels tell the layers apart."""
    tensors = {name: value for name, value in content.items() if _is_plain(value)}
    kernels = [name for name, value in tensors.items() if isinstance(name, str) and value.dim() == 4]
    if len(tensors) != len(content) or len(tensors) != 6 or len(kernels) != 3:
        return None
    network: dict[str, Any] = {}
    for layer, before, after in zip(LAYERS, CHANNELS[:-1], CHANNELS[1:], strict=True):
        for name in kernels:
            kernel, bias = tensors[name], tensors.get(name.removesuffix("weight") + "bias")
            fits = tuple(kernel.shape[:2]) == (after, before) and kernel.shape[2] == kernel.shape[3] <= LARGEST_KERNEL
            if fits and bias is not None and tuple(bias.shape) == (after,):
                of_file = {name: kernel, name.removesuffix("weight") + "bias": bias}
                ours = (f"{layer}.weight", f"{layer}.bias")
                network |= {our: _sound(its, value) for our, (its, value) in zip(ours, of_file.items(), strict=True)}
    return network if len(network) == 6 else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_nested  # which has no shape


def _sound(name: str, value: Any) -> Any:
    """Return a weight in float32. Raises ForeignError for one that no network can have, such as nan."""
    try:
        require_sound(name, value)
    except StateError as error:
        raise ForeignError(str(error)) from error
    return value.detach().float()


def _described(content: Any, depth: int = DEPTH) -> str:
    """Return in words what a file holds."""
    if _is_plain(content):
        return f"a tensor of {tuple(content.shape)}"
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    tensors = [f"{_short(name)} {tuple(value.shape)}" for name, value in content.items() if _is_plain(value)]
    if not tensors:
        inner = [value for value in content.values() if isinstance(value, Mapping) and value]
        if inner and depth:
            return _described(inner[0], depth - 1)
        return f"a dictionary of {', '.join(map(_short, list(content)[:6])) or 'nothing'}"
    more = f" and {len(tensors) - 6} more" if len(tensors) > 6 else ""
    return f"another network ({', '.join(tensors[:6])}{more})"


def _short(name: Any) -> str:
    return str(name)[:LONGEST_NAME]


def kind_of(file: bytes) -> str:
    """Return what a file is that torch.save cannot have written; empty where it can."""
    for start, kind in _KINDS.items():
        if file.startswith(start):
            return kind
    if file[8:9] == b"{" and int.from_bytes(file[:8], "little") <= len(file):
        return "a safetensors file; torch.save(safetensors.torch.load_file(FILE), OTHER) writes one that is read"
    if unpacks_to_more(io.BytesIO(file), len(file)):
        return "a packed archive, and torch.save packs none"
    names = _names_in(file)
    if any(name.endswith(".npy") for name in names):
        return "a numpy archive"
    if any("/code/" in name for name in names):
        return "a TorchScript program; save its state_dict() instead"
    return "a zip archive" if names and not any(name.endswith("data.pkl") for name in names) else ""


def _names_in(file: bytes) -> list[str]:
    """Return the names in a zip archive; none if it is damaged, or no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return []


def _refused(file: bytes, words: str) -> str:
    """Return why torch does not open a file, without its advice to open it unsafely."""
    named = re.search(r"GLOBAL ([\w.]+)", words)
    if named and _is_one_object(file):
        return (
            f"is a whole pickled module ({named[1]}), which runs code when it is opened; save its state_dict() instead"
        )
    if named:
        return (
            f"holds Python objects besides tensors ({named[1]}: settings, or a whole pickled module), which are not "
            "opened, for that can run code; save the state dict alone"
        )
    if file.startswith(TORCH):
        return "begins as a file of torch does and is cut or damaged; fetch it again"
    return f"is not a file of weights; {EXPECTED}"


def _is_one_object(file: bytes) -> bool:
    """Say whether a file of torch holds an object of some class at its top, and no dictionary."""
    if not _names_in(file):
        return False
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    first = next(operation.name for operation, _, _ in pickletools.genops(pickled) if operation.name != "PROTO")
    return first == "GLOBAL"
