"""The command with the clients that it serves: boto3, the AWS CLI, the AWS SDKs for JavaScript and Rust, and object_store
list and read a bucket of SeaweedFS, which verifies what they sign with.

Usage: command.py VENV NODE_MODULES WEED_PROGRAM EXAMPLES_DIRECTORY
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from emulator import Emulator
from weed import Weed, role

VENV, NODE_MODULES, WEED, EXAMPLES = (pathlib.Path(path).absolute() for path in sys.argv[1:5])
# Cargo puts examples into a folder beside the programs.
COMMAND = EXAMPLES.parent / "aws-google-web-identity"
GUIDE = pathlib.Path(__file__).parents[2] / "docs/guide/other_languages.md"
ROLE = "arn:aws:iam::123456789012:role/demo"
KEY, CONTENT = "hello", "from Google"

BOTO = f"""
import boto3
s3 = boto3.client("s3")
keys = [it["Key"] for it in s3.list_objects_v2(Bucket="photos")["Contents"]]
assert "{KEY}" in keys, keys
print(s3.get_object(Bucket="photos", Key="{KEY}")["Body"].read().decode())
"""

JAVASCRIPT = f"""
const {{ S3Client, ListObjectsV2Command, GetObjectCommand }} = require("@aws-sdk/client-s3");
(async () => {{
  const s3 = new S3Client({{ forcePathStyle: true }});
  const listed = await s3.send(new ListObjectsV2Command({{ Bucket: "photos" }}));
  if (!listed.Contents.some((it) => it.Key === "{KEY}")) throw new Error("not listed");
  const got = await s3.send(new GetObjectCommand({{ Bucket: "photos", Key: "{KEY}" }}));
  console.log(await got.Body.transformToString());
}})().catch((error) => {{ console.error(error); process.exit(1); }});
"""

# They read twice a second, with a session that is made once, and print the access key of each read.
LONG_BOTO = f"""
import boto3, sys, time
session = boto3.Session()
credentials = session.get_credentials()
s3 = session.client("s3")
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    s3.get_object(Bucket="photos", Key="{KEY}")["Body"].read()
    print(credentials.get_frozen_credentials().access_key, flush=True)
    time.sleep(0.5)
