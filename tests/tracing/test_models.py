"""A few whole models, traced and run elsewhere. All of them: `make sweep-trace`."""

import pytest

from tests.tracing.sweeps import torchvision_models, transformers_models


@pytest.mark.parametrize("name", ["bert", "llama with cache", "t5", "vit", "wav2vec2"])
def test_transformers(name):
    pytest.importorskip("transformers")
    transformers_models.compare(name)


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "segmentation.lraspp_mobilenet_v3_large", "video.mc3_18"]
)
def test_torchvision(name):
    pytest.importorskip("torchvision")
    torchvision_models.compare(name)


def test_a_part_of_pytorchs_operators():
    from tests.tracing.sweeps import op_db

    found = op_db.sweep(["add", "index_put", "gather", "var_mean"])

    assert len(found) >= 6
    assert {name: by["torchscript"] for name, by in found.items() if by["torchscript"]} == {}
