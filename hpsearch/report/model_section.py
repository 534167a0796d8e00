"""What the page shows of the best model: its pictures, predictions and mistakes."""

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from hpsearch.datasets import PreparedData, open_folds, open_validation
from hpsearch.engine.selection import Examination, examine, examine_folds
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.png import encode_drawing
from hpsearch.report import images
from hpsearch.report.material import Material
from hpsearch.report.sections import PlotSection

__all__ = ["show_model"]

_N_MISTAKES = 24


def _examine(material: Material) -> Examination | None:
    """Examine the best model on the validation examples; with folds each on those of its fold.

    None without models or examples.
    """
    data, models = material.data, material.fold_models
    if data is None or not data.class_names or not (material.model or models):
        return None
    examples, labels = open_validation(data)
    if models:
        folds = open_folds(data)
        return examine_folds(models, folds, examples, labels, n_mistakes=_N_MISTAKES)
    assert material.model is not None
    return examine(material.model, examples, labels, n_mistakes=_N_MISTAKES)


def show_model(material: Material) -> dict[str, Any]:
    """Collect what the page shows of the best model, or the reason why it shows nothing.

    Returns
    -------
    dict
        Variables of the template: ``pictures`` that the trainer draws, ``predictions`` as a plot,
        ``mistakes`` as images, and ``model_lack``.
    """
    model, data, found = material.model, material.data, _examine(material)
    shown: dict[str, Any] = {
        "model_lack": material.model_lack,
        "pictures": [],
        "predictions": None,
        "mistakes": [],
    }
    if data and found:
        figure = images.draw_confusion(found, data.class_names)
        text = _describe_confusion(found, data.class_names)
        note = _note_confusion(found, len(data.folds))
        shown["predictions"] = PlotSection("Confusion matrix", text, figure, note)
        if data.image_shape:
            shown["mistakes"] = list(_show_mistakes(found, data))
    if data and data.schema.task == Task.REGRESSION and material.predictions is not None:
        shown["predictions"] = _plot_predictions(material.predictions, data)
    if model and data:
        shown["pictures"] = [
            {
                "title": name.replace("_", " ").capitalize(),
                "image": images.embed(encode_drawing(picture.drawing)),
                "caption": picture.caption,
            }
            for name, picture in model.trainer.figures(is_best=True).items()
            if not isinstance(picture.drawing, Mapping)
        ]
    return shown


def _plot_predictions(predicted: NDArray[Any], data: PreparedData) -> PlotSection:
    """Plot predicted values over true ones, on the validation split or out of fold."""
    _, targets = open_validation(data)
    figure = images.draw_predictions(targets, predicted, data.schema.target)
    measured = data.schema.metric.measure(targets, predicted)
    note = ", ".join(f"val_{name} {value:.4g}" for name, value in measured.items())
    return PlotSection("Predictions", _describe_predictions(len(data.folds)), figure, f"{note}.")


def _show_mistakes(found: Examination, data: PreparedData) -> Iterator[dict[str, Any]]:
    names, (pixels, _) = data.class_names, open_validation(data)
    assert data.image_shape is not None
    for mistake in found.mistakes:
        yield {
            "image": images.embed_image(pixels[mistake.index], data.image_shape),
            "label": names[mistake.label],
            "predicted": names[mistake.predicted],
            "probability": f"{mistake.probability:.0%}",
            "index": mistake.index,
        }


def _describe_confusion(examination: Examination, class_names: tuple[str, ...]) -> str:
    """State the pair of classes that is confused most often."""
    pair = examination.worst_pair()
    if pair is None:
        return "No validation example is misclassified."
    label, predicted = pair
    n, of = int(examination.confusion[pair]), int(examination.confusion[label].sum())
    return (
        f"The most frequent error: {class_names[label]} predicted as {class_names[predicted]}, "
        f"{n} of {of} examples."
    )


def _note_confusion(found: Examination, n_folds: int) -> str:
    """How many examples are wrong, and whose predictions those are."""
    wrong = f"{found.n_wrong:,} of {found.n_images:,} validation examples are misclassified"
    if not n_folds:
        return f"{wrong}."
    return (
        f"{wrong} by the one of the {n_folds} models of cross-validation whose training did"
        " not see them."
    )


def _describe_predictions(n_folds: int) -> str:
    """Whose predictions they are."""
    if not n_folds:
        return "Predictions of the best model on the validation split."
    return f"Out-of-fold predictions of the best trial in {n_folds}-fold cross-validation."
