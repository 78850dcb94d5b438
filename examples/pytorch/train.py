"""Trains on what request.json names: alone, or in as many processes as torchrun starts."""
import json
import os
import sys

import torch
from safetensors.torch import save_file

from model import classifier, features

with open(sys.argv[-1]) as file:
    request = json.load(file)
with open(request["paths"]["training"]) as file:
    rows = [json.loads(line) for line in file]

rank, processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
torch.set_num_threads(1)
torch.manual_seed(request["seed"])
labels = sorted({row["target"] for row in rows})
inputs = features([row["input"] for row in rows])
targets = torch.tensor([labels.index(row["target"]) for row in rows])
module = model = classifier(len(labels))
if processes > 1:
    torch.distributed.init_process_group("gloo")
    model = torch.nn.parallel.DistributedDataParallel(module)


def tell(kind, value):
    if rank == 0:
        print(json.dumps({kind: value}), flush=True)


tell("environment", {"packages": {"torch": torch.__version__}, "device": {"name": "cpu", "processes": processes}})
epochs, learning_rate, batch = (request["config"][key] for key in ("epochs", "learning_rate", "batch_size"))
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
steps_per_epoch = -(-len(rows) // batch)
for epoch in range(1, epochs + 1):
    order = torch.randperm(len(rows))
    for index in range(steps_per_epoch):
        chosen = order[index * batch : (index + 1) * batch][rank::processes]
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen])
        loss.backward()
        optimizer.step()
        step = (epoch - 1) * steps_per_epoch + index + 1
        progress = {"epoch": epoch, "epochs": epochs, "step": step, "steps": epochs * steps_per_epoch}
        tell("progress", {**progress, "loss": loss.item(), "learningRate": learning_rate})

if rank == 0:
    folder = request["paths"]["weights"]
    save_file(module.state_dict(), os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"architecture": "bag-of-words", "labels": labels}, file)
