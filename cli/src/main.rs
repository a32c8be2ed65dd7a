//! The command `aws-google-web-identity`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

fn main() {}
