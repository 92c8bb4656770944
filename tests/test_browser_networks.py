"""Networks that a researcher brings, from their files to a finished page in a real browser."""

from __future__ import annotations

import base64
import io
import textwrap

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from stranger import running_app
from test_browser import DESKTOP, browser, complete, new_page, visit
from torch import nn

from explorer.models.architectures import architecture_named

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CIFAR = [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]
CODE = """
    from torch import nn

    def build(num_classes=3):
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, num_classes),
        )
"""


def grey_network() -> nn.Module:
    module = torchvision.models.resnet18(num_classes=10)
    module.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return module


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app, with the networks of four layouts that its operator publishes."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    resnet18 = architecture_named("cifar:resnet18").create().state_dict()
    resnet20 = architecture_named("cifar:resnet20").create().state_dict()
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in CIFAR)
    robustness = {f"module.model.{name}": value for name, value in resnet18.items()}
    robustness |= {f"module.attacker.model.{name}": value for name, value in resnet18.items()}
    robustness |= {"module.normalizer.new_mean": mean, "module.normalizer.new_std": std}
    grey = {f"model.{name}": value for name, value in grey_network().state_dict().items()}
    grey |= {"normalize.mean": torch.tensor([0.1307]), "normalize.std": torch.tensor([0.3081])}
    namespace: dict = {}
    exec(textwrap.dedent(CODE), namespace)
    files = {
        "akamaster": (
            {"state_dict": {f"module.{name}": value for name, value in resnet20.items()}},
            "cifar:resnet20",
            "",
        ),
        "robustness": ({"model": robustness, "epoch": 1}, "cifar:resnet18", ""),
        "grey": ({"state_dict": grey}, "torchvision:resnet18", "input_size = 64"),
        "mine": (
            namespace["build"]().state_dict(),
            "python:net.py:build",
            "input_size = 48\nmean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n"
            'classes = ["cup", "cat", "dog"]',
        ),
    }
    (folder / "net.py").write_text(textwrap.dedent(CODE))
    lines = []
    for name, (content, architecture, more) in files.items():
        torch.save(content, folder / f"secret-{name}.pt")
        lines.append(
            f"[networks.{name}]\nfile = 'secret-{name}.pt'\narchitecture = '{architecture}'\n"
            f"title = 'Network {name}'\n{more}\n"
        )
    (folder / "models.toml").write_text("\n".join(lines))
    published = {"IRI_MODELS_TOML": str(folder / "models.toml")}
    with running_app(folder / "cache", published) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser):
    """One page for all of them, whose scripts the browser compiles once."""
    with new_page(browser, viewport=DESKTOP) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("akamaster", 32, "mean"),
        ("robustness", 32, "0.247"),
        ("grey", 64, "0.1307"),
        ("mine", 48, "models.toml"),
    ],
)
def test_a_checkpoint_goes_to_a_finished_page(page, app, name, size, said):
    search = "layer=penultimate&effort=quick&goal=0.9&nearest=no"
    visit(page, app, f"?model=own:{name}&target=cat&{search}")
    page.get_by_role("button", name="Generate", exact=True).last.click()
    complete(page)
    assert f"Network {name}" in page.content()
    source = page.locator(".frame img").nth(1).get_attribute("src")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
    assert pixels.shape[:2] == (size, size)
    is_grey = pixels.ndim == 2 or not np.ptp(pixels[..., :3].astype(int), axis=2).any()
    assert is_grey == (name == "grey")
    page.get_by_text("How it was made", exact=True).click()
    page.get_by_text(said).first.wait_for()
    assert not page.get_by_role("alert").count()
    assert "secret-" not in page.content()
