"""Makes tokenizer/ and tokens.json beside it: a byte-level BPE of 320 tokens, and what Python's tokenizers says of texts.

python -m venv v && v/bin/pip install transformers==4.44.2 && v/bin/python make-tokenizer.py
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

here = Path(__file__).parent
text = """The first model was released on Monday; the second on Friday. Is this mail spam or ham? Answer: spam.
What is red, round and sweet? An apple. What has wheels and a bell? A bus, a car, a tram, a bicycle number 12.
Training should behave like the release of software: traced, verified, reproduced and undone. 0123456789"""
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(
    text.splitlines(),
    trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    ),
)
tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", clean_up_tokenization_spaces=False
)
fast.save_pretrained(here / "tokenizer")
texts = ["", " ", "Is this mail spam or ham?", "naïve café — 東京 🚋", "a\n\n  b\t1234", "</s> in a text", "The red bus</s>"]
document = [
    {
        "text": one,
        "ids": fast(one)["input_ids"],
        "bare": fast(one, add_special_tokens=False)["input_ids"],
        "decoded": fast.decode(fast(one)["input_ids"], skip_special_tokens=True),
    }
    for one in texts
]
(here / "tokens.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
