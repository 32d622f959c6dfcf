//! Three weeks of a shop whose tracking has faults: amounts sent as text, two currencies, returns from a payment
//! page, a misspelt event, a day without purchases on phones, and tags in several spellings.

use millimetric_core::time::Timestamp;
use serde_json::{Value, json};

use super::recount::DAY;

const MINUTE: i64 = 60 * 1000;
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
/// Spellings of the same newsletter.
const TAGS: [&str; 4] = [
    "utm_source=newsletter&utm_medium=email",
    "utm_source=Newsletter&utm_medium=Email",
    "utm_source=newsletter&utm_medium=e-mail",
    "utm_source=news-letter&utm_medium=email",
];
const DAYS: i64 = 21;
const VISITS_A_DAY: i64 = 48;
/// The day, counted back from today, on which no phone could pay.
pub(super) const BROKEN_DAY: i64 = 3;

/// The events, up to midnight today.
pub(super) fn events(today: i64) -> Vec<Value> {
    (1..=DAYS).flat_map(|back| (0..VISITS_A_DAY).flat_map(move |visit| visits(today, back, visit))).collect()
}

/// A visit: three pages, and every third time a purchase, after a payment page.
fn visits(today: i64, back: i64, visit: i64) -> Vec<Value> {
    let begin = today - back * DAY + (8 * 60 + visit * 15) * MINUTE;
    let number = back * VISITS_A_DAY + visit;
    let visitor = format!("visitor-{number}");
    let is_phone = visit % 2 == 0;
    let event = |name: &str, minute: i64, url: String, referrer: &str, properties: Value| {
        json!({ "event": name, "event_id": format!("{visitor}-{minute}"), "anonymous_id": visitor,
            "timestamp": Timestamp::from_millis(begin + minute * MINUTE).unwrap().to_string(),
            "url": format!("https://shop.example{url}"), "referrer": referrer, "properties": properties,
            "context": { "user_agent": if is_phone { PHONE } else { DESKTOP } } })
    };
    let (landing, from) = match visit % 3 {
        0 => (format!("/?{}", TAGS[number as usize % TAGS.len()]), ""),
        1 => ("/".to_owned(), "https://www.google.com/"),
        _ => ("/pricing".to_owned(), ""),
    };
    let mut events = vec![
        event("$pageview", 0, landing, from, json!({})),
        event("$pageview", 1, "/pricing".to_owned(), "https://shop.example/", json!({})),
        event("add_to_cart", 2, "/pricing".to_owned(), "https://shop.example/", json!({ "items": 1 })),
    ];
    let pays = number % 4 < 2 && !(is_phone && back == BROKEN_DAY);
    if pays {
        let amount = 20 + number % 7 * 10;
        let amount = if number % 5 == 0 { json!(amount.to_string()) } else { json!(amount) };
        let currency = if number % 3 == 0 { "USD" } else { "EUR" };
        // Two developers, two spellings.
        let name = if number % 40 == 0 { "purchse" } else { "purchase" };
        let bought = json!({ "amount": amount, "currency": currency, "plan": "pro" });
        events.push(event("$pageview", 5, "/thanks".to_owned(), "https://checkout.stripe.com/", json!({})));
        events.push(event(name, 6, "/thanks".to_owned(), "https://checkout.stripe.com/", bought));
    }
    events
}
