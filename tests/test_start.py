"""What is wrong with the app's settings is said in a sentence before its port opens."""

import os
import re
import socket
import subprocess
import sys

import pytest
from stranger import ROOT

from explorer.app import monitoring, serving, start_checks
from explorer.cli import main
from explorer.errors import RequestError
from explorer.hosting import Hosting, hosting
from explorer.research import fairness

UNCHECKED = {"HF_TOKEN"}  # only the hub can say
PORT = 8501

WRONG = [
    ("IRI_CACHE_DIR", "{folder}/file", "cannot be used (File exists)"),
    ("IRI_CACHE_LIMIT", "lots", "at least 1 MB, such as 500MB or 2GB"),
    ("IRI_DATABASE_URL", "nonsense", "no address of a database that can be used here"),
    ("IRI_DATABASE_URL", "mysql://x/y", "write postgresql://USER:PASSWORD@HOST/NAME or sqlite:"),
    ("IRI_DATABASE_URL", "postgresql://x:port/y", "no address of a database"),
    ("IRI_DATABASE_URL", "sqlite:///{folder}/no/dir/x.db", "there is no folder {folder}/no/dir"),
    ("IRI_DATABASE_URL", "sqlite:///{folder}/file", "is no SQLite database"),
    ("IRI_DATABASE_URL", "sqlite:///{folder}/empty", "empty is not a file"),
    ("IRI_PUBLIC_URL", "iri.example.org", "must be the address at which the app opens"),
    ("IRI_PUBLIC_URL", "https://iri.example.org:port", "must be the address"),
    ("IRI_OFFLINE", "yes", "'yes' is not 1, for no contact to a model hub, or 0"),
    ("IRI_HOSTED", "perhaps", "'perhaps' is neither 1 nor 0"),
    ("IRI_HOSTING", "{folder}/none.toml", "none.toml cannot be read"),
    ("IRI_SIGNING_KEY_FILE", "{folder}/file", "not 64 hexadecimal digits"),
    ("IRI_SIGNING_KEY_FILE", "{folder}/file/key", "no signing key can be made"),
    ("IRI_LPIPS", "vgg", "'vgg' is not all"),
    ("IRI_NULL_FOLDER", "{folder}/none", "there is no folder"),
    ("IRI_MODELS_DIR", "{folder}/file/models", "is not a folder"),
    ("IRI_MODELS_TOML", "{folder}/none.toml", "there is no file none.toml where it says"),
    ("IRI_NETWORKS_MEMORY", "x", "'x' is not a size"),
    ("HF_ENDPOINT", "hub.example.org", "is not a web address"),
    ("DASK_SCHEDULER_ADDRESS", "nonsense", "is not a scheduler's address"),
    ("OMP_NUM_THREADS", "many", "is not a number of threads"),
]


