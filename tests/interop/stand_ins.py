"""Programs that take the place of others on the PATH. They refuse a command that they do not know."""

# It starts what is built already: `cargo run` would build it again, with the features of each program alone.
CARGO = """
case "$*" in
  "run --example quickstart") exec "$TARGET/debug/examples/quickstart" ;;
  "run --example list_buckets"|"run") exec "$TARGET/debug/examples/list_buckets" ;;
  "run -p aws-google-web-identity-emulator --features s3 -- "*)
    shift 6; exec "$TARGET/debug/aws-google-web-identity-emulator" "$@" ;;
  "add "*) exec "$CARGO" "$@" ;;
  # By .ci/run, by web_service.py, and where somebody installs a program.
  "test --workspace --all-features"|"test --all-features --test it faults"|"bench --all-features") ;;
  "run --example web_service -- --offline") ;;
  "install --locked --path cli"|"install --locked --path ../aws-google-web-identity/emulator --features s3") ;;
  *) refuse "$*" ;;
esac
"""


def write(directory, scripts):
    """Writes each script as a program of its name."""
    for name, script in scripts.items():
        path = directory / name
        refuse = f'refuse() {{ echo "{name}: no such command here: $1" >&2; exit 101; }}'
        path.write_text(f"#!/bin/bash\nset -eu\n{refuse}\n{script}\n")
        path.chmod(0o755)
