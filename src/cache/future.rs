//! The futures that [`SessionCache`](super::SessionCache) returns.

use crate::token::future::named_future;

named_future! {
    /// What [`SessionCache::load`](crate::SessionCache::load) returns.
    LoadSession -> Option<crate::cache::SessionEntry>
}
named_future! {
    /// What [`SessionCache::store`](crate::SessionCache::store) returns.
    StoreSession -> ()
}
named_future! {
    /// What [`SessionCache::lease`](crate::SessionCache::lease) returns.
    LeaseSession -> Option<crate::cache::Lease>
}
named_future! {
    /// What [`SessionCache::release`](crate::SessionCache::release) returns.
    ReleaseSession -> ()
}
