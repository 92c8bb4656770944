"""What all of the zoo's network designs share."""

from torch import Tensor, nn


class SmallNetwork(nn.Module):
    """`features` computes the penultimate layer, flat, and the linear layer `head` the logits."""

    head: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """Normalised images, N×3×H×W, to the penultimate layer, N×D."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def initialise_convolutions(self) -> None:
        """Draw the convolutions' weights anew from torch's global generator (He et al. 2015)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def normalised_convolution(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1
) -> nn.Module:
    """Convolution, batch normalisation and ReLU; the size is kept but for the stride."""
    padding = (kernel - stride + 1) // 2 if stride > 1 else kernel // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
