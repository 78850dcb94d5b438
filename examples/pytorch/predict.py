"""Loads the weights, then answers each line of inputs with a line of predictions."""
import json
import os
import sys

import torch
from safetensors.torch import load_file

from model import classifier, features

with open(sys.argv[-1]) as file:
    folder = json.load(file)["paths"]["weights"]
with open(os.path.join(folder, "config.json")) as file:
    config = json.load(file)
if config.get("architecture") != "bag-of-words":
    print(json.dumps({"error": f"their architecture is {config.get('architecture')}, not bag-of-words"}))
    sys.exit()
labels = config["labels"]
torch.set_num_threads(1)
model = classifier(len(labels))
model.load_state_dict(load_file(os.path.join(folder, "model.safetensors")))
model.eval()


def prediction(probabilities):
    by_label = dict(zip(labels, probabilities))
    return {"kind": "label", "label": max(by_label, key=by_label.get), "probabilities": by_label}


print(json.dumps({"ready": True, "labels": labels}), flush=True)
for line in sys.stdin:
    with torch.no_grad():
        probabilities = model(features(json.loads(line)["inputs"])).double().softmax(1).tolist()
    print(json.dumps({"predictions": [prediction(row) for row in probabilities]}), flush=True)
