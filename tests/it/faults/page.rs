//! docs/faults.md, as the test writes it.

use super::cases::Outcome;
use super::targets::Target;
use std::fmt::Write as _;
use std::path::Path;

pub struct Row {
    pub fault: &'static str,
    pub outcome: Outcome,
    pub retryable: bool,
}

const INTRODUCTION: &str = "\
# Faults

The test `tests/it/faults.rs` makes each fault below on the connection of each call, with the
emulator, and writes this page. It fails when the behavior differs from this page. Time is
simulated. The configuration is the default one, outside of Kubernetes (a pod waits longer for its
metadata server).

Each fault lasts for a whole exchange with all its attempts, and is made twice:

- With nothing cached, the caller gets an error with the `Stage` of the call. The columns show its
  `ErrorKind`, the number of requests that the server received, the time until the error, and
  `is_retryable`: whether the same call may succeed later. The error's text has less than 4 KiB and
  contains no token. Memory grows by less than 2 MiB, client and server together.
- With credentials cached and a refresh due, callers get the cached credentials at once before,
  during and after the failing refresh, with an unchanged expiry.

Each time the first healthy answer ends the failure: a minute later the same provider has new
credentials. After `Retry-After: 3600` it takes longer: a pause that a server asks for counts up to
15 min, and up to half of the time left while credentials are cached. \"taken\" means that the answer is good enough. Redirects are never followed.
";

pub fn written(tables: &[(Target, Vec<Row>)]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for (target, rows) in tables {
        let (name, stage) = (target.name, target.stage());
        let _ = write!(
            page,
            "\n## {name}\n\n`Stage::{stage:?}`\n\n\
             | Fault | With nothing cached | Requests | Time | Retryable | With credentials cached | Recovers |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            let fault = row.fault;
            let retryable = if row.retryable { "yes" } else { "no" };
            let _ = match row.outcome {
                Outcome::Taken => {
                    writeln!(page, "| {fault} | taken | 1 | none | | replaced | |")
                }
                Outcome::Fails(kind, tries, wait) => writeln!(
                    page,
                    "| {fault} | {kind:?} | {tries} | {wait} | {retryable} | kept | yes |"
                ),
            };
        }
    }
    page
}

/// Writes the page if `UPDATE_DOCS=1`, else compares it with the existing one.
pub fn update_or_compare(page: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|set| set == "1") {
        return std::fs::write(path, page).map_err(|error| error.to_string());
    }
    let existing = std::fs::read_to_string(path).unwrap_or_default();
    // A checkout on Windows may have CRLF.
    let existing = existing.replace("\r\n", "\n");
    if existing == page {
        return Ok(());
    }
    let same = existing.lines().zip(page.lines());
    let line = same.take_while(|(existing, new)| existing == new).count();
    Err(format!(
        "docs/faults.md is outdated; write it with UPDATE_DOCS=1 cargo test --all-features --test it faults\n\
         line {}: {:?}, expected {:?}",
        line + 1,
        existing.lines().nth(line),
        page.lines().nth(line)
    ))
}
