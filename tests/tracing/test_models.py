"""A few whole models, traced and run elsewhere. All of them: `python -m tests.tracing.sweeps.transformers_models`."""

import io

import pytest
import torch

import torchscript as jit
from tests.tracing.sweeps import transformers_models
from torchscript.tracing.structures import tensors_in


@pytest.mark.parametrize("name", ["bert", "llama with cache", "t5", "vit", "wav2vec2"])
def test_transformers(name):
    pytest.importorskip("transformers")
    transformers_models.compare(name)


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "segmentation.lraspp_mobilenet_v3_large", "video.r3d_18"]
)
def test_torchvision(name):
    pytest.importorskip("torchvision")
    from torchvision import models

    size = (16, 32, 32) if name.startswith("video.") else (48, 48)
    options = {"weights_backbone": None} if name.startswith("segmentation.") else {}
    model = models.get_model(name.rpartition(".")[2], weights=None, **options).eval()
    with torch.no_grad():
        traced = jit.trace(model, torch.rand(1, 3, *size), strict=False, check_trace=False)
        loaded = torch.jit.load(io.BytesIO(traced.save_to_buffer()))
        x = torch.rand(2, 3, *size)
        expected = tensors_in(model(x))
        torch.testing.assert_close(tensors_in(traced(x)), expected)
        torch.testing.assert_close(tensors_in(loaded(x)), expected)


def test_a_part_of_pytorchs_operators():
    from tests.tracing.sweeps import op_db

    found = op_db.sweep(["add", "index_put", "gather", "var_mean"])

    assert len(found) >= 6
    assert {name: by["torchscript"] for name, by in found.items() if by["torchscript"]} == {}
