"""Every block of shell commands on our pages, run as it stands.

Our programs and the shell's own tools are the real ones. The clouds' tools, what would build for minutes, and what
would change this machine are stand-ins, which take the commands that are listed here and no others. deploy.py checks
the options of the clouds' tools.

Usage: pages.py TARGET_DIRECTORY [TEST...]
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import stand_ins
from emulator import Emulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(sys.argv[1]).resolve()
SUB = "100000000000000000001"

GCLOUD = f"""
case "$*" in
  *"describe "*uniqueId*) echo {SUB} ;;
  "iam service-accounts "*|"services enable "*|"artifacts repositories "*|"run "*|"app "*) ;;
  *) refuse "$*" ;;
esac
"""

AWS = """
case "$*" in
  "iam get-role "*) cat "$POLICY" ;;
  "s3 ls")
    token=$(cat "${AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE:-/dev/null}")${AWS_CONTAINER_AUTHORIZATION_TOKEN:-}
    curl --silent --fail --header "Authorization: $token" "$AWS_CONTAINER_CREDENTIALS_FULL_URI" |
      grep --quiet SecretAccessKey ;;
  "iam "*) ;;
  *) refuse "$*" ;;
esac
"""

STAND_INS = {
    "gcloud": GCLOUD, "aws": AWS, "cargo": stand_ins.CARGO,
    "kubectl": 'case "$*" in "create namespace "*|"apply "*|"delete namespace "*) ;; *) refuse "$*" ;; esac',
    "docker": 'case "$1" in build|push) ;; *) refuse "$*" ;; esac',
    "systemctl": 'case "$1" in daemon-reload|enable|disable) ;; *) refuse "$*" ;; esac',
    # They would write to /usr/local/bin and /etc.
    "install": 'case "$3" in aws-google-web-identity) ;; *) test -f "$3" || refuse "$*" ;; esac',
    "rm": "for path; do case $path in /etc/systemd/system/aws-*|/usr/local/bin/aws-*) ;; *) refuse $path ;; esac; done",
    "git": 'case "$*" in "diff docs/faults.md") ;; *) refuse "$*" ;; esac',
}


def blocks():
    """Page, line and text of each."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "*.md"], check=True, capture_output=True, text=True).stdout
    for name in listed.split():
        text = (ROOT / name).read_text()
        for found in re.finditer(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.M | re.S):
            yield name, text.count("\n", 0, found.start()) + 1, found[1]


def admitting(sub):
    conditions = {"accounts.google.com:sub": sub, "accounts.google.com:oaud": "https://a.example.com"}
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": conditions}}]}


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        emulator = Emulator(TARGET / "debug/examples")
        emulator.command.append("--s3")
        cls.where = cls.enterClassContext(emulator).where
        cls.policy = cls.command("trust-policy", **cls.where["env"]).stdout

    @staticmethod
    def command(*arguments, **environment):
        program = TARGET / "debug/aws-google-web-identity"
        with tempfile.TemporaryDirectory() as home:
            environment = {"HOME": home, **environment}
            return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True)

    def workplace(self, stack):
        """A folder beside a clone, as the pages suppose, and the environment of a new shell."""
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (scratch / "bin").mkdir()
        stand_ins.write(scratch / "bin", STAND_INS)
        for program in ("aws-google-web-identity", "aws-google-web-identity-emulator"):
            (scratch / "bin" / program).symlink_to(TARGET / "debug" / program)
        (scratch / "aws-google-web-identity").symlink_to(ROOT)
        work = scratch / "work"
        (work / "src").mkdir(parents=True)
        (work / "src/main.rs").write_text("fn main() {}\n")
        (work / "Cargo.toml").write_text('[package]\nname = "work"\nversion = "0.1.0"\nedition = "2024"\n')
        shutil.copytree(ROOT / "deploy", work / "deploy")
        (scratch / "policy.json").write_text(self.policy)
        keep = ("CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN")
        home = pathlib.Path.home()
        return work, {
            "CARGO_HOME": str(home / ".cargo"), "RUSTUP_HOME": str(home / ".rustup"),
            **{name: os.environ[name] for name in keep if name in os.environ},
            **self.where["env"], "HOME": str(work), "PATH": f"{scratch}/bin:{os.environ['PATH']}", "TARGET": str(TARGET),
            "CARGO": shutil.which("cargo"), "POLICY": str(scratch / "policy.json"),
        }

    def check(self, page, line, text):
        with contextlib.ExitStack() as stack:
            work, environment = self.workplace(stack)
            # The pages set names of their own. The servers that the emulator stands in for know only its own.
            own = {name: environment[name] for name in ("AWS_ROLE_ARN", "TARGET_AUDIENCE", "AWS_REGION")}
            script = re.sub(r"^export GOOGLE_APPLICATION_CREDENTIALS=.*\n", "", text, flags=re.M)
            for name, value in own.items():
                script = re.sub(rf"^export {name}=\S+", f"export {name}={value}", script, flags=re.M)
            script = script.replace("UNIQUE_ID", SUB)
            errors = stack.enter_context(tempfile.TemporaryFile())
            # What a block starts beside it keeps the pipe open, and ends with its process group.
            shell = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script], cwd=work, env=environment, stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, start_new_session=True,
            )
            try:
                status = shell.wait(timeout=120)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
            errors.seek(0)
            self.assertEqual(status, 0, f"{page}:{line}\n{text}{errors.read().decode()}")
            if "> trust.json" in text and "get-role" not in text:
                self.admits_only_its_own(work / "trust.json")
            if "xargs sed" in text:
                for path in (work / "deploy").rglob("*.yaml"):
                    self.assertNotRegex(path.read_text(), "PROJECT_ID|ACCOUNT_ID", path)

    def admits_only_its_own(self, policy):
        (statement,) = json.loads(policy.read_text())["Statement"]
        audience = statement["Condition"]["StringEquals"]["accounts.google.com:oaud"]
        for sub, asked, expected in (
            (SUB, audience, 0), ("100000000000000000002", audience, 1), (SUB, "https://other.example.com", 1),
        ):
            checked = self.command("trust-policy", "--check", policy, "--sub", sub, "--audience", asked)
            self.assertEqual(checked.returncode, expected, checked.stderr)

    def test_every_block_runs(self):
        count = 0
        for page, line, text in blocks():
            with self.subTest(page=page, line=line):
                self.check(page, line, text)
            count += 1
        self.assertGreaterEqual(count, 25)

    def test_a_wrong_block_fails(self):
        for text in (
            "aws-google-web-identity no-such-subcommand\n", "cargo run --example no_such_example\n",
            "gcloud no-such-group\n", "kubectl describe pods\n",
            f"cat > trust.json <<JSON\n{json.dumps(admitting('100000000000000000002'))}\nJSON\n",
        ):
            with self.subTest(text), self.assertRaises(AssertionError):
                self.check("a page", 1, text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
