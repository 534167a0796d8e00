import json

from hpsearch.foundations.metrics import ACCURACY
from hpsearch.tracking.pages import describe_views, run_page, study_page, trials_page

TRAINING = "workflowType=machine_learning"


def test_each_address_names_a_view_and_opens_the_pages_for_training() -> None:
    """Without the workflow MLflow opens its pages for language models."""
    nested, best_first = (tag.rsplit(".", 1)[1] for tag in describe_views([], ACCURACY))
    assert study_page("3") == f"#/experiments/3/runs?{TRAINING}&viewStateShareKey={nested}"
    assert trials_page("3") == f"#/experiments/3/runs?{TRAINING}&viewStateShareKey={best_first}"
    assert run_page("3", "abc") == f"#/experiments/3/runs/abc?{TRAINING}"


def test_one_view_nests_trials_under_their_study_and_one_has_the_best_first() -> None:
    """MLflow nests runs only where they are sorted by their start."""
    tags = describe_views(["learning_rate"], ACCURACY)
    assert all(tag.startswith("mlflow.sharedViewState.") for tag in tags)
    nested, best_first = map(json.loads, tags.values())
    assert nested["orderByKey"] == "attributes.start_time"
    assert (best_first["orderByKey"], best_first["orderByAsc"]) == ("metrics.`val_accuracy`", False)
    for view in (nested, best_first):
        assert "params.`learning_rate`" in view["selectedColumns"]
