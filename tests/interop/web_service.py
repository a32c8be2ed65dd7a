"""The web service in a real browser: a healthy page, a refusal, an outage, an expired session.

Usage: web_service.py EXAMPLES_DIRECTORY [TEST...]

With the variable SCREENSHOTS, a directory, it keeps pictures of the pages there.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from emulator import Emulator

MARKUP = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


def chromium():
    """The browser, installed if it is missing."""
    if not shutil.which("chromium"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        if subprocess.run(install, stdout=subprocess.DEVNULL).returncode != 0:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return shutil.which("chromium") or sys.exit("there is no chromium, and it cannot be installed")


class Sts(http.server.ThreadingHTTPServer):
    """Passes requests on to the emulator's STS. `change` sees each answer and may replace it."""

    def __init__(self, backend):
        self.backend, self.change, self.asked = backend, lambda status, body: (status, body), 0
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(self.server.backend, body)
            try:
                with urllib.request.urlopen(request) as answer:
                    status, text = answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read().decode()
            status, text = self.server.change(status, text)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass


def error(code, message):
    message = message.replace("<", "&lt;").replace(">", "&gt;")
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


class Service:
    """The running example. A context manager."""

    def __init__(self, examples, *arguments, **variables):
        self.stack = contextlib.ExitStack()
        home = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.log = self.stack.enter_context(open(pathlib.Path(home) / "log", "w+"))
        environment = {"HOME": home, "PORT": "0", "RUST_LOG": "trace,hyper=info", **variables}
        self.process = subprocess.Popen(
            [examples / "web_service", *arguments], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.url = self.process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.stack.close()

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def get(self, path):
        """Status, headers and body."""
        try:
            with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read().decode()


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.examples = pathlib.Path(sys.argv[1])
        cls.chromium = chromium()
        screenshots = os.environ.get("SCREENSHOTS")
        cls.screenshots = pathlib.Path(screenshots) if screenshots else None

    def enter(self, context):
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def service(self, options=(), region="us-east-1"):
        """The service against the emulator's program, with an STS in between."""
        emulator = Emulator(self.examples)
        emulator.command += ["--s3", *options]
        emulator = self.enter(emulator)
        sts = Sts(emulator.where["sts_endpoint"])
        self.addCleanup(sts.server_close)
        self.addCleanup(sts.shutdown)
        variables = {**emulator.where["env"], "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{sts.server_port}"}
        return self.enter(Service(self.examples, **variables)), sts

    def browser(self, url, *options):
        """Output and log of the browser, which gets a profile of its own."""
        with tempfile.TemporaryDirectory() as profile:
            command = [
                self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}", *options, url,
            ]
            environment = {"HOME": profile, "PATH": os.environ["PATH"]}
            result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        # The page's own console, not the browser's complaints about a machine without a desktop.
        console = [line for line in result.stderr.splitlines() if ":CONSOLE" in line]
        self.assertEqual(console, [])
        return result.stdout

    def shown(self, service, name):
        """The page as the browser has it, at both widths."""
        for kind, width, height in (("desktop", 1280, 900), ("phone", 390, 844)):
            size = f"--window-size={width},{height}"
            # A page that is wider than the window would scroll sideways.
            if self.screenshots:
                self.screenshots.mkdir(exist_ok=True, parents=True)
                picture = self.screenshots / f"{name}-{kind}.png"
                tall = f"--window-size={width},{1300 if kind == 'desktop' else 2200}"
                self.browser(service.url, tall, f"--screenshot={picture}", "--hide-scrollbars")
            document = self.browser(service.url, size, "--dump-dom")
        return document

    def assert_no_secret(self, service, *documents):
        for text in (*documents, service.logged()):
            self.assertNotRegex(text, r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}", "a token")
            self.assertNotIn("SecretAccessKey", text)
            # How a session token begins: at AWS today and in the emulator, and at AWS before.
            self.assertNotRegex(text, "IQoJb3JpZ2luX2Vj|FwoGZXIvYXdz", "a session token")

    def test_a_healthy_page_shows_identity_session_hops_and_buckets(self):
        service, sts = self.service()
        issued = []
        sts.change = lambda status, body: issued.append(body) or (status, body)
        page = self.shown(service, "healthy")
        for text in (
            "Credentials are valid", "from the metadata server", "role", "demo-bucket", "Google metadata server",
            "AWS STS", "Amazon S3", "https://accounts.google.com", "Expires in", 'http-equiv="refresh"',
        ):
            self.assertIn(text, page)
        self.assertEqual(len(issued), 1)
        for field in ("SecretAccessKey", "SessionToken"):
            (secret,) = re.findall(f"<{field}>(.*?)</{field}>", issued[0])
            for text in (page, service.logged()):
                self.assertNotIn(secret, text)
        self.assert_no_secret(service, page)
        # The links at the foot of the page.
        for path, body in (("/healthz", {"status": "ok"}), ("/readyz", {"ready": True}),
                           ("/api/buckets", {"buckets": ["demo-bucket"]})):
            self.assertIn(f'href="{path}"', page)
            status, _, text = service.get(path)
            self.assertEqual((status, json.loads(text)), (200, body))
        self.assertIn("request", service.logged())

    def test_every_answer_has_the_security_headers(self):
        with Service(self.examples, "--offline") as service:
            for path in ("/", "/healthz", "/style.css", "/nowhere"):
                _, headers, _ = service.get(path)
                policy = headers["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertNotIn("script-src", policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertEqual(headers["Cache-Control"], "no-store")
            self.assertNotIn("<script", service.get("/")[2])

    def test_without_configuration_it_is_offline_and_a_signal_ends_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Service(self.examples) as service:
                page = self.shown(service, "offline")
                self.assertIn("Offline:", page)
                self.assertIn("reports-2026", page)
                self.assert_no_secret(service, page)
                service.process.send_signal(number)
                self.assertEqual(service.process.wait(timeout=10), 0)

    def test_a_refusal_is_explained_with_the_policy_that_admits(self):
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"accounts.google.com:sub": "100000000000000000009"}}}]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(policy, file)
            file.flush()
            service, _ = self.service([f"--trust-policy={file.name}"])
            page = self.shown(service, "refusal")
        for text in ("No credentials", "AccessDenied", "hint:", "A trust policy that admits this identity"):
            self.assertIn(text, page)
        admits = json.loads(re.search(r'<pre id="policy">(.*?)</pre>', page, re.DOTALL)[1].replace("&quot;", '"'))
        condition = admits["Statement"][0]["Condition"]["StringEquals"]
        self.assertIn(condition["accounts.google.com:sub"], page.split("Account (sub)")[1])
        self.assertEqual(service.get("/readyz")[0], 503)
        self.assertEqual(service.get("/api/buckets")[0], 502)
        self.assertEqual(service.get("/healthz")[0], 200)
        self.assert_no_secret(service, page)

    def test_foreign_text_is_escaped(self):
        service, sts = self.service()
        sts.change = lambda status, body: (400, error("ValidationError", MARKUP))
        page = self.shown(service, "markup")
        self.assertNotIn("owned</title>", page)
        self.assertNotIn("<script", page)
        self.assertNotIn("<img", page)
        self.assertIn("&lt;script&gt;", page)

    def test_an_outage_and_then_an_expired_session(self):
        service, sts = self.service()

        def short(status, body):
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 25))
            return status, re.sub("<Expiration>.*?</Expiration>", f"<Expiration>{end}</Expiration>", body)

        sts.change = short
        self.assertIn("Credentials are valid", service.get("/")[2])
        sts.change = lambda status, body: (503, error("ServiceUnavailable", "down"))
        asked, deadline = sts.asked, time.monotonic() + 60
        while "the refresh fails" not in service.get("/")[2]:
            self.assertLess(time.monotonic(), deadline, service.get("/")[2])
            time.sleep(0.3)
        self.assertGreater(sts.asked, asked)
        page = self.shown(service, "outage")
        # On a slow machine the session may end while the browser draws the page.
        if "the refresh fails" in page and "the refresh fails" in service.get("/")[2]:
            self.assertIn("The session stays in use", page)
            self.assertIn("demo-bucket", page)
        while "The last session expired" not in service.get("/")[2]:
            self.assertLess(time.monotonic(), deadline, service.get("/")[2])
            time.sleep(0.3)
        page = self.shown(service, "expired")
        for text in ("No credentials", "The last session expired", "503"):
            self.assertIn(text, page)
        sts.change = lambda status, body: (status, body)
        deadline = time.monotonic() + 20
        while "Credentials are valid" not in service.get("/")[2]:
            self.assertLess(time.monotonic(), deadline, "it recovers by itself")
            time.sleep(0.3)
        self.assert_no_secret(service, page)

    def test_a_half_configuration_is_an_error_that_names_the_rest(self):
        environment = {"PORT": "0", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/demo"}
        result = subprocess.run(
            [self.examples / "web_service"], env=environment, capture_output=True, text=True, timeout=30
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("TARGET_AUDIENCE", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
