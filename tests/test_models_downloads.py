"""Weights from a hub: resumed, checked, never half; offline is said within five seconds."""

import hashlib
import io
import json
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from explorer.analysis import generation
from explorer.errors import RequestError
from explorer.hosting import hosting
from explorer.models import catalogue, downloads, hubs
from explorer.models.hubs import HubUnreachable
from explorer.models.loading import load, untrained
from explorer.models.sources import embedded
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.synthesis.loop import Cancelled
from explorer.validation import network_reference

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A server that answers as Hugging Face and torch's hosts do, and breaks off when told."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.break_after: int | None = None
        self.gated = False
        self.etags: dict[str, str] = {}
        self.says_length = True
        outer = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def do_HEAD(self):
                outer.asked.append(("HEAD", self.path, ""))
                content = outer.files.get(self.path)
                if content is None or outer.gated:
                    self._refuse()
                    return
                self.send_response(200)
                self.send_header("X-Repo-Commit", COMMIT)
                digest = outer.etags.get(self.path) or hashlib.sha256(content).hexdigest()
                self.send_header("ETag", f'"{digest}"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()

            def do_GET(self):
                asked = self.headers.get("Range", "")
                outer.asked.append(("GET", self.path, asked))
                content = outer.files.get(self.path)
                if content is None:
                    self._refuse()
                    return
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                self.send_response(206 if asked else 200)
                if outer.says_length:
                    self.send_header("Content-Length", str(len(content) - start))
                else:
                    self.send_header("Connection", "close")
                self.end_headers()
                if outer.break_after is not None:
                    self.wfile.write(content[start : start + outer.break_after])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                else:
                    self.wfile.write(content[start:])

            def _refuse(self):
                self.send_response(403 if outer.gated else 404)
                kind = "GatedRepo" if outer.gated else "EntryNotFound"
                self.send_header("X-Error-Code", kind)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.handle_error = lambda *_: None  # a reader that had enough
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch, tmp_path):
    running = Hub()
    for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hubs, "_answers", {})
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(downloads, "BLOCK", 1024)
    yield running
    running.server.shutdown()


def say_nothing(text: str) -> None: ...


def here(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# Limits


@pytest.fixture
def limited(monkeypatch, tmp_path):
    file = tmp_path / "hosting.toml"
    file.write_text("max_network_bytes = 1_000_000\nfree_disk_bytes = 1_000_000\n")
    monkeypatch.setenv("IRI_HOSTING", str(file))
    hosting.cache_clear()
    yield
    hosting.cache_clear()


@pytest.mark.parametrize("says_how_large", [True, False])
def test_weights_larger_than_allowed_are_broken_off_and_deleted(
    server, limited, tmp_path, says_how_large
):
    server.files["/net.pth"] = bytes(1_500_000)
    server.says_length = says_how_large
    with pytest.raises(RequestError, match="this app downloads at most 1 MB"):
        downloads.from_url("a network", f"{server.url}/net.pth", say_nothing)
    assert here(tmp_path / "models") == []


def test_a_download_leaves_room_on_the_disk(server, limited, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage._replace(free=1_600_000))
    server.files["/net.pth"] = bytes(700_000)
    with pytest.raises(HubUnreachable, match=r"the disk has 2 MB free, of which 1 MB stay free"):
        downloads.from_url("a network", f"{server.url}/net.pth", say_nothing)
    server.files["/small.pth"] = bytes(500_000)
    downloads.from_url("a network", f"{server.url}/small.pth", say_nothing)


# Plain files


def test_a_file_is_fetched_once_and_its_progress_told(server, tmp_path, monkeypatch):
    content = bytes(range(256)) * 400
    server.files["/net.pth"] = content
    monkeypatch.setattr(downloads, "REPORT_EVERY_SECONDS", 0.0)
    told: list[str] = []
    path = downloads.from_url("hub:net", f"{server.url}/net.pth", told.append)
    assert path == tmp_path / "models" / "torch" / "hub" / "checkpoints" / "net.pth"
    assert path.read_bytes() == content
    assert told[-1].startswith("downloading hub:net: 0 of 0 MB")
    assert downloads.from_url("hub:net", f"{server.url}/net.pth", say_nothing) == path
    assert [method for method, _, _ in server.asked] == ["GET"]


def test_a_download_that_broke_off_goes_on_where_it_was(server):
    content = bytes(range(256)) * 400
    server.files["/net.pth"] = content
    server.break_after = 40_000
    url = f"{server.url}/net.pth"
    with pytest.raises(HubUnreachable, match="could not be downloaded"):
        downloads.from_url("hub:net", url, say_nothing)
    place = hubs.torch_folder() / "net.pth"
    assert not place.exists()
    assert 0 < len(place.with_name("net.pth.incomplete").read_bytes()) < len(content)
    server.break_after = None
    assert downloads.from_url("hub:net", url, say_nothing).read_bytes() == content
    begun = server.asked[-1][2]
    assert begun.startswith("bytes=")
    assert begun != "bytes=0-"
    assert here(place.parent) == [place]


def test_what_is_not_the_published_file_is_thrown_away(server):
    digest = hashlib.sha256(b"published").hexdigest()[:8]
    server.files[f"/net-{digest}.pth"] = b"something else"
    url = f"{server.url}/net-{digest}.pth"
    with pytest.raises(HubUnreachable, match="not the published file"):
        downloads.from_url("torchvision:net", url, say_nothing)
    assert here(hubs.torch_folder()) == []
    server.files[f"/net-{digest}.pth"] = b"published"
    assert downloads.from_url("torchvision:net", url, say_nothing).read_bytes() == b"published"


def test_whoever_gives_up_while_loading_leaves_a_beginning_that_is_not_loaded(server):
    server.files["/net.pth"] = bytes(50_000)

    def give_up(text: str) -> None:
        raise Cancelled("enough")

    url = f"{server.url}/net.pth"
    with pytest.raises(Cancelled):
        downloads.from_url("hub:net", url, give_up)
    assert not (hubs.torch_folder() / "net.pth").exists()
    assert len(downloads.from_url("hub:net", url, say_nothing).read_bytes()) == 50_000


def test_two_that_want_one_file_at_once_fetch_it_once(server, monkeypatch):
    server.files["/net.pth"] = bytes(range(256)) * 4000
    monkeypatch.setattr(downloads, "REPORT_EVERY_SECONDS", 0.01)
    url, found = f"{server.url}/net.pth", []
    threads = [
        threading.Thread(target=lambda: found.append(downloads.from_url("hub:x", url, say_nothing)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert [method for method, _, _ in server.asked] == ["GET"]


# Hugging Face


def test_a_hub_file_lies_where_hugging_face_looks_for_it(server):
    from huggingface_hub import try_to_load_from_cache

    server.files["/lab/nets/resolve/main/a.ckpt"] = b"weights"
    path = downloads.from_hub("robust:a", "lab/nets", ("b.ckpt", "a.ckpt"), None, say_nothing)
    assert path.read_bytes() == b"weights"
    kept = try_to_load_from_cache("lab/nets", "a.ckpt", cache_dir=hubs.huggingface_folder())
    assert Path(kept) == path
    asked = len(server.asked)
    assert downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), None, say_nothing) == path
    assert downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), COMMIT, say_nothing) == path
    assert len(server.asked) == asked


