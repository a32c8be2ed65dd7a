"""Runs the program of the package aws-google-web-identity-emulator."""

import json
import subprocess


class Emulator:
    """A context manager. `where` is the description that the program prints."""

    def __init__(self, examples, **variables):
        # Cargo puts examples into a folder beside the programs.
        self.program = examples.parent / "aws-google-web-identity-emulator"
        # TOKEN_URI=… becomes --token-uri=….
        options = [f"--{name.lower().replace('_', '-')}={value}" for name, value in variables.items()]
        self.command = [self.program, "--json", *options]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.where = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def records(self):
        """The requests since the last call."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
