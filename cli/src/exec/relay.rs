//! Signals, passed on to the command.

use crate::failure::Failure;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use std::fs::{self, File};
use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{self, SignalKind};

/// Signals that would end this process, and whether a terminal sends them to the command as well.
const PASSED_ON: [(Signal, bool); 6] = [
    (Signal::TERM, false),
    (Signal::USR1, false),
    (Signal::USR2, false),
    (Signal::HUP, true),
    (Signal::INT, true),
    (Signal::QUIT, true),
];

/// Receives signals in place of their default effect.
pub(super) struct Relay {
    streams: Vec<(Signal, bool, unix::Signal)>,
}

impl Relay {
    /// Receives signals from now on.
    ///
    /// Ignored ones stay so, and the command inherits that: `nohup` ignores SIGHUP, and a shell
    /// ignores SIGINT and SIGQUIT for a job in the background.
    pub(super) fn new() -> Result<Self, Failure> {
        let ignored = ignored();
        let mut streams = Vec::new();
        for (signal, by_terminal) in PASSED_ON {
            let number = signal.as_raw();
            if ignored >> (number - 1) & 1 == 1 {
                continue;
            }
            let stream = unix::signal(SignalKind::from_raw(number));
            let stream = stream.map_err(|error| Failure::io("receiving signals", &error))?;
            streams.push((signal, by_terminal, stream));
        }
        Ok(Self { streams })
    }

    /// The next signal, and whether a terminal sends it to the command as well.
    pub(super) async fn next(&mut self) -> (Signal, bool) {
        poll_fn(|cx| {
            for (signal, by_terminal, stream) in &mut self.streams {
                if stream.poll_recv(cx).is_ready() {
                    return Poll::Ready((*signal, *by_terminal));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Sends the signal to the command. One that the terminal has sent to it is the command's
    /// already: it is in this process' group.
    pub(super) fn pass_on(&self, (signal, by_terminal): (Signal, bool), child: Option<u32>) {
        if by_terminal && is_foreground() {
            return;
        }
        let child = child.and_then(|id| i32::try_from(id).ok());
        if let Some(child) = child.and_then(Pid::from_raw)
            && let Err(error) = kill_process(child, signal)
        {
            tracing::debug!(%error, ?signal, "the signal could not be passed on");
        }
    }
}

/// Whether a terminal sends its signals to this process' group.
fn is_foreground() -> bool {
    let terminal = File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}

/// The ignored signals, as a mask. Only Linux tells; elsewhere none count as ignored.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default()
}
