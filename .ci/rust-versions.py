"""Fails if a dependency that a user builds requires a newer compiler than Cargo.toml promises."""
import json
import subprocess

every = ["--locked", "--all-features"]
metadata = json.loads(subprocess.check_output(["cargo", "metadata", *every, "--format-version", "1"]))
# The metadata includes what only the tests turn on; the tree doesn't.
lines = subprocess.check_output(
    ["cargo", "tree", *every, "--edges", "normal,build", "--target", "all", "--prefix", "none"], text=True
).splitlines()
built = {tuple(line.split()[:2]) for line in lines if line}


def number(version):
    return tuple(int(part) for part in f"{version}.0.0".split(".")[:3])


stated = {
    package["name"]: package["rust_version"]
    for package in metadata["packages"]
    if package["rust_version"] and (package["name"], f"v{package['version']}") in built
}
ours = stated.pop("aws-google-web-identity")
print(f"rust-version {ours}: {len(stated)} of {len(built) - 1} dependencies state one, {max(stated.values(), key=number)} at most")
newer = [f"{name} needs Rust {version}" for name, version in sorted(stated.items()) if number(version) > number(ours)]
raise SystemExit("\n".join(newer) or 0)
