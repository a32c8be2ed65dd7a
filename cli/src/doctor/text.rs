//! The report as text.

use super::check::{Check, Status};
use std::fmt::Write as _;

/// Marks are as wide as the longest.
const INDENT: usize = 6;
/// Lines of this width can still be read in a wide terminal.
const MAX_WIDTH: usize = 100;
const MIN_WIDTH: usize = 40;
/// For a log.
const DEFAULT_WIDTH: usize = 80;

/// Details for programs.
const NOT_IN_TEXT: [&str; 1] = ["HTTP status"];

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    width: usize,
    is_coloured: bool,
}

impl Style {
    /// `terminal` is the width of the terminal, if there is one.
    pub(crate) fn new(terminal: Option<u16>, is_coloured: bool) -> Self {
        let width = terminal.map_or(DEFAULT_WIDTH, usize::from);
        Self {
            width: width.clamp(MIN_WIDTH, MAX_WIDTH),
            is_coloured,
        }
    }
}

/// The checks and the conclusion.
pub(crate) fn report(checks: &[Check], conclusion: &str, style: Style) -> String {
    let mut text = String::new();
    for check in checks {
        write_check(&mut text, check, style);
    }
    text.push('\n');
    for line in wrapped(conclusion, style.width) {
        text += &line;
        text.push('\n');
    }
    text
}

fn mark(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Ok => ("ok", "32"),
        Status::Warning => ("warn", "33"),
        Status::Failed => ("FAIL", "1;31"),
        Status::Skipped => ("skip", "2"),
    }
}

fn write_check(text: &mut String, check: &Check, style: Style) {
    let (word, colour) = mark(check.status);
    let padding = " ".repeat(INDENT - word.len());
    // Formatting into a String cannot fail.
    let _ = match style.is_coloured {
        true => write!(text, "\x1b[{colour}m{word}\x1b[0m{padding}"),
        false => write!(text, "{word}{padding}"),
    };
    let indent = " ".repeat(INDENT);
    let room = style.width - INDENT;
    let found = wrapped(&format!("{}: {}", check.title, check.found), room);
    text.push_str(&found.join(&format!("\n{indent}")));
    text.push('\n');
    let details = check
        .details
        .iter()
        .filter(|(label, _)| !NOT_IN_TEXT.contains(&label.as_str()));
    let labels = details.clone().map(|(label, _)| label.chars().count());
    let label_width = labels.max().unwrap_or_default();
    for (label, value) in details {
        let room = room.saturating_sub(label_width + 2).max(MIN_WIDTH / 2);
        let hanging = format!("\n{indent}{:label_width$}  ", "");
        let value = wrapped(value, room).join(&hanging);
        let _ = writeln!(text, "{indent}{label:label_width$}  {value}");
    }
    for (lead, items) in [("why:", &check.reasons), ("fix:", &check.advice)] {
        for item in items {
            for (index, line) in item_lines(item, room - "fix: ".len()).iter().enumerate() {
                let lead = if index == 0 { lead } else { "" };
                let _ = writeln!(text, "{indent}{lead:4} {line}");
            }
        }
    }
    if let Some(policy) = &check.admitting_policy {
        let _ = writeln!(text, "{indent}This policy admits it:");
        for line in policy.to_string().lines() {
            let _ = writeln!(text, "{indent}  {line}");
        }
    }
}

/// Breaks the text between words. A word that is longer than a line stays whole: a terminal breaks
/// it by itself, and it can still be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split([' ', '\t']).filter(|word| !word.is_empty()) {
            let length = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && length > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

/// The text with each command that does not fit on its line on lines of its own, broken as a shell
/// reads it: pasted, it runs.
fn item_lines(item: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut prose = String::new();
    let flush = |prose: &mut String, lines: &mut Vec<String>| {
        let text = std::mem::take(prose);
        let text = text.trim_start_matches([';', ',', '.', ' ']).trim();
        if !text.is_empty() {
            lines.extend(wrapped(text, width));
        }
    };
    for (index, part) in item.split('`').enumerate() {
        if index % 2 == 0 {
            prose += part;
        } else if part.contains(' ') {
            flush(&mut prose, &mut lines);
            lines.extend(command_lines(part, width));
        } else {
            prose += part;
        }
    }
    flush(&mut prose, &mut lines);
    lines
}

fn command_lines(command: &str, width: usize) -> Vec<String> {
    const LEAD: &str = "  ";
    // Room for ` \` at the end, and for deeper indentation after the first line.
    let broken = match LEAD.len() + command.chars().count() <= width {
        true => vec![command.to_owned()],
        false => wrapped(&joined_options(command), width - 2 * LEAD.len() - 2),
    };
    let last = broken.len() - 1;
    let lines = broken.iter().enumerate().map(|(index, line)| {
        let lead = if index == 0 { LEAD } else { "    " };
        let end = if index == last { "" } else { " \\" };
        format!("{lead}{}{end}", line.replace('\u{a0}', " "))
    });
    lines.collect()
}

/// Keeps an option and its value on one line: the space between them becomes one that
/// [`wrapped`] does not break at.
fn joined_options(command: &str) -> String {
    let mut joined = String::new();
    let mut is_option = false;
    for word in command.split(' ') {
        if !joined.is_empty() {
            joined.push(if is_option && !word.starts_with('-') {
                '\u{a0}'
            } else {
                ' '
            });
        }
        joined += word;
        is_option = word.starts_with("--") && !word.contains('=');
    }
    joined
}

#[cfg(test)]
mod tests;
