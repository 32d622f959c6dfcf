//! Which user agents are programs, and of which sort: those of a list, and those that say so in one of the
//! usual ways (`generic`).
//!
//! Knows only the text: it never looks at addresses or behaviour, and never decides what becomes
//! of the traffic.

mod generic;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::RegexSet;
use serde::{Deserialize, Serialize};

/// Known crawlers, one regular expression a line (provenance: `data/bots/README.md`).
const PATTERNS: &str = include_str!("../../data/bots/patterns.txt");

/// Browsers without a screen and the frameworks that drive them, anywhere in the text.
const HEADLESS: &[&str] = &[
    "Headless",
    "PhantomJS",
    "SlimerJS",
    "HtmlUnit",
    "jsdom/",
    "Puppeteer",
    "Playwright",
    "Selenium",
    "Cypress/",
];

/// HTTP clients of scripts, at the start of the text. The clients that apps send events with
/// (`okhttp`, `CFNetwork`, Dart) are missing on purpose: people use those apps.
const TOOLS: &[&str] = &[
    "curl/",
    "Wget/",
    "HTTPie/",
    "xh/",
    "python-",
    "Python-",
    "Python/",
    "aiohttp/",
    "Scrapy/",
    "Go-http-client/",
    "Java/",
    "Apache-HttpClient/",
    "axios/",
    "node-fetch",
    "got (",
    "undici",
    "Deno/",
    "Bun/",
    "GuzzleHttp/",
    "PHP/",
    "Symfony HttpClient",
    "libwww-perl/",
    "lwp-request/",
    "Ruby",
    "Faraday",
    "reqwest/",
    "ureq/",
    "PostmanRuntime/",
    "insomnia/",
    "k6/",
    "ApacheBench/",
    "hey/",
    "Mozilla/5.0 (Windows NT; Windows NT ", // PowerShell
];

/// Why a user agent is no visitor's; a label of the metric of dropped events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotReason {
    /// A browser without a screen, or one that a test framework drives.
    Headless,
    /// A script's HTTP client.
    Tool,
    /// A crawler, monitor or link previewer: one of the list, or one that says so itself.
    Crawler,
}

impl BotReason {
    /// Every reason, in the order in which they are tried.
    pub const ALL: &'static [Self] = &[Self::Headless, Self::Tool, Self::Crawler];

    /// The word of the metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headless => "headless",
            Self::Tool => "tool",
            Self::Crawler => "crawler",
        }
    }
}

/// The list of known bots, ready to match. Nearly all patterns are plain text and share one
/// automaton (small, built in milliseconds); the few others are a set of regular expressions.
pub struct Bots {
    plain: AhoCorasick,
    others: RegexSet,
}

impl Bots {
    /// The embedded list.
    pub fn embedded() -> Self {
        Self::of_patterns(PATTERNS)
    }

    /// One regular expression a line.
    pub(super) fn of_patterns(patterns: &str) -> Self {
        let (plain, others): (Vec<_>, Vec<_>) =
            patterns.lines().map(|pattern| plain_text(pattern).ok_or(pattern)).partition(Result::is_ok);
        Self {
            plain: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(plain.into_iter().flatten())
                .expect("a list of some thousand short texts is within the automaton's limits"),
            others: RegexSet::new(others.into_iter().filter_map(Result::err))
                .expect("the embedded patterns are regular expressions, which a test builds"),
        }
    }

    /// Why this user agent is no visitor's; none for people, and for those that say nothing: who
    /// is not known is no known bot.
    pub fn reason(&self, user_agent: &str) -> Option<BotReason> {
        let user_agent = user_agent.trim();
        if is_headless(user_agent) {
            Some(BotReason::Headless)
        } else if user_agent == "node" || TOOLS.iter().any(|tool| user_agent.starts_with(tool)) {
            Some(BotReason::Tool)
        } else if self.plain.is_match(user_agent)
            || self.others.is_match(user_agent)
            || generic::identifies_itself(user_agent)
        {
            Some(BotReason::Crawler)
        } else {
            None
        }
    }
}

/// Whether a user agent, or the brands of the client hints, name a browser without a screen or a framework
/// that drives one.
pub(super) fn is_headless(text: &str) -> bool {
    HEADLESS.iter().any(|token| text.contains(token))
}

