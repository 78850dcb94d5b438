"""Runs `python -m model_signing` on lists of arguments; prints [exit status, what it said] for each.

In one process: starting Python and loading the package takes a second.
"""

import json
import sys

from click.testing import CliRunner
from model_signing._cli import main

answers = []
for arguments in json.load(sys.stdin):
    result = CliRunner().invoke(main, ["--log-level", "CRITICAL", *arguments])
    answers.append([result.exit_code, result.output])
print(json.dumps(answers))
