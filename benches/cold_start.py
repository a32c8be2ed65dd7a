"""The first credentials of a process by google-auth and boto3, against the same far servers as cold_start.rs.

Usage: cold_start.py, from the project's root. Needs the packages of tests/interop/requirements.txt, and builds and
starts the bench in order to be served.
"""

import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 15


def main():
    command = ["cargo", "bench", "--quiet", "--all-features", "--bench", "cold_start", "--", "--serve"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        run(json.loads(server.stdout.readline()))
    finally:
        server.stdin.close()
        server.wait(timeout=10)


def run(where):
    # Both libraries read these when they are imported, or when they first connect.
    os.environ.update(
        REQUESTS_CA_BUNDLE=where["ca"],
        AWS_CA_BUNDLE=where["ca"],
        NO_PROXY="127.0.0.1",
        GCE_METADATA_HOST=where["metadata_host"],
        GCE_METADATA_IP=where["metadata_host"],
        AWS_EC2_METADATA_DISABLED="true",
    )
    from google.auth import compute_engine
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    def from_a_key():
        return service_account.IDTokenCredentials.from_service_account_file(
            where["key"], target_audience=where["audience"]
        )

    def from_the_metadata_server():
        return compute_engine.IDTokenCredentials(
            Request(), where["audience"], use_metadata_identity_endpoint=True
        )

    for make, at_least in ((from_a_key, 6), (from_the_metadata_server, 3)):
        times = [timed(where, make, Request) for _ in range(ROUNDS)]
        trips = statistics.median(times) * 1000 / where["round_trip_ms"]
        name = make.__name__.replace("_", " ")
        print(f"google-auth and boto3, {name}: {trips:.2f} round trips of {at_least}; time / serial minimum: {trips / at_least:.2f}")


def timed(where, make, request):
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    start = time.perf_counter()
    credentials = make()
    credentials.refresh(request())
    sts = boto3.session.Session().client(
        "sts", region_name="us-east-1", endpoint_url=where["sts"], config=Config(signature_version=UNSIGNED)
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=where["role"], RoleSessionName="bench", WebIdentityToken=credentials.token
    )
    assert answer["Credentials"]["SessionToken"]
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
