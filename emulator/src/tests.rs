//! The servers over a socket, with a client that adds nothing of its own.

mod client_setup;
mod exchange;
mod faults;
mod google;
mod helpers;
mod kms;
mod sts;
mod surroundings;
