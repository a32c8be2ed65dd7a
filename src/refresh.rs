//! stub
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::*;
#[derive(Clone, Debug, Default)]
pub struct RefreshPolicy {}
pub trait MonotonicClock: Debug + Send + Sync {
    fn elapsed(&self) -> Duration;
}
#[derive(Debug)]
pub(crate) struct SystemMonotonic(Instant);
impl Default for SystemMonotonic {
    fn default() -> Self {
        Self(Instant::now())
    }
}
impl MonotonicClock for SystemMonotonic {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
pub(crate) struct Clocks {}
impl Clocks {
    pub(crate) fn new(
        _: SharedTimeSource,
        _: Arc<dyn MonotonicClock>,
        _: SharedAsyncSleep,
    ) -> Self {
        Self {}
    }
}
pub(crate) trait Perishable: Clone + Send + Sync + 'static {
    fn with_expiry(&self, advertised: SystemTime) -> Self;
}
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    pub(crate) lifetime: Duration,
}
pub(crate) enum HoldOff {
    None,
    Short,
    Minute,
}
pub(crate) trait FetchError: Clone + Send + Sync + 'static {
    fn deadline(after: Duration) -> Self;
    fn panicked() -> Self;
    fn hold_off(&self) -> HoldOff;
}
pub(crate) trait Fetch: Send + Sync + 'static {
    type Value: Perishable;
    type Error: FetchError;
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<Fetched<Self::Value>, Self::Error>> + Send + '_>>;
}
pub(crate) struct Refresher<F>(Arc<F>);
impl<F> Clone for Refresher<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl<F: Fetch> Refresher<F> {
    pub(crate) fn new(f: F, _: RefreshPolicy, _: Clocks) -> Self {
        Self(Arc::new(f))
    }
    pub(crate) fn cached(&self) -> Option<F::Value> {
        None
    }
    pub(crate) fn held(&self) -> Option<F::Value> {
        None
    }
    pub(crate) async fn get(&self) -> Result<F::Value, F::Error> {
        Ok(self.0.fetch().await?.value)
    }
    pub(crate) async fn refresh(&self) -> Result<(), F::Error> {
        self.0.fetch().await?;
        Ok(())
    }
}
