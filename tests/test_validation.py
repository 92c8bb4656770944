"""Validation: words in, a checked request and its pictures out, or a sentence that helps."""

import hashlib
import io
import socket
import time

import numpy as np
import pytest
from PIL import Image

from explorer import validation
from explorer.models import hubs, models_toml
from explorer.models.hubs import HubUnreachable
from explorer.request import Request, RequestError
from explorer.synthesis.optimizers.registry import OPTIMISERS

ADV = "embedded:residual-multi-adv2"
WORDS = {"model": ADV, "target": "astronaut", "seed": "noise"}


def refusal(**changes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        validation.parse_request(**(WORDS | changes))
    return caught.value


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


# What comes in


def test_plain_words_become_the_request_they_say():
    request, pictures = validation.parse_request(
        **WORDS, layer="stage1.0", loss="freq-tv", optimiser="adam", steps=5, goal=0.5, rng_seed=3
    )
    assert request == Request(
        model=ADV,
        layer="stage1.0",
        target="astronaut",
        seed="noise",
        loss="freq-tv",
        optimiser="adam",
        steps=5,
        goal=0.5,
        rng_seed=3,
    )
    assert pictures == {}


@pytest.mark.parametrize("extension", ["png", "bmp", "tiff", "gif", "jpeg", "webp"])
def test_a_picture_file_becomes_its_pixels_digest_and_a_clean_png(tmp_path, photo, extension):
    path = tmp_path / f"My photo.{extension}"
    Image.fromarray(photo).save(path)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    request, pictures = validation.parse_request(model=ADV, target=str(path), seed="coffee")
    expected = hashlib.sha256(b"rgb8 40 30\n" + pixels.tobytes()).hexdigest()
    assert request.target == f"picture:{expected}"
    assert list(pictures) == [request.target]
    with Image.open(io.BytesIO(pictures[request.target])) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), pixels)


def test_the_same_pixels_in_another_file_are_the_same_request(tmp_path, photo):
    one, two = tmp_path / "one.png", tmp_path / "two.bmp"
    Image.fromarray(photo).save(one)
    Image.fromarray(photo).save(two)
    first, _ = validation.parse_request(model=ADV, target=str(one), seed="white")
    second, _ = validation.parse_request(model=ADV, target=str(two), seed="white")
    assert first.key == second.key


def test_a_file_can_be_the_seed_and_pictures_already_sent_go_by_name(tmp_path, photo):
    path = tmp_path / "seed.png"
    Image.fromarray(photo).save(path)
    request, pictures = validation.parse_request(model=ADV, target="cat", seed=str(path))
    assert request.seed in pictures
    again, pictures = validation.parse_request(model=ADV, target="cat", seed=request.seed)
    assert again == request
    assert pictures == {}


def test_a_gallery_name_wins_over_a_file_of_that_name(tmp_path, monkeypatch, photo):
    Image.fromarray(photo).save(tmp_path / "cat.png")
    (tmp_path / "cat.png").rename(tmp_path / "cat")
    monkeypatch.chdir(tmp_path)
    assert validation.parse_request(model=ADV, target="cat", seed="noise")[0].target == "cat"


