//! docs/faults.md, as the test of the faults writes it.

use super::hops::Way;
use super::menu::Outcome;
use std::fmt::Write as _;
use std::path::Path;

pub struct Row {
    pub fault: &'static str,
    pub outcome: Outcome,
    pub retryable: bool,
}

const INTRODUCTION: &str = "\
# Faults

Each fault below was made at the socket of each hop by the emulator (feature `test-util`), and this page was written by the test that did
so, `tests/it/faults.rs`: it fails when what happens is no longer what is written here. Time was simulated; the configuration was the default
one, outside of Kubernetes (a pod waits longer for its metadata server).

Every fault was made twice, for as long as a whole exchange with all its tries:

- With nothing held, the caller gets an error of the hop's `Stage`. The columns say its `ErrorKind`, how many requests of the exchange the server
  saw, how much time passed, and whether `is_retryable` says that the same call may succeed later. The text of the error has less than 4 KiB and no
  token in it, and memory grew by less than 2 MiB, the client's and the server's together.
- With credentials held, and a refresh due, callers got those held, at once and before, during and after the failing refresh, with their expiry
  unchanged.

Each time the first healthy answer healed it: a minute later the same provider had new credentials. Where a server's answer is good enough
all the same, the table says \"taken\". Redirects were never followed.
";

pub fn written(tables: &[(Way, Vec<Row>)]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for (way, rows) in tables {
        let Way { name, stage, .. } = way;
        let _ = write!(
            page,
            "\n## {name}\n\n`Stage::{stage:?}`\n\n\
             | Fault | With nothing held | Requests | Time | Retryable | With credentials held | Heals |\n\
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

/// Writes the page where `UPDATE_DOCS` says so, else says how it differs from the one that is there.
pub fn update_or_compare(page: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|set| set == "1") {
        return std::fs::write(path, page).map_err(|error| error.to_string());
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    // A checkout on Windows may have other line ends.
    let there = there.replace("\r\n", "\n");
    if there == page {
        return Ok(());
    }
    let same = there.lines().zip(page.lines());
    let line = same.take_while(|(there, tried)| there == tried).count();
    Err(format!(
        "docs/faults.md is not what was tried; write it with UPDATE_DOCS=1 cargo test --all-features --test it faults\n\
         line {}: {:?}, but tried was {:?}",
        line + 1,
        there.lines().nth(line),
        page.lines().nth(line)
    ))
}
