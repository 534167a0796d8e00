from hpsearch.foundations.metrics import ACCURACY
from hpsearch.tracking.pages import describe_table, run_page, trials_page


def test_the_address_names_the_view_that_the_tag_holds() -> None:
    (tag,) = describe_table([], ACCURACY)
    assert tag.startswith("mlflow.sharedViewState.")
    assert trials_page("3") == f"#/experiments/3/runs?viewStateShareKey={tag.rsplit('.', 1)[1]}"


def test_the_address_of_a_run_contains_its_experiment() -> None:
    assert run_page("3", "abc") == "#/experiments/3/runs/abc"
