//! Setters for tests: variables, machine and clock.

use super::Builder;
use crate::clock::MonotonicClock;
use std::sync::Arc;

impl Builder {
    /// Replaces the process's environment with these variables, for tests.
    ///
    /// The SDK's variables, such as `AWS_REGION`, are replaced as well, except for those of
    /// proxies. The machine then is none of Google's; see [`product_name`](Self::product_name).
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.environment.set_variables(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        );
        self
    }

    /// Sets the product name that the firmware reports, for tests: `Google Compute Engine` on a
    /// machine of Google's, `None` where it cannot be read.
    pub fn product_name(mut self, name: Option<&str>) -> Self {
        self.environment.set_product_name(name.map(str::to_owned));
        self
    }

    /// Sets what identifies the machine in its present boot, for tests: `None` where the system has
    /// no such id, which is the default in an [`environment`](Self::environment) of your own. The
    /// machine's uptime then is the [`monotonic_clock`](Self::monotonic_clock).
    pub fn machine(mut self, id: Option<&str>) -> Self {
        self.environment.set_machine(id.map(str::to_owned));
        self
    }

    /// Sets the monotonic clock, for tests. [`configure`](Self::configure) sets the wall clock and
    /// the sleep.
    pub fn monotonic_clock(mut self, clock: impl MonotonicClock + 'static) -> Self {
        self.monotonic = Some(Arc::new(clock));
        self
    }
}
