"""What Jinja2 renders. Options and functions are those of transformers (utils/chat_template_utils.py), which renders chat templates."""

import json
import sys

from jinja2 import Undefined, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_keep"), [], [], body).set_lineno(lineno)

    def _keep(self, caller):
        return caller()


def raise_exception(message):
    raise ValueError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment(chat):
    env = ImmutableSandboxedEnvironment(
        trim_blocks=chat, lstrip_blocks=chat, undefined=Undefined, extensions=[Generation, loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


environments = {chat: environment(chat) for chat in (True, False)}


def answer(template, variables, chat):
    try:
        return {"text": environments[chat].from_string(template).render(**variables)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


print(json.dumps([answer(*case) for case in json.load(sys.stdin)]))
