"""Steps of PyTorch, one thread: prints items a second of the work that it is asked for, and its version."""

import json
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(0)
work = json.loads(sys.argv[1])
if work["name"] == "perceptron":
    sizes, batch = work["sizes"], work["batch"]
    layers = [torch.nn.Linear(before, after) for before, after in zip(sizes, sizes[1:])]
    parts = [part for layer in layers for part in (layer, torch.nn.ReLU())][:-1]
    model = torch.nn.Sequential(*parts)
    x, y = torch.randn(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))
    items, loss_of = batch, lambda: torch.nn.functional.cross_entropy(model(x), y)
else:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**work["config"]))
    ids = torch.randint(0, work["config"]["vocab_size"], (work["batch"], work["time"] + 1))
    items, loss_of = work["batch"] * work["time"], lambda: model(input_ids=ids, labels=ids).loss
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def step():
    optimizer.zero_grad()
    loss_of().backward()
    optimizer.step()


for _ in range(3):
    step()
start = time.perf_counter()
for _ in range(work["steps"]):
    step()
seconds = time.perf_counter() - start
print(json.dumps({"perSecond": items * work["steps"] / seconds, "torch": torch.__version__}))
