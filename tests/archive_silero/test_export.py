"""`silero_vad.jit` as ONNX: its state, which it keeps from call to call, becomes inputs and outputs."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

import torchscript as jit
from torchscript_cli.exporting import to_onnx

from .audio import recording


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rate, size", [(16000, 512), (8000, 256)])
def test_it_hears_the_same_as_onnx(tmp_path: Path, rate: int, size: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        pytest.skip("silero-vad is not installed")
    model: Any = jit.load(Path(package.origin).parent / "data" / "silero_vad.jit")
    model.reset_states()
    chunks = [chunk[None] for chunk in recording(6, rate).split(size) if len(chunk) == size]
    made = to_onnx(model, {"x": chunks[0], "sr": rate}, tmp_path / "vad.onnx", True, None)
    assert made.largest_difference is not None and made.largest_difference < 1e-5
    assert made.inputs["_state"] == ["2", "1", "128"]
    assert made.notes[0].startswith(
        "the module keeps state from call to call, which became inputs and outputs"
    )
    assert made.notes[1].startswith("zeros are the state to begin with")
    assert f"no inputs, but fixed in the result: sr = {rate}" in made.notes
    session = onnxruntime.InferenceSession(tmp_path / "vad.onnx", providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    model.reset_states()
    held = {"_state": torch.zeros(2, 1, 128).numpy(), "_context": torch.zeros(1, size // 8).numpy()}
    with torch.no_grad():
        for chunk in chunks:
            found, held["_state"], held["_context"] = session.run(
                None, {name: held.get(name, chunk.numpy()) for name in names}
            )
            torch.testing.assert_close(torch.from_numpy(found), model(chunk, rate), rtol=1e-3, atol=1e-4)
