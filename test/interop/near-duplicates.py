"""Pairs of near-duplicates by datasketch: JSON lines of {id, text} in, JSON out. Words as in src/dataset/text-sketch.ts."""

import json
import re
import sys

from datasketch import MinHash, MinHashLSH

similarity, permutations = float(sys.argv[1]), 128
hashes, pairs_of, found = MinHashLSH(threshold=similarity, num_perm=permutations), [], []
for line in sys.stdin:
    words = re.findall(r"[a-z]+|[0-9]+", json.loads(line)["text"].lower())
    pairs = {f"{one} {other}".encode() for one, other in zip(words, words[1:])}
    sketch = MinHash(num_perm=permutations)
    sketch.update_batch(pairs)
    index = len(pairs_of)
    pairs_of.append(pairs)
    for other in hashes.query(sketch):
        # Candidates of LSH, of which the similarity is computed from all pairs of words.
        if len(pairs & pairs_of[other]) >= similarity * len(pairs | pairs_of[other]):
            found.append([other, index])
    hashes.insert(index, sketch)
json.dump(found, sys.stdout)
