#![no_main]

use aws_google_web_identity::fuzzing;
use libfuzzer_sys::fuzz_target;

// The input is read as an entry in clear, as a sealed entry, and as a session's file.
fuzz_target!(|bytes: &[u8]| fuzzing::cache_entry(bytes));
