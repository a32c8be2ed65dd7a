//! The servers as a client meets them: over a socket, with a client that does nothing by itself.

mod faults;
mod google;
mod helpers;
mod points;
mod sts;
mod whole_way;
