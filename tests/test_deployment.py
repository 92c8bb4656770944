"""The image, compose file, service and reverse proxy of docs/deployment, as far as they run here.

No container is started: the image's commands run as its user in a mount namespace with a read-only
root, and nginx runs from the committed file with other ports and certificates.
"""

from __future__ import annotations

import compileall
import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from distributed.security import Security
from dockerfile import only, stages
from playwright.sync_api import sync_playwright
from stranger import ROOT, Visitor, until
from websockets.sync.client import connect

FOLDER = ROOT / "docs" / "deployment"
HEALTH = FOLDER / "health.py"
CLASS_OF = 200
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def missing(what: str, variable: str) -> None:
    """Skip for want of a program, or fail where the variable says that it must be there."""
    if os.environ.get(variable):
        pytest.fail(f"there is no {what}, and {variable} is set")
    pytest.skip(f"there is no {what} on this machine")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


# --- The files say what they promise ---------------------------------------------------------


def test_the_image_installs_the_package_and_leaves_its_user_nothing_to_write_but_data():
    build, final = stages()
    for first in (build[0], final[0]):
        assert re.fullmatch(r"python:3\.\d+-slim-\w+( AS build)?", first.text), "no moving tag"
    assert [each.text for each in build if each.word == "RUN"][-1].endswith('".[postgres]"')
    copies = [each.text for each in final if each.word == "COPY"]
    assert not any("--chown" in each or "--chmod" in each for each in copies)
    assert only(final, "USER").text == "1000"
    assert only(final, "VOLUME").words == ["/data"]
    settings = only(final, "ENV").settings
    written = [settings[name] for name in ("IRI_CACHE_DIR", "IRI_MODELS_DIR")]
    assert all(path.startswith("/data/") for path in written)
    assert only(final, "CMD").words[:2] == ["iri", "app"]
    health = only(final, "HEALTHCHECK").words
    source, destination = copies[-1].split()
    assert (ROOT / source, health) == (HEALTH, ["python", destination])


def test_what_the_image_copies_is_in_its_context_and_nothing_private_is():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "*"
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        path
        for stage in stages()
        for each in stage
        if each.word == "COPY" and "--from" not in each.text
        for path in each.text.split()[:-1]
    }
    assert {path.rstrip("/") for path in copied} == {
        ".streamlit" if path.startswith(".streamlit/") else path for path in sent
    }
    assert all((ROOT / path).exists() for path in copied | sent)
    wheel = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for needed in ("README.md", "LICENSE", "cache/starter", ".streamlit/config.toml"):
        assert needed in wheel
        assert needed in sent | copied


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]


