"""The chat templates in a folder of wheels, each once: prints [[name, template], ...]."""

import json
import pathlib
import sys
import zipfile

found = {}


def walk(value, name):
    if isinstance(value, list):
        for item in value:
            walk(item, name)
    if isinstance(value, dict):
        name = value.get("model_name", name)
        template = value.get("chat_template")
        if isinstance(template, str) and "{" in template:
            found.setdefault(template, name)
        for item in value.values():
            walk(item, name)


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    with zipfile.ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            if name.endswith(".jinja"):
                found.setdefault(wheel.read(name).decode(), name)
            elif name.endswith(".json") and "/model/llm/" in name:
                walk(json.loads(wheel.read(name)), name)

print(json.dumps([[name, template] for template, name in found.items()]))
