//! What a session is called in the list of sessions: browser and system, from closed sets of words.

use millimetric_core::event::{Browser, Os};

use crate::app::App;
use crate::caller::Caller;

/// Like `Firefox on Linux`.
pub fn label(app: &App, caller: &Caller) -> String {
    let agent = caller.user_agent.as_deref().unwrap_or_default();
    let device = app.user_agents.read(agent, &caller.hints()).device;
    format!("{} on {}", browser(device.browser), system(device.os))
}

const fn browser(browser: Browser) -> &'static str {
    match browser {
        Browser::Unknown => "A browser",
        Browser::Chrome => "Chrome",
        Browser::Firefox => "Firefox",
        Browser::Safari => "Safari",
        Browser::Edge => "Edge",
        Browser::Opera => "Opera",
        Browser::Samsung => "Samsung Internet",
        Browser::DuckDuckGo => "DuckDuckGo",
        Browser::Vivaldi => "Vivaldi",
        Browser::Brave => "Brave",
    }
}

const fn system(os: Os) -> &'static str {
    match os {
        Os::Unknown => "an unknown system",
        Os::Windows => "Windows",
        Os::MacOs => "macOS",
        Os::Android => "Android",
        Os::Ios => "iOS",
        Os::Linux => "Linux",
        Os::ChromeOs => "ChromeOS",
    }
}
