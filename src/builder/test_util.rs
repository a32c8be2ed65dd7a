//! What a test sets in place of the process, the machine and the clock.

use super::Builder;
use crate::clock::MonotonicClock;
use std::sync::Arc;

impl Builder {
    /// Reads these variables in place of the process's environment, for tests. The machine is then one that is
    /// not Google's; see [`product_name`](Self::product_name). What the SDK reads by itself, such as Region, endpoints and
    /// proxy, it still reads from the process, unless [`configure`](Self::configure) gives it.
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

    /// What the firmware calls the machine, for tests: `Google Compute Engine` on one of Google's. `None` where
    /// that can't be read.
    pub fn product_name(mut self, name: Option<&str>) -> Self {
        self.environment.set_product_name(name.map(str::to_owned));
        self
    }

    /// Uses this monotonic clock, for tests. The wall clock and the sleep are those of
    /// [`configure`](Self::configure).
    pub fn monotonic_clock(mut self, clock: impl MonotonicClock + 'static) -> Self {
        self.monotonic = Some(Arc::new(clock));
        self
    }
}
