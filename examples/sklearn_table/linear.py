"""A linear classifier by stochastic gradient descent, on standardised columns."""

from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hpsearch.trainers.scikit_learn import SklearnTrainer


class Linear(SklearnTrainer):
    """Scaling is fitted in the first epoch; each epoch is a pass of the classifier."""

    def make_estimator(self):
        model = SGDClassifier(loss="log_loss", alpha=self.hyperparameters["alpha"])
        return make_pipeline(StandardScaler(), model)
