//! The servers' clocks, by the `Date` of their answers.

use super::check::{Check, Status};
use super::network::Reached;
use aws_google_web_identity::{Probed, Stage};
use std::time::SystemTime;

/// A `Date` has whole seconds, and the answer was on its way for some time.
const SAME_TIME: u64 = 5;
/// STS and Google accept times that differ by no more than this.
const TOLERATED: u64 = 300;

/// This machine's clock against those of Google and AWS.
pub(super) fn check(reached: &[Reached]) -> Check {
    const TITLE: &str = "Clock";
    let mut worst = Status::Ok;
    let (mut agrees, mut found) = (Vec::new(), Vec::new());
    for one in reached {
        let Ok(Probed {
            received_at,
            date: Some(date),
            ..
        }) = &one.answer
        else {
            continue;
        };
        let whose = match one.server.stage() {
            Stage::Sts => "AWS's",
            Stage::Source => continue,
            _ => "Google's",
        };
        let (apart, direction) = difference(*received_at, *date);
        let status = if apart <= SAME_TIME {
            Status::Ok
        } else if apart <= TOLERATED {
            Status::Warning
        } else {
            Status::Failed
        };
        if status == Status::Failed || worst == Status::Ok {
            worst = status;
        }
        match status {
            Status::Ok if !agrees.contains(&whose) => agrees.push(whose),
            Status::Ok => {}
            _ => found.push(format!("is {apart} s {direction} {whose}")),
        }
    }
    if !agrees.is_empty() {
        found.push(format!("agrees with {}", agrees.join(" and ")));
    }
    found.dedup();
    if found.is_empty() {
        return Check::skipped("clock", TITLE, "no server answered with its time");
    }
    let found = format!("this machine's clock {}", found.join(", "));
    let check = Check::new("clock", TITLE, worst, found);
    match worst {
        Status::Ok => check,
        _ => check.advise(
            "set the clock: `timedatectl set-ntp true`, or restart the time service of this machine; in \
             a container, set the clock of its host",
        ),
    }
}

fn difference(ours: SystemTime, theirs: SystemTime) -> (u64, &'static str) {
    match theirs.duration_since(ours) {
        Ok(behind) => (behind.as_secs(), "behind"),
        Err(ahead) => (ahead.duration().as_secs(), "ahead of"),
    }
}
