"""scikit-learn's linear model on hashed words behind `mlflow models serve`. Arguments: mails (JSON lines), an empty folder, a port.

Prints the accuracy on the rows of the part "evaluation", and then becomes the server.
"""

import json
import os
import sys

import mlflow.sklearn
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline

mails_file, folder, port = sys.argv[1:]
with open(mails_file) as file:
    mails = [json.loads(line) for line in file]


def part(name):
    rows = [mail for mail in mails if mail["part"] == name]
    return [row["text"] for row in rows], [row["label"] for row in rows]


model = make_pipeline(
    HashingVectorizer(n_features=2**17, ngram_range=(1, 2)),
    SGDClassifier(loss="log_loss", random_state=0),
).fit(*part("training"))
print(model.score(*part("evaluation")), flush=True)
path = os.path.join(folder, "model")
mlflow.sklearn.save_model(model, path, pip_requirements=[], serialization_format="cloudpickle")
arguments = ["models", "serve", "--model-uri", path, "--env-manager", "local", "--host", "127.0.0.1", "--port", port]
# MLflow starts uvicorn by its name.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])
