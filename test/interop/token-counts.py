"""Trains tokenizers and counts the tokens of hostile texts: {seed, samples} -> [{tokenizer, samples, ids, counts}]."""

import json
import random
import sys

import numpy
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

question = json.load(sys.stdin)
rng = random.Random(question["seed"])

specials = ["<unk>", "<s>", "</s>", "<|user|>"]
corpus = [
    "The quick brown fox jumps over the lazy dog, doesn't it? It's 12:45.",
    "Größe und Straße, naïve café; 北京 123 ٣٤٥ 🚋🚋 ½ x² foo_bar",
    "Which kind of ticket is this? The invoice of last month is wrong, please help",
] * 20
pieces = (
    "the ticket Größe </s> <s> <|user|> <unk> <|us er|> 北京 🚋 👨‍👩‍👧 e\u0301 é ﬁ \u202e \u2066 \u200b \ufeff \u0000 \x85 ½ ٣٤ ’ \" < > ▁ ## {{ }} %} \r\n \t"
).split(" ") + [" ", " ", "  ", "\n"]


def made():
    """Name, tokenizer and trainer of one tokenizer for each kind of model."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    yield bpe, trainers.BpeTrainer(vocab_size=500, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.NFKC()
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    yield unigram, trainers.UnigramTrainer(vocab_size=200, special_tokens=specials, unk_token="<unk>", show_progress=False)
    wordpiece = Tokenizer(models.WordPiece(unk_token="<unk>"))
    wordpiece.pre_tokenizer = pre_tokenizers.Whitespace()
    wordpiece.decoder = decoders.WordPiece(cleanup=False)
    yield wordpiece, trainers.WordPieceTrainer(vocab_size=300, special_tokens=specials, show_progress=False)
    # One long word for the merges: SentencePiece's way, without splitting at spaces.
    whole = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    whole.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    yield whole, trainers.BpeTrainer(vocab_size=400, special_tokens=specials, show_progress=False)


def hostile():
    kind = rng.random()
    if kind < 0.05:
        return ""
    if kind < 0.1:
        return rng.choice(["a", "🚋", "</s>", "x1", "é"]) * rng.randint(1000, 5000)
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, 40)))


def distribution(counts):
    quantile = lambda share: int(numpy.quantile(counts, share, method="inverted_cdf"))
    return {"minimum": min(counts), "median": quantile(0.5), "p95": quantile(0.95), "maximum": max(counts), "total": sum(counts)}


answer = []
for tokenizer, trainer in made():
    tokenizer.train_from_iterator(corpus, trainer)
    begin, end = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", begin)])
    samples = [{"id": f"s{i}", "text": hostile(), "label": hostile()} for i in range(question["samples"])]
    ids = [tokenizer.encode(sample["text"]).ids for sample in samples]
    prompts = []
    for own in ids:
        while len(own) > 1 and own[-1] == end:
            own = own[:-1]
        prompts.append(len(own))
    answers = [len(tokenizer.encode(sample["label"], add_special_tokens=False).ids) + 1 for sample in samples]
    both = [prompt + own for prompt, own in zip(prompts, answers)]
    limit = sorted(both)[len(both) // 2]
    answer.append(
        {
            "tokenizer": tokenizer.to_str(),
            "kind": type(tokenizer.model).__name__,
            "end": end,
            "samples": samples,
            "ids": ids,
            "prompt": distribution(prompts),
            "answer": distribution(answers),
            "sample": distribution(both),
            "limit": limit,
            "exceeding": [sample["id"] for sample, own in zip(samples, both) if own > limit],
        }
    )
json.dump(answer, sys.stdout)
