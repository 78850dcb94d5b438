"""A classifier of scikit-learn on a text set (JSON lines): sklearn-classifier.py <set> hinge | logistic. Prints what it took."""

import json
import resource
import sys

from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

path, kind = sys.argv[1:]
with open(path) as file:
    rows = [json.loads(line) for line in file]


def part(name):
    own = [row for row in rows if row["part"] == name]
    return [row["text"] for row in own], [row["label"] for row in own]


(texts, labels), (held_texts, held_labels) = part("training"), part("evaluation")
if kind == "hinge":
    vectorizer, model = HashingVectorizer(n_features=2**18), SGDClassifier(random_state=0)
else:
    vectorizer, model = TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
model.fit(vectorizer.fit_transform(texts), labels)
accuracy = model.score(vectorizer.transform(held_texts), held_labels)
used = resource.getrusage(resource.RUSAGE_SELF)
cpu_seconds = used.ru_utime + used.ru_stime
print(json.dumps({"accuracy": accuracy, "cpuSeconds": cpu_seconds, "peakMb": used.ru_maxrss * 1024 / 1e6}))
