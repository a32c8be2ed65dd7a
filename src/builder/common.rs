//! What the providers of one identity share, for whichever role.

use crate::aws::region;
use crate::aws::sts::{AssumeRole, Sts};
use crate::build_error::BuildError;
use crate::cache::{GuardedCache, KeyBase};
use crate::context::Context;
use crate::exchange::{AzpWatch, Exchange, Sharing};
use crate::names::{Audience, RoleArn, SessionName};
use crate::provider::GoogleWebIdentityProvider;
use crate::refresh::{Calendar, RefreshPolicy};
use crate::token::ProvideIdToken;
use aws_types::region::Region;
use std::sync::Arc;

/// Everything that a provider needs besides its role, parsed and checked.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) cx: Context,
    pub(crate) audience: Audience,
    pub(crate) source: Arc<dyn ProvideIdToken>,
    pub(crate) sts: Sts,
    pub(crate) azp: Arc<AzpWatch>,
    pub(crate) region: Option<Region>,
    pub(crate) cache: Option<Arc<GuardedCache>>,
    pub(crate) refresh_policy: RefreshPolicy,
    pub(crate) calendar: Option<Arc<Calendar>>,
}

impl Common {
    /// Checks that the role has an account id, which servers other than AWS may leave out.
    pub(crate) fn check_account(&self, role_arn: &RoleArn) -> Result<(), BuildError> {
        region::check_account(self.cx.sdk(), role_arn)
    }

    /// A new provider for this role.
    pub(crate) fn provider(&self, role: Arc<AssumeRole>) -> GoogleWebIdentityProvider {
        let sharing = self.cache.clone().map(|cache| Sharing {
            cache,
            keys: keys(&self.cx, self.region.as_ref(), &role, &self.audience),
            policy: self.refresh_policy.clone(),
        });
        let exchange = Exchange {
            cx: self.cx.clone(),
            audience: self.audience.clone(),
            source: self.source.clone(),
            role,
            sts: self.sts.clone(),
            azp: self.azp.clone(),
            sharing,
            calendar: self.calendar.clone(),
        };
        GoogleWebIdentityProvider::new(exchange, self.refresh_policy.clone())
    }
}

/// Everything but the identity that makes a session what it is. What is left out here, two
/// providers that differ in it would share.
fn keys(
    cx: &Context,
    region: Option<&Region>,
    request: &AssumeRole,
    audience: &Audience,
) -> KeyBase {
    let AssumeRole {
        role_arn,
        duration,
        policy,
        policy_arns,
        session_name,
    } = request;
    let region = region.or_else(|| cx.sdk().region());
    let flag = |flag: Option<bool>| flag.map(|flag| [u8::from(flag)]);
    let keys = KeyBase::new()
        .field("role", role_arn.as_str())
        .field("audience", audience.as_str())
        .optional("length", duration.map(|it| it.as_secs().to_be_bytes()))
        .optional("policy", policy.as_deref())
        .optional(
            "session name",
            session_name.as_ref().map(SessionName::as_str),
        )
        .optional("Region", region.map(Region::as_ref))
        // The SDK prefers the one or the other, depending on who set them.
        .optional("endpoint of STS", region::sts_endpoint(cx.sdk()))
        .optional("endpoint", cx.sdk().endpoint_url())
        .optional("FIPS", flag(cx.sdk().use_fips()))
        .optional("dual-stack", flag(cx.sdk().use_dual_stack()));
    policy_arns
        .iter()
        .fold(keys, |keys, arn| keys.field("policy ARN", arn))
}
