"""A study through real servers, which die in the middle of it."""

import json

import pytest

from hpsearch.workspace import Workspace
from tests.service.conftest import Witness, call, read_status
from tests.service.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_disturbed_study_on_servers_is_the_study_of_a_laptop(
    disturbed: Witness, stack: Stack, calm: Workspace
) -> None:
    assert disturbed.exit_code == 0, disturbed.error
    assert disturbed.disturbances == ("kill_a_worker", "restart_postgres", "restart_mlflow")
    status = read_status(stack)
    laptop = {"HPSEARCH_STORAGE": "", "HPSEARCH_WORKSPACE": str(calm.root)}
    done = call(stack, "status", "served", "--json", **laptop)
    alone = json.loads(done.stdout)
    assert status["complete"]
    assert status["fingerprint"] == alone["fingerprint"]
    assert status["best"]["net_sha256"] == alone["best"]["net_sha256"]
    assert status["test"] == alone["test"]