"""

LONG_JAVASCRIPT = f"""
const {{ S3Client, GetObjectCommand }} = require("@aws-sdk/client-s3");
(async () => {{
  const s3 = new S3Client({{ forcePathStyle: true }});
  const end = Date.now() + 1000 * Number(process.argv[1]);
  while (Date.now() < end) {{
    const got = await s3.send(new GetObjectCommand({{ Bucket: "photos", Key: "{KEY}" }}));
    await got.Body.transformToString();
    console.log((await s3.config.credentials()).accessKeyId);
    await new Promise((done) => setTimeout(done, 500));
  }}
}})().catch((error) => {{ console.error(error); process.exit(1); }});
"""

AWS = f"set -e; {VENV}/bin/aws s3 ls s3://photos/ | grep -q {KEY}; {VENV}/bin/aws s3 cp s3://photos/{KEY} -"

CLIENTS = {
    "boto3": [VENV / "bin/python", "-c", BOTO],
    "aws": ["sh", "-c", AWS],
    "javascript": ["node", "-e", JAVASCRIPT],
    "rust": [EXAMPLES / "sdk_client", "photos", KEY],
}
# object_store runs no credential_process, and asks STS by https only.
OBJECT_STORE = {"object_store": [EXAMPLES / "object_store_client", "photos", KEY]}
LONG_RUNNING = {
    "boto3": [VENV / "bin/python", "-c", LONG_BOTO],
    "javascript": ["node", "-e", LONG_JAVASCRIPT, "--"],
    "rust": [EXAMPLES / "sdk_client", "photos", KEY],
}


class Gate:
    """A TCP proxy to STS. While it is down, it closes connections."""

    def __init__(self, endpoint):
        self.target = ("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))
        self.down = False
        self.refused = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.down:
                self.refused += 1
                client.close()
            else:
                threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def forward(self, client):
        with client, socket.create_connection(self.target) as server, selectors.DefaultSelector() as ready:
            other = {client: server, server: client}
            for side in other:
                ready.register(side, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    # A connection that is kept alive would pass a gate that is down.
                    if not data or self.down:
                        return
                    other[key.fileobj].sendall(data)

    def close(self):
        self.listener.close()


class Case(unittest.TestCase):
    maxDiff = None
    session_length = "1h"

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.google = cls.stack.enter_context(Emulator(EXAMPLES)).where
        audience, sub = cls.google["audience"], cls.google["service_account"]["unique_id"]
        roles = [role("demo", sub, audience, "everything")]
        cls.weed = cls.stack.enter_context(Weed(WEED, cls.google["jwks_uri"], audience, roles, cls.session_length))
        cls.weed.s3().put_object(Bucket="photos", Key=KEY, Body=CONTENT.encode())

    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def environment(self, **variables):
        """What the command needs, and nothing that a client could take for credentials but AWS_ROLE_ARN."""
        return {**self.client(), "AWS_ENDPOINT_URL_STS": self.weed.endpoint, "AWS_ROLE_ARN": ROLE,
                "TARGET_AUDIENCE": self.google["audience"], "GCE_METADATA_HOST": self.google["metadata_host"],
                **variables}

    def client(self, **variables):
        """What every client needs."""
        return {"HOME": str(self.home), "PATH": f"{COMMAND.parent}:{os.environ['PATH']}", "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": self.weed.endpoint,
                "NODE_PATH": str(NODE_MODULES), "AWS_EC2_METADATA_DISABLED": "true", **variables}

    def run_ok(self, command, environment):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60,
                                stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def credential_process(self, *options):
        """The environment of a client whose profile runs the command, as the guide has it."""
        line = re.search(r"^credential_process = .*$", GUIDE.read_text(), re.M)[0]
        line = " ".join((line.replace("https://myservice.example.com", self.google["audience"]), *options))
        (self.home / ".aws").mkdir(exist_ok=True)
        (self.home / ".aws/config").write_text(f"[profile google]\nregion = us-east-1\n{line}\n")
        environment = self.environment(AWS_PROFILE="google")
        # The options name them.
        del environment["AWS_ROLE_ARN"], environment["TARGET_AUDIENCE"]
        return environment

    def reads(self, name, command, environment):
        with self.subTest(client=name):
            self.assertEqual(self.run_ok(command, environment).stdout.strip(), CONTENT)

    @contextlib.contextmanager
    def serving(self, *arguments, **variables):
        """`serve`. Gives the variables of its clients."""
        process = subprocess.Popen([COMMAND, "serve", "--listen", "127.0.0.1:0", *arguments], text=True,
                                   env=self.environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            lines = [process.stdout.readline().strip().split("=", 1) for _ in range(2)]
            if process.poll() is not None:
                raise RuntimeError(process.stderr.read())
            yield dict(lines)
        finally:
            process.send_signal(signal.SIGTERM)
            self.log = process.communicate(timeout=10)[1]
            self.assertEqual(process.returncode, 0, self.log)


class Clients(Case):
    def test_credential_process(self):
        environment = self.credential_process()
        for name, command in CLIENTS.items():
            self.reads(name, command, environment)

    def test_serve(self):
        with self.serving() as variables:
            for name, command in (CLIENTS | OBJECT_STORE).items():
                self.reads(name, command, self.client(**variables))

    def test_sidecar_of_the_guide(self):
        text = GUIDE.read_text()
        serve = re.search(r"^aws-google-web-identity serve .*$", text, re.M)[0].split()[2:]
        token_file = self.home / "token"
        serve = [str(token_file) if it == "/creds/token" else it for it in serve]
        # The port of the guide may be taken here.
        serve[serve.index("--listen") + 1] = "127.0.0.1:0"
        with self.serving(*serve[2:]) as variables:
            self.assertEqual(variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], str(token_file))
            for name in variables:
                self.assertIn(name + "=", text)
            self.reads("boto3", CLIENTS["boto3"], self.client(**variables))
        self.assertFalse(token_file.exists())

    def test_exec(self):
        for name, command in (CLIENTS | OBJECT_STORE).items():
            self.reads(name, [COMMAND, "exec", "--", *command], self.environment())

    def test_exec_in_hostile_surroundings(self):
        keys = "aws_access_key_id = HOSTILE\naws_secret_access_key = hostile\n"
        (self.home / ".aws").mkdir()
        (self.home / ".aws/credentials").write_text(f"[default]\n{keys}[dev]\n{keys}")
        config = f"[default]\n{keys}credential_process = false\n[profile dev]\n{keys}role_arn = {ROLE}\nsource_profile = dev\n"
        (self.home / ".aws/config").write_text(config)
        (self.home / ".boto").write_text(f"[Credentials]\n{keys}")
        hostile = {
            "AWS_ACCESS_KEY_ID": "HOSTILE", "AWS_SECRET_ACCESS_KEY": "hostile", "AWS_SESSION_TOKEN": "hostile",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/hostile",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hostile", "AWS_CREDENTIAL_FILE": "/nowhere",
        }
        for variables in [{}, {**hostile, "AWS_PROFILE": "dev"}]:
            for name, command in CLIENTS.items():
                with self.subTest(variables=list(variables)):
                    self.reads(name, [COMMAND, "exec", "--", *command], self.environment(**variables))

    def test_token_file(self):
        token = self.home / "token"
        self.run_ok([COMMAND, "token", "--file", token, "--once"], self.environment())
        variables = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE,
                     "AWS_ENDPOINT_URL_STS": self.weed.endpoint}
        for name, command in CLIENTS.items():
            self.reads(name, command, self.client(**variables))

    def test_entry_point_of_the_guide(self):
        arguments = re.search(r"^ENTRYPOINT (.*)$", GUIDE.read_text(), re.M)[1]
        self.reads("aws", [*json.loads(arguments), *CLIENTS["aws"]], self.environment())

    def test_service_of_the_guide(self):
        unit = re.search(r"^ExecStart=/usr/local/bin/aws-google-web-identity (.*)$", GUIDE.read_text(), re.M)[1]
        self.assertEqual(unit.split()[0], "serve")
        arguments = unit.replace("%t/aws-google", str(self.home)).split()[1:]
        with self.serving(*arguments) as variables:
            self.reads("boto3", CLIENTS["boto3"], self.client(**variables))


class Rotation(Case):
    """A session lives for 15 s, and STS is down when the first refresh is due."""

    session_length = "15s"

    def test_long_running_clients_notice_neither_rotation_nor_outage(self):
        gate = Gate(self.weed.endpoint)
        self.addCleanup(gate.close)
        # Without retries within an exchange, which would outlast the outage.
        outside = {"AWS_ENDPOINT_URL_STS": gate.endpoint, "AWS_MAX_ATTEMPTS": "1"}
        running = {}

        def start(way, name, command, environment):
            process = subprocess.Popen([*command, "24"], env=environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            running[way, name] = process

        with self.serving("--no-cache", **outside) as variables:
            for name, command in LONG_RUNNING.items():
                start("serve", name, command, self.client(**variables))
                start("exec", name, [COMMAND, "exec", "--no-cache", "--", *command], self.environment(**outside))
                start("credentials", name, command, {**self.credential_process(), **outside})
            time.sleep(7)
            gate.down = True
            time.sleep(5)
            gate.down = False
            for (way, name), process in running.items():
                with self.subTest(way=way, client=name):
                    keys, errors = process.communicate(timeout=60)
                    self.assertEqual(process.returncode, 0, errors)
                    self.assertGreaterEqual(len(set(keys.split())), 2)
            host = variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"].split("/")[2]
            connection = http.client.HTTPConnection(host, timeout=5)
            connection.request("GET", "/metrics")
            metrics = connection.getresponse().read().decode()
            connection.close()
        self.assertGreaterEqual(gate.refused, 3)
        failures = re.search(r"^aws_google_web_identity_exchange_failures_total (\d+)$", metrics, re.M)
        self.assertGreaterEqual(int(failures[1]), 1, metrics)
        self.assertGreaterEqual(self.log.count("new credentials"), 2, self.log)
        self.assertIn("could not be refreshed", self.log)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[5:], verbosity=2)
