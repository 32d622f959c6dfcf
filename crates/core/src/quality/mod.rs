//! Rules that detect tracking faults in events: spellings of tags, numbers in texts, amounts in several
//! currencies, hosts that visitors only pass through. `/v1/quality` asks the store for counts and judges them here.

mod amounts;
mod tags;

pub use self::amounts::{CurrencyFault, NUMERIC_TEXT, currency_faults, is_numeric_text, is_quantity};
pub use self::tags::{Tag, TagVariant, tag_variants};

/// The regular expression, without regard to case, of ids that identify nobody: what
/// [`is_placeholder_id`](crate::ingest::placeholder::is_placeholder_id) accepts.
pub const PLACEHOLDER_ID: &str =
    r#"^[\s"'`()<>{}]*(undefined|null|nil|nan|none|\[object object\]|anonymous|guest|[0-]*)[\s"'`()<>{}]*$"#;

/// The first labels of hosts that payment and sign-in providers and shops' own pages of that kind have.
const PASSED_LABELS: [&str; 12] = [
    "3ds", "accounts", "auth", "checkout", "login", "oauth", "pay", "payment", "payments", "signin", "sso",
    "secure3d",
];

/// Whether a source is the host of a payment or sign-in page: one of the classifier's table, or one whose name begins
/// with a word like `pay` or `login`.
pub fn is_passed_host(source: &str) -> bool {
    let first = source.split_once('.').map(|(first, rest)| (first, rest.contains('.')));
    let is_named = first.is_some_and(|(label, has_more)| has_more && PASSED_LABELS.contains(&label));
    is_named || crate::classify::is_passed_through(source)
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;

    use super::*;
    use crate::ingest::placeholder::is_placeholder_id;

    #[test]
    fn the_expression_and_the_function_know_the_same_ids() {
        let expression = RegexBuilder::new(PLACEHOLDER_ID).case_insensitive(true).build().unwrap();
        for id in [
            "undefined",
            "NULL",
            "nil",
            "NaN",
            "None",
            "[object Object]",
            "anonymous",
            "guest",
            "0",
            "0000",
            "00000000-0000-0000-0000-000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            " undefined",
            "null\n",
            "\u{a0}guest",
            "\"undefined\"",
            "(null)",
            "<nil>",
            "",
            " ",
            "{}",
            "-",
            "1",
            "100",
            "0x0",
            "undefined-1",
            "nullify",
            "guest-4711",
            "[object Object]1",
            "nоne",
            "空",
            "false",
        ] {
            assert_eq!(expression.is_match(id), is_placeholder_id(id), "{id:?}");
        }
    }

    #[test]
    fn hosts_that_visitors_pass_through_are_known_by_table_or_name() {
        for source in [
            "paypal.com",
            "checkout.stripe.com",
            "login.acme.example",
            "pay.bank.example",
            "sso.acme.example",
        ] {
            assert!(is_passed_host(source), "{source}");
        }
        for source in [
            "google",
            "direct",
            "news.example",
            "pay.example",
            "payments",
            "example.com",
            "blog.pay.example",
            "",
        ] {
            assert!(!is_passed_host(source), "{source}");
        }
    }
}
