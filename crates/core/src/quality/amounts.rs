//! Numbers that were sent as texts, and amounts in several currencies.

use std::collections::BTreeMap;

/// The regular expression of a text that is a number: digits, with a sign and a fraction or not.
pub const NUMERIC_TEXT: &str = r"^\s*[+-]?[0-9]+([.,][0-9]+)?\s*$";

/// Words that the name of a property ends with if it holds an amount.
const QUANTITIES: [&str; 20] = [
    "amount", "balance", "cost", "count", "discount", "duration", "fee", "gross", "margin", "net", "price",
    "profit", "qty", "quantity", "revenue", "shipping", "subtotal", "tax", "total", "value",
];

/// Whether a text is a number: what [`NUMERIC_TEXT`] matches.
pub fn is_numeric_text(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(['.', ',']) {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(text),
    }
}

/// Whether the name of a property says that it holds an amount: its last word is one like `amount` or `price`. Ids,
/// postal codes and telephone numbers are texts on purpose.
pub fn is_quantity(property: &str) -> bool {
    let mut word = String::new();
    let mut before_is_lower = false;
    for c in property.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower) {
            word.clear();
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase();
    }
    QUANTITIES.binary_search(&word.as_str()).is_ok()
}

/// Events of one name whose currency is not the usual one of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyFault {
    /// The event name.
    pub event_name: String,
    /// The currency; `None` if they name none that is known.
    pub code: Option<String>,
    /// How many events.
    pub events: u64,
    /// The currency that most events of the name have.
    pub usual: String,
}

/// Finds events in another currency than most of their name, or without one. Takes the number of events for each name
/// and currency. By events, descending, ties by name and currency.
pub fn currency_faults(
    counts: impl IntoIterator<Item = (String, Option<String>, u64)>,
) -> Vec<CurrencyFault> {
    let mut by_name: BTreeMap<String, BTreeMap<Option<String>, u64>> = BTreeMap::new();
    for (event_name, code, events) in counts {
        *by_name.entry(event_name).or_default().entry(code).or_default() += events;
    }
    let mut faults = Vec::new();
    for (event_name, codes) in by_name {
        let named = codes.iter().filter_map(|(code, events)| Some((code.clone()?, *events)));
        let Some((usual, _)) = named.max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))) else {
            continue;
        };
        faults.extend(codes.into_iter().filter(|(code, _)| code.as_ref() != Some(&usual)).map(
            |(code, events)| CurrencyFault {
                event_name: event_name.clone(),
                code,
                events,
                usual: usual.clone(),
            },
        ));
    }
    faults.sort_by(|a, b| {
        b.events.cmp(&a.events).then_with(|| (&a.event_name, &a.code).cmp(&(&b.event_name, &b.code)))
    });
    faults
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn numbers_in_texts_are_told_from_other_texts() {
        let expression = Regex::new(NUMERIC_TEXT).unwrap();
        for (text, is_number) in [
            ("12", true),
            ("19.99", true),
            ("19,99", true),
            ("-5", true),
            ("+5.0", true),
            (" 7 ", true),
            ("\u{a0}7", true),
            ("", false),
            ("-", false),
            ("1.2.3", false),
            ("1,299.00", false),
            ("12.", false),
            (".5", false),
            ("1e3", false),
            ("€ 12", false),
            ("12 EUR", false),
            ("- 5", false),
            ("٣", false),
        ] {
            assert_eq!(is_numeric_text(text), is_number, "{text:?}");
            assert_eq!(expression.is_match(text), is_number, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_known_by_the_last_word_of_their_name() {
        assert!(QUANTITIES.is_sorted());
        for name in ["amount", "Price", "order_total", "unitPrice", "item-count", "totalValue", "qty"] {
            assert!(is_quantity(name), "{name}");
        }
        for name in
            ["", "order_id", "zip", "phone", "amount_currency", "price_id", "discounted", "pricelist", "plan"]
        {
            assert!(!is_quantity(name), "{name}");
        }
    }

    #[test]
    fn other_currencies_than_the_usual_one_are_found() {
        let faults = |counts: &[(&str, Option<&str>, u64)]| {
            let owned = |(name, code, events): &(&str, Option<&str>, u64)| {
                ((*name).to_owned(), code.map(str::to_owned), *events)
            };
            let found = currency_faults(counts.iter().map(owned)).into_iter();
            found.map(|fault| (fault.event_name, fault.code, fault.events, fault.usual)).collect::<Vec<_>>()
        };
        let fault = |name: &str, code: Option<&str>, events, usual: &str| {
            (name.to_owned(), code.map(str::to_owned), events, usual.to_owned())
        };
        assert_eq!(faults(&[("buy", Some("EUR"), 9), ("signup", None, 5), ("refund", Some("USD"), 1)]), []);
        assert_eq!(
            faults(&[
                ("buy", Some("EUR"), 9),
                ("buy", Some("USD"), 2),
                ("buy", None, 3),
                ("refund", None, 1)
            ]),
            [fault("buy", None, 3, "EUR"), fault("buy", Some("USD"), 2, "EUR")]
        );
        assert_eq!(
            faults(&[("buy", None, 9), ("buy", Some("USD"), 2), ("buy", Some("CHF"), 2)]),
            [fault("buy", None, 9, "CHF"), fault("buy", Some("USD"), 2, "CHF")]
        );
    }
}
