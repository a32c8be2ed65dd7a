//! The error of a configuration.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// All problems of a configuration. Each names its setter, variable or file, the value and the
/// rule.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use aws_google_web_identity::GoogleWebIdentityProvider;
///
/// let error = GoogleWebIdentityProvider::builder("demo").audience("").build().await.unwrap_err();
/// let settings: Vec<_> = error.problems().iter().map(|problem| problem.setting()).collect();
/// assert_eq!(settings[..2], ["role_arn", "audience"]);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BuildError {
    problems: Vec<Problem>,
}

/// One problem of a configuration.
#[derive(Clone, Debug)]
pub struct Problem {
    setting: String,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// The setter, environment variable, profile key or file that is at fault.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The value, the rule that it breaks, and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cause, such as an error of the file system.
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl BuildError {
    /// Makes an error with one problem, for the `check` of your own source or signer.
    ///
    /// `setting` names what is at fault. `message` has the value, the rule and the next step.
    pub fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            problems: vec![Problem {
                setting: setting.into(),
                message: message.into(),
                source: None,
            }],
        }
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.source = Some(Arc::from(source.into()));
        }
        self
    }

    /// Names the setter that got the value, in place of the value's own type.
    pub(crate) fn of(mut self, setting: &str) -> Self {
        for problem in &mut self.problems {
            problem.setting = setting.to_owned();
        }
        self
    }

    pub(crate) fn and(mut self, other: BuildError) -> Self {
        self.problems.extend(other.problems);
        self
    }

    /// The problems, at least one, in the order in which `build` found them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problems[..] {
            [problem] => write!(f, "{problem}"),
            problems => {
                write!(f, "{} problems in the configuration:", problems.len())?;
                for problem in problems {
                    write!(f, "\n  - {problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl StdError for BuildError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.problems.iter().find_map(Problem::source)
    }
}

/// Collects problems, so that one error reports all of them.
#[derive(Debug, Default)]
pub(crate) struct Problems(Option<BuildError>);

impl Problems {
    pub(crate) fn add(&mut self, error: BuildError) {
        self.0 = Some(match self.0.take() {
            Some(before) => before.and(error),
            None => error,
        });
    }

    /// The value, or `None` after adding the problem.
    pub(crate) fn take<T>(&mut self, result: Result<T, BuildError>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn finish(self) -> Result<(), BuildError> {
        self.0.map_or(Ok(()), Err)
    }
}
