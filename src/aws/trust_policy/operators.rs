//! The condition operators
//! ([reference](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)).

use std::cmp::Ordering;

/// A condition operator with its qualifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    set: Option<Set>,
    pub(super) test: Test,
    if_exists: bool,
}

/// How many of a request's values must pass
/// ([set operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    String { ignore_case: bool, negated: bool },
    Like { negated: bool },
    Numeric(Comparison),
    Bool,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    NotEquals,
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
}

/// Nothing, where a value in the policy isn't of the operator's type.
type Holds = Option<bool>;

impl Operator {
    /// None for one that isn't known here. Names are not case-sensitive.
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
        let test = match rest {
            "stringequals" => Test::String {
                ignore_case: false,
                negated: false,
            },
            "stringnotequals" => Test::String {
                ignore_case: false,
                negated: true,
            },
            "stringequalsignorecase" => Test::String {
                ignore_case: true,
                negated: false,
            },
            "stringnotequalsignorecase" => Test::String {
                ignore_case: true,
                negated: true,
            },
            "stringlike" => Test::Like { negated: false },
            "stringnotlike" => Test::Like { negated: true },
            "numericequals" => Test::Numeric(Comparison::Equals),
            "numericnotequals" => Test::Numeric(Comparison::NotEquals),
            "numericlessthan" => Test::Numeric(Comparison::Less),
            "numericlessthanequals" => Test::Numeric(Comparison::LessEquals),
            "numericgreaterthan" => Test::Numeric(Comparison::Greater),
            "numericgreaterthanequals" => Test::Numeric(Comparison::GreaterEquals),
            "bool" => Test::Bool,
            // There is neither NullIfExists nor a set of Null.
            "null" if !if_exists && set.is_none() => Test::Null,
            _ => return None,
        };
        Some(Self {
            set,
            test,
            if_exists,
        })
    }

    /// Whether the condition holds for the values that the request has, if it has any.
    pub(super) fn holds(&self, wanted: &[String], found: Option<&[String]>) -> Holds {
        if self.test == Test::Null {
            return null(wanted, found.is_some());
        }
        let Some(found) = found else {
            return Some(match self.set {
                _ if self.if_exists => true,
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => self.test.is_negated(),
            });
        };
        match (self.set, found) {
            (None, [value]) => self.test.holds(wanted, value),
            // What AWS makes of a single-valued operator on several values isn't documented.
            (None, _) => None,
            (Some(Set::Any), values) => {
                let each: Option<Vec<bool>> = values
                    .iter()
                    .map(|value| self.test.holds(wanted, value))
                    .collect();
                Some(each?.contains(&true))
            }
            (Some(Set::All), values) => {
                let each: Option<Vec<bool>> = values
                    .iter()
                    .map(|value| self.test.holds(wanted, value))
                    .collect();
                Some(!each?.contains(&false))
            }
        }
    }
}

impl Test {
    fn is_negated(self) -> bool {
        matches!(
            self,
            Test::String { negated: true, .. }
                | Test::Like { negated: true }
                | Test::Numeric(Comparison::NotEquals)
        )
    }

    /// One of the wanted values will do; for a negated operator, none of them may match.
    fn holds(self, wanted: &[String], found: &str) -> Holds {
        let each: Option<Vec<bool>> = wanted
            .iter()
            .map(|wanted| self.matches(wanted, found))
            .collect();
        Some(each?.contains(&true) != self.is_negated())
    }

    fn matches(self, wanted: &str, found: &str) -> Holds {
        match self {
            Test::String {
                ignore_case: false, ..
            } => Some(wanted == found),
            Test::String {
                ignore_case: true, ..
            } => Some(wanted.to_lowercase() == found.to_lowercase()),
            Test::Like { .. } => Some(glob(wanted, found)),
            Test::Bool => {
                let truth = |text: &str| text.to_ascii_lowercase().parse::<bool>().ok();
                Some(truth(wanted)? == truth(found)?)
            }
            Test::Numeric(comparison) => {
                let ordering = number(found)?.partial_cmp(&number(wanted)?)?;
                Some(match comparison {
                    Comparison::Equals | Comparison::NotEquals => ordering == Ordering::Equal,
                    Comparison::Less => ordering == Ordering::Less,
                    Comparison::LessEquals => ordering != Ordering::Greater,
                    Comparison::Greater => ordering == Ordering::Greater,
                    Comparison::GreaterEquals => ordering != Ordering::Less,
                })
            }
            Test::Null => None,
        }
    }
}

fn null(wanted: &[String], exists: bool) -> Holds {
    let each: Option<Vec<bool>> = wanted
        .iter()
        .map(|wanted| match wanted.to_ascii_lowercase().as_str() {
            "true" => Some(!exists),
            "false" => Some(exists),
            _ => None,
        })
        .collect();
    Some(each?.contains(&true))
}

/// Whole numbers exactly, others as floating point.
#[derive(PartialEq)]
enum Number {
    Whole(i128),
    Real(f64),
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        #[allow(
            clippy::cast_precision_loss,
            reason = "beyond 2^53 a fraction is of no account"
        )]
        let real = |number: &Number| match number {
            Number::Whole(whole) => *whole as f64,
            Number::Real(real) => *real,
        };
        match (self, other) {
            (Number::Whole(this), Number::Whole(that)) => Some(this.cmp(that)),
            _ => real(self).partial_cmp(&real(other)),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if let Ok(whole) = text.parse() {
        return Some(Number::Whole(whole));
    }
    let real: f64 = text.parse().ok().filter(|_| plain)?;
    real.is_finite().then_some(Number::Real(real))
}

/// `*` for any text and `?` for one character. Takes at most the product of the two lengths.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how much of the text it has taken.
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
