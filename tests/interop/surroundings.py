"""A hostile machine: names, root certificates and variables, each wrong in one way, tried with a real program in a
private mount and network namespace.

Usage: surroundings.py EXAMPLES_DIRECTORY (as root, or where unprivileged user namespaces are allowed)
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from emulator import Emulator
from tls import TlsFront, certificates, pump

INSIDE = "AWS_GOOGLE_WEB_IDENTITY_IN_NAMESPACE"
METADATA_ADDRESS = "169.254.169.254"
METADATA_NAME = "metadata.google.internal"
STRANGER_ADDRESS = "127.0.0.9"


def enter_namespaces():
    """Runs this script again with a mount table and a network of its own."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    os.execvpe(
        "unshare", ["unshare", "--mount", "--net", *user, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"}
    )


def run(*command):
    subprocess.run(command, check=True)


class Dns(threading.Thread):
    """Answers A questions on 127.0.0.1:53 with `answer(name)`: an IPv4 address, or None for NXDOMAIN."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.answer = lambda name: None

    def run(self):
        while True:
            question, client = self.socket.recvfrom(512)
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode())
                at += 1 + question[at]
            end = at + 5
            kind = int.from_bytes(question[at + 1 : at + 3], "big")
            address = self.answer(".".join(labels).lower())
            found = address is not None and kind == 1
            flags = 0x8180 if address is not None else 0x8183
            reply = question[:2] + flags.to_bytes(2, "big") + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
            reply += question[12:end]
            if found:
                reply += b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address)
            self.socket.sendto(reply, client)


class Stranger(threading.Thread):
    """Answers every request with a 404 of its own, and keeps what it was asked."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server((STRANGER_ADDRESS, 80))
        self.asked = []

    def run(self):
        while True:
            client, _ = self.listener.accept()
            with client, contextlib.suppress(OSError):
                self.asked.append(client.recv(65536).decode(errors="replace"))
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\nConnection: close\r\n\r\nno page\n")


class Front(threading.Thread):
    """Passes connections to port 80 of the metadata server's address on to the emulator."""

    def __init__(self, backend):
        super().__init__(daemon=True)
        host, port = backend.split(":")
        self.backend = (host, int(port))
        self.listener = socket.create_server((METADATA_ADDRESS, 80))

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(self.backend) as far:
            threading.Thread(target=pump, args=(far, client), daemon=True).start()
            pump(client, far)


