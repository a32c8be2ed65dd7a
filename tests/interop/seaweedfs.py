"""The examples against SeaweedFS, which verifies what AWS does: the ID token's signature, audience and times, the role's
trust policy, SigV4 and the session token.

Usage: seaweedfs.py WEED_PROGRAM EXAMPLES_DIRECTORY
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

from emulator import Emulator
from weed import Weed, role

WEED, EXAMPLES = sys.argv[1], pathlib.Path(sys.argv[2])
ROLE = "arn:aws:iam::123456789012:role/"


class Case(unittest.TestCase):
    maxDiff = None
    # How long SeaweedFS lets a session live that asks for nothing.
    session_length = "1h"
    # How long an example may take.
    seconds = 60

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.emulator = cls.stack.enter_context(Emulator(EXAMPLES))
        cls.google = cls.emulator.where
        cls.stranger = cls.stack.enter_context(Emulator(EXAMPLES)).where
        audience, sub = cls.google["audience"], cls.google["service_account"]["unique_id"]
        roles = [
            role("demo", sub, audience, "everything"),
            role("powerless", sub, audience, "nothing"),
            role("other-account", "100000000000000000009", audience, "everything"),
        ]
        cls.weed = cls.stack.enter_context(Weed(WEED, cls.google["jwks_uri"], audience, roles, cls.session_length))

    def run_example(self, name, google=None, **variables):
        """Runs it with nothing but these variables, and an empty HOME."""
        google = google or self.google
        environment = {
            "TARGET_AUDIENCE": google["audience"],
            "AWS_ROLE_ARN": ROLE + "demo",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_STS": self.weed.endpoint,
            "AWS_ENDPOINT_URL_S3": self.weed.endpoint,
            "RUST_LOG": "trace",
            **variables,
        }
        with tempfile.TemporaryDirectory() as home:
            environment["HOME"] = home
            result = subprocess.run(
                [EXAMPLES / name], env=environment, capture_output=True, text=True, timeout=self.seconds,
                stdin=subprocess.DEVNULL,
            )
        self.assert_no_secret(result.stderr, google)
        return result

    def by_key(self, google=None):
        return {"GOOGLE_APPLICATION_CREDENTIALS": (google or self.google)["key_file"]}

    def by_metadata(self):
        return {"GCE_METADATA_HOST": self.google["metadata_host"]}

    def by_sign_jwt(self):
        return {
            **self.by_metadata(),
            "IAM_ENDPOINT": self.google["iam_endpoint"],
            "TOKEN_URI": self.google["token_uri"],
        }

    def assert_no_secret(self, logs, google):
        """Neither a line of the key nor the signature of any JWT, at TRACE either."""
        key = json.loads(pathlib.Path(google["key_file"]).read_text())["private_key"]
        for line in key.splitlines()[1:-1]:
            self.assertNotIn(line, logs)
        for word in logs.replace('"', " ").split():
            parts = word.split(".")
            jwt = len(parts) == 3 and all(len(part) > 20 for part in parts) and parts[0].startswith("eyJ")
            self.assertFalse(jwt, "a JWT stands in the logs")

    def explanation(self, result):
        """What a user reads: the message and its causes, without the logs above them."""
        self.assertEqual(result.returncode, 1, result.stderr[-3000:])
        self.assertEqual(result.stdout, "")
        return result.stderr[result.stderr.rindex("\nerror: ") :]


class Works(Case):
    def assert_lists(self, result, azp):
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        answer = json.loads(result.stdout)
        self.assertEqual(sorted(answer), ["output", "token"])
        self.assertIn("photos", answer["output"])
        account = self.google["service_account"]
        token = answer["token"]
        self.assertEqual(
            (token["iss"], token["aud"], token["sub"], token["azp"]),
            ("https://accounts.google.com", self.google["audience"], account["unique_id"], account[azp]),
        )

    def test_a_key_file_lists_buckets(self):
        self.assert_lists(self.run_example("list_buckets", **self.by_key()), "email")
        self.assert_lists(self.run_example("local_key", **self.by_key()), "email")

    def test_the_metadata_server_lists_buckets(self):
        self.assert_lists(self.run_example("list_buckets", **self.by_metadata()), "unique_id")
        self.assert_lists(self.run_example("metadata_server", **self.by_metadata()), "unique_id")

    def test_sign_jwt_lists_buckets(self):
        self.assert_lists(self.run_example("iam_sign_jwt", **self.by_sign_jwt()), "email")

    def test_sign_jwt_as_a_named_account_lists_buckets(self):
        account = {"SERVICE_ACCOUNT": self.google["service_account"]["email"]}
        self.assert_lists(self.run_example("iam_sign_jwt", **account, **self.by_sign_jwt()), "email")

    def test_a_signer_of_ones_own_lists_buckets(self):
        key = json.loads(pathlib.Path(self.google["key_file"]).read_text())["private_key"]
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(key)
            pem.flush()
            result = self.run_example(
                "custom_signer", KEY_PEM=pem.name, PATH=os.environ["PATH"],
                SERVICE_ACCOUNT=self.google["service_account"]["email"],
                TOKEN_URI=self.google["token_uri"],
            )
        self.assert_lists(result, "email")

    def test_a_source_of_ones_own_lists_buckets(self):
        import google.auth.transport.requests
        from google.oauth2 import service_account

        credentials = service_account.IDTokenCredentials.from_service_account_file(
            self.google["key_file"], target_audience=self.google["audience"]
        )
        credentials.refresh(google.auth.transport.requests.Request())
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(credentials.token + "\n")
            file.flush()
            self.assert_lists(self.run_example("custom_source", ID_TOKEN_FILE=file.name), "email")

    def test_gclouds_user_acts_as_the_account_on_a_laptop(self):
        user = json.loads(self.google["authorized_user"])
        grant = urllib.parse.urlencode({
            "grant_type": "refresh_token", "refresh_token": user["refresh_token"],
            "client_id": user["client_id"], "client_secret": user["client_secret"],
        })
        with urllib.request.urlopen(self.google["token_uri"], grant.encode()) as answer:
            access_token = json.load(answer)["access_token"]
        with tempfile.TemporaryDirectory() as programs:
            gcloud = pathlib.Path(programs, "gcloud")
            gcloud.write_text(
                f'#!/bin/sh\n[ "$*" = "auth print-access-token --quiet" ] && echo {access_token} && exit\nexit 1\n'
            )
            gcloud.chmod(0o755)
            account = {
                "SERVICE_ACCOUNT": self.google["service_account"]["email"],
                "IAM_ENDPOINT": self.google["iam_endpoint"],
            }
            result = self.run_example("gcloud_user", PATH=f"{programs}:/usr/bin:/bin", **account)
            self.assert_lists(result, "unique_id")
            self.assertNotIn(access_token, result.stderr)
            gcloud.write_text("#!/bin/sh\nexit 1\n")
            explanation = self.explanation(self.run_example("gcloud_user", PATH=f"{programs}:/usr/bin:/bin", **account))
            for word in ("unavailable", "has `gcloud auth login` signed anybody in"):
                self.assertIn(word, explanation)

    def test_an_object_is_written_and_read(self):
        for way in (self.by_key(), self.by_metadata()):
            result = self.run_example("put_object", S3_BUCKET="photos", **way)
            self.assertEqual(result.returncode, 0, result.stderr[-3000:])
            answer = json.loads(result.stdout)
            self.assertTrue(answer["read_back"])
            stored = self.weed.s3().get_object(Bucket="photos", Key=answer["written"])
            self.assertEqual(stored["Body"].read(), b"written with a Google identity\n")

    def test_session_name_and_length_are_taken(self):
        settings = {"AWS_ROLE_SESSION_NAME": "interop", "AWS_ROLE_DURATION_SECONDS": "900"}
        self.assert_lists(self.run_example("list_buckets", **settings, **self.by_key()), "email")


class IsRefused(Case):
    def assert_explained(self, result, *words):
        # The columns of the table are as wide as its longest name.
        explanation = re.sub(" +", " ", self.explanation(result))
        for word in words:
            self.assertIn(word, explanation)

    def test_a_token_of_another_signer(self):
        result = self.run_example("list_buckets", self.stranger, **self.by_key(self.stranger))
        self.assert_explained(
            result, "AWS STS: ", "AccessDenied", "not found in JWKS", ROLE + "demo",
            "accounts.google.com:sub ",
        )

    def test_a_token_for_another_audience(self):
        result = self.run_example(
            "list_buckets", **{**self.by_key(), "TARGET_AUDIENCE": "https://other.example.com"}
        )
        self.assert_explained(
            result, "AWS STS: ", ROLE + "demo",
            'accounts.google.com:oaud "https://other.example.com"',
        )

    def test_a_token_of_another_account(self):
        result = self.run_example(
            "list_buckets", **self.by_key(), AWS_ROLE_ARN=ROLE + "other-account"
        )
        sub = self.google["service_account"]["unique_id"]
        self.assert_explained(
            result, "AWS STS: denied", "AccessDenied", ROLE + "other-account",
            f'accounts.google.com:sub "{sub}"', "the role's trust policy doesn't admit the token",
        )

    def test_a_role_without_rights(self):
        result = self.run_example(
            "put_object", S3_BUCKET="photos", **self.by_key(), AWS_ROLE_ARN=ROLE + "powerless"
        )
        self.assert_explained(result, "AccessDenied")

    def test_a_configuration_with_several_problems(self):
        result = self.run_example(
            "list_buckets", **{**self.by_key(), "AWS_ROLE_ARN": "demo", "TARGET_AUDIENCE": ""}
        )
        self.assert_explained(
            result, "2 problems in the configuration:", "AWS_ROLE_ARN: ", "TARGET_AUDIENCE: is not set"
        )


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)


if __name__ == "__main__":
    main()
