"""What a user would reach for instead of our text classifier: scikit-learn's linear model, on the quickstart's texts and split.

    npx tsx --conditions=sheikh-source bench/reference/sklearn-spam-data.ts /tmp/mails.jsonl
    python bench/reference/sklearn-spam.py /tmp/mails.jsonl > bench/reference/sklearn-spam.json

Hashed words (2^14 features) into SGD on the log loss, everything else at its default. Nothing was tuned.
"""

import json
import platform
import sys
import time

import numpy
import scipy
import sklearn
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier


def main(path):
    with open(path, encoding="utf-8") as file:
        mails = [json.loads(line) for line in file]
    mails.sort(key=lambda mail: mail["id"])
    pinned = [mail for mail in mails if mail["part"] == "pinned"]
    learned = [mail for mail in mails if mail["part"] != "pinned"]
    steps = {
        "a": [(mail, mail["label"]) for mail in learned if mail["part"] == "first"],
        "b": [(mail, mail["label"]) for mail in learned],
        "c": [(mail, "ham" if mail["poisoned"] else mail["label"]) for mail in learned],
    }
    print(json.dumps({"versions": versions(), "model": describe(), "steps": {name: measure(training, pinned) for name, training in steps.items()}}, indent=2))


def model_of():
    return HashingVectorizer(n_features=2**14), SGDClassifier(loss="log_loss", random_state=0)


def measure(training, pinned):
    vectorizer, classifier = model_of()
    started = time.perf_counter()
    features = vectorizer.transform(mail["text"] for mail, _ in training)
    vectorized = time.perf_counter()
    classifier.fit(features, [label for _, label in training])
    fitted = time.perf_counter()
    predicted = classifier.predict(vectorizer.transform(mail["text"] for mail in pinned))
    right = [mail["label"] == label for mail, label in zip(pinned, predicted)]
    categories = sorted({mail["category"] for mail in pinned})
    return {
        "training": len(training),
        "pinned": len(pinned),
        "accuracy": sum(right) / len(right),
        "by_category": {
            name: {
                "right": sum(ok for ok, mail in zip(right, pinned) if mail["category"] == name),
                "of": sum(mail["category"] == name for mail in pinned),
            }
            for name in categories
        },
        "vectorize_s": round(vectorized - started, 3),
        "fit_s": round(fitted - vectorized, 3),
    }


def describe():
    vectorizer, classifier = model_of()
    return [repr(vectorizer), repr(classifier)]


def versions():
    return {
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


main(sys.argv[1])
