"""Two models of handwritten digits, 8 by 8 pixels each. Ordinary PyTorch, but for `@jit.export`."""

import torch
from torch import nn

import torchscript as jit


class ConfidentCNN(nn.Module):
    """A small convolutional network that looks again where it is in doubt."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.dropout = nn.Dropout(0.25)
        self.classifier = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, [images, 10]."""
        features = self.features(images)
        return self.classifier(self.dropout(features.flatten(1)))

    @jit.export
    def predict_confident(
        self, images: torch.Tensor, threshold: float, n: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Class probabilities [images, 10], and how many views of each image they are the mean of.

        An image whose most probable class stays below `threshold` is shifted by a pixel and looked at again,
        at most `n` times in all. How often the loop runs, and on which images, depends on the data.
        """
        shifts = [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]
        total = torch.softmax(self.forward(images), dim=1)
        views = torch.ones(images.size(0), dtype=torch.int64, device=images.device)
        doubtful = torch.nonzero(total.amax(dim=1) < threshold).flatten()
        i = 1
        while i < n and doubtful.numel() > 0:
            down, right = shifts[(i - 1) % len(shifts)]
            view = torch.roll(images[doubtful], [down, right], [2, 3])
            total[doubtful] += torch.softmax(self.forward(view), dim=1)
            views[doubtful] += 1
            mean = total[doubtful] / views[doubtful].unsqueeze(1)
            doubtful = doubtful[mean.amax(dim=1) < threshold]
            i += 1
        return total / views.unsqueeze(1), views


class MLP(nn.Module):
    """Two layers on the pixels in a row: no control flow, so a trace records all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, [images, 10]."""
        pixels = images.view(images.size(0), -1)
        return self.output(torch.relu(self.hidden(pixels)))
