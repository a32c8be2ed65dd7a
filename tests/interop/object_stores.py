"""object_store and opendal against SeaweedFS: uploads across a rotation of the session, many small reads, presigned URLs.

Usage: object_stores.py WEED_PROGRAM EXAMPLES_DIRECTORY

The variable READS sets how many small reads each makes.
"""

import concurrent.futures
import os
import sys
import time
import unittest
import urllib.error
import urllib.request

from seaweedfs import ROLE, Case

CRATES = ("object_store", "opendal")


class WhileTheSessionRotates(Case):
    # The provider replaces a session when a third of it is left, here 12 s. reqsign refuses one that
    # has less than 10 s left.
    session_length = "36s"
    # Debug builds read some 100 a second on two busy cores.
    reads = int(os.environ.get("READS", "300"))
    seconds = 60 + reads // 10

    def test_parts_are_written_and_read(self):
        def run(name):
            start = time.monotonic()
            result = self.run_example(
                name, S3_BUCKET="photos", OBJECT_MIB="12", ROTATE="1", ROUNDS=str(self.reads), RUST_LOG="info",
                **self.by_metadata()
            )
            return name, result, time.monotonic() - start

        self.emulator.records()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            results = list(threads.map(run, CRATES))
        exchanges = sum(record["call"] == "MetadataIdentity" for record in self.emulator.records())
        for name, result, seconds in results:
            with self.subTest(name):
                self.assertEqual(result.returncode, 0, result.stderr[-3000:])
                self.assertIn(f"wrote and read {12 << 20} bytes", result.stdout)
                print(f"{name}: {self.reads} reads and an upload over a rotation in {seconds:.0f} s", file=sys.stderr)
        # One for each session of both programs, not one for each request.
        self.assertGreaterEqual(exchanges, 4, "a session did not rotate")
        self.assertLessEqual(exchanges, 12 + 2 * max(seconds for _, _, seconds in results) / 20)


class WithOneSession(Case):
    def test_a_refusal_is_explained(self):
        for name in CRATES:
            with self.subTest(name):
                result = self.run_example(
                    name, S3_BUCKET="photos", AWS_ROLE_ARN=ROLE + "other-account", **self.by_metadata()
                )
                explanation = self.explanation(result)
                for word in ("AWS STS: denied", "accounts.google.com:sub", self.google["service_account"]["unique_id"]):
                    self.assertIn(word, explanation)

    def test_reqsign_logs_the_refusal_that_its_chain_drops(self):
        result = self.run_example(
            "opendal", S3_BUCKET="photos", AWS_ROLE_ARN=ROLE + "other-account", RUST_LOG="aws_google_web_identity=warn",
            **self.by_metadata()
        )
        log = result.stderr[: result.stderr.rindex("\nerror: ")]
        for word in ("WARN", "AWS STS: denied", "accounts.google.com:sub", "hint: "):
            self.assertIn(word, log)

    def test_a_role_without_rights_is_refused_by_s3(self):
        for name in CRATES:
            with self.subTest(name):
                result = self.run_example(
                    name, S3_BUCKET="photos", AWS_ROLE_ARN=ROLE + "powerless", **self.by_metadata()
                )
                self.assertIn("AccessDenied", self.explanation(result))

    def test_a_presigned_url_is_read_by_anybody(self):
        for name in CRATES:
            with self.subTest(name):
                result = self.run_example(
                    name, S3_BUCKET="photos", OBJECT_MIB="1", PRESIGN="1", **self.by_metadata()
                )
                self.assertEqual(result.returncode, 0, result.stderr[-3000:])
                url = result.stdout.splitlines()[-1]
                self.assertIn("X-Amz-Security-Token=", url)
                with urllib.request.urlopen(url, timeout=10) as answer:
                    self.assertEqual(answer.read(), b"x" * (1 << 20))
                forged = url.replace("-example?", "-examplE?")
                self.assertNotEqual(forged, url)
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(forged, timeout=10)
                self.assertEqual(refused.exception.code, 403)
                refused.exception.close()


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)


if __name__ == "__main__":
    main()
