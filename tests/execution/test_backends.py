import pytest

from hpsearch.errors import StoreError, UsageError
from hpsearch.execution import Backend, open_backend


@pytest.mark.parametrize("name", ["loky", "threading", "sequential"])
def test_joblibs_backends_are_known(name: str) -> None:
    with open_backend(name) as backend:
        assert backend.name == name
        assert backend.n_cores >= 1


def test_an_unknown_backend_is_told_with_those_that_there_are() -> None:
    with (
        pytest.raises(UsageError, match=r"--backend lokky: .*'loky'") as caught,
        open_backend("lokky"),
    ):
        raise AssertionError("it opened")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_cores", "threads", "n_slots"), [(8, 1, 8), (8, 3, 2), (2, 4, 1)])
def test_slots_share_out_the_cores(n_cores: int, threads: int, n_slots: int) -> None:
    assert Backend("any", n_cores, dict).count_slots(threads) == n_slots


def test_a_cluster_needs_an_address() -> None:
    with (
        pytest.raises(UsageError, match="expected the scheduler's address"),
        open_backend("dask"),
    ):
        raise AssertionError("it opened")


def test_a_scheduler_that_does_not_answer_is_told_with_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dask

    monkeypatch.setattr("hpsearch.execution.cluster._CONNECT_TIMEOUT_S", 1)
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:1"}),
        pytest.raises(StoreError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"),
        open_backend("dask"),
    ):
        raise AssertionError("it opened")
