//! The table of real user agents, the client hints, and what holds for any text.

use proptest::prelude::*;

use super::*;

const CASES: &str = include_str!("../../../data/cases/user_agents.tsv");

/// User agent, device type, browser, system, bot reason.
fn cases() -> impl Iterator<Item = [&'static str; 5]> {
    CASES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        fields.try_into().unwrap_or_else(|fields| panic!("not five fields: {fields:?}"))
    })
}

fn words(reading: Reading) -> [&'static str; 4] {
    let Device { device_type, browser, os } = reading.device;
    [device_type.as_str(), browser.as_str(), os.as_str(), reading.bot.map_or("", BotReason::as_str)]
}

#[test]
fn real_user_agents_are_read_as_the_table_says() {
    let user_agents = UserAgents::new();
    let wrong: Vec<_> = cases()
        .map(|[text, expected @ ..]| (text, expected, words(user_agents.read(text, &ClientHints::default()))))
        .filter(|(_, expected, read)| expected != read)
        .collect();
    assert!(wrong.is_empty(), "(user agent, expected, read): {wrong:#?}");
}

#[test]
fn the_table_is_large_and_names_every_word() {
    let rows: Vec<_> = cases().collect();
    assert!(rows.len() >= 160, "{} rows", rows.len());
    let seen = |column: usize, word: &str| rows.iter().any(|row| row[column] == word);
    assert!(DeviceType::ALL.iter().all(|word| seen(1, word.as_str())));
    assert!(Browser::ALL.iter().all(|word| seen(2, word.as_str())));
    assert!(Os::ALL.iter().all(|word| seen(3, word.as_str())));
    assert!(BotReason::ALL.iter().all(|word| seen(4, word.as_str())));
}

