//! What is wrong with a configuration.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Every problem of a configuration at once: which setter, variable or file, the value, the rule.
#[derive(Clone, Debug)]
pub struct BuildError {
    problems: Vec<Problem>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug)]
pub struct Problem {
    setting: String,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// The setter, environment variable or file that is at fault.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

impl BuildError {
    /// Makes an error of one problem, for the `check` of a source or signer of your own.
    ///
    /// `setting` names what is at fault, `message` says the value, the rule and the next step.
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

    /// Names the setter that was given the value, in place of the value's own type.
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

    /// The problems, in the order in which they were found. There is always at least one.
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
        self.problems
            .iter()
            .find_map(|problem| problem.source.as_ref())
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Gathers problems, so that all of them are reported at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Option<BuildError>);

impl Problems {
    pub(crate) fn add(&mut self, error: BuildError) {
        self.0 = Some(match self.0.take() {
            Some(before) => before.and(error),
            None => error,
        });
    }

    /// Keeps the value, or remembers what is wrong.
    pub(crate) fn take<T>(&mut self, result: Result<T, BuildError>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn finish(self) -> Result<(), BuildError> {
        self.0.map_or(Ok(()), Err)
    }
}
