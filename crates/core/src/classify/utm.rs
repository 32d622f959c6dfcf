//! What the values of `utm_source` and `utm_medium` mean.
//!
//! Takes values that are already trimmed and lower-case. A value that is not in these tables means
//! itself.

use std::borrow::Cow;

use super::directory;

/// Another spelling of a well-known source.
struct Alias {
    sent: &'static str,
    source: &'static str,
    is_assistant: bool,
}

const fn alias(sent: &'static str, source: &'static str) -> Alias {
    Alias { sent, source, is_assistant: false }
}

const fn assistant(sent: &'static str, source: &'static str) -> Alias {
    Alias { sent, source, is_assistant: true }
}

/// classifier.md, Notes. Sorted by what is sent. Hosts of assistants are in `data/hosts/ai.tsv`.
const ALIASES: &[Alias] = &[
    assistant("anthropic", "claude"),
    assistant("bard", "gemini"),
    assistant("chat-gpt", "chatgpt"),
    assistant("chat_gpt", "chatgpt"),
    assistant("chatglm", "chatglm"),
    assistant("chatgpt", "chatgpt"),
    assistant("claude", "claude"),
    assistant("copilot", "copilot"),
    assistant("deepseek", "deepseek"),
    assistant("doubao", "doubao"),
    assistant("duckai", "duckai"),
    assistant("ernie", "ernie"),
    alias("fb", "facebook"),
    assistant("felo", "felo"),
    assistant("gemini", "gemini"),
    assistant("genspark", "genspark"),
    alias("google.com", "google"),
    assistant("grok", "grok"),
    assistant("huggingchat", "huggingchat"),
    alias("ig", "instagram"),
    assistant("kimi", "kimi"),
    assistant("le chat", "mistral"),
    assistant("lechat", "mistral"),
    alias("linkedin.com", "linkedin"),
    alias("meta", "facebook"),
    assistant("meta ai", "metaai"),
    assistant("metaai", "metaai"),
    assistant("metaso", "metaso"),
    assistant("microsoft copilot", "copilot"),
    assistant("microsoft-copilot", "copilot"),
    assistant("mistral", "mistral"),
    assistant("mistral.ai", "mistral"),
    assistant("notebooklm", "notebooklm"),
    assistant("openai", "chatgpt"),
    assistant("openai.com", "chatgpt"),
    assistant("perplexity", "perplexity"),
    assistant("perplexity-ai", "perplexity"),
    assistant("perplexityai", "perplexity"),
    assistant("phind", "phind"),
    assistant("poe", "poe"),
    assistant("qwen", "qwen"),
    alias("twitter.com", "twitter"),
    alias("x", "twitter"),
    assistant("x.ai", "grok"),
    alias("x.com", "twitter"),
    assistant("you.com", "you"),
    assistant("yuanbao", "yuanbao"),
];

/// Media that do not contradict the medium `ai_assistant`.
const UNSPECIFIC: &[&str] = &["none", "referral"];

/// classifier.md, "Paid set": whole words, beginnings and ends.
const PAID: &[&str] = &[
    "ads",
    "banner",
    "cpa",
    "cpc",
    "cpe",
    "cpm",
    "cpp",
    "cpv",
    "display",
    "native",
    "ppc",
    "programmatic",
    "remarketing",
    "retargeting",
    "sem",
];
const PAID_BEGINNINGS: &[&str] = &["cpc", "ppc", "cpm"];
const PAID_ENDS: &[&str] = &["paid", "cpc", "ppc"];

/// The source that a `utm_source` means, and whether that is an AI assistant.
pub(super) fn well_known(sent: String) -> (Cow<'static, str>, bool) {
    if let Ok(index) = ALIASES.binary_search_by(|alias| alias.sent.cmp(&sent)) {
        return (Cow::Borrowed(ALIASES[index].source), ALIASES[index].is_assistant);
    }
    match directory::assistant(&sent) {
        Some(name) => (Cow::Borrowed(name), true),
        None => (Cow::Owned(sent), false),
    }
}

/// Whether a medium leaves open what an AI assistant as source proves.
pub(super) fn is_unspecific(medium: Option<&str>) -> bool {
    medium.is_none_or(|medium| UNSPECIFIC.contains(&medium))
}

/// Whether a medium says that the visit was paid for. Blanks, `-` and `_` are the same separator.
pub(super) fn is_paid(medium: &str) -> bool {
    let begins = |word: &str| medium.strip_prefix(word).is_some_and(|rest| rest.starts_with(is_separator));
    let ends = |word: &str| medium.strip_suffix(word).is_some_and(|before| before.ends_with(is_separator));
    medium.starts_with("paid")
        || PAID.contains(&medium)
        || PAID_BEGINNINGS.iter().any(|word| begins(word))
        || PAID_ENDS.iter().any(|word| ends(word))
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-') || c.is_whitespace()
}

/// A well-known source and every alias of it.
pub(super) fn spellings(source: &'static str) -> impl Iterator<Item = &'static str> {
    let aliases = ALIASES.iter().filter(move |alias| alias.source == source).map(|alias| alias.sent);
    std::iter::once(source).chain(aliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aliases_are_sorted_and_lead_to_no_other_alias() {
        assert!(ALIASES.is_sorted_by(|left, right| left.sent < right.sent));
        for Alias { sent, source, is_assistant } in ALIASES {
            assert_eq!(well_known((*sent).to_owned()), (Cow::Borrowed(*source), *is_assistant));
            assert_eq!(well_known((*source).to_owned()).0, *source);
        }
    }

    #[test]
    fn blanks_and_dashes_separate_the_words_of_a_medium() {
        let paid = "cpc ads sem cpe native programmatic paid paid+social paid-social paidsocial paidvideo cpc_brand \
                    cpc+brand cpc-brand ppc_x cpm-x social_paid social+paid google-cpc brand+ppc cpc_ _paid";
        for medium in paid.split_whitespace().map(|medium| medium.replace('+', " ")) {
            assert!(is_paid(&medium), "{medium}");
        }
        let unpaid = "email cpcs scpc unpaid prepaid prepaid_card cpa_x cpv-x x_cpm adsense x_ads semi natives \
                      display_ad social organic";
        for medium in unpaid.split_whitespace() {
            assert!(!is_paid(medium), "{medium}");
        }
    }
}
