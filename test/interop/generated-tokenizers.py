"""Generates tokenizers and encodes texts: {seed, tokenizers, texts} -> [{tokenizer, texts, ids, bare, decoded}]."""

import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

question = json.load(sys.stdin)
rng = random.Random(question["seed"])

corpus = [
    "The quick brown fox jumps over the lazy dog, doesn't it? It's 12:45.",
    "Größe und Straße, naïve café; 北京 123 ٣٤٥ 🚋🚋 ½ x² foo_bar",
    "spam  spam   spam\n\n\tegg\u00a0egg and   more words-with-hyphens (really) <s> </s>",
    "ΑΣ Ωμέγα ĲSSEL e\u0301 ﬁne ＡＢＣ don't I'll we've",
] * 3
pieces = (
    "a b the The fox FOX dog's don't I'LL 12 345 ٣٤ ½ ² é e\u0301 ﬁ Ａ ß Σ ΑΣ 北京 日 🚋 👨‍👩‍👧 foo_bar a-b ... , ! ? ( ) _ - ' \" < > "
    "<s> </s> <S> <tok> tok <TOK> [MASK] <unk> ▁ ▁▁ # ## ##a \ufeff \x85 \u200b \u2028 \u00a0 \t \n \r\n zzz"
).split(" ") + ["  ", "   ", " ", " ", " ", "\n\n"]

llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def normalizer():
    single = lambda: rng.choice(
        [
            normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(),
            normalizers.Prepend("▁"), normalizers.Replace(" ", "▁"), normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(), normalizers.Strip(), normalizers.StripAccents(), normalizers.BertNormalizer(),
        ]
    )
    kind = rng.random()
    if kind < 0.45:
        return None
    if kind < 0.75:
        return single()
    return normalizers.Sequence([single() for _ in range(rng.randint(1, 3))])


def behavior():
    return rng.choice(["isolated", "isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"])


def pre_tokenizer():
    single = lambda: rng.choice(
        [
            pre_tokenizers.ByteLevel(add_prefix_space=rng.random() < 0.3), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(prepend_scheme=rng.choice(["always", "first", "never"]), split=rng.random() < 0.5),
            pre_tokenizers.Split(rng.choice([" ", "-", Regex(r"\d+"), Regex(llama3)]), behavior(), invert=rng.random() < 0.2),
            pre_tokenizers.Punctuation(behavior()), pre_tokenizers.Digits(rng.random() < 0.5), pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.CharDelimiterSplit("x"),
        ]
    )
    kind = rng.random()
    if kind < 0.1:
        return None
    if kind < 0.25:
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(llama3), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    if kind < 0.8:
        return single()
    return pre_tokenizers.Sequence([single() for _ in range(2)])


def make():
    special = [AddedToken(t, normalized=False, special=True) for t in ("<unk>", "<s>", "</s>")]
    odd = rng.random() < 0.25
    flag = lambda: odd and rng.random() < 0.4
    added = [AddedToken(t, normalized=rng.random() < 0.5, single_word=flag(), lstrip=flag(), rstrip=flag()) for t in ("<tok>", "[MASK]", "tok")]
    kind = rng.choice(["bpe", "bpe", "bpe", "wordpiece", "wordlevel", "unigram"])
    unknown = rng.choice(["<unk>", None])
    if kind == "bpe":
        fallback = rng.random() < 0.4
        model = models.BPE(unk_token=unknown, byte_fallback=fallback, fuse_unk=rng.random() < 0.3, ignore_merges=rng.random() < 0.3)
        alphabet = pre_tokenizers.ByteLevel.alphabet() if rng.random() < 0.6 else []
        if fallback:
            special += [AddedToken(f"<0x{byte:02X}>", normalized=False, special=False) for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    elif kind == "wordpiece":
        model = models.WordPiece(unk_token="<unk>")
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    elif kind == "wordlevel":
        model = models.WordLevel(unk_token="<unk>")
        trainer = trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    else:
        model = models.Unigram()
        trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.train_from_iterator(corpus, trainer)
    if rng.random() < 0.6:
        tokenizer.add_tokens(added)
    tokenizer.decoder = rng.choice(
        [None, decoders.ByteLevel(), decoders.ByteLevel(), decoders.Metaspace(), decoders.WordPiece(), decoders.Fuse(),
         decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])]
    )
    ids = [("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))]
    if rng.random() < 0.6:
        tokenizer.post_processor = rng.choice(
            [processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ids), processors.TemplateProcessing(single="<s> $A", special_tokens=ids),
             processors.ByteLevel(trim_offsets=True), processors.BertProcessing(ids[1], ids[0]), processors.RobertaProcessing(ids[1], ids[0])]
        )
    return tokenizer


def encode(tokenizer, text, special):
    try:
        return tokenizer.encode(text, add_special_tokens=special).ids
    except BaseException:
        return None


answers = []
while len(answers) < question["tokenizers"]:
    try:
        tokenizer = make()
    except BaseException:
        continue
    texts = ["".join(rng.choice(pieces) + rng.choice(["", "", " "]) for _ in range(rng.randint(0, 8))) for _ in range(question["texts"])]
    ids = [encode(tokenizer, text, True) for text in texts]
    answers.append(
        {
            "tokenizer": tokenizer.to_str(),
            "size": tokenizer.get_vocab_size(),
            "texts": texts,
            "ids": ids,
            "bare": [encode(tokenizer, text, False) for text in texts],
            "decoded": [None if one is None else tokenizer.decode(one) for one in ids],
        }
    )
print(json.dumps(answers))
