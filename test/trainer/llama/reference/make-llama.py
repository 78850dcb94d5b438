"""Makes llama.json beside it: what transformers and PEFT compute, for weights that both sides make by one formula.

python -m venv v && v/bin/pip install transformers==4.44.2 peft==0.12.0 torch && v/bin/python make-llama.py
"""

import json
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def values(name, shape):
    """Integers mod 2**16, so that every language has the same: -0.25..0.25."""
    seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(name))
    size = int(torch.tensor(shape).prod())
    numbers = [(((index + 1) * 40503 + seed * 977) % 65536) / 65536 - 0.5 for index in range(size)]
    return torch.tensor(numbers, dtype=torch.float32).reshape(shape) * 0.5


def fill(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            filled = values(name, tuple(parameter.shape))
            parameter.copy_(1 + filled if "norm" in name else filled)


base = dict(
    vocab_size=50,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    bos_token_id=1,
    eos_token_id=2,
)
configs = {
    "grouped heads": base,
    "tied embedding, a key head each": {**base, "tie_word_embeddings": True, "num_key_value_heads": 4},
    "one key head, linear scaling": {
        **base,
        "num_key_value_heads": 1,
        "rope_theta": 500000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0},
    },
    "llama3 scaling": {
        **base,
        "rope_theta": 500.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    },
}
# Prompt lengths: only what follows is learned.
texts = [[1, 7, 19, 4, 33, 8, 2], [1, 40, 3, 3, 21, 2], [1, 12, 9, 48, 5, 6, 7, 8, 30, 31, 2]]
prompts = [3, 2, 5]


def loss_of(model):
    """Mean over all learned tokens of the batch, as transformers does it for right-padded labels."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    labels = torch.tensor(
        [
            [-100] * prompt + text[prompt:] + [-100] * (longest - len(text))
            for text, prompt in zip(texts, prompts)
        ]
    )
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def rounded(tensor):
    return [float(f"{number:.9g}") for number in tensor.detach().flatten().tolist()]


def sketch(tensor):
    """Sum, sum of absolutes, and some of the numbers: enough to tell a wrong gradient."""
    flat = tensor.detach().flatten().double()
    return rounded(torch.cat([flat.sum()[None], flat.abs().sum()[None], flat[:: max(1, len(flat) // 5)][:6]]))


cases = []
for name, config in configs.items():
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager"))
    fill(model)
    logits = [rounded(model(input_ids=torch.tensor([text])).logits[0]) for text in texts]
    loss = loss_of(model)
    loss.backward()
    gradients = {key: sketch(parameter.grad) for key, parameter in model.named_parameters()}
    greedy = model.generate(
        torch.tensor([texts[2][:5]]), do_sample=False, max_new_tokens=12, eos_token_id=None, pad_token_id=0
    )[0].tolist()
    # Three steps as ours: AdamW, every weight but the norms decays, clipped to norm 1.
    decayed = [p for n, p in model.named_parameters() if "norm" not in n]
    others = [p for n, p in model.named_parameters() if "norm" in n]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=0.01
    )
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = loss_of(model)
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    losses.append(loss_of(model).item())
    cases.append(
        {
            "name": name,
            "config": model.config.to_diff_dict(),
            "logits": logits,
            "gradients": gradients,
            "greedy": greedy,
            "losses": losses,
        }
    )

model = LlamaForCausalLM(LlamaConfig(**base, attn_implementation="eager"))
fill(model)
adapted = get_peft_model(
    model, LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
)
with torch.no_grad():
    for key, parameter in adapted.named_parameters():
        if "lora_" in key:
            parameter.copy_(values(key.replace(".default", ""), tuple(parameter.shape)))
loss = loss_of(adapted)
loss.backward()
lora = {
    "loss": loss.item(),
    "gradients": {
        key.replace(".default", ""): sketch(p.grad) for key, p in adapted.named_parameters() if p.grad is not None
    },
}
versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
document = {"versions": versions, "texts": texts, "prompts": prompts, "cases": cases, "lora": lora}
Path(__file__).with_name("llama.json").write_text(json.dumps(document) + "\n")
