"""docker-compose.yml is what tests/service starts, and asks for what it must."""

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.service.stack import COMPOSE, ROOT, SECRETS, Stack, read_compose

FILLED = {name: f"secret-{name.lower()}" for name in SECRETS}
SERVICES = {"postgres", "mlflow", "scheduler", "worker", "study"}
DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture
def compose() -> dict[str, Any]:
    return read_compose(FILLED)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """What the service tests would start; not started."""
    return Stack(tmp_path, secrets=FILLED)


def test_every_service_is_there(compose: dict[str, Any]) -> None:
    assert compose["services"].keys() == SERVICES


@pytest.mark.parametrize("name", SECRETS)
def test_compose_refuses_to_start_without_each_secret(name: str) -> None:
    assert f"${{{name}:?" in COMPOSE.read_text()
    for value in ({}, {name: ""}):
        with pytest.raises(LookupError, match=f"{name} is not set"):
            read_compose({key: FILLED[key] for key in SECRETS if key != name} | value)


def test_there_is_no_default_secret() -> None:
    """Whatever is called a password or a key comes from .env alone, and .env.example has none."""
    for line in COMPOSE.read_text().splitlines():
        if re.search(r"(PASSWORD|SECRET_KEY)\b.*:", line):
            assert re.search(r": \$\{\w+:(\?.+|-)\}$", line), line
    given = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    assert given == dict.fromkeys(SECRETS, "")


def test_the_service_tests_start_each_command_of_the_compose_file(
    compose: dict[str, Any], stack: Stack
) -> None:
    """After the addresses and folders of this machine are put in, nothing of the container's is
    left; and every translation is used, so that none hides a service that has moved."""
    words = [
        word
        for name in ("mlflow", "scheduler", "worker")
        for word in (*stack.command(name)[1:], *stack.environment(name).values())
    ]
    words += stack.environment("study").values()
    for word in words:
        assert not re.search(r"[^/]//(mlflow|scheduler|postgres)\b|:(5000|8786|5432)\b|^/app", word)
        assert "0.0.0.0" not in word
    original = COMPOSE.read_text()
    assert [text for text in stack.translations if text not in original] == []
    for name in ("mlflow", "scheduler", "worker"):
        service = compose["services"][name]
        assert len(stack.command(name)) == len(service["entrypoint"]) + len(service["command"])
        assert stack.environment(name).keys() >= service.get("environment", {}).keys()


def test_published_ports_are_those_the_services_listen_on_and_on_loopback_only(
    compose: dict[str, Any],
) -> None:
    for name, port in {"mlflow": 5000, "scheduler": 8786}.items():
        service = compose["services"][name]
        (published,) = service["ports"]
        assert published == f"127.0.0.1:{port}:{port}"
        assert f"--port={port}" in service["command"]
        assert str(port) in str(service["healthcheck"]["test"])
    for name in SERVICES - {"mlflow", "scheduler"}:
        assert "ports" not in compose["services"][name]


def test_workers_share_a_network_with_no_store(compose: dict[str, Any]) -> None:
    services = compose["services"]
    networks = {name: set(service["networks"]) for name, service in services.items()}
    for store in ("postgres", "mlflow"):
        assert networks["worker"].isdisjoint(networks[store])
        assert not networks["study"].isdisjoint(networks[store])
    assert networks["worker"] & networks["scheduler"] & networks["study"]
    assert list(services["worker"]["environment"]) == ["HPSEARCH_DATA_DIR"]


def test_worker_and_study_share_the_workspace_and_the_data(compose: dict[str, Any]) -> None:
    worker, study = compose["services"]["worker"], compose["services"]["study"]
    assert worker["volumes"] == study["volumes"]
    assert study["environment"]["HPSEARCH_WORKSPACE"] == "/workspace"
    assert "workspace:/workspace" in study["volumes"]


def test_the_two_databases_are_two(compose: dict[str, Any], stack: Stack) -> None:
    made = {compose["services"]["postgres"]["environment"]["POSTGRES_DB"]}
    made |= set(re.findall(r"CREATE DATABASE (\w+)", (ROOT / "deploy/databases.sql").read_text()))
    assert made == {"optuna", "mlflow"}
    assert stack.environment("study")["HPSEARCH_STORAGE"].endswith("/optuna")
    assert any(word.endswith("///mlflow") for word in stack.command("mlflow"))


def test_services_stay_up_within_limits_and_are_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["restart"] in ("unless-stopped", "on-failure:3"), name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert re.search(r":\d+\.\d+", service["image"]), name
        if name in ("postgres", "mlflow", "scheduler"):
            assert service["healthcheck"]["test"][0] == "CMD", name
    for first, second in itertools.pairwise(("postgres", "mlflow")):
        needs = compose["services"][second]["depends_on"]
        assert needs[first]["condition"] == "service_healthy"


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert re.fullmatch(r"FROM python:\d+\.\d+\.\d+-slim-\w+", lines[0])
    assert "USER hpsearch" in lines
    assert lines.index("USER hpsearch") > max(
        index for index, line in enumerate(lines) if line.startswith(("RUN", "COPY"))
    )
    text = DOCKERFILE.read_text()
    assert text.count("--constraint constraints.txt") == 1
    for source in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name


def test_a_wrong_compose_file_would_be_noticed(stack: Stack, tmp_path: Path) -> None:
    """The check is itself checked: a port that moves in the file moves the command."""
    stack.services["scheduler"]["command"][1] = "--port=9999"
    assert "--port=9999" in stack.command("scheduler")


def test_docker_itself_reads_the_file(tmp_path: Path) -> None:
    standalone = shutil.which("docker-compose")
    command = [standalone] if standalone else ["docker", "compose"]
    if not standalone and (
        not shutil.which("docker")
        or subprocess.run([*command, "version"], capture_output=True).returncode
    ):
        pytest.skip("neither docker compose nor docker-compose is installed")
    secrets = tmp_path / "env"
    secrets.write_text("\n".join(f"{name}={value}" for name, value in FILLED.items()))
    done = subprocess.run(
        [*command, "--file", COMPOSE, "--env-file", secrets, "config"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() >= SERVICES - {"study"}
