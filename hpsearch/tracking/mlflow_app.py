"""MLflow's server as `hpsearch ui` runs it: experiments open with their training runs.

MLflow has a workflow for language models and one for training. It keeps the last one used in the
browser, which a new browser has not, and then shows the former, where a study is an experiment
without traces. MLflow finds this module by the name of its app, ``hpsearch``.
"""

from flask import Response, request
from mlflow.server import app as _pages
from mlflow.server.fastapi_app import app

__all__ = ["app"]

# The key is MLflow's own, from version 3.17 on; a choice that was made in the browser stays.
_CHOOSE_TRAINING = b"""<script>
localStorage["mlflow.workflowType_v1"] ??= '"machine_learning"';
</script>"""


@_pages.after_request
def _choose_training(response: Response) -> Response:
    if request.path == "/":
        response.direct_passthrough = False  # else it is a file, whose content cannot be read
        response.set_data(response.get_data().replace(b"<head>", b"<head>" + _CHOOSE_TRAINING, 1))
    return response
