"""torchvision's models, compiled: one of each kind here, every builder in `make sweep` (SWEEP=1)."""

import os

import pytest
import torch
from torchvision import models

import torchscript as jit

from . import zoo

SOME = [
    "fasterrcnn_mobilenet_v3_large_320_fpn", "lraspp_mobilenet_v3_large", "mc3_18", "mobilenet_v3_small", "raft_small",
    "retinanet_resnet50_fpn", "shufflenet_v2_x0_5", "squeezenet1_1",
]  # fmt: skip
NAMES = models.list_models() if os.environ.get("SWEEP") else SOME


@pytest.fixture(autouse=True, scope="module")
def kernels():
    zoo.give_kernels()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_model(name):
    zoo.check(name)


@pytest.mark.filterwarnings("ignore")
def test_detection_takes_targets_as_dicts_while_it_trains():
    model = zoo.build("fasterrcnn_mobilenet_v3_large_320_fpn").train()
    images = zoo.inputs("fasterrcnn_mobilenet_v3_large_320_fpn")[0]
    box = torch.tensor([[4.0, 4.0, 40.0, 50.0]])
    targets = [{"boxes": box, "labels": torch.tensor([n])} for n in (1, 2)]
    torch.manual_seed(1)
    expected = model(images, targets)
    torch.manual_seed(1)
    losses, detections = jit.script(model)(images, targets)
    assert detections == []
    assert set(losses) == set(expected)
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name], loss, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_detection_refuses_to_train_without_targets():
    model = zoo.build("fasterrcnn_mobilenet_v3_large_320_fpn").train()
    images = zoo.inputs("fasterrcnn_mobilenet_v3_large_320_fpn")[0]
    with pytest.raises(AssertionError, match="targets should not be none"):
        jit.script(model)(images)
