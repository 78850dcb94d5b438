"""What a user would reach for instead of the built-in text classifier: scikit-learn's linear model on hashed words.

The mails and the split are those of the quickstart's step (b). Run from the root of the repository:

    npx tsx --conditions=sheikh-source bench/reference/mails.ts | python3 bench/reference/sklearn-spam.py

It writes bench/reference/sklearn-spam.json. SGD depends on its seed, so ten are run; nothing else is varied.
"""

import json
import pathlib
import statistics
import sys

import sklearn
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

SEEDS = range(10)
MODELS = {
    "words, 2^14 features": dict(n_features=2**14),
    "words and pairs of words, 2^17 features": dict(n_features=2**17, ngram_range=(1, 2)),
}

mails = [json.loads(line) for line in sys.stdin]
training = [mail for mail in mails if mail["part"] == "training"]
evaluation = [mail for mail in mails if mail["part"] == "evaluation"]


def texts(rows):
    return [row["text"] for row in rows]


def labels(rows):
    return [row["label"] for row in rows]


def accuracies(options):
    vectorizer = HashingVectorizer(**options)
    train, test = vectorizer.transform(texts(training)), vectorizer.transform(texts(evaluation))
    for seed in SEEDS:
        model = SGDClassifier(loss="log_loss", random_state=seed).fit(train, labels(training))
        yield float(model.score(test, labels(evaluation)))


def summary(options):
    values = list(accuracies(options))
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


result = {
    "versions": {"python": sys.version.split()[0], "scikit-learn": sklearn.__version__},
    "rows": {"training": len(training), "evaluation": len(evaluation)},
    "seeds": len(SEEDS),
    "accuracy": {name: summary(options) for name, options in MODELS.items()},
}
pathlib.Path(__file__).with_name("sklearn-spam.json").write_text(json.dumps(result, indent=2) + "\n")
