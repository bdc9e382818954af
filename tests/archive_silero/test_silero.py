"""`silero_vad.jit` of the package silero-vad gives what torch.jit gives, chunk after chunk, with its state."""

import importlib.util
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import torchscript as jit

from .audio import recording


@pytest.fixture(scope="session")
def path() -> str:
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        pytest.skip("silero-vad is not installed")
    return str(Path(package.origin).parent / "data" / "silero_vad.jit")


@pytest.fixture
def stock(path: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(path)


def probabilities(model: Any, audio: torch.Tensor, rate: int) -> torch.Tensor:
    """One for each chunk of 32 ms; the model keeps its state between them."""
    model.reset_states()
    size = 512 if rate == 16000 else 256
    with torch.no_grad():
        return torch.cat([model(chunk[None], rate) for chunk in audio.split(size) if len(chunk) == size])


def compare(path: str, stock: Any, seconds: float, rate: int) -> None:
    audio = recording(seconds, rate)
    ours = probabilities(jit.load(path), audio, rate)
    theirs = probabilities(stock, audio, rate)
    assert len(ours) == int(seconds * rate) // (512 if rate == 16000 else 256)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert ours.min() < 0.1 and ours.max() > 0.5, "the recording has no speech in it, or nothing else"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_it_hears_what_torch_jit_hears(path: str, stock: Any, rate: int) -> None:
    compare(path, stock, 20, rate)


@pytest.mark.roundtrip
@pytest.mark.parametrize("rate", [8000, 16000])
def test_ten_minutes(path: str, stock: Any, rate: int) -> None:
    compare(path, stock, 600, rate)


def test_whole_recordings(path: str, stock: Any) -> None:
    audio = recording(4, 16000)[None]
    with torch.no_grad():
        torch.testing.assert_close(
            jit.load(path).audio_forward(audio, 16000), stock.audio_forward(audio, 16000)
        )


def test_mistakes_are_answered_by_the_archived_code(path: str) -> None:
    model = jit.load(path)
    with pytest.raises(Exception, match="number of samples is 600"):
        model(torch.zeros(1, 600), 16000)


def test_saved_again_it_is_the_same(path: str, stock: Any) -> None:
    buffer = io.BytesIO()
    jit.save(jit.load(path), buffer)
    audio = recording(2, 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = torch.jit.load(io.BytesIO(buffer.getvalue()))
    expected = probabilities(stock, audio, 16000)
    torch.testing.assert_close(probabilities(again, audio, 16000), expected)
    torch.testing.assert_close(probabilities(jit.load(buffer.getvalue()), audio, 16000), expected)
