// The pages are for readers of a code host as well. Their links end at a page's own definitions,
// which are at its bottom, and here at those of `links.md`: in Markdown, the first one counts.
#![doc = include_str!("guide/links.md")]
#![doc = include_str!("../docs/guide/README.md")]

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/sources.md")]
pub mod sources {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/trust_policy.md")]
pub mod trust_policy {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/refresh.md")]
pub mod refresh {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/shared_cache.md")]
pub mod shared_cache {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/many_roles.md")]
pub mod many_roles {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/recipes.md")]
pub mod recipes {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/clouds.md")]
pub mod clouds {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/doctor.md")]
pub mod doctor {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/web_service.md")]
pub mod web_service {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/other_languages.md")]
pub mod other_languages {}
