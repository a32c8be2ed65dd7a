"""Fails if we implement a trait for another crate's type that isn't listed here.

cargo-check-external-types looks only at our own types. This reads the rustdoc JSON that it leaves.
"""
import json
import pathlib
import sys

ALLOWED = {"aws_credential_types::provider::error::CredentialsError"}

crate = json.loads(pathlib.Path(sys.argv[1]).read_text())
foreign = set()
for item in crate["index"].values():
    implementation = item["inner"].get("impl")
    if item["crate_id"] == 0 and implementation and not implementation["blanket_impl"]:
        path = crate["paths"].get(str(implementation["for"].get("resolved_path", {}).get("id")))
        # Types of the standard library are fine.
        if path and path["crate_id"] != 0 and path["path"][0] not in ("alloc", "core", "std"):
            foreign.add("::".join(path["path"]))
print("traits are implemented for these of other crates:", *sorted(foreign))
raise SystemExit("\n".join(f"unapproved: {path}" for path in sorted(foreign - ALLOWED)) or 0)
