"""Audio to listen to: silence, noise, music, and what resembles speech, one after the other."""

from __future__ import annotations

import math

import torch


def speech(seconds: float, rate: int, chance: torch.Generator) -> torch.Tensor:
    """Syllables: pulses of a voice whose pitch moves, through three formants that change, with pauses and hiss."""
    count = int(seconds * rate)
    time = torch.arange(count) / rate
    rand = lambda n: torch.rand(n, generator=chance)
    syllables = int(seconds * 4) + 1
    slow = lambda low, high: torch.nn.functional.interpolate(
        (low + (high - low) * rand(syllables))[None, None], size=count, mode="linear"
    )[0, 0]
    pitch = slow(90.0, 220.0)
    phase = 2 * math.pi * torch.cumsum(pitch, 0) / rate
    formants = (slow(300.0, 800.0), slow(900.0, 2300.0), slow(2400.0, 3200.0))
    voice = torch.zeros(count)
    for harmonic in range(1, 24):
        frequency = harmonic * pitch
        strength = sum(torch.exp(-(((frequency - formant) / 150.0) ** 2)) for formant in formants)
        voice += (0.05 + strength) * torch.sin(harmonic * phase) / harmonic**0.5 * (frequency < rate / 2.2)
    loud = slow(-0.4, 1.0).clamp(min=0.0) * (0.6 + 0.4 * torch.sin(2 * math.pi * 4 * time) ** 2)
    hiss = torch.randn(count, generator=chance) * 0.3 * (slow(-1.0, 0.5).clamp(min=0.0))
    return (0.15 * loud * (voice + hiss)).clamp(-1.0, 1.0)


def noise(seconds: float, rate: int, chance: torch.Generator) -> torch.Tensor:
    return 0.05 * torch.randn(int(seconds * rate), generator=chance)


def music(seconds: float, rate: int, chance: torch.Generator) -> torch.Tensor:
    time = torch.arange(int(seconds * rate)) / rate
    notes = 220.0 * 2 ** (torch.randint(0, 24, (4,), generator=chance) / 12)
    return sum(0.1 * torch.sin(2 * math.pi * note * time) for note in notes) * (1 + torch.sin(6 * time)) / 2


def silence(seconds: float, rate: int, chance: torch.Generator) -> torch.Tensor:
    return torch.zeros(int(seconds * rate))


def recording(seconds: float, rate: int) -> torch.Tensor:
    """Pieces of two to five seconds of each kind, until there is enough."""
    chance = torch.Generator().manual_seed(rate)
    kinds = (silence, speech, noise, speech, music, speech)
    pieces: list[torch.Tensor] = []
    while sum(map(len, pieces)) < seconds * rate:
        length = 2.0 + 3.0 * float(torch.rand(1, generator=chance))
        pieces.append(kinds[len(pieces) % len(kinds)](length, rate, chance))
    return torch.cat(pieces)[: int(seconds * rate)]
