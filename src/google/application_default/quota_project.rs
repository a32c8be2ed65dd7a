//! Access tokens whose calls count against a project that is named
//! ([quota project](https://cloud.google.com/docs/quotas/quota-project)). A person's login needs one: else it is gcloud's own.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::token::{ProvideAccessToken, future};
use std::sync::Arc;

#[derive(Debug)]
struct QuotaProject {
    project: Arc<str>,
    access: Arc<dyn ProvideAccessToken>,
}

/// The same access tokens, their calls against this project, if there is one.
pub(crate) fn charged(
    project: Option<&str>,
    access: Arc<dyn ProvideAccessToken>,
) -> Arc<dyn ProvideAccessToken> {
    match project {
        Some(project) => Arc::new(QuotaProject {
            project: project.into(),
            access,
        }),
        None => access,
    }
}

impl ProvideAccessToken for QuotaProject {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(async {
            let token = self.access.provide_access_token(cx, scope).await?;
            Ok(token.charged_to(self.project.clone()))
        })
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.access.check(cx)
    }
}
