"""The guide's two commands list a bucket: they are read from the page and run as they stand.

`cargo run` would build both programs again, with the features of each alone, which takes minutes. Here it starts those
that `run` has built, with all features.

Usage: newcomer.py
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import stand_ins

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commands():
    """The block of the page on other languages."""
    page = (ROOT / "docs/guide/testing.md").read_text().split("# A program beside yours")[1]
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return block


def environment(home):
    """That of a new shell, with our `cargo`."""
    programs = pathlib.Path(home) / "bin"
    programs.mkdir()
    stand_ins.write(programs, {"cargo": stand_ins.CARGO})
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    return {"HOME": home, "PATH": f"{programs}:{os.environ['PATH']}", "TARGET": str(target)}


class Newcomer(unittest.TestCase):
    def run_in_shell(self, script):
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as errors:
            # A file, because the emulator keeps stderr open.
            result = subprocess.run(
                ["bash", "-ec", script], cwd=ROOT, env=environment(home), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, text=True, timeout=600,
            )
            errors.seek(0)
            self.assertEqual(result.returncode, 0, errors.read().decode())
        return result.stdout

    def test_the_guide_s_two_commands_list_a_bucket(self):
        block = commands()
        self.assertEqual(len(block.splitlines()), 2)
        output = self.run_in_shell(f"trap 'kill $EMULATOR_PID' EXIT\n{block}")
        self.assertIn('"output":["demo-bucket"]', output)

    def test_boto3_needs_only_the_exported_variables(self):
        first = commands().splitlines()[0]
        program = ROOT / "tests/interop/newcomer.py"
        output = self.run_in_shell(
            f"trap 'kill $EMULATOR_PID' EXIT\n{first}\n{sys.executable} {program} boto3"
        )
        self.assertEqual(output.split(), ["demo-bucket", "hello"])


def boto3_client():
    """What a program in Python does: an ID token, the exchange, S3. Path-style URLs follow from the endpoint."""
    import boto3
    import botocore
    import requests

    config = botocore.config.Config(signature_version=botocore.UNSIGNED)
    identity = "/computeMetadata/v1/instance/service-accounts/default/identity"
    token = requests.get(
        f"http://{os.environ['GCE_METADATA_HOST']}{identity}", params={"audience": os.environ["TARGET_AUDIENCE"]},
        headers={"Metadata-Flavor": "Google"}, timeout=10,
    ).text
    region = os.environ["AWS_REGION"]
    answer = boto3.client("sts", region_name=region, config=config).assume_role_with_web_identity(
        RoleArn=os.environ["AWS_ROLE_ARN"], RoleSessionName="newcomer", WebIdentityToken=token
    )
    credentials = answer["Credentials"]
    s3 = boto3.client(
        "s3", region_name=region, aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"], aws_session_token=credentials["SessionToken"],
    )
    (bucket,) = (bucket["Name"] for bucket in s3.list_buckets()["Buckets"])
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"hello")
    print(bucket, s3.get_object(Bucket=bucket, Key="a.txt")["Body"].read().decode())


if __name__ == "__main__":
    if sys.argv[1:] == ["boto3"]:
        boto3_client()
    else:
        unittest.main()
