"""The files of deploy/, by the tools of those who apply them; the trust policies, by our own judge.

Usage: deploy.py VENV PROGRAM [TEST...] (the command aws-google-web-identity)
"""

import contextlib
import datetime
import json
import os
import pathlib
import re
import shlex
import shutil
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

import tls
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
            (scratch / "gcloud").write_text(tool + 'case "$*" in *uniqueId*) echo 1 ;; *"config get"*) echo x ;; esac\n')
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

    def commands(self, tool):
        """The tool's commands on the pages and in the trial: the words, without what the shell makes of them."""
        pages = [ROOT / "README.md", DEPLOY / "README.md", DEPLOY / "try_live.sh", *(ROOT / "docs/guide").glob("*.md")]
        for page in pages:
            # A command may be broken by a backslash, in inline code by a new line.
            text = re.sub(r"\\\n\s+" if page.suffix == ".sh" else r"\\?\n\s+", " ", page.read_text())
            for found in re.findall(rf"(?:^|[`(]|run |ask \S+ |persist |remove )({tool} [a-z][^\n`]*)", text, re.M):
                yield page.name, found

    def test_options_of_the_aws_commands_exist(self):
        import botocore.session

        session = botocore.session.get_session()
        checked = 0
        for page, command in self.commands("aws"):
            found = re.match(r"aws (iam|sts|s3api|cloudtrail) ([a-z0-9-]+)(.*)", command)
            if not found:
                self.assertRegex(command, "^aws s3 ls", page)
                continue
            service, operation, arguments = found.groups()
            with self.subTest(page=page, command=command):
                model = session.get_service_model({"s3api": "s3"}.get(service, service))
                name = operation.replace("-", "")
                names = {other.lower(): other for other in model.operation_names}
                self.assertIn(name, names)
                shape = model.operation_model(names[name]).input_shape
                known = {re.sub(r"[^a-z]", "", member.lower()) for member in (shape.members if shape else ())}
                known |= {"output", "query", "region"}
                options = {option.replace("-", "") for option in re.findall(r"--([a-z-]+)", arguments)}
                self.assertLessEqual(options, known)
                if not command.endswith(("\\", operation)) and options:
                    required = {member.lower() for member in (shape.required_members if shape else ())}
                    self.assertLessEqual(required, options)
                checked += 1
        self.assertGreaterEqual(checked, 20)

    def test_options_of_the_gcloud_commands_exist(self):
        gcloud = shutil.which("gcloud")
        table = gcloud and pathlib.Path(gcloud).resolve().parents[1] / "data/cli/gcloud_completions.py"
        if not table or not table.exists():
            self.skipTest("gcloud is not here")
        scope = {}
        exec(compile(table.read_text(), table, "exec"), scope)
        checked = 0
        for page, command in self.commands("gcloud"):
            with self.subTest(page=page, command=command):
                node = scope["STATIC_COMPLETION_CLI_TREE"]
                known = {"--format", "--quiet", "--project"} | set(node["flags"])
                for word in command.split()[1:]:
                    if word not in node["commands"]:
                        break
                    node = node["commands"][word]
                    known |= set(node["flags"])
                self.assertFalse(node["commands"], "no command")
                self.assertLessEqual(set(re.findall(r"(?<!\S)--[a-z-]+", command)), known)
                checked += 1
        self.assertGreaterEqual(checked, 15)


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
            scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            scratch.chmod(0o755)
            program = shutil.copy(PROGRAM, scratch / "program")
            who = {}
            if os.geteuid() == 0:
                who = {"user": pod["securityContext"]["runAsUser"], "group": pod["securityContext"]["runAsGroup"]}
            volumes = {}
            for volume in pod["volumes"]:
                self.assertIn("emptyDir", volume)
                directory = scratch / volume["name"]
                directory.mkdir()
                # As the kubelet makes it: of root and the group fsGroup, for everybody to write.
                if who:
                    os.chown(directory, 0, pod["securityContext"]["fsGroup"])
                directory.chmod(0o2777)
                volumes[volume["name"]] = str(directory)
            where = stack.enter_context(Emulator(PROGRAM.parent / "examples")).where

            def mounted(container, text):
                mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
                # In one pass: the directories of this machine may contain a mount's path.
                return re.sub("|".join(map(re.escape, mounts)), lambda found: mounts[found[0]], text)

            port = str(free_port())

            def variables(container):
                return {
                    entry["name"]: mounted(container, entry["value"]).replace("9911", port)
                    for entry in container.get("env", ())
                }

            self.assertEqual(sidecar["command"], ["/usr/local/bin/aws-google-web-identity"])
            arguments = [mounted(sidecar, argument).replace("9911", port) for argument in sidecar["args"]]
            environment = variables(sidecar) | {
                # What the cluster has and the emulator stands in for.
                "GCE_METADATA_HOST": where["metadata_host"], "AWS_ENDPOINT_URL_STS": where["sts_endpoint"],
                "AWS_ROLE_ARN": where["role_arn"], "TARGET_AUDIENCE": where["audience"],
            }
            log = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen([program, *arguments], env=environment, stdout=log, stderr=log, cwd="/", **who)
            stack.callback(process.wait)
            stack.callback(process.kill)

            def probe(kind):
                """As the kubelet: at the pod's address, not at loopback."""
                with contextlib.suppress(OSError):
                    if "tcpSocket" in sidecar[kind]:
                        self.assertEqual(sidecar[kind]["tcpSocket"]["port"], 9911)
                        socket.create_connection((pod_address(), int(port)), timeout=1).close()
                        return True
                    get = sidecar[kind]["httpGet"]
                    self.assertEqual(get["port"], 9911)
                    address = f"http://{pod_address()}:{port}{get['path']}"
                    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=1) as answer:
                        return answer.status == 200
                return False

            for _ in range(sidecar["startupProbe"]["failureThreshold"] * 4):
                if probe("startupProbe"):
                    break
                time.sleep(0.25)
            else:
                log.seek(0)
                self.fail(log.read())
            self.assertTrue(probe("readinessProbe"))
            self.assertTrue(probe("livenessProbe"))
            # Now the kubelet starts the program, which uses an AWS SDK.
            environment = variables(app)
            token = pathlib.Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
            self.assertEqual(token.stat().st_mode & 0o777, 0o600)
            sdk = (
                "import sys; sys.path[:0] = sys.argv[1].split(':'); import botocore.session as s;"
                "c = s.get_session().get_credentials(); print(c.method, c.get_frozen_credentials().access_key)"
            )
            result = run(sys.executable, "-I", "-c", sdk, ":".join(sys.path[1:]), env=environment, cwd="/", **sdk_user(who))
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, "^container-role ASIA")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], timeout=5)
            refused.exception.close()
            # As the kubelet ends it.
            process.terminate()
            self.assertEqual(process.wait(timeout=5), 0)
            self.assertFalse(token.exists())


