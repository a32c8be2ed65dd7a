"""Lets google-auth, Google's own client, get ID tokens from the emulator in every way that it knows.

Usage: google_auth.py EMULATOR_PROGRAM [ARGUMENT...]

EMULATOR_PROGRAM is the program of the package aws-google-web-identity-emulator.
Needs google-auth, requests, cryptography and pyjwt. Prints one line per way; the exit status is 1 when any way fails.
"""

import json
import os
import subprocess
import sys
import traceback

OTHER_AUDIENCE = "https://other.example.com/a?b=c&d=e f"


def main():
    emulator = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        failed = check(json.loads(emulator.stdout.readline()))
    finally:
        emulator.stdin.close()
        emulator.wait(timeout=10)
    sys.exit(1 if failed else 0)


def check(where):
    """Returns the names of the ways that failed."""
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    # google-auth reads these when it is imported, and only then.
    os.environ["GCE_METADATA_HOST"] = where["metadata_host"]
    os.environ["GCE_METADATA_IP"] = where["metadata_host"]
    failed = []
    for way in (
        fetched_from_metadata,
        metadata_credentials,
        fetched_with_key_file,
        key_file_credentials,
        impersonated,
        impersonated_from_metadata,
    ):
        try:
            for audience in (where["audience"], OTHER_AUDIENCE):
                verify(where, way(where, audience), audience, way.azp(where["service_account"]))
            print(f"ok      {way.__name__}")
        except Exception:
            traceback.print_exc()
            print(f"FAILED  {way.__name__}")
            failed.append(way.__name__)
    try:
        refusals(where)
        print("ok      refusals")
    except Exception:
        traceback.print_exc()
        failed.append("refusals")
    return failed


def azp(choose):
    """What the way's tokens have as `azp`, the claim that AWS reads as `accounts.google.com:aud`."""

    def mark(way):
        way.azp = choose
        return way

    return mark


def is_id(account):
    return account["unique_id"]


def is_email(account):
    return account["email"]


def request():
    from google.auth.transport.requests import Request

    return Request()


def verify(where, token, audience, authorized_party):
    """The signature, times and audience with Google's own function; the rest by hand."""
    from google.oauth2 import id_token

    claims = id_token.verify_token(token, request(), audience, certs_url=where["jwks_uri"])
    assert claims["iss"] == "https://accounts.google.com", claims
    assert claims["sub"] == where["service_account"]["unique_id"], claims
    assert claims["azp"] == authorized_party, claims
    assert claims["exp"] - claims["iat"] == 3600, claims


@azp(is_id)
def fetched_from_metadata(where, audience):
    from google.oauth2 import id_token

    return id_token.fetch_id_token(request(), audience)


@azp(is_id)
def metadata_credentials(where, audience):
    from google.auth import compute_engine

    credentials = compute_engine.IDTokenCredentials(
        request(), audience, use_metadata_identity_endpoint=True
    )
    credentials.refresh(request())
    return credentials.token


@azp(is_email)
def fetched_with_key_file(where, audience):
    from google.oauth2 import id_token

    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = where["key_file"]
    try:
        return id_token.fetch_id_token(request(), audience)
    finally:
        del os.environ["GOOGLE_APPLICATION_CREDENTIALS"]


@azp(is_email)
def key_file_credentials(where, audience):
    from google.oauth2 import service_account

    credentials = service_account.IDTokenCredentials.from_service_account_file(
        where["key_file"], target_audience=audience
    )
    credentials.refresh(request())
    return credentials.token


def impersonate(where, source, audience, account=None):
    """The account impersonates itself unless told otherwise: the emulator's default account may."""
    from google.auth import iam, impersonated_credentials

    # `iam_endpoint_override` is ignored for ID tokens.
    iam._IAM_IDTOKEN_ENDPOINT = (
        where["iam_endpoint"] + "/v1/projects/-/serviceAccounts/{}:generateIdToken"
    )
    target = impersonated_credentials.Credentials(
        source_credentials=source,
        target_principal=account or where["service_account"]["email"],
        target_scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )
    credentials = impersonated_credentials.IDTokenCredentials(
        target, target_audience=audience, include_email=True
    )
    credentials.refresh(request())
    return credentials.token


def key_file_source(where):
    from google.oauth2 import service_account

    return service_account.Credentials.from_service_account_file(
        where["key_file"], scopes=["https://www.googleapis.com/auth/iam"]
    )


@azp(is_id)
def impersonated(where, audience):
    return impersonate(where, key_file_source(where), audience)


@azp(is_id)
def impersonated_from_metadata(where, audience):
    from google.auth import compute_engine

    return impersonate(where, compute_engine.Credentials(), audience)


def refusals(where):
    """What the emulator refuses, google-auth reports."""
    from google.auth import crypt, exceptions
    from google.oauth2 import service_account

    with open(where["key_file"], encoding="utf-8") as file:
        info = json.load(file)
    other_key = crypt.RSASigner.from_string(new_key(), info["private_key_id"])
    forged = service_account.IDTokenCredentials(
        other_key, info["client_email"], info["token_uri"], where["audience"]
    )
    expect(exceptions.RefreshError, "Invalid JWT Signature.", lambda: forged.refresh(request()))
    someone = "someone@demo-project.iam.gserviceaccount.com"
    expect(
        exceptions.RefreshError,
        "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).",
        lambda: impersonate(where, key_file_source(where), where["audience"], someone),
    )


def new_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def expect(kind, words, act):
    try:
        act()
    except kind as error:
        assert words in str(error), error
        return
    raise AssertionError(f"no error with {words!r}")


if __name__ == "__main__":
    main()
