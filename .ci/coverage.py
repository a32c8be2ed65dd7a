"""The lines of src that no test reaches, and the share of those that one does.

Usage: coverage.py COV PROFILES < cargo's messages
"""

import json
import pathlib
import re
import subprocess
import sys

cov, profiles = sys.argv[1], pathlib.Path(sys.argv[2])
messages = (json.loads(line) for line in sys.stdin if line.startswith("{"))
programs = [message["executable"] for message in messages if message.get("executable")]
command = [cov, "show"]
for profile in profiles.glob("*.profraw"):
    command += ["--instr-profile", profile]
for program in programs:
    command += ["--object", program]
shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout

source = pathlib.Path("src").resolve()
reached, lines, missed, file = 0, 0, [], None
for line in shown.splitlines():
    if line.startswith("/"):
        path = pathlib.Path(line)
        is_ours = path.is_relative_to(source) and not re.search(r"/tests(/|\.rs$)", line)
        file = path.relative_to(source.parent) if is_ours else None
    elif file and (match := re.match(r"\s*(\d+)\|\s*(\S+)\|(.*)", line)):
        number, count, text = match.groups()
        lines += 1
        reached += count != "0"
        if count == "0":
            missed.append(f"{file}:{number}:{text}")
print(*missed, sep="\n")
print(f"{reached} of {lines} lines of src are reached by a test: {reached / lines:.1%}")
