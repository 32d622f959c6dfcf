//! What a user agent and its client hints say: device, browser, system, and whether a program
//! sent it.
//!
//! Only the closed words of the contract come out. The text itself lives in a bounded cache in
//! memory and nowhere else: it is never stored or logged.

mod matching;
#[cfg(test)]
mod tests;

use quick_cache::sync::Cache;

use super::bots::{self, BotReason, Bots};
use crate::event::{Browser, DeviceType, Os};

/// Answers kept.
const CACHE_ENTRIES: usize = 4096;

/// Longer texts (user agent and hints together, in bytes) are worked out each time, so that nobody
/// fills the memory with invented ones.
const CACHED_TEXT_BYTES: usize = 512;

/// What was used to look at the page; empty words where the text does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// Desktop, mobile or tablet. A television, a console, a car or a headset is none of them.
    pub device_type: DeviceType,
    /// The browser; one without a word of its own (an app's built-in one, Yandex, …) counts under
    /// the browser whose engine shows the page.
    pub browser: Browser,
    /// The system.
    pub os: Os,
}

impl Device {
    /// Reads the user agent; a client hint wins over it, since browsers that send hints freeze
    /// the text. Safari on an iPad that asks for desktop sites sends the text of a Mac and is reported as a
    /// Mac; other browsers of iOS keep a token of their own, and are reported as tablets, since iPads ask for
    /// desktop sites unless told otherwise and iPhones only if told to. Browsers of Android alone that say
    /// Linux are reported as Android tablets likewise.
    pub fn of(user_agent: &str, hints: &ClientHints<'_>) -> Self {
        let os = matching::hinted_os(hints).unwrap_or_else(|| matching::os(user_agent));
        Self {
            device_type: matching::device_type(user_agent, os, hints),
            browser: matching::hinted_browser(hints).unwrap_or_else(|| matching::browser(user_agent)),
            os,
        }
    }
}

/// The low-entropy client hints, as the headers bring them (User-Agent Client Hints, W3C).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientHints<'a> {
    /// `Sec-CH-UA`: brands, like `"Chromium";v="130", "Brave";v="130"`.
    pub brands: Option<&'a str>,
    /// `Sec-CH-UA-Mobile`: `?1` or `?0`.
    pub mobile: Option<&'a str>,
    /// `Sec-CH-UA-Platform`: a quoted name, like `"macOS"`.
    pub platform: Option<&'a str>,
}

/// All that is read from one user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What was used.
    pub device: Device,
    /// Why this is a program and no visitor; none for people.
    pub bot: Option<BotReason>,
}

/// Parses user agents and caches the results.
pub struct UserAgents {
    bots: Bots,
    responses: Cache<String, Reading>,
}

impl UserAgents {
    /// With the embedded list of bots and an empty cache.
    pub fn new() -> Self {
        Self { bots: Bots::embedded(), responses: Cache::new(CACHE_ENTRIES) }
    }

    /// The device and the bot verdict.
    pub fn read(&self, user_agent: &str, hints: &ClientHints<'_>) -> Reading {
        let Some(key) = key(user_agent, hints) else {
            return self.work_out(user_agent, hints);
        };
        if let Some(response) = self.responses.get(&key) {
            return response;
        }
        let response = self.work_out(user_agent, hints);
        self.responses.insert(key, response);
        response
    }

    fn work_out(&self, user_agent: &str, hints: &ClientHints<'_>) -> Reading {
        let is_headless = hints.brands.is_some_and(bots::is_headless);
        let bot = if is_headless { Some(BotReason::Headless) } else { self.bots.reason(user_agent) };
        Reading { device: Device::of(user_agent, hints), bot }
    }
}

impl Default for UserAgents {
    fn default() -> Self {
        Self::new()
    }
}

/// One text of the user agent and its hints, or none when it is too long to keep. Header values
/// cannot hold a line feed, so two different visitors never share a key.
fn key(user_agent: &str, hints: &ClientHints<'_>) -> Option<String> {
    let parts = [Some(user_agent), hints.brands, hints.mobile, hints.platform].map(Option::unwrap_or_default);
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
    (length <= CACHED_TEXT_BYTES).then(|| parts.join("\n"))
}
