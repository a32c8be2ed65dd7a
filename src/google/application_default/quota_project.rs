//! Access tokens whose calls count against a named project ([quota
//! project](https://cloud.google.com/docs/quotas/quota-project)). A person's login needs one:
//! without it the calls count against gcloud's own project.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::token::{ProvideAccessToken, future};
use std::sync::Arc;

/// The id or number of a project, fit for a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuotaProject(Arc<str>);

impl QuotaProject {
    /// Parses a setting; one of white space is as good as none.
    ///
    /// # Errors
    /// For a text that no header can hold. It isn't shown: it is no project.
    pub(crate) fn parse(setting: &str, text: Option<&str>) -> Result<Option<Self>, BuildError> {
        let text = text.unwrap_or_default().trim();
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true if text.is_empty() => Ok(None),
            true if text.len() <= 255 => Ok(Some(Self(text.into()))),
            _ => Err(BuildError::new(
                setting,
                "is no project: the id or number of a Google Cloud project is expected, without \
                 white space",
            )),
        }
    }
}

#[derive(Debug)]
struct WithQuotaProject {
    project: QuotaProject,
    access: Arc<dyn ProvideAccessToken>,
}

/// The same access tokens, their calls counted against this project, if there is one.
pub(crate) fn with_quota_project(
    project: Option<&QuotaProject>,
    access: Arc<dyn ProvideAccessToken>,
) -> Arc<dyn ProvideAccessToken> {
    match project.cloned() {
        Some(project) => Arc::new(WithQuotaProject { project, access }),
        None => access,
    }
}

impl ProvideAccessToken for WithQuotaProject {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(async {
            let token = self.access.provide_access_token(cx, scope).await?;
            Ok(token.with_quota_project(self.project.0.clone()))
        })
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.access.check(cx)
    }
}
