"""Writes safetensors.json: files made by the reference writer, for comparing bytes.

pip install safetensors==0.8.0 && python make_safetensors.py
"""

import base64
import ctypes
import json
import pathlib

import safetensors
from safetensors import TensorSpec, serialize

# The name of each dtype in the format, the name that the writer takes, and the bytes of eight elements.
DTYPES = [
    ("BOOL", "bool", 8),
    ("F4", "float4_e2m1fn_x2", 4),
    ("U8", "uint8", 8),
    ("I8", "int8", 8),
    ("F8_E5M2", "float8_e5m2", 8),
    ("F8_E4M3", "float8_e4m3fn", 8),
    ("F8_E8M0", "float8_e8m0fnu", 8),
    ("F8_E4M3FNUZ", "float8_e4m3fnuz", 8),
    ("F8_E5M2FNUZ", "float8_e5m2fnuz", 8),
    ("I16", "int16", 16),
    ("U16", "uint16", 16),
    ("F16", "float16", 16),
    ("BF16", "bfloat16", 16),
    ("I32", "int32", 32),
    ("U32", "uint32", 32),
    ("F32", "float32", 32),
    ("C64", "complex64", 64),
    ("F64", "float64", 64),
    ("I64", "int64", 64),
    ("U64", "uint64", 64),
]
WRITER_NAME = {name: writer for name, writer, _ in DTYPES}


def counted(length, start=0):
    return bytes((start + index) % 251 for index in range(length))


# Each case: the tensors in the order in which they are given, and the metadata.
CASES = {
    "empty": ([], {"format": "pt"}),
    "bare": ([("x", "F32", [2], counted(8))], None),
    "linear": ([("linear.weight", "F32", [2, 3], counted(24)), ("linear.bias", "F32", [2], counted(8, 7))], {"format": "pt"}),
    "scalar-and-hollow": ([("scalar", "F64", [], counted(8)), ("hollow", "F32", [3, 0, 2], b""), ("a", "U8", [3], counted(3))], {"format": "pt"}),
    "every-dtype": ([(f"t{index:02}", name, [8], counted(size, index)) for index, (name, _, size) in enumerate(DTYPES)], {"format": "pt"}),
    # Names that sort differently by UTF-16 and by code point, that JSON escapes, and that JavaScript takes for an index.
    "names": (
        [(name, "U8", [1], counted(1, index)) for index, name in enumerate(["\U0001f600", "\uff5e", "10", "9", "B", "a", "a\"b\\c", "tab\tnew\nline\x01\x7f", "__proto__", "", "é/ü"])],
        {"format": "pt"},
    ),
    "metadata": ([("x", "U8", [1], b"\x01")], {"note": "line\nbreak \u2028 \"quoted\" / é"}),
    "no-metadata-entries": ([("x", "U8", [1], b"\x01")], {}),
}


def made(tensors, metadata):
    kept = []
    specs = {}
    for name, dtype, shape, data in tensors:
        buffer = ctypes.create_string_buffer(data, max(len(data), 1))
        kept.append(buffer)
        # F4 packs two elements into a byte: the writer takes the shape in bytes' pairs, as torch holds it.
        given = [shape[0] // 2] if dtype == "F4" else shape
        specs[name] = TensorSpec(dtype=WRITER_NAME[dtype], shape=given, data_ptr=ctypes.addressof(buffer), data_len=len(data))
    return bytes(serialize(specs, metadata=metadata))


def main():
    cases = []
    for case, (tensors, metadata) in CASES.items():
        written = made(tensors, metadata)
        cases.append({
            "case": case,
            "metadata": metadata,
            "tensors": [{"name": name, "dtype": dtype, "shape": shape, "data": base64.b64encode(data).decode()} for name, dtype, shape, data in tensors],
            "file": base64.b64encode(written).decode(),
        })
    document = {"writer": f"safetensors {safetensors.__version__} (Python)", "cases": cases}
    path = pathlib.Path(__file__).with_name("safetensors.json")
    path.write_text(json.dumps(document, indent=1) + "\n")


main()
