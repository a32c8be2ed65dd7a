//! The condition operators
//! ([reference](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)).

use std::cmp::Ordering::{self, Equal, Greater, Less};

/// A condition operator with its qualifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    set: Option<Set>,
    pub(super) test: Test,
    negated: bool,
    if_exists: bool,
}

/// How many of the token's values must pass
/// ([set operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    /// How the token's number may compare to the policy's.
    Numeric(&'static [Ordering]),
    Bool,
    Null,
}

/// `None` where a value is not of the operator's type.
type Holds = Option<bool>;

impl Operator {
    /// `None` for an operator that the judge does not know. Names are not case-sensitive.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (set, rest) = match lower.split_once(':') {
            Some(("foranyvalue", rest)) => (Some(Set::Any), rest),
            Some(("forallvalues", rest)) => (Some(Set::All), rest),
            Some(_) => return None,
            None => (None, lower.as_str()),
        };
        let (rest, if_exists) = match rest.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (test, negated) = match rest {
            "stringequals" => (Test::Equals, false),
            "stringnotequals" => (Test::Equals, true),
            "stringequalsignorecase" => (Test::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Test::EqualsIgnoreCase, true),
            "stringlike" => (Test::Like, false),
            "stringnotlike" => (Test::Like, true),
            "numericequals" => (Test::Numeric(&[Equal]), false),
            "numericnotequals" => (Test::Numeric(&[Equal]), true),
            "numericlessthan" => (Test::Numeric(&[Less]), false),
            "numericlessthanequals" => (Test::Numeric(&[Less, Equal]), false),
            "numericgreaterthan" => (Test::Numeric(&[Greater]), false),
            "numericgreaterthanequals" => (Test::Numeric(&[Greater, Equal]), false),
            "bool" => (Test::Bool, false),
            // IAM has neither NullIfExists nor a set of Null.
            "null" if !if_exists && set.is_none() => (Test::Null, false),
            _ => return None,
        };
        Some(Self {
            set,
            test,
            negated,
            if_exists,
        })
    }

    /// Whether the condition holds for the values that the token has, if it has any.
    pub(super) fn holds(&self, wanted: &[String], found: Option<&[String]>) -> Holds {
        if self.test == Test::Null {
            return any(wanted, |absent| Some(truth(absent)? == found.is_none()));
        }
        let Some(found) = found else {
            return Some(match self.set {
                _ if self.if_exists => true,
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => self.negated,
            });
        };
        match (self.set, found) {
            (None, [value]) => self.passes(wanted, value),
            // AWS does not document a single-valued operator on several values.
            (None, _) => None,
            (Some(Set::Any), values) => any(values, |value| self.passes(wanted, value)),
            (Some(Set::All), values) => {
                let fails = any(values, |value| Some(!self.passes(wanted, value)?));
                Some(!fails?)
            }
        }
    }

    /// One of the wanted values must match; for a negated operator, none of them may.
    fn passes(&self, wanted: &[String], found: &str) -> Holds {
        let matches = any(wanted, |wanted| self.test.matches(wanted, found));
        Some(matches? != self.negated)
    }
}

impl Test {
    fn matches(self, wanted: &str, found: &str) -> Holds {
        match self {
            Test::Equals => Some(wanted == found),
            Test::EqualsIgnoreCase => Some(wanted.to_lowercase() == found.to_lowercase()),
            Test::Like => Some(glob(wanted, found)),
            Test::Numeric(accepted) => {
                let number = |text: &str| text.parse::<i128>().ok();
                Some(accepted.contains(&number(found)?.cmp(&number(wanted)?)))
            }
            Test::Bool => Some(truth(wanted)? == truth(found)?),
            Test::Null => None,
        }
    }
}

/// Whether one of the values passes. `None` if that cannot be told of each of them.
fn any(values: &[String], test: impl Fn(&str) -> Holds) -> Holds {
    let each: Option<Vec<bool>> = values.iter().map(|value| test(value)).collect();
    Some(each?.contains(&true))
}

fn truth(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

/// `*` for any text and `?` for one character. Takes at most the product of the two lengths.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The place of the last star, and how much of the text it has taken. Only the last one can
    // take more: what an earlier one took is already matched.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some('?') => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
