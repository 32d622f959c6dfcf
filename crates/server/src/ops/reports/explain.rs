//! Explaining an attribution: the real classifier, asked again, with the rules that it tried and
//! what could be done better.
//!
//! Stores nothing. An event is explained from what is kept of it: its URL without what was
//! scrubbed, which is why the response also says whether it agrees with what was stored.

use millimetric_core::classify::{Attribution, Explanation, explain as classifier, rules};
use millimetric_core::event::{Confidence, Event};
use millimetric_core::query::EventQuery;
use millimetric_core::time::TimeRange;

use crate::auth::{Authorized, Read};
use crate::ops::error::{OpsError, OpsResult};
use crate::ops::read;
use crate::state::App;

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainQuery {
    /// An event that was stored.
    Event {
        /// Its id.
        event_id: String,
        /// Where to look for it.
        range: TimeRange,
    },
    /// A visit that never was.
    Visit {
        /// The landing page.
        url: Option<String>,
        /// Where the visitor came from.
        referrer: Option<String>,
        /// The site's own host, for visits without a url.
        site_host: Option<String>,
    },
}

/// An attribution and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The event, when one was asked for.
    pub event: Option<Event>,
    /// What the rules of today say, and why.
    pub explanation: Explanation,
    /// When the rule that fired does, in words.
    pub fired_since: String,
    /// Whether what was stored is what the rules say now; `None` for a visit that never was.
    pub agrees: Option<bool>,
    /// What could be done better, most important first.
    pub advice: Vec<&'static str>,
}

/// Explains an attribution.
pub async fn explain(app: &App, by: &Authorized<Read>, query: ExplainQuery) -> OpsResult<Explained> {
    match query {
        ExplainQuery::Visit { url, referrer, site_host } => {
            Ok(explained(None, classifier(url.as_deref(), referrer.as_deref(), site_host.as_deref())))
        }
        ExplainQuery::Event { event_id, range } => {
            let found = read::run(app, by, EventQuery { range, event_id: event_id.clone() }).await?;
            let event = found.ok_or(OpsError::UnknownEvent(event_id))?;
            let explanation = classifier(event.url.as_deref(), event.referrer.as_deref(), None);
            Ok(explained(Some(*event), explanation))
        }
    }
}

/// When a rule fires, in words; nothing of a rule that is no more.
pub fn rule_in_words(rule_id: &str) -> String {
    let rule = rules().iter().find(|rule| rule.id() == rule_id);
    rule.map(millimetric_core::classify::Rule::fires_when).unwrap_or_default()
}

fn explained(event: Option<Event>, explanation: Explanation) -> Explained {
    let rule_id = explanation.attribution.rule_id;
    let agrees = event.as_ref().map(|event| agree(event, &explanation.attribution));
    let mut advice = advice(&explanation.attribution);
    if agrees == Some(false) {
        advice.insert(
            0,
            "The stored attribution counts: it was made from the whole URL when the event arrived, by the rules of that day. What is kept of the URL today (no fragment, no user info, nothing secret) leads to another one.",
        );
    }
    let fired_since = rule_in_words(rule_id);
    Explained { event, explanation, fired_since, agrees, advice }
}

fn agree(event: &Event, now: &Attribution) -> bool {
    event.source == now.source && event.medium == now.medium && event.source_rule_id == now.rule_id
}

fn advice(attribution: &Attribution) -> Vec<&'static str> {
    let mut advice = Vec::new();
    match attribution.rule_id {
        "direct" => advice.push(
            "Nothing says where this visit came from. Tag the links that you share with utm_source and utm_medium, and see that no page on the way sends `Referrer-Policy: no-referrer`.",
        ),
        "fb_click_id" => advice.push(
            "An fbclid alone also stands on unpaid links, hence medium confidence. Tag ads with utm_source=facebook&utm_medium=paid_social to be sure.",
        ),
        "paid_utm_medium" | "utm_medium" => {
            advice.push("There is a utm_medium but no utm_source. Add utm_source, so that the network has a name.");
        }
        "ref_other" => advice.push(
            "The referrer is in no table of known hosts, so it is a referral by its host. If the link is yours, tag it.",
        ),
        "ref_internal" => advice.push(
            "The visitor came from the site itself, so this event opens no visit; look at the first event of the session.",
        ),
        "ref_facebook" | "ref_instagram" | "ref_social" => advice.push(
            "A referrer alone tells the network, not whether the link was an ad or a post. Tag your own links with utm_medium=social or paid_social.",
        ),
        _ => {}
    }
    if attribution.medium == "unknown" {
        advice.push(
            "There is a utm_source without utm_medium. Add utm_medium: cpc, paid_social or display for what is paid; email, social, referral for what is not.",
        );
    }
    let tagged = attribution.rule_id.contains("utm") || attribution.medium == "paid";
    if tagged && attribution.campaign.is_none() {
        advice.push("Add utm_campaign to tell campaigns apart.");
    }
    if advice.is_empty() && attribution.confidence == Confidence::High {
        advice.push("Nothing to do: the URL says it all.");
    }
    advice
}
