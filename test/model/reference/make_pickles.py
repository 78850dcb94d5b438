"""Writes pickles.json: files that hold a Python pickle, and files that only look a little like one.

pip install numpy==2.4.6 && python make_pickles.py
"""

import base64
import collections
import gzip
import io
import json
import pathlib
import pickle
import zipfile
import zlib

import numpy

here = pathlib.Path(__file__).parent


class RunsCode:
    def __reduce__(self):
        return (print, ("code was run",))


def bytes_of(save):
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def archive(entries, method=zipfile.ZIP_STORED, zip64=False):
    def save(stream):
        with zipfile.ZipFile(stream, "w", method) as file:
            for name, content in entries.items():
                info = zipfile.ZipInfo(name)
                info.compress_type = method
                with file.open(info, "w", force_zip64=zip64) as entry:
                    entry.write(content)

    return bytes_of(save)


def torch_zip64(entries):
    """As torch.save lays an archive out: stored entries, and always the zip64 records at the end."""
    plain = archive(entries)
    end = plain.rindex(b"PK\x05\x06")
    count = int.from_bytes(plain[end + 10 : end + 12], "little")
    size = int.from_bytes(plain[end + 12 : end + 16], "little")
    start = int.from_bytes(plain[end + 16 : end + 20], "little")
    record = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x1e\x03\x2d\x00" + bytes(8)
    record += count.to_bytes(8, "little") * 2 + size.to_bytes(8, "little") + start.to_bytes(8, "little")
    locator = b"PK\x06\x07" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    tail = b"PK\x05\x06" + b"\x00" * 4 + b"\xff" * 12 + b"\x00" * 2
    return plain[:end] + record + locator + tail


state = collections.OrderedDict(weight=[0.5, 1.5], bias=[0.25])
plain = {"weight": [0.5, 1.5, -2.0], "labels": ["ham", "spam"], "epochs": 3}
numbers = numpy.arange(6, dtype="<f4").reshape(2, 3)
objects = numpy.array([{"a": 1}, None], dtype=object)
stream = pickle.dumps(plain, 2)

# The legacy layout of torch.save: magic number, protocol version, system information, then the object; a pickle each.
torch_legacy = b"".join(pickle.dumps(part, 2) for part in [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, state])

refused = {f"protocol-{protocol}": pickle.dumps(plain, protocol) for protocol in range(2, 6)}
refused |= {f"code-protocol-{protocol}": pickle.dumps(RunsCode(), protocol) for protocol in range(6)}
refused |= {
    "code-inst": b"(iposix\nsystem\n.",
    "code-obj": b"(cposix\nsystem\nS'id'\no.",
    "code-behind-a-long-line": b"V" + b"x" * 6000 + b"\n0cposix\nsystem\n(S'id'\ntR.",
    "code-without-an-end": b"cposix\nsystem\n(S'id'\ntR",
    "rest-after-the-end": stream + b"the rest is never read",
    "bytes-of-every-length": pickle.dumps([b"x" * 10, b"y" * 300, bytearray(b"z" * 70000), "s" * 300, 1 << 80, frozenset([1])], 5),
    "torch-legacy": torch_legacy,
    "torch-zip": archive({"archive/data.pkl": pickle.dumps(state, 2), "archive/data/0": bytes(64), "archive/version": b"3\n"}),
    "torch-zip64": torch_zip64({"archive/data.pkl": pickle.dumps(state, 2), "archive/version": b"3\n"}),
    "zip-other-name": archive({"notes.txt": b"hello", "weights": stream}, zip64=True),
    "zip-deflated": archive({"notes.txt": b"hello" * 100, "weights": stream}, zipfile.ZIP_DEFLATED),
    "zip-bzip2": archive({"weights": stream}, zipfile.ZIP_BZIP2),
    "zip-behind-other-bytes": bytes(1000) + archive({"weights": stream}),
    "zip-cut-short": archive({"weights": stream})[:-30],
    "npy-objects": bytes_of(lambda file: numpy.save(file, objects, allow_pickle=True)),
    "npy-structured-objects": bytes_of(lambda file: numpy.save(file, numpy.array([(1, None)], dtype=[("a", "<i4"), ("b", "O")]), allow_pickle=True)),
    "npz-objects": bytes_of(lambda file: numpy.savez_compressed(file, a=numbers, b=objects)),
    "gzip": gzip.compress(stream, mtime=0),
    "zlib": zlib.compress(stream),
}

accepted = {
    "empty": b"",
    "json": json.dumps(plain).encode(),
    "npy": bytes_of(lambda file: numpy.save(file, numbers)),
    "npz": bytes_of(lambda file: numpy.savez_compressed(file, a=numbers)),
    "zip": archive({"notes.txt": b"hello"}),
    "gzip": gzip.compress(b"hello", mtime=0),
    "words": b"cat\ndog\n.\n",
    "words-cities": b"Paris\nPrague\nRome\n",
    "words-import": b"candle\nboat\nVan\nRiver\n.",
    "words-brackets": b"(original\ncopy\n.",
    "none-and-an-end": b"N.",
    # A safetensors header of 640 and of 1,162 bytes begins like a pickle, and its last byte can be a stop.
    "safetensors-640": (0x280).to_bytes(8, "little") + b"{}".ljust(0x280) + b".",
    "random-behind-a-protocol": b"\x80\x02\x00\xff\x17.",
}

document = {
    "writer": f"numpy {numpy.__version__} (Python)",
    "refused": {name: base64.b64encode(zlib.compress(content)).decode() for name, content in refused.items()},
    "accepted": {name: base64.b64encode(zlib.compress(content)).decode() for name, content in accepted.items()},
}
here.joinpath("pickles.json").write_text(json.dumps(document, indent=1) + "\n")
