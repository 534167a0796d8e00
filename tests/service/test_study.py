"""A study through real servers, two of which die in the middle of it, and a worker too."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from hpsearch.engine.records import TrialRecord, best_of, fingerprint
from tests.postgres import find_program
from tests.service.conftest import Observations, call, read_status
from tests.service.stack import SECRETS, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def client(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's server, as the study's account."""
    for name, value in stack.environment("study").items():
        if name.startswith("MLFLOW_"):
            monkeypatch.setenv(name, value)
    return MlflowClient(stack.tracking_uri, stack.tracking_uri)


def test_a_disturbed_study_on_servers_is_the_study_of_a_laptop(
    disturbed: Observations, stack: Stack, calm: list[TrialRecord]
) -> None:
    assert disturbed.exit_code == 0, disturbed.error
    assert disturbed.disturbances == ("kill_a_worker", "restart_postgres", "restart_mlflow")
    status, best = read_status(stack), best_of(calm)
    assert best
    assert status["complete"]
    assert status["fingerprint"] == fingerprint(calm)
    assert status["best"]["net_sha256"] == best.net_sha256
    assert len(status["test"]["looks"]) == 1


def test_the_server_shows_the_study_once_it_is_reconciled(
    disturbed: Observations, stack: Stack, calm: list[TrialRecord], client: MlflowClient
) -> None:
    """It was killed while it was being written, so it may be behind; twice as much it is not."""
    done = call(stack, "reconcile", "served")
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("served")
    runs = client.search_runs([experiment.experiment_id])
    shown = Counter(run.data.tags.get("hpsearch.trial") for run in runs)
    assert shown == Counter([None, *(str(record.number) for record in calm)])
    version = client.get_model_version_by_alias("served", "best")
    best = best_of(calm)
    assert best
    assert version.tags["net_sha256"] == best.net_sha256


def test_workers_know_no_store_and_no_secret(disturbed: Observations, stack: Stack) -> None:
    assert len(disturbed.worker_environments) == 2
    for environment in disturbed.worker_environments:
        names = [n for n in environment if n.startswith(("PG", "MLFLOW", "POSTGRES", "AWS"))]
        assert names == []
        everything = " ".join(environment.values())
        assert "optuna" not in everything
        assert str(stack.mlflow_port) not in everything
        assert not [secret for secret in stack.secrets.values() if secret in everything]
    assert stack.scheduler_port in disturbed.worker_peers
    assert disturbed.worker_peers.isdisjoint({stack.postgres.port, stack.mlflow_port})


def test_no_command_line_shows_a_password(disturbed: Observations, stack: Stack) -> None:
    assert any("run_study.py" in line for line in disturbed.command_lines)
    assert any("mlflow server" in line for line in disturbed.command_lines)
    for secret in stack.secrets.values():
        assert not [line for line in disturbed.command_lines if secret in line]


def test_nothing_that_was_written_holds_a_password(
    disturbed: Observations, stack: Stack, client: MlflowClient
) -> None:
    """Addresses with passwords in them come in by the environment; none may come out."""
    storage = stack.postgres.url
    tracking = stack.tracking_uri.replace("//", f"//hpsearch:{stack.secrets['MLFLOW_PASSWORD']}@")
    texts = [disturbed.output, disturbed.error]
    for addresses in (
        {"HPSEARCH_STORAGE": storage, "MLFLOW_TRACKING_URI": tracking},
        {
            "HPSEARCH_STORAGE": storage.replace("/optuna", "/nowhere"),
            "MLFLOW_TRACKING_URI": tracking.replace(str(stack.mlflow_port), "1"),
        },
    ):
        done = call(stack, "doctor", "served.toml", **addresses)
        texts += [done.stdout, done.stderr]
    for run in client.search_runs([client.get_experiment_by_name("served").experiment_id]):
        texts.append(str(run.to_dictionary()))
    # PostgreSQL's own folder is where its passwords belong, as a salted hash.
    written = [
        path
        for path in stack.folder.rglob("*")
        if path.is_file() and path != Path(stack.postgres.folder, "password")
    ]
    assert any(path.name == "test_evaluations.jsonl" for path in written)
    assert any(path.name == "mlflow.log" for path in written)
    for name in SECRETS:
        secret = stack.secrets[name]
        assert not [text for text in texts if secret in text], name
        assert not [path for path in written if secret.encode() in path.read_bytes()], name


def test_the_server_admits_nobody_without_a_password_or_under_another_name(
    disturbed: Observations, stack: Stack
) -> None:
    import requests

    url = f"{stack.tracking_uri}/api/2.0/mlflow/experiments/search?max_results=1"
    account = ("hpsearch", stack.secrets["MLFLOW_PASSWORD"])
    assert requests.get(url, auth=account, timeout=30).status_code == 200
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, auth=("hpsearch", "wrong"), timeout=30).status_code == 401
    foreign = {"Host": "elsewhere.example"}
    assert requests.get(url, auth=account, headers=foreign, timeout=30).status_code == 403


def test_a_study_begun_on_a_laptop_continues_on_the_servers(
    stack: Stack, calm: list[TrialRecord]
) -> None:
    (stack.folder / "moved.toml").write_text((stack.folder / "served.toml").read_text())
    laptop = {"HPSEARCH_STORAGE": "", "MLFLOW_TRACKING_URI": "", "HPSEARCH_BACKEND": "threading"}
    begun = call(stack, "run", "moved.toml", "--trials", "3", **laptop)
    assert begun.returncode == 0, begun.stderr
    moved = call(stack, "copy", "moved", "--to-storage", "postgresql+psycopg:///optuna", **laptop)
    assert moved.returncode == 0, moved.stderr
    process = stack.study("moved.toml")
    _, error = process.communicate(timeout=400)
    assert process.returncode == 0, error
    status = read_status(stack, "moved")
    assert status["complete"]
    assert status["fingerprint"] == fingerprint(calm)


def test_a_dumped_record_is_the_record_when_it_is_restored(
    disturbed: Observations, stack: Stack
) -> None:
    """docs/operations.md: pg_dump and pg_restore."""
    dump = stack.folder / "optuna.dump"
    stack.postgres.execute("CREATE DATABASE restored")
    for program, *arguments in (
        ("pg_dump", "--format=custom", f"--file={dump}", "optuna"),
        ("pg_restore", "--dbname=restored", str(dump)),
    ):
        path = find_program(program)
        assert path
        environment = os.environ | stack.postgres.environment
        subprocess.run([path, *arguments], env=environment, check=True)
    restored = {"HPSEARCH_STORAGE": "postgresql+psycopg:///restored"}
    done = call(stack, "status", "served", "--json", **restored)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fingerprint"] == read_status(stack)["fingerprint"]


def test_the_doctor_finds_the_stack_in_health_and_leaves_nothing_in_it(
    disturbed: Observations, stack: Stack, client: MlflowClient
) -> None:
    done = call(stack, "doctor", "served.toml")
    assert done.returncode == 0, done.stdout
    assert "ok workers   2 answer, with equal versions and equal data" in done.stdout
    assert "ok storage" in done.stdout
    assert "ok mlflow" in done.stdout
    assert not [model for model in client.search_registered_models() if "doctor" in model.name]
    assert not list(stack.folder.rglob("*doctor-*"))