def test_a_checkpoint_is_named_by_its_full_path_and_content(tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    request, _ = validation.parse_request(
        **WORDS | {"model": "file:net.pt"}, architecture="timm:resnet18"
    )
    assert request.model == f"file:{tmp_path.resolve() / 'net.pt'}"
    assert request.weights == hashlib.sha256(b"weights").hexdigest()


# What is refused


def test_unknown_names_are_answered_with_the_nearest_ones():
    for changes, field, *said in (
        ({"model": "embedded:residual-multi-adv"}, "model", "'embedded:residual-multi-adv2'"),
        ({"model": "tim:resnet18"}, "model", "'timm:'"),
        ({"model": "resnet18"}, "model", "'embedded:NAME'"),
        ({"layer": "penultimat"}, "layer", "'penultimate'"),
        ({"layer": "stage1.0.conv"}, "layer", "'stage1.0.conv1'", "'stage1.0.conv2'"),
        ({"target": "astronot"}, "target", "'astronaut'", "cat, coffee"),
        ({"seed": "whit"}, "seed", "'white'"),
        ({"seed": "astronot"}, "seed", "'astronaut'"),
        ({"loss": "freq-tvl6"}, "loss", "'freq-tv-l6'", "adversarial-seed"),
        ({"optimiser": "adamw"}, "optimiser", "'adam'", "auto, momentum-anderson, surrogate-lbfgs"),
    ):
        error = refusal(**changes)
        assert error.field == field
        for name in said:
            assert name in error.message, (changes, error.message)


@pytest.mark.parametrize(
    "optimiser", [name for name, record in OPTIMISERS.items() if record.only_match]
)
@pytest.mark.parametrize("loss", ["freq", "freq+fourier", "freq+transforms"])
def test_an_optimiser_that_goes_by_the_match_alone_is_refused_with_any_other_loss(optimiser, loss):
    error = refusal(optimiser=optimiser, loss=loss)
    assert error.field == "optimiser"
    assert "choose one of auto" in error.message
    assert "momentum, adam" in error.message


@pytest.mark.parametrize("kind", ["white", "uniform", "light-noise", "noise-0", "noise-1000001"])
def test_what_is_no_noise_target_is_refused_with_those_there_are(kind):
    error = refusal(target=kind, seed="black")
    assert error.field == "target"
    assert "wide-noise" in error.message


@pytest.mark.parametrize("target", ["noise", "wide-noise", "noise-7"])
def test_noise_can_be_the_target_of_a_seed_of_the_same_kind(target):
    assert validation.parse_request(**WORDS | {"target": target})[0].target == target


@pytest.mark.parametrize("field", ["target", "seed"])
@pytest.mark.parametrize("text", ["", ".", "..", "missing.png", "a\0b", "x" * 5000, "Cat"])
def test_words_that_name_neither_a_picture_nor_a_file_are_refused(field, text):
    assert refusal(**{field: text}).field == field


@pytest.mark.parametrize("field", ["target", "seed"])
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\x80\x04N."])
def test_a_file_that_is_no_picture_is_refused_by_its_name(tmp_path, field, content):
    path = tmp_path / "holiday.png"
    path.write_bytes(content)
    error = refusal(**{field: str(path)})
    assert error.field == field
    assert error.message.startswith("holiday.png: ")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", denied)
    assert "Permission denied" in refusal(target=str(path)).message


def test_the_target_cannot_be_its_own_seed(tmp_path, photo):
    assert refusal(seed="astronaut").field == "seed"
    one, two = tmp_path / "one.png", tmp_path / "two.bmp"
    Image.fromarray(photo).save(one)
    Image.fromarray(photo).save(two)
    assert refusal(target=str(one), seed=str(two)).field == "seed"


@pytest.mark.parametrize("where", ["", "missing.pt", ".", "a\0b", "x" * 5000])
def test_a_checkpoint_that_is_not_there_is_said(where):
    error = refusal(model=f"file:{where}", architecture="timm:resnet18")
    assert error.field == "model"


def test_a_checkpoint_without_an_architecture_is_told_how_to_write_one(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"weights")
    error = refusal(model=f"file:{tmp_path / 'net.pt'}")
    assert error.field == "architecture"
    assert "timm:resnet18" in error.message


def test_only_checkpoints_have_an_architecture():
    assert refusal(architecture="timm:resnet18").field == "architecture"


# The loss


@pytest.mark.parametrize(
    ("loss", "given", "kept"),
    [
        ("freq", {"tv": 5e-4}, None),
        ("freq", {"tv": 1e-3, "blur": 5e-4}, {"tv": 1e-3}),
        ("freq-tv", {"blur": 0}, None),
        ("freq-tv", {"tv": 0}, {"tv": 0.0}),
        ("adversarial", {"to-target": 0.5}, {"to-target": 0.5}),
    ],
)
def test_weights_that_are_the_variants_own_are_no_weights_of_ones_own(loss, given, kept):
    request, _ = validation.parse_request(**WORDS, loss=loss, term_weights=given)
    assert dict(request.term_weights or ()) == (kept or {})
    plain, _ = validation.parse_request(**WORDS, loss=loss)
    assert (request.key == plain.key) == (kept is None)


def test_naming_the_usual_comparison_is_the_same_request():
    said, _ = validation.parse_request(**WORDS, representation="relative-l2")
    assert said.key == validation.parse_request(**WORDS)[0].key


def test_losses_that_make_no_sense_are_refused():
    for changes, field, said in (
        ({"loss": "freq", "term_weights": {"tvv": 1.0}}, "term_weights", "'tv'"),
        ({"term_weights": {"representation": 0}}, "term_weights", "all weights are 0"),
        ({"loss": "freq-tv", "term_weights": {"representation": 0, "tv": 0}}, "term_weights", "0"),
        ({"representation": "euclid"}, "representation", "cosine"),
        ({"loss": "adversarial+fourier"}, "loss", "all but the adversarial"),
        ({"loss": "freq+transforms", "optimiser": "lbfgs"}, "optimiser", "momentum"),
        ({"loss": "adversarial", "optimiser": "lbfgs"}, "optimiser", "momentum"),
        ({"relu_gradient": "identity", "optimiser": "lbfgs"}, "optimiser", "momentum"),
        ({"relu_gradient": "zero"}, "relu_gradient", "identity"),
    ):
        error = refusal(**changes)
        assert error.field == field
        assert said in error.message, (changes, error.message)


# The adversary


@pytest.mark.parametrize("loss", ["adversarial", "adversarial-published", "adversarial-seed"])
def test_an_adversarial_loss_gets_an_adversary_that_ships_unless_told(loss):
    assert validation.parse_request(**WORDS, loss=loss)[0].adversary == "structure"
    named, _ = validation.parse_request(**WORDS, loss=loss, adversary="lpips-alex")
    assert named.adversary == "lpips-alex"


def test_a_weight_on_a_distance_brings_an_adversary_and_a_weight_of_0_takes_it_away():
    request, _ = validation.parse_request(**WORDS, loss="freq", term_weights={"to-target": 0.1})
    assert request.adversary == "structure"
    request, _ = validation.parse_request(
        **WORDS, loss="adversarial", term_weights={"to-target": 0}
    )
    assert request.adversary is None


@pytest.mark.parametrize("loss", ["regularizer-free", "freq", "freq-tv-l6"])
def test_other_losses_have_none(loss):
    assert validation.parse_request(**WORDS, loss=loss)[0].adversary is None
    assert refusal(loss=loss, adversary="lpips-alex").field == "adversary"


@pytest.mark.parametrize("name", ["lpips", "nobody"])
def test_an_unknown_adversary_is_answered_with_those_there_are(name):
    error = refusal(loss="adversarial", adversary=name)
    assert error.field == "adversary"
    assert "robust-features" in error.message


@pytest.mark.parametrize("loss", ["adversarial", "adversarial-seed"])
def test_an_adversary_that_cannot_see_pictures_so_small_is_refused(loss):
    error = refusal(loss=loss, adversary="ms-ssim")
    assert error.field == "adversary"
    assert "at least 161×161 px" in error.message
    assert "this network takes 64×64" in error.message
    assert "ssim-16px" in error.message
    with pytest.raises(HubUnreachable):  # a larger network would be let in
        validation.parse_request(
            **WORDS | {"model": "timm:resnet18.a1_in1k"}, loss=loss, adversary="ms-ssim"
        )


def test_naming_the_default_adversary_is_the_same_request():
    unnamed, _ = validation.parse_request(**WORDS, loss="adversarial")
    named, _ = validation.parse_request(**WORDS, loss="adversarial", adversary="structure")
    assert unnamed.key == named.key


# A hub out of reach


def test_a_network_that_must_be_downloaded_offline_is_refused_at_once_with_what_works():
    begun = time.monotonic()
    with pytest.raises(HubUnreachable) as caught:
        validation.parse_request(**WORDS | {"model": "timm:resnet18.a1_in1k"})
    assert time.monotonic() - begun < 5
    assert "timm:resnet18.a1_in1k" in str(caught.value)
    assert str(caught.value).endswith(
        "embedded networks work without it, such as embedded:imagenette-residual-adv1"
    )


@pytest.mark.parametrize("silent", ["getaddrinfo", "create_connection"])
def test_a_hub_that_never_answers_is_given_up_within_five_seconds(monkeypatch, silent):
    for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", f"https://{silent.replace('_', '-')}.invalid")

    def never(*arguments, **named):
        time.sleep(20)
        raise OSError("timed out")

    monkeypatch.setattr(socket, silent, never)
    begun = time.monotonic()
    with pytest.raises(HubUnreachable, match="does not answer"):
        validation.parse_request(**WORDS | {"model": "timm:resnet18.a1_in1k"})
    assert time.monotonic() - begun < 5
    begun = time.monotonic()
    assert not hubs.reachable(hubs.endpoint())
    assert time.monotonic() - begun < 0.1, "the answer is remembered"


def test_a_hub_that_answers_lets_the_request_in(monkeypatch):
    for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        request, _ = validation.parse_request(**WORDS | {"model": "timm:resnet18.a1_in1k"})
    assert request.model == "timm:resnet18.a1_in1k"


def test_weights_that_were_downloaded_before_need_no_hub(monkeypatch, tmp_path):
    snapshot = tmp_path / "models--timm--resnet18.a1_in1k" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("resnet18.a1_in1k", "resnet18"):
        validation.parse_request(**WORDS | {"model": f"timm:{name}"})
    with pytest.raises(HubUnreachable):
        validation.parse_request(**WORDS | {"model": "timm:resnet18.tv_in1k"})


@pytest.mark.parametrize("name", ["resnet_18", "resnet18.nobody_in1k"])
def test_a_name_that_the_table_does_not_know_is_left_to_the_worker(name):
    request, _ = validation.parse_request(**WORDS | {"model": f"timm:{name}"})
    assert request.model == f"timm:{name}"


def test_weights_left_to_the_library_are_named_in_the_request():
    request = validation.validate(Request("timm:resnet18", target="cat", seed="white"))
    assert request.model == "timm:resnet18.a1_in1k"
    request = validation.validate(Request("torchvision:resnet50", target="cat", seed="white"))
    assert request.model == "torchvision:resnet50/IMAGENET1K_V2"


def test_an_adversary_must_see_pictures_as_small_as_the_size_of_ones_own():
    words = {"loss": "adversarial", "adversary": "lpips-squeeze"}
    assert validation.parse_request(**WORDS, **words)[0].adversary == "lpips-squeeze"
    assert refusal(**words, size=16).field == "adversary"


def test_a_published_network_is_asked_for_with_its_fingerprint(tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"weights")
    path = tmp_path / "models.toml"
    path.write_text("[networks.lab]\nfile = 'net.pt'\narchitecture = 'timm:resnet18'\n")
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    request, _ = validation.parse_request(**WORDS | {"model": "own:lab"})
    assert request.weights == models_toml.fingerprint("lab")
    assert str(tmp_path) not in request.canonical
    assert refusal(model="own:labb").field == "model"


@pytest.mark.parametrize("name", ["../../etc/passwd", "res net", "resnet18.a.b", "*"])
def test_a_name_that_timm_cannot_have_is_a_wrong_request(name):
    assert refusal(model=f"timm:{name}").field == "model"


@pytest.mark.parametrize(
    ("model", "said", "unsaid"),
    [
        ("foo:bar", "'file:NAME'", "timm:foo"),
        ("python:net.py:build", "python: is an architecture for file: models", "timm:python"),
        ("net.pt", "write 'file:net.pt'", "timm:net"),
    ],
)
def test_the_command_line_says_how_a_network_of_no_source_is_written(model, said, unsaid):
    message = str(refusal(model=model))
    assert said in message
    assert unsaid not in message