def test_a_hub_file_that_broke_off_goes_on_and_is_checked(server):
    name = "/lab/nets/resolve/main/a.ckpt"
    server.files[name] = bytes(range(256)) * 300
    server.break_after = 30_000
    with pytest.raises(HubUnreachable):
        downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), None, say_nothing)
    server.break_after = None
    server.etags[name] = hashlib.sha256(b"what was published").hexdigest()
    with pytest.raises(HubUnreachable, match="not the published file"):
        downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), None, say_nothing)
    del server.etags[name]
    path = downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), None, say_nothing)
    assert path.read_bytes() == server.files[name]


def test_weights_behind_a_licence_are_said_to_be(server):
    server.files["/lab/nets/resolve/main/a.ckpt"] = b"weights"
    server.gated = True
    with pytest.raises(HubUnreachable, match="HF_TOKEN"):
        downloads.from_hub("timm:a", "lab/nets", ("a.ckpt",), None, say_nothing)


def test_a_repository_without_the_file_is_said(server):
    with pytest.raises(HubUnreachable, match=r"lab/nets has no a\.ckpt"):
        downloads.from_hub("robust:a", "lab/nets", ("a.ckpt",), None, say_nothing)


# Whole networks


def test_a_timm_network_comes_through_the_hub_with_its_weights(server, tmp_path):
    module = untrained("timm:test_vit").module
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    name = "/timm/test_vit.r160_in1k/resolve/main/model.safetensors"
    server.files[name] = (tmp_path / "w.safetensors").read_bytes()
    told: list[str] = []
    network = load("timm:test_vit.r160_in1k", progress=told.append)
    for key, value in module.state_dict().items():
        assert torch.equal(network.module.state_dict()[key], value), key
    assert told[-1] == "loading the network"
    assert network.classes[207] == "golden retriever"


