"""Features of a network that was learned elsewhere: only with its weights, and never by pickle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pictures import jpeg, scene

from pipeline.cases.plants import backbone
from pipeline.cases.plants.backbone import Backbone, features, folded, missing_backbone, read_arrays
from pipeline.models import dump_model, load_model
from pipeline.pictures import UploadedPicture


def arrays() -> dict[str, np.ndarray]:
    """Random weights under torchvision's names; channels in the proportions of a ResNet-18."""
    random = np.random.default_rng(0)
    sizes = {1: 8, 2: 12, 3: 16, 4: 20}
    found: dict[str, np.ndarray] = {}

    def layer(convolution: str, normal: str, inner: int, out: int, side: int) -> None:
        spread = np.sqrt(2 / (inner * side * side))
        found[f"{convolution}.weight"] = random.normal(0, spread, (out, inner, side, side))
        found[f"{normal}.weight"] = random.uniform(0.5, 1.5, out)
        found[f"{normal}.bias"] = random.normal(0, 0.1, out)
        found[f"{normal}.running_mean"] = random.normal(0, 0.1, out)
        found[f"{normal}.running_var"] = random.uniform(0.5, 1.5, out)

    layer("conv1", "bn1", 3, sizes[1], 7)
    before = sizes[1]
    for stage, out in sizes.items():
        for block in range(2):
            place = f"layer{stage}.{block}"
            layer(f"{place}.conv1", f"{place}.bn1", before if block == 0 else out, out, 3)
            layer(f"{place}.conv2", f"{place}.bn2", out, out, 3)
        if stage > 1:
            place = f"layer{stage}.0.downsample"
            layer(f"{place}.0", f"{place}.1", before, out, 1)
        before = out
    return {name: value.astype(np.float32) for name, value in found.items()}


def written(path: Path, content: dict[str, np.ndarray]) -> Path:
    """As safetensors."""
    head, body = {}, b""
    for name, value in content.items():
        data = value.astype("<f4").tobytes()
        ends = [len(body), len(body) + len(data)]
        head[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": ends}
        body += data
    told = json.dumps(head).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + body)
    return path


def test_without_weights_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backbone.VARIABLE, raising=False)

    assert "nothing is downloaded" in missing_backbone()


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\x05\0\0\0\0\0\0\0hello"])
def test_a_file_of_another_kind_is_named(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w").write_bytes(content)
    monkeypatch.setenv(backbone.VARIABLE, str(tmp_path / "w"))

    assert "can't be read as weights" in missing_backbone()


def test_weights_of_another_network_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "w", {"head.weight": np.zeros((2, 2), dtype=np.float32)})
    monkeypatch.setenv(backbone.VARIABLE, str(path))

    assert "no ResNet-18" in missing_backbone()


def test_the_weights_go_with_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded answers the same without the file."""
    path = written(tmp_path / "w", arrays())
    monkeypatch.setenv(backbone.VARIABLE, str(path))
    pictures = np.empty(2, dtype=object)
    pictures[:] = [UploadedPicture(content=jpeg(seed)) for seed in (1, 2)]
    frame = pd.DataFrame({"pixels": pictures})

    assert not missing_backbone()
    model = Backbone().fit(frame)
    path.unlink()
    found = model.transform(frame)

    assert (2, 20) == found.shape
    assert np.abs(found[0] - found[1]).max() > 0
    np.testing.assert_array_equal(found, load_model(dump_model(model)).transform(frame))


def test_features_are_those_of_another_implementation(tmp_path: Path) -> None:
    """PyTorch's own convolutions, normalisation and maxima give the same."""
    torch = pytest.importorskip("torch", reason="the extra 'vision' is not installed")
    from torch.nn import functional

    given = arrays()
    tensors = {name: torch.from_numpy(value) for name, value in given.items()}

    def layer(values, convolution, normal, stride):
        weight = tensors[f"{convolution}.weight"]
        values = functional.conv2d(values, weight, stride=stride, padding=weight.shape[2] // 2)
        rest = (f"{normal}.{name}" for name in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(values, *(tensors[name] for name in rest))

    pixels = np.asarray(scene(3, (250, 240)))
    cut = backbone.square(pixels, backbone.SIDE).astype(np.float32) / 255
    values = torch.from_numpy(((cut - backbone.MEAN) / backbone.SPREAD).transpose(2, 0, 1)[None])
    values = functional.relu(layer(values, "conv1", "bn1", 2))
    values = functional.max_pool2d(values, 3, 2, 1)
    for stage in range(1, 5):
        for block in range(2):
            place, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = functional.relu(layer(values, f"{place}.conv1", f"{place}.bn1", stride))
            inner = layer(inner, f"{place}.conv2", f"{place}.bn2", 1)
            if stage > 1 and block == 0:
                values = layer(values, f"{place}.downsample.0", f"{place}.downsample.1", stride)
            values = functional.relu(inner + values)
    expected = values.mean(dim=(2, 3))[0].numpy()

    found = features(pixels, folded(read_arrays(written(tmp_path / "w", given))))

    np.testing.assert_allclose(expected, found, rtol=1e-3, atol=1e-4)
