//! What a session is called in the list of sessions: browser and system, from closed sets of words.

use millimetric_core::event::{Browser, Os};

use crate::client_info::ClientInfo;
use crate::state::App;

/// Like `Firefox on Linux`.
pub fn label(app: &App, client: &ClientInfo) -> String {
    let agent = client.user_agent.as_deref().unwrap_or_default();
    let device = app.enrichment.user_agents.read(agent, &client.hints()).device;
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