WRONG += [
    (name, "~nouser/x", "'~nouser/x' begins with a home that this machine does not know")
    for name in (
        "IRI_CACHE_DIR",
        "IRI_HOSTING",
        "IRI_SIGNING_KEY_FILE",
        "IRI_NULL_FOLDER",
        "IRI_MODELS_DIR",
        "IRI_MODELS_TOML",
    )
]


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Sets variables, and TOML files of this folder, of an app that has no others."""
    for name in (*os.environ,):
        if name.startswith("IRI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "file").write_text("something else\n" * 8)
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "empty").mkdir()

    def given(file: str = "", **variables: str) -> None:
        if file:
            (tmp_path / "hosting.toml").write_text(file)
            variables["IRI_HOSTING"] = "{folder}/hosting.toml"
        for name, value in variables.items():
            monkeypatch.setenv(name, value.replace("{folder}", str(tmp_path)))

    hosting.cache_clear()
    yield given
    hosting.cache_clear()


@pytest.mark.parametrize(("variable", "value", "sentence"), WRONG)
def test_a_wrong_setting_is_said_however_the_app_is_started(
    variable, value, sentence, settings, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("explorer.app.launch.launch", lambda **_: pytest.fail("started"))
    settings(**{variable: value})
    sentence = sentence.replace("{folder}", str(tmp_path))
    assert main(["app"]) == 2
    said = capsys.readouterr().err
    assert f": {variable}: " in said
    assert sentence in said
    settings(**{variable: value})  # the command line lifts limits
    with pytest.raises(SystemExit, match=re.escape(sentence)) as ended:
        serving.start()
    assert str(ended.value).startswith(f"IRI Explorer does not start: {variable}: ")


def test_every_documented_setting_is_checked():
    table = (ROOT / "docs" / "deployment.md").read_text().partition("## Settings")[2]
    rows = re.findall(r"^\| (`.*?) \|", table.partition("\n\nStreamlit")[0], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert named - UNCHECKED == {name for name, _, _ in WRONG}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[models]]\nname = "x"', "no such table 'models'; networks are written as [networks.NA"),
        ("networks = 3", "networks are written as"),
        ("[networks.x]", "file is missing"),
        ("[networks", "it is no TOML"),
    ],
)
def test_a_wrong_list_of_networks_is_said_at_the_start(text, sentence, settings, tmp_path):
    (tmp_path / "models.toml").write_text(text)
    settings(IRI_MODELS_TOML="{folder}/models.toml")
    with pytest.raises(RequestError, match=re.escape(sentence)) as caught:
        start_checks.check_app(PORT)
    assert caught.value.field == "models.toml"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"metrics_port = {PORT}", "is the app's own port"),
        ('metrics_port = 9108\nmetrics_address = "no host"', "not an address of this machine"),
        ('metrics_port = 9108\nmetrics_address = "192.0.2.1"', "not an address of this machine"),
        ('metrics_address = "127.0.0.1"', "is of no use without a metrics_port"),
        ("upload_bytes = 500_000_000", "at most all_upload_bytes, which is 150,000,000"),
        ("abandon_seconds = 5.0", "not a whole number from 5 to 86,400"),
    ],
)
def test_settings_that_do_not_go_together_are_said_at_the_start(text, sentence, settings):
    settings(text)
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        serving.start()


def test_files_with_a_byte_order_mark_are_read_as_those_without(settings, tmp_path):
    """Windows editors write one."""
    (tmp_path / "models.toml").write_text("\ufeff# nothing is published\n", "utf-8")
    settings("\ufeffmax_px = 100", IRI_MODELS_TOML="{folder}/models.toml")
    assert start_checks.check_app(PORT).max_px == 100


def test_phones_are_not_sent_to_an_address_that_turns_them_away(settings):
    settings('allowed_hosts = ["*.example.org"]', IRI_PUBLIC_URL="https://iri.example.com/lab")
    with pytest.raises(RequestError, match=r"iri\.example\.com is not among allowed_hosts"):
        start_checks.check_app(PORT)
    settings(IRI_PUBLIC_URL="https://IRI.example.org/lab")
    assert start_checks.check_app(PORT).allowed_hosts == ("*.example.org",)


def test_a_metrics_port_that_another_replica_has_stops_nobody_and_any_other_reason_does(
    caplog, monkeypatch
):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monitoring.start(Hosting(metrics_port=other.getsockname()[1]))
    assert "another process has the port" in caplog.text

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(monitoring, "start_http_server", refused)
    with pytest.raises(RequestError, match=r"metrics_port = 80 .* permission denied"):
        monitoring.start(Hosting(metrics_port=80))


def test_streamlit_run_ends_with_the_sentence(settings):
    settings(IRI_DATABASE_URL="sqlite:///{folder}/no/dir/x.db")
    words = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        words.append(f"--server.port={free.getsockname()[1]}")
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    said = (ended.stdout + ended.stderr).strip().splitlines()[-1]
    assert said.startswith("IRI Explorer does not start: IRI_DATABASE_URL: there is no folder")
    assert ended.returncode == 1


def test_good_settings_are_used_as_they_are(settings, tmp_path):
    (tmp_path / "models.toml").touch()
    settings(
        'hosted = false\nupload_bytes = 500_000_000\nall_upload_bytes = "none"\n',
        IRI_DATABASE_URL="sqlite:///{folder}/new/study.sqlite3",
        IRI_PUBLIC_URL="https://iri.example.org/lab/",
        IRI_MODELS_TOML="{folder}/models.toml",
        IRI_MODELS_DIR="{folder}/weights",
        IRI_OFFLINE="1",
        IRI_LPIPS="all",
        OMP_NUM_THREADS="4,2",
        HF_ENDPOINT="http://localhost:8080/hub",
    )
    limits = start_checks.check_app(PORT)
    assert limits == Hosting(upload_bytes=500_000_000)
    assert "upload_bytes = 500000000" in limits.in_words
    settings(IRI_DATABASE_URL="postgresql://iri@database/iri?passfile=/run/secrets/login")
    start_checks.check_app(PORT)
    assert not (tmp_path / "new").exists()


def test_limits_are_printed_as_they_are_written(settings):
    settings(IRI_HOSTED="1")
    limits = start_checks.check_app(PORT)
    assert not re.search(r"= \d+\.\d", limits.in_words)


def test_the_measurement_of_fairness_explains_itself_before_it_starts_anything(capsys):
    with pytest.raises(SystemExit) as ended:
        fairness.main(["--help"])
    assert ended.value.code == 0
    assert "--repeat" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        fairness.main(["--repeat", "0"])
    assert "it must be 1 to 100" in capsys.readouterr().err
