//! The hand-written matcher: ordered tables of tokens, first hit wins.
//!
//! Matching is by substring and case, as browsers spell their tokens; no version is read.

use super::ClientHints;
use crate::event::{Browser, DeviceType, Os};

/// Tokens of browsers, the more special before those they imitate: nearly everyone says Chrome,
/// and Chrome says Safari.
const BROWSERS: &[(Browser, &[&str])] = &[
    (Browser::Unknown, &["Trident/", "MSIE ", "IEMobile"]),
    (Browser::Edge, &["Edg/", "EdgA/", "EdgiOS/", "Edge/"]),
    (Browser::Opera, &["OPR/", "OPT/", "OPX/", "OPiOS/", "Opera/", "Opera "]),
    (Browser::Samsung, &["SamsungBrowser/"]),
    (Browser::DuckDuckGo, &["DuckDuckGo/", "Ddg/"]),
    (Browser::Vivaldi, &["Vivaldi/"]),
    (Browser::Brave, &["Brave/", "brave/", "(Brave)", "Brave Chrome/", " Brave Mobile/", " Brave Safari/"]),
    (Browser::Firefox, &["FxiOS/", "Focus/", "Klar/"]),
    (Browser::Chrome, &["Chrome/", "CriOS/", "CrMo/", "Chromium/"]),
    (Browser::Unknown, &["like Firefox/"]),
    (Browser::Firefox, &["Firefox/", "Fennec/", "Iceweasel/"]),
];

/// Tokens of systems. Windows phones claim Android and iPhone, Android claims Linux (and sells an
/// `MiPad`), Fire OS claims whatever a page may want, iOS claims Mac OS X.
const SYSTEMS: &[(Os, &[&str])] = &[
    (Os::Unknown, &["Nintendo", "AppleTV", "Apple TV"]),
    (Os::Windows, &["Windows", "Win98", "WinNT"]),
    (Os::ChromeOs, &["CrOS "]),
    (Os::Android, &["Silk/", "Silk-"]),
    (Os::Linux, &["like Android"]),
    (Os::Android, &["Android"]),
    (Os::Ios, &["iPhone", "iPad", "iPod"]),
    (Os::MacOs, &["Macintosh", "Mac OS X", "Mac_PowerPC"]),
    (Os::Linux, &["Linux", "LINUX"]),
];

/// What only iOS says. Its browsers say Macintosh when they ask for desktop sites, but keep their token;
/// no Mac says `Mobile/`.
const ONLY_IOS: &[&str] = &[
    "Mobile/",
    "CriOS/",
    "FxiOS/",
    "EdgiOS/",
    "OPiOS/",
    "OPT/",
    "OPX/",
    "GSA/",
    "DuckDuckGo/",
    "Focus/",
    "Klar/",
    "MXiOS/",
    "FBIOS",
    "Instagram ",
    "Ecosia ios@",
    "BingSapphire/",
    "YJApp-IOS",
    "YaApp_iOS",
    "AlohaBrowser/",
    "[LinkedInApp]",
    "[Pinterest/iOS]",
    "musical_ly_",
];

/// Browsers that are built on Chromium everywhere but on iOS: on a Mac they say Chrome, too.
const CHROMIUM_BUT_ON_IOS: &[&str] =
    &["YaBrowser/", "Brave", "Vivaldi/", "OPR/", "UCBrowser/", "Whale/", "MiuiBrowser/"];

/// Browsers of Android alone, which say `X11; Linux` when they ask for desktop sites.
const ONLY_ANDROID: &[&str] = &[
    "SamsungBrowser/",
    "EdgA/",
    "MiuiBrowser/",
    "HuaweiBrowser/",
    "HonorBrowser/",
    "VivoBrowser/",
    "HeyTapBrowser/",
    "OppoBrowser/",
    "RealmeBrowser/",
    "UCBrowser/",
    "MQQBrowser/",
    "HiBrowser/",
    "PHX/",
    "Quark/",
    "CrMo/",
    "GSA/",
    "DuckDuckGo/",
    "Focus/",
    "Klar/",
    "AlohaBrowser/",
    "Ecosia android@",
    "FB_IAB/",
    "Instagram ",
];

/// Televisions, in lower case.
const TELEVISIONS: &[&str] = &[
    "smart-tv",
    "smart_tv",
    "smarttv",
    "smart tv",
    "googletv",
    "google tv",
    "androidtv",
    "android tv",
    "appletv",
    "apple tv",
    "hbbtv",
    "nettv",
    "inettvbrowser",
    "tvbro",
    "tv bro",
    "tvbox",
    "tv box",
    "mitv",
    "mibox",
    "mi box",
    "web0s",
    "netcast",
    "lg browser",
    "bravia",
    "vidaa",
    "crkey",
    "chromecast",
    "roku",
    "smartcast",
    "vizio",
    "smarthub",
    "stbapp",
    "sonycebrowser",
];

/// Televisions, sticks, consoles, cars, headsets, and apps that show no page: none of the kinds.
const NO_KIND: &[&str] = &[
    "Viera",
    "TiVo",
    "OMI/",
    "_STB",
    "; AFT",
    "PlayStation",
    "PLAYSTATION",
    "Nintendo",
    "Xbox",
    "Tesla/",
    "QtCarBrowser",
    "Mobile VR",
    " VR Safari/",
    "Dalvik/",
];

/// Tablets that say so.
const TABLETS: &[&str] = &["iPad", "Tablet;", "RIM Tablet", "PlayBook", "Kindle/", "Silk/", "Silk-"];

/// Phones that say so.
const PHONES: &[&str] = &[
    "Mobi",
    "iPhone",
    "iPod",
    "Opera Mini",
    "IEMobile",
    "Windows Phone",
    "Windows CE",
    "MIDP",
    "BlackBerry",
    "Nokia",
    "Symb",
];

