"""Fitted models as bytes, in skops' format: no pickle is ever written or loaded.

The same fitted model gives the same bytes in every process, so its sha256 is its identity.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from pipeline.errors import ServiceError

OWN_PACKAGE: Final = "pipeline."
SCHEMA: Final = "schema.json"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)

LIBRARY_TYPES: Final = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "sklearn.utils.validation.check_array",
    }
)
"""What the models of scikit-learn that Vigie uses hold beyond what skops trusts by itself."""

UNREADABLE: Final = (zipfile.BadZipFile, KeyError, ValueError, TypeError, RecursionError)
"""What is raised for an archive that skops has not written."""

VALUES: Final = frozenset(
    {"JsonNode", "TypeNode", "FunctionNode", "OperatorFuncNode", "DTypeNode", "SliceNode"}
)
"""Nodes of values that can't change: whether two of them are one object is an accident."""


def dump_model(model: Any) -> bytes:
    """The fitted model as a skops archive; the same model gives the same bytes.

    skops names nodes and files by memory address and stamps files with the time. Here they are
    numbered in the order of the document, and the archive is written sorted, with a fixed time.
    Raises `ServiceError` for a model that `load_model` would refuse.
    """
    import skops.io

    try:
        written = skops.io.dumps(model)
    except (TypeError, skops.io.exceptions.UnsupportedTypeException) as error:
        raise ServiceError(
            f"{type(model).__name__} can't be stored without pickle: {error}. "
            "Build the candidate from scikit-learn's estimators and classes of the pipeline."
        ) from error
    content = _canonical(written)
    _refuse_untrusted(content)
    return content


def load_model(content: bytes) -> Any:
    """The model in a skops archive; raises `ServiceError` naming what it may not hold.

    Trusted are skops' own defaults, the classes and functions of this package, and
    `LIBRARY_TYPES`. The archive is to be checked by its digest before: trust is by type, and a
    crafted tree of a trusted type can still make the process fail.
    """
    import skops.io

    try:
        return skops.io.loads(content, trusted=_trusted_in(content))
    except UNREADABLE:
        # Slower, and says what is wrong.
        return skops.io.loads(content, trusted=_refuse_untrusted(content))


def _trusted_in(content: bytes) -> list[str]:
    """Trusted types that the archive names: a look at its names takes a tenth of the time that
    skops takes to tell what it holds.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        nodes = [json.loads(archive.read(SCHEMA))]
    named: set[str] = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            named.add(f"{node.get('__module__')}.{node.get('__class__')}")
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return sorted(LIBRARY_TYPES | {name for name in named if _is_trusted(name)})


def _refuse_untrusted(content: bytes) -> list[str]:
    import skops.io

    try:
        found: list[str] = skops.io.get_untrusted_types(data=content)
    except UNREADABLE as error:
        raise ServiceError(
            f"The model is not a readable skops archive ({error}). Train it again: vigie run."
        ) from error
    refused = [name for name in found if not _is_trusted(name)]
    if refused:
        raise ServiceError.for_problems(
            "The model holds types that are not trusted, and was not loaded. If a candidate needs "
            "one of them, add it to LIBRARY_TYPES in pipeline/models.py after a look at it:",
            [repr(name) for name in refused],
        )
    return found


def _is_trusted(name: str) -> bool:
    return name in LIBRARY_TYPES or (name.startswith(OWN_PACKAGE) and _is_defined_here(name))


def _is_defined_here(name: str) -> bool:
    """Whether a module of this package defines it: not what the module has only imported."""
    module_name, _, own_name = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), own_name, None)
    except ImportError:
        return False
    is_code = inspect.isclass(found) or inspect.isfunction(found)
    return is_code and getattr(found, "__module__", None) == module_name


def _canonical(written: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        names: dict[str, str] = {}
        _renumber(schema, _Numbers(), names)
        files = {new: _without_gaps(archive.read(old)) for old, new in names.items()}
    files[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return _zip(files)


class _Numbers:
    """Counts from 1 in the order of asking; the same object gets its number again."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._last = 0

    def of_object(self, address: int) -> int:
        if address not in self._known:
            self._known[address] = self.new()
        return self._known[address]

    def new(self) -> int:
        self._last += 1
        return self._last


def _renumber(node: Any, numbers: _Numbers, names: dict[str, str]) -> None:
    """Walks the document in its order, in place; `names` gets the new name of every file."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, names)
    elif isinstance(node, dict):
        _name_node(node, numbers, names)
        for item in node.values():
            _renumber(item, numbers, names)


def _name_node(node: dict[str, Any], numbers: _Numbers, names: dict[str, str]) -> None:
    loader = node.get("__loader__")
    if not isinstance(loader, str):
        return
    if loader == "SetNode":
        node["content"] = _in_order(node["content"])
    if "__id__" in node:
        is_value = loader in VALUES
        node["__id__"] = numbers.new() if is_value else numbers.of_object(node["__id__"])
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = names.setdefault(node["file"], f"{len(names) + 1:06}.{suffix}")


def _in_order(nodes: Iterable[Any]) -> list[Any]:
    """The members of a set, sorted by what they hold: Python's order differs by process."""
    return sorted(nodes, key=lambda node: json.dumps(_without_addresses(node)))


def _without_addresses(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_addresses(item) for item in node]
    if isinstance(node, dict):
        kept = {name: item for name, item in node.items() if name not in {"__id__", "file"}}
        return {name: _without_addresses(item) for name, item in kept.items()}
    return node


def _without_gaps(file: bytes) -> bytes:
    """The array file with zeros in the gaps between fields, where memory leaves what was there."""
    if not file.startswith(b"\x93NUMPY"):
        return file
    array = np.load(io.BytesIO(file), allow_pickle=False)
    if array.dtype.names is None:
        return file
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], compresslevel=1)
    return buffer.getvalue()
