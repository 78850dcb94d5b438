"""Answers a question in JSON by transformers and PEFT: makes a checkpoint, or says logits and texts of one."""

import json
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

transformers.utils.logging.disable_progress_bar()
question = json.load(sys.stdin)
if question["kind"] == "make":
    torch.manual_seed(question["seed"])
    model = LlamaForCausalLM(LlamaConfig(**question["config"]))
    model = model.to(getattr(torch, question["dtype"]))
    model.save_pretrained(question["directory"], max_shard_size=question["shard"])
    AutoTokenizer.from_pretrained(question["tokenizer"]).save_pretrained(question["directory"])
    print(json.dumps(None))
else:
    directory = question.get("adapter") or question["directory"]
    if "adapter" in question:
        from peft import PeftModel

        model = AutoModelForCausalLM.from_pretrained(question["directory"], torch_dtype=torch.float32)
        model = PeftModel.from_pretrained(model, directory)
    else:
        model = AutoModelForCausalLM.from_pretrained(directory, torch_dtype=torch.float32)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    answers = []
    for text in question["texts"]:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0]
            written = model.generate(input_ids=ids, do_sample=False, max_new_tokens=question["tokens"], pad_token_id=0)
        text = tokenizer.decode(written[0][ids.shape[1] :], skip_special_tokens=True)
        answers.append({"ids": ids[0].tolist(), "logits": logits.flatten().tolist(), "text": text})
    print(json.dumps(answers))
