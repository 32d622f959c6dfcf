//! Explains an attribution: runs the classifier again, and returns the rules that it evaluated and advice.
//!
//! Stores nothing. An event is explained from its stored URL, without the parts that were scrubbed. So the
//! response also says whether the result agrees with the stored attribution.

use millimetric_core::classify::{
    Attribution, Explanation, RuleSettings, explain as classifier, is_explicit_tag, rules,
};
use millimetric_core::event::{Confidence, Event};
use millimetric_core::query::{EventQuery, Lookback, TouchesQuery, TouchesResponse};
use millimetric_core::time::TimeRange;

use crate::auth::{Authorized, Read};
use crate::ops::error::{OpsError, OpsResult};
use crate::ops::read;
use crate::state::App;

/// The event or visit to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainQuery {
    /// An event that was stored.
    Event {
        /// Its id.
        event_id: String,
        /// Where to look for it.
        range: TimeRange,
    },
    /// A hypothetical visit.
    Visit {
        /// The landing page.
        url: Option<String>,
        /// Where the visitor came from.
        referrer: Option<String>,
        /// The site's own host, for visits without a url.
        site_host: Option<String>,
    },
}

/// An attribution and the reasons for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The event, when one was asked for.
    pub event: Option<Event>,
    /// Its session and the sessions before it, when an event was asked for.
    pub touches: Option<TouchesResponse>,
    /// The result of the current rules, and why.
    pub explanation: Explanation,
    /// Whether the stored attribution equals that of the current rules; `None` for a hypothetical visit.
    pub agrees: Option<bool>,
    /// Advice on tagging, most important first.
    pub advice: Vec<&'static str>,
}

/// Explains an attribution.
pub async fn explain(app: &App, by: &Authorized<Read>, query: ExplainQuery) -> OpsResult<Explained> {
    match query {
        ExplainQuery::Visit { url, referrer, site_host } => {
            let rules = by.project().classifier.rules();
            let explanation = classifier(url.as_deref(), referrer.as_deref(), site_host.as_deref(), rules);
            Ok(explained(None, explanation))
        }
        ExplainQuery::Event { event_id, range } => {
            let found = read::run(app, by, EventQuery { range, event_id: event_id.clone() }).await?;
            let event = found.ok_or(OpsError::UnknownEvent(event_id))?;
            let rules = by.project().classifier.rules();
            let explanation = classifier(event.url.as_deref(), event.referrer.as_deref(), None, rules);
            let range =
                TimeRange::new(event.timestamp, event.timestamp.plus_millis(1)).unwrap_or(TimeRange::LAST);
            let touches = TouchesQuery { range, event_id: event.event_id.clone(), lookback: Lookback::USUAL };
            let touches = read::run(app, by, touches).await?;
            Ok(Explained { touches: Some(touches), ..explained(Some(*event), explanation) })
        }
    }
}

/// The condition of a rule of the classifier or of a project, as text; empty for a rule that no longer exists.
pub fn rule_in_words(rule_id: &str, project: &RuleSettings) -> String {
    let rule = rules().iter().find(|rule| rule.id() == rule_id);
    let rule = rule.map(millimetric_core::classify::Rule::fires_when);
    rule.or_else(|| project.fires_when(rule_id)).unwrap_or_default()
}

fn explained(event: Option<Event>, explanation: Explanation) -> Explained {
    let agrees = event.as_ref().map(|event| agree(event, &explanation.attribution));
    let mut advice = advice(&explanation.attribution);
    if agrees == Some(false) {
        advice.insert(
            0,
            "Reports use the stored attribution, which was made from the whole URL with the rules at that time. The stored URL (without fragment, user info and secrets) gives another result with the current rules.",
        );
    }
    Explained { event, touches: None, explanation, agrees, advice }
}

fn agree(event: &Event, now: &Attribution) -> bool {
    event.source == now.source && event.medium == now.medium && event.source_rule_id == now.rule_id
}

fn advice(attribution: &Attribution) -> Vec<&'static str> {
    let mut advice = Vec::new();
    match &*attribution.rule_id {
        "direct" => advice.push(
            "The visit has neither tags nor a referrer. Tag the links that you share with utm_source and utm_medium, and check that no page on the way sends `Referrer-Policy: no-referrer`.",
        ),
        "fb_click_id" => advice.push(
            "Unpaid links have an fbclid too, hence medium confidence. Tag ads with utm_source=facebook&utm_medium=paid_social for high confidence.",
        ),
        "paid_utm_medium" | "utm_medium" => {
            advice.push("There is a utm_medium but no utm_source. Add utm_source to name the network.");
        }
        "ref_other" => advice.push(
            "The referrer is not a known host, so the source is its host name and the medium is referral. If the link is yours, tag it.",
        ),
        "ref_internal" => advice.push(
            "The visitor came from a page of the same site. For the source of the visit, see the first event of the session.",
        ),
        "pass_through" | "own_copy" => advice.push(
            "The visitor came back from a payment or sign-in page, or from a cached or translated copy of the site. For the source of the visit, see the first event of the session.",
        ),
        "ref_facebook" | "ref_instagram" | "ref_social" => advice.push(
            "A referrer alone identifies the network, not whether the link was an ad or a post. Tag your own links with utm_medium=social or paid_social.",
        ),
        _ => {}
    }
    if attribution.medium == "unknown" {
        advice.push(
            "There is a utm_source without utm_medium. Add utm_medium: cpc, paid_social or display for paid links; email, social or referral for others.",
        );
    }
    if is_explicit_tag(&attribution.rule_id) && attribution.campaign.is_none() {
        advice.push("Add utm_campaign to distinguish campaigns.");
    }
    if advice.is_empty() && attribution.confidence == Confidence::High {
        advice.push("Nothing to improve: the URL has all tags.");
    }
    advice
}