def test_a_fine_tune_comes_from_its_repository_at_one_commit(server, tmp_path):
    module = timm.create_model("test_resnet", num_classes=3)
    labels = {"label_names": ["cup", "n1", "dog"], "label_descriptions": {"n1": "cat, house cat"}}
    config = {
        "architecture": "test_resnet",
        "num_classes": 3,
        "pretrained_cfg": {
            "input_size": [3, 96, 96],
            "mean": [0.4, 0.5, 0.6],
            "std": [0.2, 0.3, 0.4],
            "interpolation": "bilinear",
            "crop_pct": 0.9,
            "num_classes": 3,
            "fixed_input_size": False,
            "classifier": "fc",
            "first_conv": "conv1",
        },
        **labels,
    }
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    for revision in ("main", COMMIT):
        where = f"/lab/fine-tune/resolve/{revision}"
        server.files[f"{where}/config.json"] = json.dumps(config).encode()
        server.files[f"{where}/model.safetensors"] = (tmp_path / "w.safetensors").read_bytes()

    pinned = network_reference("timm:hf-hub:lab/fine-tune")
    assert pinned.model == f"timm:hf-hub:lab/fine-tune@{COMMIT}"
    assert not any("safetensors" in path for _, path, _ in server.asked)
    network = load(pinned)
    assert network.input.size == (96, 96)
    assert (network.input.mean, network.input.std) == ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    assert network.classes == ("cup", "cat", "dog")
    assert COMMIT in network.origins["weights"]
    images = torch.rand(2, 3, 96, 96)
    mean, std = (torch.tensor(network.input.mean), torch.tensor(network.input.std))
    by_hand = module.eval()((images - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(network(images), by_hand, rtol=1e-5, atol=1e-5)
    assert load(NetworkReference(pinned.model, size=64)).input.size == (64, 64)
    assert network_reference(pinned.model) == pinned


def test_a_repository_that_holds_no_timm_network_is_said_to_be_none(server):
    for revision in ("main", COMMIT):
        server.files[f"/lab/text/resolve/{revision}/config.json"] = b'{"model_type": "bert"}'
        server.files[f"/lab/text/resolve/{revision}/model.safetensors"] = b"no tensors"
    with pytest.raises(RequestError, match="is not a network in timm's format"):
        load(network_reference("timm:hf-hub:lab/text"))
    with pytest.raises(HubUnreachable, match=r"lab/none has no config\.json"):
        network_reference("timm:hf-hub:lab/none")
    with pytest.raises(RequestError, match="write it like 'timm:hf-hub:USER/NAME'"):
        network_reference("timm:hf-hub:lab/fine-tune@../../secret")


def test_a_torchvision_network_is_the_one_that_its_own_builder_makes(server, monkeypatch):
    torch.manual_seed(0)
    own = torchvision.models.squeezenet1_1(weights=None)
    written = io.BytesIO()
    torch.save(own.state_dict(), written)
    weights = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    digest = hashlib.sha256(written.getvalue()).hexdigest()[:8]
    server.files[f"/squeeze-{digest}.pth"] = written.getvalue()
    published = torchvision.models.SqueezeNet1_1_Weights
    monkeypatch.setattr(
        published.IMAGENET1K_V1.value, "url", f"{server.url}/squeeze-{digest}.pth", raising=False
    )
    network = load("torchvision:squeezenet1_1/IMAGENET1K_V1")
    images = torch.rand(1, 3, 224, 224)
    preset = weights.transforms()
    seen = (images - torch.tensor(preset.mean).view(1, 3, 1, 1)) / torch.tensor(preset.std).view(
        1, 3, 1, 1
    )
    torch.testing.assert_close(network(images), own.eval()(seen))
    assert network.classes == tuple(weights.meta["categories"])


# Offline


@pytest.mark.parametrize(
    "reference",
    [
        "timm:convnextv2_tiny.fcmae",
        "torchvision:resnet18/IMAGENET1K_V1",
        "robust:resnet18_l2_eps3",
        "hub:resnet50_vicreg",
    ],
)
def test_offline_is_one_sentence_within_five_seconds(monkeypatch, tmp_path, reference):
    for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path))
    monkeypatch.setattr(hubs, "_answers", {})

    def never(*arguments, **named):
        time.sleep(20)
        raise OSError("timed out")

    monkeypatch.setattr(socket, "create_connection", never)
    for ask in (
        lambda: catalogue.require_weights(reference),
        lambda: generation.generate(Request(model=reference, target="cat", seed="white", steps=1)),
    ):
        begun = time.monotonic()
        with pytest.raises(HubUnreachable, match="does not answer") as caught:
            ask()
        assert time.monotonic() - begun < 5
        said = str(caught.value)
        assert said.startswith(f"the weights of {reference} are not on this machine")
        assert f"embedded:{embedded.FIRST[0]}" in said
        assert "\n" not in said
    assert here(tmp_path) == []


def test_weights_that_are_here_need_no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path))
    robust = hubs.huggingface_folder() / "models--madrylab--robust-imagenet-models"
    for path in (
        robust / "snapshots" / COMMIT / "resnet18_l2_eps3.ckpt",
        hubs.torch_folder() / "resnet50_vicreg.pth",
        hubs.torch_folder() / "resnet18-f37072fd.pth",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    for reference in (
        "robust:resnet18_l2_eps3",
        "hub:resnet50_vicreg",
        "torchvision:resnet18/IMAGENET1K_V1",
    ):
        catalogue.require_weights(reference)
    with pytest.raises(HubUnreachable, match="switched off"):
        catalogue.require_weights("robust:resnet18_l2_eps1")
