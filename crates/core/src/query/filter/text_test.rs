//! Tests of texts: the matchers of `contains`, `matches` and the like, built once when a filter is read.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::{RegexSet, RegexSetBuilder};

/// What a text is tested for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextOperator {
    /// It is one of the values.
    Is,
    /// It contains one of them.
    Contains,
    /// It begins with one of them.
    StartsWith,
    /// It ends with one of them.
    EndsWith,
    /// One of the values is a regular expression that matches somewhere in it.
    Matches,
}

/// A test of a text: whether one of the values fits.
///
/// Without regard to case, both texts are compared with each character in Unicode lower case; a regular
/// expression uses Unicode simple case folding.
#[derive(Debug, Clone)]
pub struct TextTest {
    operator: TextOperator,
    values: Vec<String>,
    case_sensitive: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// The values as they are compared.
    Values(Vec<String>),
    /// Finds any of several texts in one pass.
    AnyOf(AhoCorasick),
    Expressions(RegexSet),
}

impl PartialEq for TextTest {
    fn eq(&self, other: &Self) -> bool {
        let of = |test: &Self| (test.operator, test.case_sensitive);
        of(self) == of(other) && self.values == other.values
    }
}

impl Eq for TextTest {}

impl TextTest {
    /// The longest regular expression, in characters.
    pub const MAX_EXPRESSION: usize = 256;
    /// What the expressions of one condition may take when compiled, and what their cache may take, in bytes.
    const MAX_COMPILED_BYTES: usize = 256 << 10;

    /// A test for any of these values.
    ///
    /// # Errors
    /// What is wrong with a regular expression, in one line.
    pub fn new(operator: TextOperator, values: Vec<String>, case_sensitive: bool) -> Result<Self, String> {
        let compared = || {
            if case_sensitive {
                return values.clone();
            }
            values.iter().map(|value| lower_case(value).into_owned()).collect()
        };
        let matcher = match operator {
            TextOperator::Matches => Matcher::Expressions(expressions(&values, case_sensitive)?),
            TextOperator::Contains if values.len() > 1 => {
                let built =
                    AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(compared());
                Matcher::AnyOf(built.map_err(|_| "the values are too long together".to_owned())?)
            }
            _ => Matcher::Values(compared()),
        };
        Ok(Self { operator, values, case_sensitive, matcher })
    }

    /// What a text is tested for.
    pub const fn operator(&self) -> TextOperator {
        self.operator
    }

    /// The values, as they were given.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether case counts.
    pub const fn is_case_sensitive(&self) -> bool {
        self.case_sensitive
    }

    /// Whether one of the values fits. The time is linear in the length of the text.
    pub fn passes(&self, text: &str) -> bool {
        let compared = || if self.case_sensitive { Cow::Borrowed(text) } else { lower_case(text) };
        match &self.matcher {
            Matcher::Expressions(expressions) => expressions.is_match(text),
            Matcher::AnyOf(automaton) => automaton.is_match(&*compared()),
            Matcher::Values(values) => {
                let text = &*compared();
                values.iter().any(|value| match self.operator {
                    TextOperator::Is | TextOperator::Matches => text == value,
                    TextOperator::Contains => text.contains(&**value),
                    TextOperator::StartsWith => text.starts_with(&**value),
                    TextOperator::EndsWith => text.ends_with(&**value),
                })
            }
        }
    }
}

/// Each character in lower case, whatever stands beside it: a final sigma is one more letter.
fn lower_case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

fn expressions(values: &[String], case_sensitive: bool) -> Result<RegexSet, String> {
    let built = RegexSetBuilder::new(values)
        .case_insensitive(!case_sensitive)
        .size_limit(TextTest::MAX_COMPILED_BYTES)
        .dfa_size_limit(TextTest::MAX_COMPILED_BYTES)
        .build();
    built.map_err(|cause| match cause {
        regex::Error::CompiledTooBig(_) => {
            "is too large a regular expression: use fewer repetitions, or fewer values".to_owned()
        }
        cause => {
            let cause = cause.to_string();
            let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!(
                "is no regular expression ({reason}): use the syntax of RE2, like ^/blog/[0-9]+, and escape \
                 special characters with a backslash"
            )
        }
    })
}
