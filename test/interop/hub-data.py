"""Reads datasets of a loopback Hub as `datasets` does: JSON in, JSON out."""
import json, os, sys

job = json.load(sys.stdin)
os.environ["HF_ENDPOINT"] = job["endpoint"]
import datasets

datasets.disable_progress_bars()
answers = []
for call in job["calls"]:
    try:
        found = datasets.load_dataset(call["name"], call.get("config"), split=call.get("split"), revision=call["revision"], token=job["token"])
        parts = found if isinstance(found, dict) else {"": found}
        answers.append({"rows": [row for part in parts.values() for row in part]})
    except Exception as error:
        answers.append({"error": type(error).__name__ + ": " + str(error)[:300]})
json.dump(answers, sys.stdout)