def test_no_service_of_the_compose_file_can_change_itself_or_take_the_machine(services):
    assert set(services) == {"app", "scheduler", "worker-gpu", "worker-cpu", "database"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit", "cpus"} <= set(service), name
        assert service["image"].partition(":")[2] not in ("", "latest"), name
        assert "build" in service or name == "database", "nobody has it to be pulled from"
        assert any(each.startswith("/tmp") for each in service["tmpfs"]), name
        assert service.get("user", "") not in ("root", "0"), name
        assert not service.get("privileged"), name


def test_the_compose_file_holds_no_secret_and_opens_one_port_to_the_proxy(services):
    whole = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    assert {name for name, each in services.items() if "ports" in each} == {"app"}
    assert all(port.startswith("127.0.0.1:") for port in services["app"]["ports"])
    assert whole["networks"]["inner"]["internal"] is True
    assert services["database"]["networks"] == services["scheduler"]["networks"] == ["inner"]
    used = {secret for each in services.values() for secret in each.get("secrets", [])}
    assert used == set(whole["secrets"])
    assert all(each["file"].startswith("./secrets/") for each in whole["secrets"].values())
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE")
            assert not re.search(r"://\w+:[^@/]+@", str(value)), "no password in an address"
    ignored = ["git", "check-ignore", "-q", "docs/deployment/secrets/database-password"]
    assert subprocess.run(ignored, cwd=ROOT).returncode in (0, 128), "or this is no repository"
    for name in ("app", "worker-gpu", "worker-cpu"):  # a worker downloads, within its own limits
        assert services[name]["environment"]["IRI_HOSTED"] == "1"
    cluster = services["worker-cpu"]["environment"]
    assert cluster["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "true"
    assert services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]


def test_the_service_is_shut_in_and_torch_can_still_run():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(FOLDER / "iri-explorer@.service")
    service = unit["Service"]
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "iri-explorer"
    assert {"MemoryMax", "TasksMax"} <= set(service)
    assert service["CapabilityBoundingSet"] == ""
    assert service["OOMPolicy"] == "continue", "a worker out of memory must not end the app"
    assert "MemoryDenyWriteExecute" not in service, "oneDNN writes its convolutions as code"
    words = shlex.split(service["ExecStart"])
    assert words[1] == "app"
    assert words[words.index("--address") + 1] == "127.0.0.1"
    assert words[words.index("--port") + 1] == "%i", "replicas differ by their port alone"


def test_systemd_knows_every_setting_of_the_service_and_finds_it_safe(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd on this machine")
    text = (FOLDER / "iri-explorer@.service").read_text(encoding="utf-8")
    unit = tmp_path / "iri-explorer@8501.service"
    unit.write_text(text.replace("/opt/iri/bin/iri", sys.executable), encoding="utf-8")
    (tmp_path / f"{unit.name}.d").mkdir()
    shutil.copy(FOLDER / "gpu.conf", tmp_path / f"{unit.name}.d")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    shutil.rmtree(tmp_path / f"{unit.name}.d")
    command = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]


def test_the_space_starts_the_image_at_its_port():
    text = (FOLDER / "hugging-face" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    _, final = stages()
    assert front["sdk"] == "docker"
    assert str(front["app_port"]) == only(final, "EXPOSE").text
    assert len(front["short_description"]) <= 60


# --- The image's commands, as its user, in a read-only machine -------------------------------

SANDBOX = r"""
set -eu
data=$1 code=$2 known=$3 python=$4; shift 4
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir /opt/iri /opt/site-packages /opt/data /opt/python
mount --bind "$python" /opt/python
mount --bind "$code" /opt/iri
mount --bind "$known" /opt/site-packages
mount --bind "$data" /opt/data
mount -o remount,bind,ro "$code" /opt/iri
mount -o remount,bind,ro "$known" /opt/site-packages
mount -o remount,ro /opt
mount -t tmpfs -o mode=1777,size=256m tmpfs /tmp
mount -o remount,bind,ro /
cd /opt/data
exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- "$@"
"""


@dataclass(frozen=True)
class Image:
    """The package as the image has it: root's own, with /data as the one folder to write."""

    code: Path
    data: Path
    settings: dict[str, str]

    def words(self, *command: str) -> list[str]:
        """What runs a command of the image, as in `docker run --read-only --tmpfs /tmp`."""
        known = next(path for path in sys.path if path.endswith("site-packages"))
        shell = ["sh", "-c", SANDBOX, "sandbox", str(self.data), str(self.code), known]
        return ["unshare", "--mount", *shell, sys.base_prefix, *command]

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("LANG", "OMP_NUM_THREADS") if name in os.environ
        }
        return kept | self.settings | {"HOME": "/opt/data", "IRI_OFFLINE": "1"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        words = self.words(*command)
        return subprocess.run(words, env=self.environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    """The unpacked wheel, in a folder of root's that nobody else can write."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"]).returncode:
        pytest.skip("only root can make a mount namespace and become another user")
    folder = tmp_path_factory.mktemp("image")
    code, data = folder / "code", folder / "data"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(code)
    compileall.compile_dir(code, quiet=2)  # which is all that pip does with a wheel
    for path in (code, *code.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    data.mkdir()
    os.chown(data, 1000, 1000)
    _, final = stages()
    given = only(final, "ENV").settings
    there = {name: value.replace("/data", "/opt/data") for name, value in given.items()}
    # This interpreter may be in a folder that only root can enter.
    there |= {"PYTHONHOME": "/opt/python", "LD_LIBRARY_PATH": "/opt/python/lib"}
    there |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/opt/iri:/opt/site-packages"}
    return Image(code, data, there)


def of_the_image(words: list[str]) -> list[str]:
    """The image's command with this machine's interpreter and health script."""
    python = f"/opt/python/bin/python3.{sys.version_info.minor}"
    if words[0] == "iri":
        return [python, "-m", "explorer", *words[1:]]
    return [python, "-c", HEALTH.read_text(encoding="utf-8")]


def shows_a_result(visitor: Visitor, query: str) -> bool:
    time.sleep(1)  # a page at once after the other would take the worker's cores
    return "To the network: the same?" in visitor.visit(query)


@pytest.mark.slow
def test_the_image_serves_and_generates_as_its_user_with_a_read_only_root(image: Image):
    _, final = stages()
    (port,) = free_ports(1)
    command = of_the_image(only(final, "CMD").words)
    command[command.index("--port") + 1] = str(port)
    health = [*of_the_image(only(final, "HEALTHCHECK").words), str(port)]
    with (image.data.parent / "app.log").open("w+") as log:
        words = image.words(*command)
        app = subprocess.Popen(words, env=image.environment, stdout=log, stderr=log)
        try:
            until(lambda: can_connect(port) or app.poll() is not None)
            assert app.poll() is None, Path(log.name).read_text()
            assert image.run(*health).returncode == 0
            with visit(port) as visitor:
                assert "To the network: the same?" in visitor.visit()
                query = "?target=cat&seed=uniform&effort=quick"
                assert "Not generated yet" in visitor.visit(query)
                visitor.visit(query, press="Generate")
                until(lambda: shows_a_result(visitor, query))
        finally:
            app.terminate()
            app.wait(20)
        assert "Traceback" not in Path(log.name).read_text()
    assert image.run(*health).returncode == 1, "no app, no health"
    written = {path for path in image.data.rglob("*") if path.is_file()}
    assert any("cache" in path.parts for path in written)
    assert {path.stat().st_uid for path in written} == {1000}


def test_the_images_user_can_write_neither_code_nor_anything_but_data_and_tmp(image: Image):
    tried = [
        "/opt/iri/explorer/__init__.py",
        "/opt/iri/new",
        "/opt/new",
        "/new",
        "/etc/new",
        "/usr/new",
    ]
    script = 'for path; do ( : >>"$path" ) 2>/dev/null && echo "$path"; done; true'
    written = image.run("sh", "-c", script, "sh", *tried, "/opt/data/new", "/tmp/new")
    assert written.stdout.split() == ["/opt/data/new", "/tmp/new"], written.stderr


# --- Two replicas behind nginx, under a base path ---------------------------------------------


@dataclass
class Lab:
    """Two replicas of the app and the proxy in front of them; `log` tells who answered."""

    port: int
    replicas: dict[int, subprocess.Popen]
    log: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/lab"

    def open(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of what the proxy answers; headers with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", data, named)
        insecure = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, timeout=20, context=insecure) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def answered(self, mark: str) -> list[int]:
        """The ports of the replicas that answered the requests whose address holds a text."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [int(line.rpartition(":")[2]) for line in lines if mark in line]


@contextmanager
def visit(port: int, base: str = "") -> Iterator[Visitor]:
    """A visit by websocket straight to an app."""
    address = f"ws://127.0.0.1:{port}/{base}_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as connection:
        yield Visitor(connection)


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    if NGINX is None:
        missing("nginx", "IRI_REQUIRE_NGINX")
    folder = tmp_path_factory.mktemp("lab")
    plain, secure, *behind = free_ports(4)
    certificate = Security.temporary()
    (folder / "certificate.pem").write_text(certificate.tls_client_cert)
    (folder / "key.pem").write_text(certificate.tls_client_key)
    settings = os.environ | {
        "IRI_CACHE_DIR": str(folder / "cache"),
        "IRI_HOSTED": "1",
        "STREAMLIT_SERVER_BASE_URL_PATH": "lab",
    }
    configuration = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    for there, here in (
        ("127.0.0.1:8501", f"127.0.0.1:{behind[0]}"),
        ("127.0.0.1:8502", f"127.0.0.1:{behind[1]}"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{secure} ssl http2;"),
        ("/etc/ssl/iri", str(folder)),
    ):
        assert configuration.count(there) >= 1, there
        configuration = configuration.replace(there, here)
    log = folder / "access.log"
    user = "user root root;" if os.geteuid() == 0 else ""  # it writes into this folder alone
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events {worker_connections 1024;}\n"
        f"http {{ {temporary} log_format who '$request $status $upstream_addr';\n"
        f"access_log {log} who;\ninclude /etc/nginx/mime.types;\n{configuration}\n}}\n",
        encoding="utf-8",
    )
    with ExitStack() as stack:
        replicas = {}
        for port in behind:
            printed = stack.enter_context((folder / f"{port}.log").open("wb"))
            words = [sys.executable, "-m", "explorer", "app", "--port", str(port)]
            replicas[port] = subprocess.Popen(
                words, cwd=ROOT, env=settings, stdout=printed, stderr=printed
            )
            stack.callback(end, replicas[port])
        for port, app in replicas.items():
            until(lambda port=port, app=app: can_connect(port) or app.poll() is not None)
            assert app.poll() is None, (folder / f"{port}.log").read_text()
            health = [sys.executable, str(HEALTH), str(port)]
            subprocess.run(health, env=settings, check=True)
        proxy = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")])
        stack.callback(end, proxy)
        running = Lab(secure, replicas, log)
        until(lambda: can_connect(secure), 10)
        yield running


def can_connect(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def end(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.mark.slow
def test_a_browser_stays_with_one_replica_and_browsers_are_spread(lab: Lab):
    for person in range(12):
        for _ in range(3):
            mark = f"/lab/vote?{person:02d}-"
            assert lab.open(mark, Cookie=f"iri_visitor={person:032x}")[0] == 200
    served = [lab.answered(f"vote?{person:02d}-") for person in range(12)]
    assert all(len(each) == 3 and len(set(each)) == 1 for each in served), served
    assert {each[0] for each in served} == set(lab.replicas)
    without_cookie = [lab.open("/lab/vote?none") for _ in range(4)]
    assert [status for status, _ in without_cookie] == [200] * 4
    assert len(set(lab.answered("vote?none"))) == 1


@pytest.mark.slow
def test_the_proxy_serves_what_is_the_apps_and_refuses_what_is_too_much(lab: Lab):
    assert lab.open("/lab/_stcore/health") == (200, b"ok")
    assert lab.open("/")[0] == lab.open("/other")[0] == 404
    assert lab.open("/lab/_stcore/metrics")[0] == 404
    upload = "/lab/_stcore/upload_file/a/b"
    assert lab.open(upload, b"0" * 27_000_000)[0] == 413
    statuses = [lab.open(upload, b"0")[0] for _ in range(40)]
    assert statuses.count(429) > 10, "a flood of uploads"
    assert statuses[0] != 429
    streams = [lab.open("/lab/_stcore/stream")[0] for _ in range(CLASS_OF)]
    assert 429 not in streams, "a class behind one address"


@pytest.mark.slow
@pytest.mark.browser
def test_a_visitor_generates_behind_the_proxy_and_every_replica_has_the_result(lab: Lab):
    if BROWSER is None:
        missing("Chromium", "IRI_REQUIRE_BROWSER")
    query = "?target=cat&seed=uniform&effort=quick"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(60_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{lab.url}/{query}")
        page.get_by_text("Not generated yet.").wait_for()
        page.get_by_role("button", name="Generate", exact=True).last.click()
        page.get_by_text("To the network: the same?").wait_for()
        (cookie,) = [each for each in context.cookies() if each["name"] == "iri_visitor"]
        assert cookie["secure"], "the app knows that the proxy speaks TLS"
        page.goto(f"{lab.url}/vote")
        page.get_by_role("heading").first.wait_for()
        browser.close()
    assert not problems
    (stream,) = set(lab.answered("/lab/_stcore/stream HTTP/1.1 101"))
    assert set(lab.answered("/lab/live/")) == {stream}, "who watches is with who computes"
    other = next(port for port in lab.replicas if port != stream)
    with visit(other, "lab/") as visitor:
        assert "To the network: the same?" in visitor.visit(query)


@pytest.mark.slow
def test_a_replica_that_ends_leaves_its_visitors_to_the_other(lab: Lab):
    lost, *_ = lab.replicas
    end(lab.replicas[lost])
    people = [
        lab.open("/lab/vote?late", Cookie=f"iri_visitor={person:032x}") for person in range(6)
    ]
    assert [status for status, _ in people] == [200] * 6
    assert set(lab.answered("vote?late")) == set(lab.replicas) - {lost}