const FROZEN_ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                              Chrome/130.0.0.0 Mobile Safari/537.36";
const FROZEN_WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                              Chrome/130.0.0.0 Safari/537.36";
const DESKTOP_MODE: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                            Chrome/130.0.0.0 Safari/537.36";
const XBOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) AppleWebKit/537.36 \
                    (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0";
const AS_MACINTOSH: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
                            (KHTML, like Gecko) Version/17.4 Safari/605.1.15";

#[test]
fn a_client_hint_wins_over_a_frozen_user_agent() {
    // User agent, brands, mobile, platform; expected device type, browser, system.
    let table = [
        (
            FROZEN_WINDOWS,
            r#""Chromium";v="130", "Brave";v="130", "Not?A_Brand";v="99""#,
            "?0",
            r#""Windows""#,
            ["desktop", "brave", "windows"],
        ),
        (
            FROZEN_ANDROID,
            r#""Chromium";v="130", "Brave";v="130", "Not?A_Brand";v="99""#,
            "?1",
            r#""Android""#,
            ["mobile", "brave", "android"],
        ),
        (
            FROZEN_WINDOWS,
            r#""Vivaldi";v="7.0", "Chromium";v="130", "Not?A_Brand";v="99""#,
            "?0",
            r#""macOS""#,
            ["desktop", "vivaldi", "macos"],
        ),
        (
            FROZEN_WINDOWS,
            r#""Chromium";v="130", "Opera GX";v="115", "Not?A_Brand";v="99""#,
            "?0",
            r#""Windows""#,
            ["desktop", "opera", "windows"],
        ),
        (
            FROZEN_WINDOWS,
            r#""Chromium";v="130", "Microsoft Edge";v="130", "Not?A_Brand";v="99""#,
            "?0",
            r#""Linux""#,
            ["desktop", "edge", "linux"],
        ),
        (
            FROZEN_ANDROID,
            r#""Chromium";v="125", "Samsung Internet";v="27.0", "Not.A/Brand";v="24""#,
            "?0",
            r#""Android""#,
            ["tablet", "samsung", "android"],
        ),
        (
            DESKTOP_MODE,
            r#""Chromium";v="130", "DuckDuckGo";v="130", "Not?A_Brand";v="99""#,
            "?0",
            r#""Android""#,
            ["tablet", "duckduckgo", "android"],
        ),
        (
            DESKTOP_MODE,
            r#""Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99""#,
            "?0",
            r#""Chrome OS""#,
            ["desktop", "chrome", "chromeos"],
        ),
        (
            XBOX,
            r#""Chromium";v="130", "Microsoft Edge";v="130""#,
            "?0",
            r#""Windows""#,
            ["", "edge", "windows"],
        ),
        (AS_MACINTOSH, "", "?0", r#""iOS""#, ["tablet", "safari", "ios"]),
        (FROZEN_ANDROID, r#""Chromium";v="130""#, "", r#""Unknown""#, ["mobile", "chrome", "android"]),
        (FROZEN_ANDROID, "rubbish", "yes", "rubbish", ["mobile", "chrome", "android"]),
        ("", "", "?0", "", ["", "", ""]),
    ];
    for (user_agent, brands, mobile, platform, expected) in table {
        let hints = ClientHints { brands: Some(brands), mobile: Some(mobile), platform: Some(platform) };
        let Device { device_type, browser, os } = Device::of(user_agent, &hints);
        assert_eq!([device_type.as_str(), browser.as_str(), os.as_str()], expected, "{brands} {platform}");
    }
}

#[test]
fn a_headless_brand_is_a_bot_under_any_user_agent() {
    let user_agents = UserAgents::new();
    let reason = |brands| {
        let hints = ClientHints { brands: Some(brands), ..ClientHints::default() };
        user_agents.read(FROZEN_WINDOWS, &hints).bot
    };
    for headless in [
        r#""HeadlessChrome";v="130", "Chromium";v="130", "Not?A_Brand";v="99""#,
        r#""Chromium";v="130", "HeadlessChrome";v="130""#,
        r#""Not_A Brand";v="8", "Headless Chrome";v="130""#,
        r#""HeadlessEdg";v="130""#,
    ] {
        assert_eq!(reason(headless), Some(BotReason::Headless), "{headless}");
    }
    for ordinary in [r#""Chromium";v="130", "Google Chrome";v="130""#, "", "\"Chrome\""] {
        assert_eq!(reason(ordinary), None, "{ordinary}");
    }
}

#[test]
fn two_visitors_with_one_text_and_other_hints_are_kept_apart() {
    let user_agents = UserAgents::new();
    let brave = ClientHints { brands: Some(r#""Brave";v="130""#), ..ClientHints::default() };
    for _ in 0..2 {
        assert_eq!(user_agents.read(FROZEN_WINDOWS, &brave).device.browser, Browser::Brave);
        assert_eq!(user_agents.read(FROZEN_WINDOWS, &ClientHints::default()).device.browser, Browser::Chrome);
    }
    assert_eq!(user_agents.responses.len(), 2);
}

#[test]
fn a_text_too_long_to_keep_is_read_all_the_same() {
    let user_agents = UserAgents::new();
    let long = format!("{FROZEN_WINDOWS} {}", "x".repeat(CACHED_TEXT_BYTES));
    assert_eq!(words(user_agents.read(&long, &ClientHints::default())), ["desktop", "chrome", "windows", ""]);
    assert!(user_agents.responses.is_empty());
}

#[test]
fn the_cache_never_holds_more_than_its_bound() {
    let user_agents = UserAgents::new();
    for number in 0..2 * CACHE_ENTRIES {
        user_agents.read(&format!("visitor {number}"), &ClientHints::default());
    }
    assert!(user_agents.responses.len() <= CACHE_ENTRIES);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic_and_alike_from_the_cache(
        user_agent in any::<String>(),
        brands in any::<Option<String>>(),
        mobile in any::<Option<String>>(),
        platform in any::<Option<String>>(),
    ) {
        let user_agents = UserAgents { bots: Bots::of_patterns("Googlebot/"), responses: Cache::new(8) };
        let hints = ClientHints {
            brands: brands.as_deref(),
            mobile: mobile.as_deref(),
            platform: platform.as_deref(),
        };
        let first = user_agents.read(&user_agent, &hints);
        prop_assert_eq!(first, user_agents.read(&user_agent, &hints));
    }
}