def sdk_user(who):
    """The app's user, where that user can run this Python; else our own."""
    with contextlib.suppress(PermissionError):
        if run(sys.executable, "-I", "-c", "", cwd="/", **who).returncode == 0:
            return who
    return {}


def pod_address():
    """An address of this machine besides loopback; no packet is sent. Loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return route.getsockname()[0]


class Image(unittest.TestCase):
    """Plays the image: an empty root with what gcr.io/distroless/cc-debian12 has, and the program as its user."""

    # Of its packages libc6, libgcc-s1 and libstdc++6.
    LIBRARIES = {
        "ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libresolv.so.2",
        "libnss_dns.so.2", "libnss_files.so.2", "libpthread.so.0", "libdl.so.2", "librt.so.1",
    }

    def test_the_program_finds_names_roots_and_time_in_it(self):
        if os.geteuid() != 0:
            self.skipTest("chroot needs root")
        user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.M)
        with contextlib.ExitStack() as stack:
            root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            root.chmod(0o755)
            for program in (PROGRAM, PROGRAM.parent / "examples/web_service"):
                inside = root / "usr/local/bin" / program.name
                inside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(program, inside)
                for line in run("ldd", program).stdout.splitlines():
                    found = re.search(r"(/\S+) \(0x", line)
                    if found:
                        self.assertIn(pathlib.Path(found[1]).name, self.LIBRARIES)
                        library = root / found[1].lstrip("/")
                        library.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(found[1], library)
            certificates = root / "etc/ssl/certs/ca-certificates.crt"
            certificates.parent.mkdir(parents=True)
            (root / "tmp").mkdir()
            (root / "tmp").chmod(0o1777)
            # As distroless has it; a container runtime adds hosts and resolv.conf.
            (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
            (root / "etc/passwd").write_text("nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
            (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
            elsewhere = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            authority, context = tls.certificates(elsewhere)
            where = stack.enter_context(Emulator(PROGRAM.parent / "examples")).where
            front = tls.TlsFront(context)
            front.serve(where["sts_endpoint"])
            environment = {
                "GCE_METADATA_HOST": where["metadata_host"],
                # By a name and by TLS: it must find both in the image.
                "AWS_ENDPOINT_URL_STS": f"https://localhost:{front.port}",
                "AWS_ROLE_ARN": where["role_arn"], "TARGET_AUDIENCE": where["audience"], "AWS_REGION": "eu-west-1",
            }

            environment |= {"PATH": os.environ["PATH"]}

            def inside(program, *arguments):
                return ["chroot", f"--userspec={user[1]}:{user[2]}", root, f"/usr/local/bin/{program}", *arguments]

            def credentials():
                return run(*inside("aws-google-web-identity", "credentials", "--no-cache"), env=environment)

            certificates.write_bytes(authority.read_bytes())
            started = time.monotonic()
            result = credentials()
            print(f"image: first credentials after {time.monotonic() - started:.2f} s", file=sys.stderr)
            self.assertEqual(result.returncode, 0, result.stderr)
            expiration = datetime.datetime.fromisoformat(json.loads(result.stdout)["Expiration"].replace("Z", "+00:00"))
            left = expiration - datetime.datetime.now(datetime.timezone.utc)
            self.assertTrue(3500 < left.total_seconds() <= 3700, left)
            size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
            print(f"image: {size / 1e6:.1f} MB without certificates and time zones", file=sys.stderr)
            self.web_service(inside("web_service"), environment)
            # The certificates come from the image alone.
            certificates.unlink()
            result = credentials()
            self.assertEqual(result.returncode, 1)
            self.assertIn("root certificates", result.stderr)

    def web_service(self, command, environment):
        """It answers, as the first request of a Cloud Run instance finds it, and has credentials."""
        times = []
        for _ in range(5):
            port = free_port()
            started = time.monotonic()
            process = subprocess.Popen(
                command, env=environment | {"PORT": str(port)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                while not self.answers(port, "/healthz"):
                    self.assertIsNone(process.poll())
                    self.assertLess(time.monotonic(), started + 20)
                    time.sleep(0.002)
                times.append(time.monotonic() - started)
                while not self.answers(port, "/readyz"):
                    self.assertLess(time.monotonic(), started + 20)
                    time.sleep(0.01)
                process.terminate()
                self.assertEqual(process.wait(timeout=10), 0)
            finally:
                process.kill()
                process.wait()
        print(f"image: web_service answers {sorted(times)[2] * 1000:.0f} ms after its start", file=sys.stderr)

    def answers(self, port, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError), opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status == 200
        return False


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
