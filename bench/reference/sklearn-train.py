"""The whole of what a user's script does with scikit-learn: reads mails (JSON lines, its argument), learns, answers; prints its accuracy."""

import json
import sys

from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

with open(sys.argv[1]) as file:
    mails = [json.loads(line) for line in file]


def part(name):
    rows = [mail for mail in mails if mail["part"] == name]
    return [row["text"] for row in rows], [row["label"] for row in rows]


(texts, labels), (held_texts, held_labels) = part("training"), part("evaluation")
vectorizer = HashingVectorizer(n_features=2**14)
model = SGDClassifier(loss="log_loss", random_state=0).fit(vectorizer.transform(texts), labels)
print(model.score(vectorizer.transform(held_texts), held_labels))
