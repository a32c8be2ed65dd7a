//! Connections, bounded in number, size and time.

use super::response::Answer;
use crate::clock;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// With more, the one that was idle for longest is closed. An idle connection takes some 10 kB.
const MOST: usize = 256;
/// A request's head has at most this many bytes, the least that hyper allows.
const LARGEST_HEAD: usize = 8192;
/// A request's head must arrive within this time; so must the next request on a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The pause after a failure to accept: out of file descriptors, which others may return.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts a connection, however long the system lacks the resources for it.
pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small packet. Without it, there is only a delay.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                clock::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The connections that are open.
#[derive(Default)]
pub(super) struct Connections {
    open: Vec<(AbortHandle, Activity)>,
    ticks: Arc<AtomicU64>,
}

/// When a connection was last of use: opened, or authorized.
#[derive(Clone)]
pub(super) struct Activity {
    last: Arc<AtomicU64>,
    ticks: Arc<AtomicU64>,
}

impl Activity {
    fn new(ticks: Arc<AtomicU64>) -> Self {
        let activity = Self {
            last: Arc::default(),
            ticks,
        };
        activity.note();
        activity
    }

    /// The connection carries an authorized request.
    pub(super) fn note(&self) {
        let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
        self.last.store(tick, Ordering::Relaxed);
    }
}

impl Connections {
    /// Serves a connection in a task of its own.
    pub(super) fn add<F>(
        &mut self,
        stream: TcpStream,
        answer: impl Fn(Request<Incoming>, Activity) -> F + Send + 'static,
    ) where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.make_room();
        let activity = Activity::new(self.ticks.clone());
        let of_service = activity.clone();
        let service = service_fn(move |request| {
            let answer = answer(request, of_service.clone());
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        self.open.push((task.abort_handle(), activity));
    }

    fn make_room(&mut self) {
        if self.open.len() < MOST {
            return;
        }
        self.open.retain(|(task, _)| !task.is_finished());
        let last = |(_, activity): &(_, Activity)| activity.last.load(Ordering::Relaxed);
        let mut idle = self.open.iter().enumerate();
        if self.open.len() >= MOST
            && let Some((index, _)) = idle.by_ref().min_by_key(|(_, open)| last(open))
        {
            self.open.swap_remove(index).0.abort();
        }
    }
}
