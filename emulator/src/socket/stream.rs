//! A TCP stream that fails on demand.
//!
//! hyper writes HTTP correctly, so faults are made below it, where its bytes go to the socket.

use super::trickle::Trickle;
use crate::lock::lock;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How the bytes of the next answer are written.
#[derive(Clone)]
pub(super) struct WritePlan {
    limit: Limit,
    end: End,
    /// Written in place of the answer.
    instead: Option<&'static str>,
    gate: Option<Trickle>,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    Bytes(usize),
    /// Bytes after the head's empty line.
    BodyBytes(usize),
}

/// What happens at the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Close,
    Reset,
    Stall,
}

impl WritePlan {
    fn new(limit: Limit, end: End) -> Self {
        Self {
            limit,
            end,
            instead: None,
            gate: None,
        }
    }

    pub(super) fn healthy() -> Self {
        Self::new(Limit::None, End::Close)
    }

    pub(super) fn after(bytes: usize, end: End) -> Self {
        Self::new(Limit::Bytes(bytes), end)
    }

    pub(super) fn after_head(bytes: usize, end: End) -> Self {
        Self::new(Limit::BodyBytes(bytes), end)
    }

    pub(super) fn gated(gate: Trickle) -> Self {
        Self {
            gate: Some(gate),
            ..Self::healthy()
        }
    }

    /// These bytes in place of the answer.
    pub(super) fn instead(bytes: &'static str) -> Self {
        Self {
            instead: Some(bytes),
            ..Self::after(bytes.len(), End::Close)
        }
    }
}

impl fmt::Debug for WritePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WritePlan")
            .field("limit", &self.limit)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// Plans the writes of one connection.
pub(super) struct Writer(Arc<Mutex<Progress>>);

impl Writer {
    /// Sets the plan of the next answer. Must be called before hyper gets that answer.
    pub(super) fn plan(&self, plan: WritePlan) {
        *lock(&self.0) = Progress::of(plan);
    }

    /// Plans an answer without a fault.
    pub(super) fn plan_healthy(&self) {
        self.plan(WritePlan::healthy());
    }
}

struct Progress {
    plan: WritePlan,
    written: usize,
    head: HeadEnd,
}

impl Progress {
    fn of(plan: WritePlan) -> Self {
        Self {
            plan,
            written: 0,
            head: HeadEnd::default(),
        }
    }

    /// How many of `bytes` may be written before the limit.
    fn allowance(&self, bytes: &[u8]) -> usize {
        match self.plan.limit {
            Limit::None => bytes.len(),
            Limit::Bytes(limit) => (limit - self.written.min(limit)).min(bytes.len()),
            Limit::BodyBytes(limit) => match self.head.clone().end_in(bytes) {
                None => bytes.len(),
                Some(end) => (end + limit - self.head.body.min(limit)).min(bytes.len()),
            },
        }
    }

    fn wrote(&mut self, bytes: &[u8]) {
        self.written += bytes.len();
        if let Some(end) = self.head.end_in(bytes) {
            self.head.body += bytes.len() - end;
        }
    }
}

/// Finds the empty line that ends the head, also if several writes share it.
#[derive(Clone, Default)]
struct HeadEnd {
    matched: usize,
    body: usize,
}

impl HeadEnd {
    /// Where in `bytes` the body starts: 0 once it has begun, `None` while the head goes on.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        const END: &[u8] = b"\r\n\r\n";
        for (at, byte) in bytes.iter().enumerate() {
            if self.matched == END.len() {
                return Some(at);
            }
            self.matched = match byte {
                byte if *byte == END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
        }
        (self.matched == END.len()).then_some(bytes.len())
    }
}

/// The stream that hyper reads and writes.
pub(super) struct FaultyStream {
    inner: TcpStream,
    progress: Arc<Mutex<Progress>>,
}

impl FaultyStream {
    pub(super) fn new(inner: TcpStream) -> (Self, Writer) {
        let progress = Arc::new(Mutex::new(Progress::of(WritePlan::healthy())));
        let stream = Self {
            inner,
            progress: progress.clone(),
        };
        (stream, Writer(progress))
    }

    fn end(&self, end: End) -> Poll<io::Result<usize>> {
        match end {
            End::Stall => Poll::Pending,
            End::Close => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            End::Reset => {
                // With a linger time of zero, closing the socket discards unsent bytes and sends
                // RST.
                self.inner.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
        }
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let shared = self.progress.clone();
        let mut progress = lock(&shared);
        let source = match progress.plan.instead {
            Some(other) => other.as_bytes().get(progress.written..).unwrap_or_default(),
            None => bytes,
        };
        let mut allowed = progress.allowance(source);
        if allowed == 0 && !bytes.is_empty() {
            return self.end(progress.plan.end);
        }
        if let Some(gate) = &progress.plan.gate {
            let released = gate.allowance(progress.written as u64, cx.waker());
            allowed = allowed.min(usize::try_from(released).unwrap_or(usize::MAX));
            if allowed == 0 && !bytes.is_empty() {
                return Poll::Pending;
            }
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &source[..allowed]))?;
        progress.wrote(&source[..written]);
        // hyper must never see more bytes written than it passed in, however long the replacement
        // is.
        Poll::Ready(Ok(written.min(bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_across_writes() {
        let whole = b"HTTP/1.1 200 OK\r\nA: \r\r\n\r\nbody";
        let body = whole.len() - 4;
        for cut in 0..whole.len() {
            let mut head = HeadEnd::default();
            let (first, second) = whole.split_at(cut);
            let found = match head.end_in(first) {
                Some(end) if end < first.len() => end,
                _ => cut + head.end_in(second).unwrap(),
            };
            assert_eq!(found, body, "cut at {cut}");
        }
    }

    #[test]
    fn a_body_limit_counts_from_the_end_of_the_head() {
        let mut progress = Progress::of(WritePlan::after_head(2, End::Close));
        assert_eq!(progress.allowance(b"H\r\n\r\nabcd"), 7);
        progress.wrote(b"H\r\n\r\na");
        assert_eq!(progress.allowance(b"bcd"), 1);
        progress.wrote(b"b");
        assert_eq!(progress.allowance(b"cd"), 0);
    }
}
