//! AWS: STS, the session that it grants, and the trust policy that decides on it.

pub(crate) mod region;
pub(crate) mod sdk_config;
pub(crate) mod session;
pub(crate) mod session_length;
pub(crate) mod session_name;
pub(crate) mod session_policy;
pub(crate) mod sts;
pub mod trust_policy;
