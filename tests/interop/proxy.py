"""Through a proxy that others wrote, tinyproxy: Google's hosts and STS by HTTPS_PROXY, with a password, NO_PROXY respected,
the metadata server never.

Usage: proxy.py TINYPROXY_PROGRAM EXAMPLES_DIRECTORY
"""

import base64
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from emulator import Emulator
from tls import TlsFront, certificates

TINYPROXY, EXAMPLES = sys.argv[1], pathlib.Path(sys.argv[2])
PASSWORD = "correct-horse-battery"


class Tinyproxy:
    def __init__(self, directory):
        self.log = directory / "tinyproxy.log"
        self.configuration = directory / "tinyproxy.conf"

    def __enter__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.configuration.write_text(
            f"Port {self.port}\nListen 127.0.0.1\nTimeout 30\nLogFile \"{self.log}\"\nLogLevel Info\n"
            f"MaxClients 20\nAllow 127.0.0.1\nBasicAuth robot {PASSWORD}\n"
        )
        self.process = subprocess.Popen([TINYPROXY, "-d", "-c", self.configuration], stdout=subprocess.DEVNULL)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("tinyproxy doesn't listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)

    def url(self, password=PASSWORD):
        return f"http://robot:{password}@127.0.0.1:{self.port}"

    def asked_since(self, mark=0):
        """The requests in its log."""
        lines = self.log.read_text().splitlines()[mark:]
        return [line.split("Request (file descriptor", 1)[1] for line in lines if "Request (file descriptor" in line]

    def mark(self):
        return len(self.log.read_text().splitlines())


class Proxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cls.authority, context = certificates(directory)
        cls.token, cls.sts = TlsFront(context), TlsFront(context)
        token_uri = f"https://localhost:{cls.token.port}/token"
        cls.where = stack.enter_context(Emulator(EXAMPLES, TOKEN_URI=token_uri)).where
        cls.token.serve(cls.where["token_uri"])
        cls.sts.serve(cls.where["sts_endpoint"])
        key = json.loads(pathlib.Path(cls.where["key_file"]).read_text())
        cls.key_file = directory / "key.json"
        cls.key_file.write_text(json.dumps({**key, "token_uri": token_uri}))
        cls.proxy = stack.enter_context(Tinyproxy(directory))

    def run_identity(self, **variables):
        mark = self.proxy.mark()
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        environment = {
            "HOME": home.name, "SSL_CERT_FILE": str(self.authority), "RUST_LOG": "trace",
            "TARGET_AUDIENCE": self.where["audience"], "AWS_ROLE_ARN": self.where["role_arn"],
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": f"https://localhost:{self.sts.port}",
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file), **variables,
        }
        environment = {name: value for name, value in environment.items() if value}
        result = subprocess.run(
            [EXAMPLES / "identity"], env=environment, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )
        return result, self.proxy.asked_since(mark)

    def assert_hidden(self, result, password):
        """Neither as it is nor as the header for the proxy has it."""
        shown = result.stdout + result.stderr
        self.assertNotIn(password, shown)
        self.assertNotIn(base64.b64encode(f"robot:{password}".encode()).decode(), shown)

    def assert_works(self, result):
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertIn("role session: arn:aws:sts::", result.stdout)

    def explanation(self, result):
        self.assertEqual(result.returncode, 1, result.stderr[-3000:])
        return result.stderr[result.stderr.rindex("\nerror: ") :]

    def test_google_and_sts_are_reached_through_the_proxy_with_its_password(self):
        result, asked = self.run_identity(HTTPS_PROXY=self.proxy.url())
        self.assert_works(result)
        for port in (self.token.port, self.sts.port):
            self.assertTrue(any(f"CONNECT localhost:{port}" in line for line in asked), asked)
        self.assert_hidden(result, PASSWORD)

    def test_a_wrong_password_is_an_error_that_names_the_host_and_shows_no_password(self):
        result, asked = self.run_identity(HTTPS_PROXY=self.proxy.url("wrong-password"))
        explanation = self.explanation(result)
        for word in (
            f"https://localhost:{self.token.port}", f'the proxy "127.0.0.1:{self.proxy.port}", named by HTTPS_PROXY',
            "are its user and password right",
        ):
            self.assertIn(word, explanation)
        # The SDK's client drops the proxy's 407; that it was the proxy that refused is left.
        self.assertTrue(any(f"CONNECT localhost:{self.token.port}" in line for line in asked), asked)
        self.assert_hidden(result, "wrong-password")

    def test_a_proxy_that_is_not_there_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        result, _ = self.run_identity(HTTPS_PROXY=f"http://robot:{PASSWORD}@127.0.0.1:{port}")
        explanation = self.explanation(result)
        for word in (
            f"https://localhost:{self.token.port}", f'through the proxy "127.0.0.1:{port}", named by HTTPS_PROXY', "refused",
        ):
            self.assertIn(word, explanation)
        self.assert_hidden(result, PASSWORD)

    def test_hosts_of_no_proxy_are_reached_directly(self):
        result, asked = self.run_identity(HTTPS_PROXY=self.proxy.url(), NO_PROXY="localhost")
        self.assert_works(result)
        self.assertEqual(asked, [])

    def test_the_metadata_server_is_never_asked_through_a_proxy(self):
        result, asked = self.run_identity(
            HTTPS_PROXY=self.proxy.url(), HTTP_PROXY=self.proxy.url(), ALL_PROXY=self.proxy.url(),
            GOOGLE_APPLICATION_CREDENTIALS="", GCE_METADATA_HOST=self.where["metadata_host"],
        )
        self.assert_works(result)
        self.assertTrue(asked)
        for line in asked:
            self.assertIn(f"CONNECT localhost:{self.sts.port}", line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
