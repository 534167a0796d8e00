import contextlib
import time
from collections.abc import Callable

import psutil
import pytest


@pytest.fixture
def wait_until_gone() -> Callable[[int], None]:
    def wait(pid: int) -> None:
        for _ in range(600):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.1)
                    continue
            return
        raise AssertionError(f"process {pid} is still there")

    return wait
