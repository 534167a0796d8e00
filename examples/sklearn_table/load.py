"""A table from scikit-learn, in place of one of your own."""

from sklearn.datasets import load_breast_cancer


def load():
    """Return 569 tumours, 30 measurements of each, and whether it was malignant."""
    data = load_breast_cancer(as_frame=True)
    return data.data.assign(diagnosis=data.target_names[data.target])
