"""The files of deploy/, by the tools of those who apply them; the trust policies, by our own judge.

Usage: deploy.py VENV PROGRAM (the command aws-google-web-identity)
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import hcl2
import yaml

from emulator import Emulator

VENV, PROGRAM = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
AUDIENCE = "https://aws-from-google.example.com"
SUB = "100000000000000000001"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **options)


class Files(unittest.TestCase):
    def assert_clean(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_shell_scripts(self):
        listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard").stdout.split("\n")
        scripts = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
        scripts = [path for path in scripts if path.read_bytes()[:30].split(b"\n")[0].endswith((b"bash", b"/sh"))]
        self.assertIn(DEPLOY / "try_live.sh", scripts)
        self.assertIn(ROOT / ".ci/run", scripts)
        self.assert_clean(run(VENV / "bin/shellcheck", *scripts))

    def test_dockerfile(self):
        self.assert_clean(run(VENV / "bin/hadolint", DEPLOY / "Dockerfile"))

    def test_kubernetes(self):
        files = sorted((DEPLOY / "gke").glob("*.yaml"))
        self.assertEqual(len(files), 3)
        self.assert_clean(run(VENV / "bin/kubernetes-validate", "--strict", *files))

    def test_systemd_unit(self):
        if not os.path.exists("/usr/bin/systemd-analyze"):
            self.fail("systemd-analyze is not here: install systemd")
        with tempfile.TemporaryDirectory() as scratch:
            unit = (DEPLOY / "compute_engine/aws-google-web-identity@.service").read_text()
            self.assertIn("ExecStart=/usr/local/bin/aws-google-web-identity ", unit)
            # It must name a program that is there.
            unit = unit.replace("/usr/local/bin/aws-google-web-identity", str(PROGRAM))
            path = pathlib.Path(scratch) / "aws-google-web-identity@.service"
            path.write_text(unit)
            instance = path.with_name("aws-google-web-identity@games.service")
            instance.symlink_to(path)
            result = run("systemd-analyze", "verify", "--man=no", instance)
            self.assertEqual(result.returncode, 0, result.stderr)
            about_ours = [line for line in result.stderr.splitlines() if "aws-google-web-identity" in line]
            self.assertEqual(about_ours, [])

    def test_cloud_run_and_app_engine(self):
        service = yaml.safe_load((DEPLOY / "cloud_run/service.yaml").read_text())
        template = service["spec"]["template"]
        # Without these the background refresh stands still between requests.
        self.assertEqual(template["metadata"]["annotations"]["run.googleapis.com/cpu-throttling"], "false")
        job = yaml.safe_load((DEPLOY / "cloud_run/job.yaml").read_text())
        job = job["spec"]["template"]["spec"]["template"]["spec"]
        app = yaml.safe_load((DEPLOY / "app_engine/app.yaml").read_text())
        accounts = {template["spec"]["serviceAccountName"], job["serviceAccountName"], app["service_account"]}
        self.assertEqual(accounts, {"aws-from-google@PROJECT_ID.iam.gserviceaccount.com"})
        for environment in (
            {entry["name"]: entry["value"] for entry in template["spec"]["containers"][0]["env"]},
            {entry["name"]: entry["value"] for entry in job["containers"][0]["env"]},
            app["env_variables"],
        ):
            self.assertEqual(set(environment), {"AWS_ROLE_ARN", "TARGET_AUDIENCE", "AWS_REGION"})
            self.assertEqual(environment["TARGET_AUDIENCE"], AUDIENCE)


class TrustPolicies(unittest.TestCase):
    """Each admits the account and the audience that it names, and no other."""

    def is_admitted(self, policy, sub=SUB, audience=AUDIENCE):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "trust.json"
            path.write_text(policy if isinstance(policy, str) else json.dumps(policy))
            result = run(
                PROGRAM, "trust-policy", "--check", path, "--sub", sub, "--audience", audience,
                env={"HOME": scratch, "AWS_REGION": "us-east-1"},
            )
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result.returncode == 0

    def assert_admits_one(self, policy):
        self.assertTrue(self.is_admitted(policy))
        self.assertFalse(self.is_admitted(policy, sub="100000000000000000002"))
        self.assertFalse(self.is_admitted(policy, audience="https://other.example.com"))

    def test_terraform(self):
        parsed = hcl2.loads((DEPLOY / "terraform/aws.tf").read_text())
        text = json.dumps(parsed)
        for name, value in (
            ("${google_service_account.this.unique_id}", SUB), ("${var.audience}", AUDIENCE),
        ):
            self.assertIn(name, text)
            text = text.replace(name, value)
        parsed = json.loads(text)

        def plain(value):
            return value.strip('"') if isinstance(value, str) else [plain(item) for item in value]

        document = next(
            block for entry in parsed["data"] for kind, block in entry.items() if plain(kind) == "aws_iam_policy_document"
        )
        (statement,) = next(iter(document.values()))["statement"]
        conditions = {}
        for condition in statement["condition"]:
            conditions.setdefault(plain(condition["test"]), {})[plain(condition["variable"])] = plain(condition["values"])
        (principals,) = statement["principals"]
        self.assert_admits_one({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": plain(statement["actions"]),
                "Principal": {plain(principals["type"]): plain(principals["identifiers"])},
                "Condition": conditions,
            }],
        })

    def test_the_command_of_the_readme(self):
        command = re.search(r"^(aws-google-web-identity trust-policy .*) > trust.json$", readme(), re.M).group(1)
        arguments = shlex.split(command.replace("UNIQUE_ID", SUB))[1:]
        with tempfile.TemporaryDirectory() as home:
            result = run(PROGRAM, *arguments, env={"HOME": home})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_admits_one(result.stdout)

    def test_a_policy_without_sub_admits_others(self):
        # The check itself can fail.
        policy = {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": "accounts.google.com"},
                "Condition": {"StringEquals": {"accounts.google.com:oaud": AUDIENCE}},
            }],
        }
        self.assertTrue(self.is_admitted(policy, sub="100000000000000000002"))


def readme():
    return (DEPLOY / "README.md").read_text()


class Commands(unittest.TestCase):
    def test_the_trial_prints_its_commands_and_undoes_each(self):
        with tempfile.TemporaryDirectory() as home:
            result = run(
                DEPLOY / "try_live.sh", "--dry-run", PROGRAM, env={"HOME": home, "PATH": os.environ["PATH"]}
            )
            self.assertEqual(result.returncode, 0, result.stderr)
        steps = (result.stdout + result.stderr).splitlines()
        made = [step for step in steps if re.search(r" (create|create-role|create-bucket|put-role-policy) ", step)]
        undone = [step for step in steps if " delete" in step]
        self.assertEqual(len(made), 4, steps)
        self.assertEqual(len(undone), 4, steps)

    def test_a_trial_that_fails_half_way_removes_what_it_made(self):
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            log = scratch / "log"
            # Stand-ins that note what they are asked. The bucket can't be made.
            tool = '#!/bin/sh\necho "$(basename "$0") $*" >>"%s"\n' % log
            (scratch / "gcloud").write_text(tool + 'case "$*" in *uniqueId*) echo 1 ;; *get-value*) echo x ;; esac\n')
            (scratch / "aws").write_text(
                tool + 'case "$*" in *get-caller-identity*) echo 1 ;; *create-bucket*) exit 1 ;; esac\n'
            )
            for name in ("gcloud", "aws"):
                (scratch / name).chmod(0o755)
            path = f"{scratch}:{os.environ['PATH']}"
            result = run(DEPLOY / "try_live.sh", "--yes", PROGRAM, env={"HOME": str(scratch), "PATH": path})
            self.assertNotEqual(result.returncode, 0)
            asked = log.read_text()
        for undone in ("iam delete-role-policy", "iam delete-role ", "s3api delete-bucket", "service-accounts delete"):
            self.assertIn(undone, asked)

    def test_options_of_the_aws_commands_exist(self):
        import botocore.session

        session = botocore.session.get_session()
        text = readme() + (DEPLOY / "try_live.sh").read_text().replace("\\\n", " ")
        found = re.findall(r"\baws (iam|sts|s3api) ([a-z0-9-]+)((?: +(?:--[a-z-]+|[^\s|)&]+))*)", text)
        self.assertGreaterEqual(len(found), 12)
        for service, operation, arguments in found:
            with self.subTest(service=service, operation=operation):
                model = session.get_service_model({"s3api": "s3"}.get(service, service))
                name = "".join(part.capitalize() for part in operation.split("-"))
                names = {other.lower(): other for other in model.operation_names}
                self.assertIn(name.lower(), names)
                shape = model.operation_model(names[name.lower()]).input_shape
                known = {re.sub(r"[^a-z]", "", member.lower()) for member in (shape.members if shape else ())}
                known |= {"output", "query", "region"}
                for option in re.findall(r"--([a-z-]+)", arguments):
                    self.assertIn(option.replace("-", ""), known)


class Sidecar(unittest.TestCase):
    """Plays the two containers of the GKE manifest as two processes, with its mounts, variables and probes."""

    def test_the_program_gets_credentials_from_the_sidecar(self):
        manifest = next(
            document
            for document in yaml.safe_load_all((DEPLOY / "gke/sidecar.yaml").read_text())
            if document["kind"] == "Deployment"
        )
        pod = manifest["spec"]["template"]["spec"]
        (sidecar,), (app,) = pod["initContainers"], pod["containers"]
        self.assertEqual(sidecar["restartPolicy"], "Always")
        with contextlib.ExitStack() as stack:
            volumes = {
                volume["name"]: stack.enter_context(tempfile.TemporaryDirectory()) for volume in pod["volumes"]
            }
            where = stack.enter_context(Emulator(PROGRAM.parent / "examples")).where

            def mounted(container, text):
                mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
                # In one pass: the directories of this machine may contain a mount's path.
                return re.sub("|".join(map(re.escape, mounts)), lambda found: mounts[found[0]], text)

            def variables(container):
                return {entry["name"]: mounted(container, entry["value"]) for entry in container.get("env", ())}

            port = free_port()
            arguments = [mounted(sidecar, argument).replace("9911", str(port)) for argument in sidecar["args"]]
            environment = variables(sidecar) | {
                # What the cluster has and the emulator stands in for.
                "GCE_METADATA_HOST": where["metadata_host"], "AWS_ENDPOINT_URL_STS": where["sts_endpoint"],
                "AWS_ROLE_ARN": where["role_arn"], "TARGET_AUDIENCE": where["audience"],
            }
            process = subprocess.Popen(
                [PROGRAM, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            probe = sidecar["startupProbe"]
            for _ in range(probe["failureThreshold"] * 4):
                with contextlib.suppress(OSError):
                    address = f"http://127.0.0.1:{port}{probe['httpGet']['path']}"
                    if urllib.request.urlopen(address, timeout=2).status == 200:
                        break
                time.sleep(0.25)
            else:
                process.kill()
                self.fail(process.stderr.read())
            # Now the kubelet starts the program.
            environment = variables(app)
            uri = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"].replace("9911", str(port))
            token = pathlib.Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
            self.assertEqual(token.stat().st_mode & 0o777, 0o600)
            request = urllib.request.Request(uri, headers={"Authorization": token.read_text()})
            credentials = json.load(urllib.request.urlopen(request, timeout=5))
            self.assertTrue(credentials["AccessKeyId"].startswith("ASIA"))
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(uri, timeout=5)
            # As the kubelet ends it.
            process.terminate()
            self.assertEqual(process.wait(timeout=5), 0)
            self.assertFalse(token.exists())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
