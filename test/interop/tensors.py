"""Reads safetensors files, or writes one of random arrays: JSON in, JSON out."""

import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

TYPES = "bool uint8 int8 uint16 int16 float16 uint32 int32 float32 uint64 int64 float64 complex64".split()


def described(arrays):
    return {
        name: {"dtype": str(array.dtype), "shape": list(array.shape), "data": array.tobytes().hex()}
        for name, array in arrays.items()
    }


def write(path, seed):
    chance = np.random.default_rng(seed)
    arrays = {}
    for index in range(chance.integers(0, 12)):
        dtype = np.dtype(str(chance.choice(TYPES)))
        shape = [int(size) for size in chance.integers(0, 5, size=chance.integers(0, 4))]
        data = chance.bytes(int(np.prod(shape, dtype=int)) * dtype.itemsize)
        array = np.frombuffer(data, dtype if dtype != bool else "uint8").reshape(shape)
        arrays[f"{index}.ü\\"] = np.asarray(array % 2 == 1) if dtype == bool else array
    metadata = {"format": "np", "seed": str(seed), "é\n": "😀"}
    save_file(arrays, path, metadata)
    return {"metadata": metadata, "tensors": described(arrays)}


def read(path):
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    return {"metadata": metadata, "tensors": described(load_file(path))}


verb, calls = json.load(sys.stdin)
json.dump([{"read": read, "write": write}[verb](*call) for call in calls], sys.stdout)