/// The text that a pattern stands for, if it is one text: only escaped signs, no operators.
fn plain_text(pattern: &str) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => text.push(signs.next().filter(char::is_ascii_punctuation)?),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            _ => text.push(sign),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = include_str!("../../data/cases/user_agents.tsv");

    #[test]
    fn no_pattern_matches_a_person_of_the_table() {
        let bots = Bots::embedded();
        let people: Vec<_> = CASES
            .lines()
            .filter(|line| !line.starts_with('#') && line.ends_with('\t'))
            .map(|line| line.split('\t').next().unwrap())
            .collect();
        assert!(people.len() > 150);
        for person in people {
            assert_eq!(bots.reason(person), None, "{person}");
        }
    }

    fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
        file.lines().filter(|line| !line.starts_with('#'))
    }

    #[test]
    fn no_user_agent_of_a_person_is_a_bots() {
        let bots = Bots::embedded();
        let people: Vec<_> = lines(include_str!("../../data/cases/real_browsers.txt")).collect();
        assert!(people.len() > 100);
        let dropped: Vec<_> = people.into_iter().filter(|text| bots.reason(text).is_some()).collect();
        assert!(dropped.is_empty(), "{dropped:#?}");
    }

    #[test]
    fn programs_that_identify_themselves_are_crawlers() {
        let bots = Bots::embedded();
        let programs: Vec<_> = lines(include_str!("../../data/cases/self_identifying_bots.txt")).collect();
        assert!(programs.len() > 50);
        let kept: Vec<_> =
            programs.into_iter().filter(|text| bots.reason(text) != Some(BotReason::Crawler)).collect();
        assert!(kept.is_empty(), "{kept:#?}");
    }

    #[test]
    fn known_bots_are_told_with_their_reason() {
        let bots = Bots::embedded();
        // All user agents that the list's source gives for these bots, and some tools.
        let table = [
            ("Googlebot/2.1 (+http://www.google.com/bot.html)", BotReason::Crawler),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", BotReason::Crawler),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) \
                 Version/6.0 Mobile/10A5376e Safari/8536.25 (compatible; Googlebot/2.1; \
                 +http://www.google.com/bot.html)",
                BotReason::Crawler,
            ),
            ("Mozilla/5.0 (compatible; AhrefsBot/6.1; News; +http://ahrefs.com/robot/)", BotReason::Crawler),
            ("Mozilla/5.0 (compatible; AhrefsSiteAudit/6.1; +http://ahrefs.com/robot/)", BotReason::Crawler),
            (
                "Mozilla/5.0 (compatible; SemrushBot-SA/0.97; +http://www.semrush.com/bot.html)",
                BotReason::Crawler,
            ),
            ("Sogou News Spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", BotReason::Crawler),
            ("Sogou Pic Spider/3.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", BotReason::Crawler),
            ("Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", BotReason::Crawler),
            ("WhatsApp", BotReason::Crawler),
            ("WhatsApp/0.3.4479 N", BotReason::Crawler),
            ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)", BotReason::Crawler),
            ("FeedlyBot/1.0 (http://feedly.com)", BotReason::Crawler),
            ("LCC (+http://corpora.informatik.uni-leipzig.de/crawler_faq.html)", BotReason::Crawler),
            ("curl/7.88.1", BotReason::Tool),
            ("python-httpx/0.27.0", BotReason::Tool),
            (
                "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/74.0.3729.169 Safari/537.36",
                BotReason::Headless,
            ),
        ];
        for (user_agent, reason) in table {
            assert_eq!(bots.reason(user_agent), Some(reason), "{user_agent}");
        }
        for silent in ["", " \t "] {
            assert_eq!(bots.reason(silent), None, "an empty user agent is not a known bot");
        }
    }

    #[test]
    fn the_list_is_sorted_without_repeats_and_of_the_size_that_its_source_says() {
        let patterns: Vec<_> = PATTERNS.lines().collect();
        assert!(patterns.is_sorted_by(|a, b| a < b));
        let source = include_str!("../../data/bots/source.tsv");
        assert!(source.lines().any(|line| line == format!("patterns\t{}", patterns.len())), "{source}");
        assert!(patterns.iter().all(|pattern| pattern.trim().len() >= 3), "a shorter one matches anyone");
    }

    #[test]
    fn only_a_pattern_without_operators_is_plain_text() {
        let table = [
            ("Googlebot/", Some("Googlebot/")),
            (r"Mediapartners \(Googlebot\)", Some("Mediapartners (Googlebot)")),
            (r"yandex\.com/bots", Some("yandex.com/bots")),
            ("^curl", None),
            ("[wW]get", None),
            (r"BlogTraffic/\d\.\d+", None),
            (r"dangling\", None),
        ];
        for (pattern, text) in table {
            assert_eq!(plain_text(pattern).as_deref(), text, "{pattern}");
        }
    }

    #[test]
    fn the_automaton_is_small() {
        assert!(Bots::embedded().plain.memory_usage() < 1 << 20);
    }
}
