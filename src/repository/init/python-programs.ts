/** Trains a naive Bayes classifier on words. Needs Python 3 and no package. */
export const pythonFit = `"""Trains on the rows that the request names, and writes the weights. Replace the model with your own."""
import json
import os
import sys
from collections import Counter

with open(sys.argv[-1], encoding="utf-8") as file:
    request = json.load(file)
with open(request["paths"]["training"], encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]

words = {}
for row in rows:
    words.setdefault(row["target"], Counter()).update(row["input"].lower().split())
labels = sorted(words)
progress = {"epoch": 1, "epochs": 1, "step": 1, "steps": 1, "loss": 0.0, "learningRate": 0.0}
print(json.dumps({"progress": progress}), flush=True)

folder = request["paths"]["weights"]
with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
    json.dump({"architecture": "naive-bayes", "labels": labels}, file)
with open(os.path.join(folder, "words.json"), "w", encoding="utf-8") as file:
    json.dump({label: words[label] for label in labels}, file, sort_keys=True)
`

export const pythonPredict = `"""Loads the weights, then answers each line of inputs with one line of predictions."""
import json
import math
import os
import sys

with open(sys.argv[-1], encoding="utf-8") as file:
    folder = json.load(file)["paths"]["weights"]
with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
    config = json.load(file)
if config.get("architecture") != "naive-bayes":
    print(json.dumps({"error": f"the architecture is {config.get('architecture')}, not naive-bayes"}))
    sys.exit()
with open(os.path.join(folder, "words.json"), encoding="utf-8") as file:
    words = json.load(file)
labels = config["labels"]
vocabulary = len({word for counts in words.values() for word in counts})


def prediction(text):
    scores = []
    for label in labels:
        total = sum(words[label].values()) + vocabulary
        scores.append(sum(math.log((words[label].get(word, 0) + 1) / total) for word in text.lower().split()))
    weights = [math.exp(score - max(scores)) for score in scores]
    by_label = {label: weight / sum(weights) for label, weight in zip(labels, weights)}
    return {"kind": "label", "label": max(by_label, key=by_label.get), "probabilities": by_label}


print(json.dumps({"ready": True, "labels": labels}), flush=True)
for line in sys.stdin:
    print(json.dumps({"predictions": [prediction(text) for text in json.loads(line)["inputs"]]}), flush=True)
`
