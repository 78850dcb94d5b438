"""Reference values for test/evaluation, from scikit-learn.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install scikit-learn
    /tmp/reference/bin/python test/evaluation/reference/make_reference.py

Writes reference.json beside itself: random answers of a three-class model, some without a single hit of a class.
"""

import json
import pathlib
import platform
import random

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score

LABELS = ["ham", "spam", "virus"]
chance = random.Random(20)


def case(size, skill):
    targets = [chance.choice(LABELS) for _ in range(size)]
    probabilities = []
    for target in targets:
        weights = [chance.random() + (skill if label == target else 0) for label in LABELS]
        probabilities.append([weight / sum(weights) for weight in weights])
    # A certain and wrong answer, so that clipping matters.
    if size > 5:
        probabilities[0] = [0.0 if label == targets[0] else 0.5 for label in LABELS]
    said = [LABELS[int(np.argmax(row))] for row in probabilities]
    common = dict(labels=LABELS, average=None, zero_division=np.nan)
    each = {
        "precision": precision_score(targets, said, **common),
        "recall": recall_score(targets, said, **common),
        "f1": f1_score(targets, said, **common),
    }
    return {
        "targets": targets,
        "probabilities": probabilities,
        "said": said,
        "accuracy": accuracy_score(targets, said),
        "log-loss": log_loss(targets, np.array(probabilities), labels=LABELS),
        **{
            f"{name}({label})": None if np.isnan(value) else float(value)
            for name, values in each.items()
            for label, value in zip(LABELS, values)
        },
        **{
            f"macro-{name}": score(targets, said, average="macro", zero_division=0)
            for name, score in {"precision": precision_score, "recall": recall_score, "f1": f1_score}.items()
        },
    }


reference = {
    "versions": {"python": platform.python_version(), "scikit-learn": sklearn.__version__},
    "labels": LABELS,
    "cases": [case(size, skill) for size, skill in [(1, 0), (4, 0), (12, 0.2), (40, 0.5), (40, 2), (150, 0.1)]],
}
pathlib.Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
