"""What google-auth and this crate ask for the same credentials file, compared by the emulator's own records.

Usage: records.py EXAMPLES_DIRECTORY

For each type of application default credentials both are run against one emulator. Every difference between their
requests must be listed in EXPECTED with its reason, and every listed one must occur.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from emulator import Emulator

EXAMPLES = pathlib.Path(sys.argv[1])
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Set for both: whose calls count against it is compared too.
QUOTA_PROJECT = "project-of-the-environment"


def requests_to_google(emulator):
    """The requests since the last time, without those to AWS."""
    return [reduced(record) for record in emulator.records() if record["call"] != "Sts"]


def reduced(record):
    """What must be the same: not times, and not who the client says it is."""
    headers = {
        name: value
        for name, value in record["headers"].items()
        if name in ("authorization", "content-type", "metadata-flavor", "x-goog-user-project")
    }
    body = record["body"]
    if isinstance(body.get("assertion"), dict):
        claims = body["assertion"]["claims"]
        claims["span"] = claims.pop("exp") - claims.pop("iat")
        body["assertion"]["header"]["kid"] = bool(body["assertion"]["header"].get("kid"))
    return {
        "call": f"{record['method']} {record['path']}",
        "query": {name: value for name, value in record["query"]},
        "headers": headers,
        "body": body,
    }


def flat(value, name=""):
    if isinstance(value, dict) and value:
        return {k: v for key, part in value.items() for k, v in flat(part, f"{name}.{key}").items()}
    return {name.lstrip("."): value}


def once(records):
    """The example gets a token to show, and one for STS: by the same calls."""
    half = len(records) // 2
    assert records[:half] == records[half:], records
    return records[:half]


def differences(google, ours):
    found = []
    calls = [record["call"] for record in google], [record["call"] for record in ours]
    if calls[0] != calls[1]:
        found.append(f"calls: {' + '.join(calls[0])} | {' + '.join(calls[1])}")
    for theirs in google:
        mine = next((record for record in ours if record["call"] == theirs["call"]), None)
        if mine is None:
            # Of IAM's methods, who calls is the same whichever token is asked for.
            mine = next((record for record in ours if record["call"].split(":")[0] == theirs["call"].split(":")[0]), None)
            if mine is None:
                continue
            theirs, mine = ({"headers": record["headers"]} for record in (theirs, mine))
        one, other = flat(theirs), flat(mine)
        for field in sorted(one.keys() | other.keys()):
            if one.get(field) != other.get(field):
                found.append(f"{field}: {one.get(field)!r} | {other.get(field)!r}")
    return sorted(set(found))


def request():
    from google.auth.transport.requests import Request

    return Request()


def id_token_of(where, target, audience):
    """By impersonation; google-auth lets the endpoint for ID tokens be changed in no other way."""
    from google.auth import iam, impersonated_credentials

    iam._IAM_IDTOKEN_ENDPOINT = where["iam_endpoint"] + "/v1/projects/-/serviceAccounts/{}:generateIdToken"
    credentials = impersonated_credentials.IDTokenCredentials(target, target_audience=audience, include_email=True)
    credentials.refresh(request())


def by_google_auth(where, file):
    from google.auth import _default, identity_pool
    from google.oauth2 import credentials as user_credentials
    from google.oauth2 import id_token

    # It takes no notice of a user's file naming another.
    user_credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = where["token_uri"]

    if file is None or file["type"] == "service_account":
        if file is not None:
            os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = write(file)
        try:
            id_token.fetch_id_token(request(), where["audience"])
        finally:
            os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
        return
    if file["type"] == "external_account":
        # It has no ID token to give, only an access token of the account. As load_credentials_from_dict makes it, which
        # looks for the project's name at a server that isn't here.
        credentials = identity_pool.Credentials.from_info(file, scopes=[SCOPE])
        credentials.with_quota_project_from_environment().refresh(request())
        return
    credentials, _ = _default.load_credentials_from_dict(file, scopes=[SCOPE])
    id_token_of(where, credentials, where["audience"])


def by_this_crate(where, file):
    home = pathlib.Path(DIRECTORY.name, "home")
    home.mkdir(exist_ok=True)
    environment = {
        **where["env"], "HOME": str(home), "TARGET_AUDIENCE": where["audience"], "RUST_LOG": "error",
        "GOOGLE_CLOUD_QUOTA_PROJECT": QUOTA_PROJECT,
    }
    if file is not None:
        del environment["GCE_METADATA_HOST"]
        environment["GOOGLE_APPLICATION_CREDENTIALS"] = write(file)
    result = subprocess.run([EXAMPLES / "identity"], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "role session: arn:aws:sts::" in result.stdout, result.stdout


def write(file):
    path = pathlib.Path(DIRECTORY.name, f"{abs(hash(json.dumps(file)))}.json")
    path.write_text(json.dumps(file))
    return str(path)


def files(where):
    key = json.loads(pathlib.Path(where["key_file"]).read_text())
    user = json.loads(where["authorized_user"])
    robot = where["service_account"]["email"]
    subject = pathlib.Path(DIRECTORY.name, "subject")
    subject.write_text("subject.of.somebody")

    def url(account, method="generateAccessToken"):
        return f"{where['iam_endpoint']}/v1/projects/-/serviceAccounts/{account}:{method}"

    def impersonated(source, **more):
        return {
            "type": "impersonated_service_account", "delegates": [], "source_credentials": source,
            "service_account_impersonation_url": url(robot), **more,
        }

    def external(source):
        return {
            "type": "external_account", "audience": where["pool"], "token_url": where["token_uri"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "universe_domain": "googleapis.com",
            "credential_source": source, "service_account_impersonation_url": url(robot),
        }

    workforce_user = {
        **{name: user[name] for name in ("client_id", "client_secret", "refresh_token")},
        "type": "external_account_authorized_user", "audience": where["workforce_pool"],
        "token_url": where["token_uri"].replace("/token", "/oauthtoken"), "quota_project_id": "demo-project",
    }

    return {
        "metadata server": None,
        "service_account": key,
        "impersonated_service_account, of a service_account": impersonated(key),
        "impersonated_service_account, of an authorized_user": impersonated(user),
        "impersonated_service_account, of an authorized_user with a quota project": impersonated(
            {**user, "quota_project_id": "demo-project"}
        ),
        "impersonated_service_account, of an external_account_authorized_user": impersonated(workforce_user),
        "impersonated_service_account, by a delegate": impersonated(user, delegates=["projects/-/serviceAccounts/" + where["delegate"]]),
        "external_account, of a file": external({"file": str(subject)}),
        "external_account, of a URL": external({
            "url": f"http://{where['metadata_host']}/computeMetadata/v1/instance/service-accounts/default/email",
            "headers": {"Metadata-Flavor": "Google"},
        }),
        "external_account, of a workforce pool": {
            **external({"file": str(subject)}), "audience": where["workforce_pool"],
            "workforce_pool_user_project": "demo-project",
        },
    }


# type: {difference: reason}; what google-auth asks stands before the bar, what this crate asks after it.
EXPECTED = json.loads(pathlib.Path(__file__).with_name("differences.json").read_text())


def normal(text, where):
    """Without what differs from run to run."""
    for name, value in (
        ("<token_uri>", where["token_uri"]), ("<account>", where["service_account"]["email"]),
        ("<unique id>", where["service_account"]["unique_id"]), ("<delegate>", where["delegate"]),
    ):
        text = text.replace(value, name)
    return text


def main():
    failed = False
    with Emulator(EXAMPLES) as emulator:
        where = emulator.where
        os.environ.update(
            NO_PROXY="127.0.0.1", GCE_METADATA_HOST=where["metadata_host"], GCE_METADATA_IP=where["metadata_host"],
            GOOGLE_CLOUD_QUOTA_PROJECT=QUOTA_PROJECT,
        )
        for kind, file in files(where).items():
            by_google_auth(where, file)
            google = requests_to_google(emulator)
            by_this_crate(where, file)
            ours = once(requests_to_google(emulator))
            found = {normal(text, where) for text in differences(google, ours)}
            expected = EXPECTED.get(kind, {})
            for difference in sorted(found - expected.keys()):
                failed = True
                print(f"FAILED  {kind}: not listed: {difference}")
            for difference in sorted(expected.keys() - found):
                failed = True
                print(f"FAILED  {kind}: listed, but there is no such difference: {difference}")
            if found == expected.keys():
                print(f"ok      {kind}: {len(ours)} call(s), {len(found)} difference(s) with a reason")
        for kind in EXPECTED.keys() - files(where).keys():
            failed = True
            print(f"FAILED  {kind}: differences are listed, but it isn't tried")
        for kind in ("gdch_service_account", "of_tomorrow"):
            refused(where, kind)
            print(f"ok      {kind}: refused by this crate, with what works in its place")
    sys.exit(1 if failed else 0)


def refused(where, kind):
    """Types that give no Google ID token."""
    environment = {**where["env"], "TARGET_AUDIENCE": where["audience"]}
    environment["GOOGLE_APPLICATION_CREDENTIALS"] = path = write({"type": kind})
    result = subprocess.run([EXAMPLES / "identity"], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1, result.stdout
    for word in (path, kind, "service_account", "impersonated_service_account"):
        assert word in result.stderr, (word, result.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        DIRECTORY = type("Directory", (), {"name": name})
        main()
