"""Our Google and AWS as a program of its own: the example `emulator`."""

import json
import os
import subprocess


class Emulator:
    """Runs while it is entered; `where` is what the program prints of itself."""

    def __init__(self, examples, **variables):
        self.program = examples / "emulator"
        self.environment = {**os.environ, **variables}

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        self.where = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def records(self):
        """The requests since the last time."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
