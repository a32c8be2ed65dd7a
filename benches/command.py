"""The command `aws-google-web-identity`: `credentials` beside google-auth and boto3, and `serve` under load.

Usage: command.py, from the project's root, with a Python that has the packages of tests/interop/requirements.txt, on a
machine with at least two cores, `taskset`, and `wrk` (for `serve`; WRK names it where it is not on the PATH). Builds the
command and the emulator in release mode.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/interop"))
from emulator import Emulator  # noqa: E402

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
COMMAND = TARGET / "release/aws-google-web-identity"
ROUNDS = 15

PYTHON = """
import datetime, json, os
import boto3
from botocore import UNSIGNED
from botocore.config import Config
from google.auth import compute_engine
from google.auth.transport.requests import Request

token = compute_engine.IDTokenCredentials(Request(), os.environ["TARGET_AUDIENCE"], use_metadata_identity_endpoint=True)
token.refresh(Request())
sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))
answer = sts.assume_role_with_web_identity(
    RoleArn=os.environ["AWS_ROLE_ARN"], RoleSessionName="bench", WebIdentityToken=token.token
)["Credentials"]
answer["Expiration"] = answer["Expiration"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
print(json.dumps({"Version": 1, **answer}))
"""


def verdict(what, figure, goal, at_least=False):
    met = figure >= goal if at_least else figure <= goal
    bound = "least" if at_least else "most"
    print(f"{what}: {figure:.3g} (goal: at {bound} {goal:g}) {'met' if met else 'MISSED'}", flush=True)


def cpu(command, environment):
    """CPU time in seconds of a process that prints credentials."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        assert process.returncode == 0 and json.load(output)["SecretAccessKey"]
    return usage.ru_utime + usage.ru_stime


# A process inherits the peak of the one that starts it: so a shell starts it, and a Python without packages asks.
PEAK = """
import resource, subprocess, sys
subprocess.run(["/bin/sh", "-c", '"$@" >/dev/null; exit $?', "sh", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def memory(command, environment):
    """Peak memory in MiB; no less than that of a bare Python."""
    asked = [sys.executable, "-I", "-S", "-c", PEAK, *map(str, command)]
    return float(subprocess.run(asked, env=environment, check=True, capture_output=True, text=True).stdout)


def medians(command, environment, rounds=ROUNDS):
    cpu(command, environment)
    return [statistics.median(measure(command, environment) for _ in range(rounds)) for measure in (cpu, memory)]


def credentials(environment):
    ours, peak = medians([COMMAND, "credentials", "--no-cache"], environment)
    # Its own name for a host that may not be the metadata server's address.
    python = {**environment, "GCE_METADATA_IP": environment["GCE_METADATA_HOST"]}
    theirs, their_peak = medians([sys.executable, "-c", PYTHON], python)
    print(f"credentials, cold: {ours * 1000:.1f} ms of CPU, {peak:.1f} MiB")
    print(f"google-auth and boto3: {theirs * 1000:.0f} ms of CPU, {their_peak:.1f} MiB")
    verdict("credentials, cold: CPU, ratio to google-auth and boto3", ours / theirs, 1 / 20)
    verdict("credentials, cold: memory, ratio to google-auth and boto3", peak / their_peak, 1 / 4)
    ours, peak = medians([COMMAND, "credentials"], environment, 41)
    print(f"credentials, cached: {peak:.1f} MiB")
    verdict("credentials, cached: ms of CPU", ours * 1000, 5)


class Sts(http.server.ThreadingHTTPServer):
    """Passes requests on to the emulator's STS after `delay` seconds, and lets sessions end in `life` seconds."""

    def __init__(self, backend):
        self.backend, self.delay, self.life, self.times = backend, 0, 3600, []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.times.append(time.monotonic())
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(self.server.delay)
            with urllib.request.urlopen(urllib.request.Request(self.server.backend, body)) as answer:
                text = answer.read().decode()
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.server.life))
            text = re.sub("<Expiration>.*?</Expiration>", f"<Expiration>{end}</Expiration>", text).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass


@contextlib.contextmanager
def serving(environment):
    """The command's `serve` on the first core: its process, URL and token."""
    with tempfile.TemporaryDirectory() as directory:
        token = pathlib.Path(directory) / "token"
        options = ["--no-cache", "--listen", "127.0.0.1:0", "--authorization-token-file", token]
        process = subprocess.Popen(
            ["taskset", "-c", "0", COMMAND, "serve", *options], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        try:
            url = process.stdout.readline().strip().split("=", 1)[1]
            yield process, url, token.read_text()
        finally:
            process.terminate()
            process.wait(timeout=10)
            process.stdout.close()


def load(wrk, url, token, seconds):
    """Requests, requests a second, p99 in ms, and how many were no 2xx, of 16 connections from the second core."""
    options = ["--latency", "-t1", "-c16", f"-d{seconds}s", "-H", f"Authorization: {token}"]
    command = ["taskset", "-c", "1", wrk, *options, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", text).groups()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", text)
    return (
        int(re.search(r"(\d+) requests in", text)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit], bad[0] if bad else "",
    )


def resident(process):
    """MiB."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def serve(environment, sts_endpoint):
    wrk = os.environ.get("WRK") or shutil.which("wrk")
    if not wrk:
        print("serve: not measured, there is no wrk")
        return
    sts = Sts(sts_endpoint)
    environment = {**environment, "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{sts.server_port}"}
    with serving(environment) as (process, url, token):
        before, count, rate = resident(process), 0, 0
        while count < 1_000_000:
            requests, rate, _, bad = load(wrk, url, token, 10)
            assert not bad, bad
            count += requests
        after = resident(process)
        print(f"serve: {before:.1f} MiB at the start, {after:.1f} MiB after {count} requests")
        verdict("serve: MiB after a million requests", after, 12)
        verdict("serve: requests a second on one core", rate, 20_000, at_least=True)
    # Windows of equal length, in turn without a refresh and with one: after 5.4 s to 6 s of the 9 s.
    sts.delay, times, refreshes = 0.3, {3600: [], 9: []}, 0
    for life in [3600, 9] * 5:
        sts.life = life
        with serving(environment) as (_, url, token):
            asked = len(sts.times)
            _, _, p99, bad = load(wrk, url, token, 10)
            assert not bad, bad
            times[life].append(p99)
            if life == 9:
                refreshes += len(sts.times) - asked
    assert refreshes, "no session was renewed"
    without, during = sorted(times[3600]), sorted(times[9])
    print(f"serve: p99 in ms without a refresh {without}, over {refreshes} refreshes of 300 ms {during}")
    verdict("serve: p99 over refreshes, ratio to the slowest window of none", during[2] / without[-1], 1)


def main():
    # Each alone, as it is installed: together, cargo would give both the features of the other.
    for package, features in (("emulator", ["--all-features"]), ("cli", [])):
        build = ["cargo", "build", "--release", "--locked", "--quiet", "--bins"]
        subprocess.run([*build, "-p", f"aws-google-web-identity-{package}", *features], check=True, cwd=ROOT)
    verdict("size of the stripped program in MB", COMMAND.stat().st_size / 1e6, 10)
    with Emulator(TARGET / "release/examples") as emulator, tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], **emulator.where["env"]}
        credentials(environment)
        serve(environment, emulator.where["sts_endpoint"])


if __name__ == "__main__":
    sys.exit(main())