/// Brand names of client hints.
const BRANDS: &[(&str, Browser)] = &[
    ("\"Microsoft Edge\"", Browser::Edge),
    ("\"Opera", Browser::Opera),
    ("\"Samsung Internet\"", Browser::Samsung),
    ("\"DuckDuckGo\"", Browser::DuckDuckGo),
    ("\"Vivaldi\"", Browser::Vivaldi),
    ("\"Brave\"", Browser::Brave),
    ("\"Google Chrome\"", Browser::Chrome),
];

fn says(text: &str, tokens: &[&str]) -> bool {
    tokens.iter().any(|token| text.contains(token))
}

/// The browser of the brands, unless they only name an engine.
pub(super) fn hinted_browser(hints: &ClientHints<'_>) -> Option<Browser> {
    let brands = hints.brands?;
    BRANDS.iter().find(|(name, _)| brands.contains(name)).map(|(_, browser)| *browser)
}

/// The browser of a user agent.
pub(super) fn browser(user_agent: &str) -> Browser {
    if user_agent.trim_end().ends_with(" Brave") {
        return Browser::Brave;
    }
    match BROWSERS.iter().find(|(_, tokens)| says(user_agent, tokens)) {
        Some((browser, _)) => *browser,
        None if is_safari(user_agent) => Browser::Safari,
        None => Browser::Unknown,
    }
}

/// Safari is what shows with its engine on the systems it ran on; elsewhere that is some other browser.
fn is_safari(user_agent: &str) -> bool {
    user_agent.contains("AppleWebKit/") && matches!(os(user_agent), Os::Ios | Os::MacOs | Os::Windows)
}

/// The system of the platform hint (its values: User-Agent Client Hints, section 3.8).
pub(super) fn hinted_os(hints: &ClientHints<'_>) -> Option<Os> {
    match hints.platform?.trim_matches('"') {
        "Windows" => Some(Os::Windows),
        "macOS" => Some(Os::MacOs),
        "Android" => Some(Os::Android),
        "iOS" => Some(Os::Ios),
        "Linux" => Some(Os::Linux),
        "Chrome OS" | "Chromium OS" => Some(Os::ChromeOs),
        _ => None,
    }
}

/// The system of a user agent.
pub(super) fn os(user_agent: &str) -> Os {
    match SYSTEMS.iter().find(|(_, tokens)| says(user_agent, tokens)) {
        Some((Os::MacOs, _)) if is_ios_as_mac(user_agent) => Os::Ios,
        Some((Os::Linux, _)) if is_android_as_linux(user_agent) => Os::Android,
        Some((os, _)) => *os,
        None => Os::Unknown,
    }
}

fn is_ios_as_mac(user_agent: &str) -> bool {
    let without_chromium = says(user_agent, CHROMIUM_BUT_ON_IOS) && !user_agent.contains("Chrome/");
    says(user_agent, ONLY_IOS) || without_chromium
}

/// Samsung's browser is on its televisions and Tizen phones, too.
fn is_android_as_linux(user_agent: &str) -> bool {
    says(user_agent, ONLY_ANDROID) && !user_agent.contains("Tizen") && !is_television(user_agent)
}

/// Any spelling of a television. `TV` at the end of a word counts unless the text says that this is a
/// phone: phones with a tuner have it in their name, like `LG-K430TV`. After a lower-case letter, as in
/// `MagentaTV`, it always counts. `Hisense` makes phones, too, and `BNTV` is a tablet, the Nook.
fn is_television(user_agent: &str) -> bool {
    let lower = user_agent.to_ascii_lowercase();
    let ends_word = |end: usize| !lower[end..].starts_with(|c: char| c.is_ascii_alphabetic());
    let is_phone = lower.contains("mobi") || lower.contains("windows");
    let names_tv = |(at, tv): (usize, &str)| {
        let after_lower_case = user_agent[..at].ends_with(|c: char| c.is_ascii_lowercase());
        let camel_case = after_lower_case && user_agent[at..].starts_with("TV");
        ends_word(at + tv.len()) && (camel_case || (!is_phone && !lower[..at].ends_with("bn")))
    };
    says(&lower, TELEVISIONS)
        || lower.match_indices("tv").any(names_tv)
        || (!is_phone && lower.contains("hisense"))
}

/// The kind of device. `?0` means "no phone": a tablet where the system has touch, else a desktop.
pub(super) fn device_type(user_agent: &str, os: Os, hints: &ClientHints<'_>) -> DeviceType {
    if says(user_agent, NO_KIND) || is_television(user_agent) {
        return DeviceType::Unknown;
    }
    match hints.mobile.map(str::trim) {
        Some("?1") => DeviceType::Mobile,
        Some("?0") if os != Os::Unknown => without_phone(os),
        _ => device_type_from_string(user_agent, os),
    }
}

fn device_type_from_string(user_agent: &str, os: Os) -> DeviceType {
    let is_ios_as_mac = os == Os::Ios && user_agent.contains("Macintosh") && !user_agent.contains("iPhone");
    if says(user_agent, TABLETS) || is_ios_as_mac {
        DeviceType::Tablet
    } else if says(user_agent, PHONES) {
        DeviceType::Mobile
    } else if os == Os::Unknown && user_agent.contains("X11") {
        DeviceType::Desktop // a Unix without a word, such as FreeBSD
    } else {
        without_phone(os)
    }
}

fn without_phone(os: Os) -> DeviceType {
    match os {
        Os::Android | Os::Ios => DeviceType::Tablet,
        Os::Windows | Os::MacOs | Os::Linux | Os::ChromeOs => DeviceType::Desktop,
        Os::Unknown => DeviceType::Unknown,
    }
}
