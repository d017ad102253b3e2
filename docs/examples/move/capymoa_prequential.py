"""
Beside MOA's learners in CapyMOA
================================

`CapyMOA <https://capymoa.org>`_ brings MOA's stream learners to Python: adaptive random
forests (ARF, Gomes et al., 2017) and streaming gradient boosted trees (SGBT, Gunasekara et
al., 2024). A learner of its own is a class with ``train`` and ``predict_proba``, so FEAMOE
takes part in its prequential loop: every row is predicted first and learned then.

This needs Java and ``pip install capymoa``, which are no part of this library's extras; the
page is not run when the documentation is built.
"""

# %%
# FEAMOE as a learner of CapyMOA. Rows wait until there are 32 of them, as learning takes
# batches; predictions are those of the model of that time. The sensitive attribute is a
# column of the stream that FEAMOE reads and does not use as a feature. The other learners
# *have* it as a feature: nothing in CapyMOA sets it apart.

import numpy as np
from capymoa.base import Classifier
from capymoa.classifier import AdaptiveRandomForestClassifier, StreamingGradientBoostedTrees
from capymoa.evaluation import prequential_evaluation
from capymoa.stream import NumpyStream
from fairlearn.metrics import demographic_parity_difference

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

BATCH = 32


class CapymoaFEAMOE(Classifier):
    """A FEAMOEClassifier, in CapyMOA's terms."""

    def __init__(self, schema, estimator, random_seed=1):
        super().__init__(schema, random_seed)
        self.model, self.waiting = estimator, []

    def __str__(self):
        return "FEAMOE"

    def train(self, instance):
        self.waiting.append((instance.x, instance.y_index))
        if len(self.waiting) == BATCH:
            rows, labels = zip(*self.waiting, strict=True)
            classes = list(range(self.schema.get_num_classes()))
            self.model.partial_fit(np.array(rows), np.array(labels), classes=classes)
            self.waiting = []

    def predict_proba(self, instance):
        if not hasattr(self.model, "classes_"):
            return None
        return self.model.predict_proba(instance.x[None])[0]


# %%
# A credit stream, with the group as its last column.


def make_stream(n_rows, random_state=0):
    """Rows with the group as last column, labels, and the group by itself."""
    stream = make_credit_stream(n_rows, random_state=random_state)
    group = np.asarray(stream.sensitive_features)
    code = np.unique(group, return_inverse=True)[1]
    rows = np.column_stack([stream.data.to_numpy(float), code])
    return rows, np.asarray(stream.target), group


def compare(n_rows=10_000):
    """Accuracy and gap of every learner on one stream."""
    rows, labels, group = make_stream(n_rows)
    stream = NumpyStream(rows, labels, target_type="categorical")
    schema = stream.get_schema()
    last = rows.shape[1] - 1
    learners = [
        AdaptiveRandomForestClassifier(schema, ensemble_size=30),
        StreamingGradientBoostedTrees(schema),
        CapymoaFEAMOE(
            schema, FEAMOEClassifier(growth="drift", sensitive_columns=last, random_state=0)
        ),
    ]
    table = {}
    for learner in learners:
        found = prequential_evaluation(stream, learner, store_predictions=True)
        decided = np.array([-1 if p is None else p for p in found.predictions()])
        made = decided >= 0
        gap = demographic_parity_difference(
            labels[made], decided[made], sensitive_features=group[made]
        )
        table[str(learner)] = (found.cumulative.accuracy(), 100.0 * gap)
    return table


if __name__ == "__main__":
    print(f"{'learner':36} accuracy %  gap, points")
    for name, (accuracy, gap) in compare().items():
        print(f"{name:36} {accuracy:10.1f} {gap:12.1f}")
