//! The provider as the credentials provider of crates that do not use the AWS SDK.
//!
//! Each adapter implements a trait of a foreign crate. It caches nothing: the refresher does. Its
//! feature carries the crate's version, since these crates break often; a new version gets a module
//! and a feature of its own beside the old one.

#[cfg(feature = "object_store_0_14")]
mod object_store_0_14;
#[cfg(feature = "reqsign_3")]
mod reqsign_3;
