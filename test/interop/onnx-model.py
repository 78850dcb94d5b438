# Checks an ONNX file and predicts with the program of docs/onnx.md. Reads a question as JSON, prints an answer.
import json
import sys

import onnx

question = json.load(sys.stdin)
sys.path.insert(0, question["folder"])
from documented import predict

try:
    onnx.checker.check_model(question["model"], full_check=True)
    problem = None
except Exception as error:
    problem = str(error)
labels, names, probabilities = predict(question["model"], question["texts"])
print(json.dumps({"problem": problem, "labels": labels, "names": names, "probabilities": probabilities.tolist()}))
