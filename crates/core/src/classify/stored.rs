//! Classifies stored events again, with the rules of today.
//!
//! What is stored of a URL may be less than what the event was classified from: it has no fragment, no
//! values that look like secrets, and the site's host is unknown for events without a URL. An event whose
//! rule needs what is missing keeps its attribution.

use super::condition::Condition;
use super::project::ProjectRules;
use super::signals::Signals;
use super::{Attribution, attribution, rules};

/// The attribution that a stored event has under the rules of today; `None` if its stored URL lost what a
/// rule needs, so that the event must keep the attribution that it has.
///
/// The latter is the case if
/// - the rule that is stored with it asks for a click id or utm parameter that the stored URL does not have,
/// - the rule that is stored with it is one of the project's, which still exists and asks for a parameter
///   that the stored URL does not have,
/// - a rule of the project would fire if a parameter that lost its value had the right one, or
/// - it came from the site itself, and has no URL to compare the referrer with.
///
/// A rule of the project that fires without any of this decides.
pub fn classify_stored(
    url: Option<&str>,
    referrer: Option<&str>,
    rule_id: &str,
    project: &ProjectRules,
) -> Option<Attribution> {
    let signals = Signals::read(url, referrer, None, project);
    if project.lost(&signals, rule_id) {
        return None;
    }
    if let Some(rule) = project.fired(&signals) {
        return Some(rule.attribution(signals));
    }
    let came_from_site = matches!(rule_id, "ref_internal" | "own_copy");
    let lost = (came_from_site && signals.url.is_none() && signals.referrer.is_some())
        || rules().iter().any(|rule| rule.id() == rule_id && rule.needs_more_tags(&signals));
    (!lost).then(|| attribution(rules::fired(&signals).0, signals))
}

impl Condition {
    /// Whether it asks for a parameter that the url does not have, whatever its value.
    pub(super) fn lacks_parameter(&self, signals: &Signals) -> bool {
        match self {
            Self::Carries(ids) => !ids.iter().any(|id| signals.click_ids.contains(id)),
            Self::SourceIs(_) | Self::UtmSource => signals.utm_source.is_none(),
            Self::UtmMedium | Self::PaidMedium => signals.utm_medium.is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RuleSettings, classify};
    use super::*;

    fn rules_of(json: &str) -> ProjectRules {
        let settings: RuleSettings = serde_json::from_str(json).unwrap();
        ProjectRules::new(settings).unwrap()
    }

    fn partner() -> ProjectRules {
        rules_of(
            r#"{"rules":[{"slug":"partner","when":[{"field":"query.ref","op":"is","value":"acme"}],
                "source":"acme","medium":"partner"}]}"#,
        )
    }

    /// Source, medium and rule.
    type Names = (String, String, String);

    /// The names; `None` if the event keeps what it has.
    fn again(url: &str, referrer: &str, rule_id: &str, project: &ProjectRules) -> Option<Names> {
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let (url, referrer) = (some(url.to_owned().leak()), some(referrer.to_owned().leak()));
        let now = classify_stored(url, referrer, rule_id, project)?;
        Some((now.source.into(), now.medium.into(), now.rule_id.into()))
    }

    fn is(source: &str, medium: &str, rule: &str) -> Names {
        (source.to_owned(), medium.to_owned(), rule.to_owned())
    }

    #[test]
    fn what_can_be_seen_is_classified_as_today() {
        let none = ProjectRules::default();
        for (url, referrer, stored, expected) in [
            // Was a search before services of Google were distinguished.
            (
                "https://a.example/",
                "https://docs.google.com/",
                "ref_search",
                ("docs.google.com", "referral", "ref_other"),
            ),
            (
                "https://a.example/?fbclid=1&utm_source=ig&utm_medium=social",
                "",
                "meta_click_utm",
                ("instagram", "social", "utm_source"),
            ),
            (
                "https://a.example/?utm_source=x&utm_medium=paid-social",
                "",
                "utm_source",
                ("twitter", "paid", "paid_utm_source"),
            ),
            ("https://a.example/", "", "direct", ("direct", "direct", "direct")),
            ("", "https://a.example/", "ref_other", ("a.example", "referral", "ref_other")),
            // A rule that no release knows says nothing of what was lost.
            ("https://a.example/", "", "of_another_tool", ("direct", "direct", "direct")),
        ] {
            let (source, medium, rule) = expected;
            assert_eq!(
                again(url, referrer, stored, &none),
                Some(is(source, medium, rule)),
                "{url} {referrer}"
            );
        }
    }

    #[test]
    fn an_event_keeps_its_attribution_if_its_url_lost_what_the_rule_needs() {
        let none = ProjectRules::default();
        for (url, referrer, stored) in [
            ("https://a.example/", "", "google_click_id"),
            ("https://a.example/?mkt_tok=", "", "mail_click_id"),
            ("https://a.example/?utm_source=", "", "utm_source"),
            ("https://a.example/?utm_source=fb", "", "paid_utm_facebook"),
            ("", "https://a.example/", "ref_internal"),
        ] {
            assert_eq!(again(url, referrer, stored, &none), None, "{url} {referrer} {stored}");
        }
    }

    #[test]
    fn a_rule_of_the_project_decides_unless_its_parameter_is_missing() {
        let partner = partner();
        let acme = Some(is("acme", "partner", "project:partner"));
        let direct = Some(is("direct", "direct", "direct"));
        for (url, stored, expected) in [
            ("https://a.example/?ref=acme", "direct", acme.clone()),
            ("https://a.example/?ref=acme", "google_click_id", acme),
            ("https://a.example/?ref=other", "direct", direct.clone()),
            ("https://a.example/?ref=other", "project:partner", direct.clone()),
            ("https://a.example/", "direct", direct.clone()),
            // Its value was taken out of the URL.
            ("https://a.example/?ref=", "direct", None),
            // It was in the fragment, which is not stored.
            ("https://a.example/", "project:partner", None),
            ("https://a.example/", "project:gone", direct),
        ] {
            assert_eq!(again(url, "", stored, &partner), expected, "{url} {stored}");
        }
    }

    #[test]
    fn a_rule_that_could_not_fire_anyway_loses_nothing() {
        let rules = rules_of(
            r#"{"rules":[{"slug":"partner","when":[{"field":"query.ref","op":"is","value":"acme"},
                {"field":"path","op":"is","value":"/landing"}],"source":"acme","medium":"partner"}]}"#,
        );
        assert_eq!(again("https://a.example/landing?ref=", "", "direct", &rules), None);
        let elsewhere = again("https://a.example/?ref=", "", "project:partner", &rules);
        assert_eq!(elsewhere, Some(is("direct", "direct", "direct")));
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let partner = partner();
        for url in ["https://a.example/?ref=acme", "https://a.example/?gclid=1", "https://a.example/"] {
            let first = classify(Some(url), None, None, &partner);
            assert_eq!(classify_stored(Some(url), None, &first.rule_id, &partner), Some(first));
        }
    }
}
