"""A SeaweedFS in a scratch directory: an STS that verifies ID tokens, and an S3 that verifies SigV4 and session tokens."""

import base64
import contextlib
import json
import pathlib
import secrets
import socket
import subprocess
import tempfile
import time

READY_WITHIN = 60


def free_ports(count):
    """Ports that were free a moment ago. weed's gRPC ports are its HTTP ports plus 10,000."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port < 55_000:
                ports.append(port)
        return ports


def role(name, sub, audience, policy):
    """The provider's trust policy is SeaweedFS's own dialect: `oidc:` keys, and the provider by its name."""
    return {
        "roleName": name,
        "roleArn": f"arn:aws:iam::123456789012:role/{name}",
        "attachedPolicies": [policy],
        "trustPolicy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": "accounts.google.com"},
                    "Action": ["sts:AssumeRoleWithWebIdentity"],
                    "Condition": {"StringEquals": {"oidc:sub": sub, "oidc:aud": audience}},
                }
            ],
        },
    }


def configuration(jwks_uri, audience, roles, token_duration):
    everything = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]
    nothing = [{"Effect": "Deny", "Action": ["s3:*"], "Resource": ["*"]}]

    def policy(name, statements):
        return {"name": name, "document": {"Version": "2012-10-17", "Statement": statements}}

    return {
        "sts": {
            "tokenDuration": token_duration,
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [policy("everything", everything), policy("nothing", nothing)],
        "roles": roles,
        "providers": [
            {
                "name": "accounts.google.com",
                "type": "oidc",
                "enabled": True,
                "config": {
                    "issuer": "https://accounts.google.com",
                    "clientId": audience,
                    "jwksUri": jwks_uri,
                },
            }
        ],
    }


class Weed:
    """Started by `with`, and stopped by its process id however the block ends."""

    def __init__(self, program, jwks_uri, audience, roles, token_duration="1h"):
        self.program = program
        self.iam = configuration(jwks_uri, audience, roles, token_duration)
        self.admin = (secrets.token_hex(8), secrets.token_hex(16))

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="weed-")
        try:
            self.start(pathlib.Path(self.scratch.name))
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, scratch):
        self.process = None
        access, secret = self.admin
        identity = {
            "name": "admin",
            "credentials": [{"accessKey": access, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (scratch / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (scratch / "iam.json").write_text(json.dumps(self.iam))
        (scratch / "data").mkdir()
        master, volume, filer, s3 = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{s3}"
        self.log = open(scratch / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [
                self.program, "server", f"-dir={scratch}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                "-filer", "-master.telemetry=false", "-volume.preStopSeconds=0",
                f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
                "-s3", f"-s3.port={s3}", f"-s3.config={scratch}/s3.json",
                f"-s3.iam.config={scratch}/iam.json", "-s3.port.iceberg=0", "-s3.port.lance=0",
            ],
            cwd=scratch, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self):
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.s3().create_bucket(Bucket="photos")
                self.s3().put_object(Bucket="photos", Key="ready", Body=b"")
                return
            except Exception:
                time.sleep(0.2)
        self.log.seek(0)
        raise RuntimeError("SeaweedFS did not start:\n" + self.log.read()[-4000:])

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.log.close()
        self.scratch.cleanup()

    def s3(self):
        """A client of the administrator."""
        import boto3
        from botocore.config import Config

        access, secret = self.admin
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id=access, aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5),
        )