class Surroundings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.examples = pathlib.Path(sys.argv[1])
        cls.directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run("mount", "--make-rprivate", "/")
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", METADATA_ADDRESS, "dev", "lo")
        # The machine's own file may be a link that leads out of /etc.
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            empty = cls.directory / pathlib.Path(name).name
            empty.touch()
            run("mount", "--bind", empty, os.path.realpath(name))
        cls.dns = Dns()
        cls.dns.start()
        cls.stranger = Stranger()
        cls.stranger.start()
        cls.emulator = stack.enter_context(Emulator(cls.examples))
        cls.where = cls.emulator.where
        cls.front = Front(cls.where["metadata_host"])
        cls.front.start()
        cls.authority, context = certificates(cls.directory)
        cls.sts = TlsFront(context)
        cls.sts.serve(cls.where["sts_endpoint"])

    def setUp(self):
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("hosts", "127.0.0.1 localhost\n")
        self.dns.answer = lambda name: METADATA_ADDRESS if name == METADATA_NAME else None
        self.stranger.asked.clear()
        self.emulator.records()

    def write(self, name, text):
        # In place: another file would not be seen through the mount.
        (self.directory / name).write_text(text)

    def identity(self, **variables):
        """Runs the example `identity` on Cloud Run, in a clean environment but for `variables`."""
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        environment = {
            "HOME": home.name, "RUST_LOG": "trace", "K_SERVICE": "demo", "TARGET_AUDIENCE": self.where["audience"],
            "AWS_ROLE_ARN": self.where["role_arn"], "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_STS": self.where["sts_endpoint"], **variables,
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        started = time.monotonic()
        result = subprocess.run(
            [self.examples / "identity"], env=environment, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
        )
        result.stdout, result.stderr = (text.decode(errors="replace") for text in (result.stdout, result.stderr))
        result.seconds = time.monotonic() - started
        self.assertNotIn("panicked", result.stderr, variables)
        return result

    def assert_works(self, result):
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertIn("role session: arn:aws:sts::", result.stdout)

    def assert_fails(self, result, *words):
        """Fails with an explanation that has all the words, which it returns."""
        self.assertEqual(result.returncode, 1, result.stderr[-3000:])
        explanation = result.stderr[("\n" + result.stderr).rindex("\nerror: ") :]
        for word in words:
            self.assertIn(word, explanation)
        return explanation

    # Names

    def test_a_search_list_with_a_wildcard_does_not_send_the_request_to_a_stranger(self):
        self.write("resolv.conf", "nameserver 127.0.0.1\nsearch corp.test\noptions ndots:5 timeout:1 attempts:1\n")
        for resolves in (True, False):
            with self.subTest(resolves=resolves):
                known = {METADATA_NAME: METADATA_ADDRESS} if resolves else {}
                self.dns.answer = lambda name: STRANGER_ADDRESS if name.endswith(".corp.test") else known.get(name)
                self.assert_works(self.identity())
                self.assertEqual(self.stranger.asked, [])

    def test_the_address_is_asked_where_the_name_does_not_resolve(self):
        cases = {
            "NXDOMAIN": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
            "no name server": "",
            "nobody answers": "nameserver 127.0.0.77\noptions timeout:1 attempts:1\n",
        }
        self.dns.answer = lambda name: None
        for case, text in cases.items():
            with self.subTest(case):
                self.write("resolv.conf", text)
                result = self.identity()
                self.assert_works(result)
                self.assertLess(result.seconds, 10)

    def test_the_name_in_hosts_is_enough(self):
        self.write("resolv.conf", "")
        self.write("hosts", f"127.0.0.1 localhost\n{METADATA_ADDRESS} {METADATA_NAME}\n")
        self.assert_works(self.identity())

    def test_a_stranger_behind_the_name_is_called_that(self):
        self.dns.answer = lambda name: STRANGER_ADDRESS
        explanation = self.assert_fails(self.identity(), "another server answers in place of Google's metadata server")
        self.assertNotIn("service account attached", explanation)
        self.assertTrue(self.stranger.asked)

    def test_where_nothing_answers_the_error_says_what_to_do_in_bounded_time(self):
        self.dns.answer = lambda name: None
        result = self.identity(GCE_METADATA_IP="127.0.0.88")
        self.assert_fails(result, "metadata")
        self.assertLess(result.seconds, 15)

    # Roots

    def test_plain_http_needs_no_roots(self):
        self.assert_works(self.identity(SSL_CERT_FILE="/dev/null", SSL_CERT_DIR="/nowhere"))

    def test_missing_or_foreign_roots_are_named_with_what_to_set(self):
        https = f"https://localhost:{self.sts.port}"
        empty = self.directory / "empty"
        empty.mkdir(exist_ok=True)
        (self.directory / "foreign").mkdir(exist_ok=True)
        foreign, _ = certificates(self.directory / "foreign")
        for variables in (
            {"SSL_CERT_FILE": "/dev/null"},
            {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": str(empty)},
            {"SSL_CERT_FILE": str(foreign)},
            {"SSL_CERT_FILE": "/dev/null", "AWS_CA_BUNDLE": str(foreign)},
        ):
            with self.subTest(variables):
                result = self.identity(AWS_ENDPOINT_URL_STS=https, **variables)
                self.assert_fails(result, https, "SSL_CERT_FILE", "ca-certificates")

    def test_a_machine_without_certificates_fails_alike(self):
        # Mounted over for this test alone.
        places = [place for place in ("/etc/ssl", "/usr/share/ca-certificates", "/etc/pki") if os.path.isdir(place)]
        for place in places:
            run("mount", "-t", "tmpfs", "tmpfs", place)
        try:
            self.assert_fails(
                self.identity(AWS_ENDPOINT_URL_STS=f"https://localhost:{self.sts.port}"), "root certificates"
            )
            self.assert_works(self.identity())
        finally:
            for place in places:
                run("umount", place)

    def test_own_authority_by_either_variable(self):
        https = f"https://localhost:{self.sts.port}"
        for variables in ({"SSL_CERT_FILE": str(self.authority)}, {"AWS_CA_BUNDLE": str(self.authority)}):
            with self.subTest(variables):
                self.assert_works(self.identity(AWS_ENDPOINT_URL_STS=https, **variables))

    # Variables

    def test_values_that_other_aws_tools_take_work(self):
        sts = self.where["sts_endpoint"]
        for variables in (
            {"AWS_RETRY_MODE": "legacy"},
            {"AWS_RETRY_MODE": ""},
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"},
            {"AWS_ENDPOINT_URL_STS": "", "AWS_ENDPOINT_URL": sts},
            {"GOOGLE_APPLICATION_CREDENTIALS": ""},
            {"GCE_METADATA_HOST": "", "GCE_METADATA_IP": ""},
            {"HTTPS_PROXY": "", "HTTP_PROXY": "", "NO_PROXY": ""},
            {"AWS_PROFILE": "", "AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""},
            # Keys of others change nothing.
            {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y"},
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"},
            {"AWS_EC2_METADATA_DISABLED": "true"},
            {"HOME": "/nowhere"},
            {"HOME": None},
        ):
            with self.subTest(variables):
                self.assert_works(self.identity(**variables))

    def test_wrong_values_are_named(self):
        for name, value in (
            ("AWS_RETRY_MODE", "sometimes"),
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_MAX_ATTEMPTS", "many"),
            ("GCE_METADATA_IP", "metadata"),
            ("GCE_METADATA_HOST", "http://metadata/"),
            ("AWS_ROLE_ARN", "demo"),
            ("AWS_ROLE_SESSION_NAME", "two words"),
            ("AWS_ROLE_DURATION_SECONDS", "1h"),
            ("TARGET_AUDIENCE", "two\nlines"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere\r"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/dev/zero"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/"),
            ("AWS_ENDPOINT_URL_STS", "localhost:1"),
        ):
            with self.subTest(name=name, value=value):
                result = self.identity(**{name: value})
                self.assert_fails(result, name)
                self.assertLess(result.seconds, 12)

    def test_bytes_that_are_not_utf_8_cause_no_panic(self):
        for name in (
            "AWS_ROLE_ARN", "TARGET_AUDIENCE", "AWS_REGION", "AWS_ENDPOINT_URL_STS", "AWS_RETRY_MODE", "AWS_PROFILE",
            "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "GCE_METADATA_IP", "HTTPS_PROXY", "NO_PROXY",
            "AWS_CA_BUNDLE", "SSL_CERT_FILE", "HOME", "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_QUOTA_PROJECT", "K_SERVICE",
        ):
            with self.subTest(name):
                self.assertIn(self.identity(**{name: os.fsdecode(b"\xff\xfe")}).returncode, (0, 1))

    def test_a_key_in_place_of_a_path_is_not_shown(self):
        key = pathlib.Path(self.where["key_file"]).read_text()
        secret = json.loads(key)["private_key"].splitlines()[5]
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_CA_BUNDLE", "CLOUDSDK_CONFIG", "SSL_CERT_FILE"):
            for text in (key, json.loads(key)["private_key"]):
                with self.subTest(name, text=text[:10]):
                    result = self.identity(**{name: text})
                    self.assertNotIn(secret, result.stdout + result.stderr)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter_namespaces()
    unittest.main(argv=sys.argv[:1])
