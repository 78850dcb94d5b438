"""Trains one number with nothing but Python. config: wait_for, a file before it goes on; pid, a file for its process; fail."""
import json
import os
import struct
import sys
import time

with open(sys.argv[-1]) as file:
    request = json.load(file)
config, paths = request["config"], request["paths"]
if "pid" in config:
    with open(config["pid"] + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(config["pid"] + ".new", config["pid"])
with open(paths["training"]) as file:
    values = [float(json.loads(line)["target"]) for line in file]

weight = 0.0
for step in (1, 2):
    weight += (sum(values) / len(values) - weight) / 2
    progress = {"epoch": 1, "epochs": 1, "step": step, "steps": 2, "loss": 1 / step, "learningRate": 0.5}
    print(json.dumps({"progress": progress}), flush=True)
    while "wait_for" in config and not os.path.exists(config["wait_for"]):
        time.sleep(0.05)
if "fail" in config:
    print(config["fail"], file=sys.stderr)
    sys.exit(3)

header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
with open(os.path.join(paths["weights"], "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + struct.pack("<f", weight))
