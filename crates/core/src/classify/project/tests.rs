//! A project's rules: what is accepted, what they decide, and how they are explained.

use proptest::prelude::*;
use serde_json::json;

use super::super::{Explanation, classify, explain};
use super::*;

fn settings(value: serde_json::Value) -> RuleSettings {
    serde_json::from_value(value).unwrap()
}

fn rules(value: serde_json::Value) -> ProjectRules {
    ProjectRules::new(settings(value)).unwrap()
}

/// A rule with one condition, which gives partner / affiliate.
fn one(field: &str, op: &str, value: impl Into<serde_json::Value>) -> serde_json::Value {
    json!({ "slug": "partner", "source": "partner", "medium": "affiliate",
        "when": [{ "field": field, "op": op, "value": value.into() }] })
}

fn rule_of(url: &str, referrer: &str, rules: &ProjectRules) -> String {
    classify(Some(url), Some(referrer), None, rules).rule_id.into_owned()
}

#[test]
fn a_condition_compares_its_field_as_its_operator_says() {
    let url = "https://www.Shop.example/Blog/%D8%B3?Ref=Abc%20D&ref=second&utm_source=Fb&utm_term=#/x?tab=2";
    let referrer = "https://www.Partner.example:8443/x";
    let table = [
        ("referrer_host", "is", "partner.example", true),
        ("referrer_host", "is", "WWW.Partner.Example", true),
        ("referrer_host", "is", "example", false),
        ("referrer_host", "starts_with", "partner.", true),
        ("referrer_host", "contains", "rtner", true),
        ("referrer_host", "matches", r"(^|\.)partner\.example$", true),
        ("referrer_host", "matches", "^example", false),
        ("url_host", "is", "shop.example", true),
        ("url_host", "is", "partner.example", false),
        ("path", "is", "/blog/س", true),
        ("path", "is", "/blog/%d8%B3", true),
        ("path", "starts_with", "/BLOG/", true),
        ("path", "contains", "س", true),
        ("path", "matches", "^/blog/.$", true),
        ("path", "is", "/blog", false),
        ("query.ref", "is", "abc d", true),
        ("query.REF", "starts_with", "ABC", true),
        ("query.ref", "is", "second", false),
        ("query.tab", "matches", r"^\d$", true),
        ("query.missing", "matches", "", false),
        ("query.missing", "contains", "a", false),
        ("utm_source", "is", "fb", true),
        ("utm_source", "is", "facebook", false),
        ("query.utm_source", "is", "fb", true),
        ("utm_term", "matches", ".*", false),
    ];
    for (field, op, value, fires) in table {
        let Ok(rules) = ProjectRules::new(settings(json!({ "rules": [one(field, op, value)] }))) else {
            assert!(value.is_empty(), "{field} {op} {value}");
            continue;
        };
        let fired = rule_of(url, referrer, &rules) == "project:partner";
        assert_eq!(fired, fires, "{field} {op} {value}");
    }
}

#[test]
fn an_app_and_an_absent_field_are_compared_too() {
    let app = rules(json!({ "rules": [one("referrer_host", "is", "com.unknown.app")] }));
    assert_eq!(rule_of("https://shop.example/", "android-app://Com.Unknown.App/", &app), "project:partner");
    for field in ["referrer_host", "url_host", "path", "query.a"] {
        let any = rules(json!({ "rules": [one(field, "matches", ".*")] }));
        assert_eq!(classify(None, None, None, &any).rule_id, "direct", "{field}");
    }
}

#[test]
fn the_first_rule_whose_conditions_all_hold_stands_before_every_other() {
    let rules = rules(json!({ "rules": [
        { "slug": "both", "source": "a", "medium": "b", "when": [
            { "field": "query.x", "op": "is", "value": ["1", "2"] },
            { "field": "path", "op": "starts_with", "value": "/in" } ] },
        { "slug": "one", "source": "c", "medium": "d", "campaign": "Fixed", "when": [
            { "field": "query.x", "op": "is", "value": ["1", "2"] } ] } ] }));
    let both = classify(Some("https://shop.example/in?x=2&gclid=1&utm_campaign=Sent"), None, None, &rules);
    assert_eq!((&*both.source, &*both.medium, &*both.rule_id), ("a", "b", "project:both"));
    assert_eq!((both.campaign.as_deref(), both.confidence), (Some("Sent"), Confidence::High));
    let one = classify(Some("https://shop.example/?x=1&utm_campaign=Sent"), None, None, &rules);
    assert_eq!((&*one.source, one.campaign.as_deref()), ("c", Some("Fixed")));
    let none = classify(Some("https://shop.example/in?x=3&gclid=1"), None, None, &rules);
    assert_eq!(none.rule_id, "google_click_id");
}

#[test]
fn an_explanation_names_the_condition_that_did_not_hold() {
    let rules = rules(json!({ "rules": [
        one("path", "starts_with", "/in"),
        { "slug": "many", "source": "a", "medium": "b", "when": [
            { "field": "query.x", "op": "is", "value": ["1", "2", "3", "4", "5"] },
            { "field": "referrer_host", "op": "is", "value": "partner.example" } ] } ] }));
    let explained = |url: &str| explain(Some(url), None, None, &rules);
    let reasons = |explanation: &Explanation| {
        let passed = explanation.passed_over.iter().take(2);
        passed.map(|passed| format!("{}: {}", passed.rule_id, passed.reason)).collect::<Vec<_>>()
    };
    let neither = explained("https://shop.example/?gclid=1");
    assert_eq!(neither.attribution.rule_id, "google_click_id");
    assert_eq!(
        reasons(&neither),
        [
            "project:partner: needs path starts with /in",
            "project:many: needs query.x is 1 or 2 or 3 or one of 2 more"
        ]
    );
    let half = explained("https://shop.example/?x=5");
    assert_eq!(reasons(&half)[1], "project:many: needs referrer_host is partner.example");
    let first = explained("https://shop.example/in");
    assert_eq!((first.fires_when.as_str(), first.passed_over.len()), ("path starts with /in", 0));
}

#[test]
fn an_ignored_referrer_and_its_subdomains_are_passed_through() {
    let rules = rules(json!({ "ignored_referrers": ["Pay.partner.example", "10.0.0.1"] }));
    let of = |referrer: &str| rule_of("https://shop.example/", referrer, &rules);
    for ignored in ["https://pay.partner.example/", "https://eu.pay.partner.example/x", "http://10.0.0.1:80/"]
    {
        assert_eq!(of(ignored), "pass_through", "{ignored}");
    }
    for other in ["https://partner.example/", "https://notpay.partner.example/", "http://110.0.0.1/"] {
        assert_eq!(of(other), "ref_other", "{other}");
    }
    let tagged = rule_of("https://shop.example/?utm_source=a", "https://pay.partner.example/", &rules);
    assert_eq!(tagged, "utm_source");
}

#[test]
fn clicks_of_meta_are_social_if_the_project_says_so() {
    let social = rules(json!({ "meta_clicks": "social" }));
    let table = [
        ("?fbclid=1", "https://l.facebook.com/", "facebook social medium fb_ad_redirect"),
        ("?fbclid=1", "https://l.instagram.com/", "instagram social medium fb_click_id"),
        ("?fbclid=1", "https://l.threads.net/", "threads social medium fb_click_id"),
        ("?fbclid=1&utm_source=ig", "", "instagram paid high meta_click_utm"),
        ("?fbclid=1&utm_medium=cpc", "", "unknown paid medium paid_utm_medium"),
    ];
    for (query, referrer, expected) in table {
        let url = format!("https://shop.example/{query}");
        let found = classify(Some(&url), Some(referrer), None, &social);
        let found = format!("{} {} {} {}", found.source, found.medium, found.confidence, found.rule_id);
        assert_eq!(found, expected, "{query} {referrer}");
    }
}

#[test]
fn settings_read_back_from_their_json() {
    let written = json!({
        "rules": [{
            "slug": "partners",
            "when": [
                { "field": "referrer_host", "op": "is", "value": ["a.example", "b.example"] },
                { "field": "query.ref", "op": "matches", "value": "^p[0-9]+$" },
                { "field": "utm_content", "op": "contains", "value": "x" },
            ],
            "source": "partner",
            "medium": "affiliate",
        }],
        "ignored_referrers": ["pay.example"],
        "meta_clicks": "social",
    });
    let read = settings(written.clone());
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    assert_eq!(ProjectRules::new(read.clone()).unwrap().settings(), Some(&read));
    assert_eq!(settings(json!({})), RuleSettings::default());
    for wrong in [
        json!({ "rule": [] }),
        json!({ "meta_clicks": "organic" }),
        json!({ "rules": [one("referrer", "is", "a")] }),
        json!({ "rules": [one("query.", "is", "a")] }),
        json!({ "rules": [one("path", "equals", "a")] }),
        json!({ "rules": [one("path", "is", 1)] }),
    ] {
        assert!(serde_json::from_value::<RuleSettings>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_says_where_and_what_is_wrong() {
    let with = |change: &dyn Fn(&mut RuleDefinition)| {
        let mut settings = settings(json!({ "rules": [one("path", "is", "/a")] }));
        change(&mut settings.rules[0]);
        settings
    };
    let value = |op: &str, value: serde_json::Value| settings(json!({ "rules": [one("path", op, value)] }));
    let hosts = |hosts: Vec<String>| RuleSettings { ignored_referrers: hosts, ..RuleSettings::default() };
    let rules = |count: usize| {
        let rule =
            |index: usize| RuleDefinition { slug: format!("r{index}"), ..with(&|_| ()).rules.swap_remove(0) };
        RuleSettings { rules: (0..count).map(rule).collect(), ..RuleSettings::default() }
    };
    let mut twice = rules(2);
    "r0".clone_into(&mut twice.rules[1].slug);
    let table = [
        (with(&|rule| rule.slug = String::new()), "rules[0].slug: `` is no slug"),
        (with(&|rule| rule.slug = "A b".into()), "rules[0].slug: `A b` is no slug"),
        (with(&|rule| rule.slug = "x".repeat(64)), "is no slug"),
        (twice, "rules[1].slug: `r0` occurs twice"),
        (with(&|rule| rule.when.clear()), "rules[0].when: a rule needs at least one condition"),
        (
            with(&|rule| rule.when = vec![rule.when[0].clone(); 11]),
            "rules[0].when: 11 conditions are too many",
        ),
        (with(&|rule| rule.source = "Partner".into()), "rules[0].source: `Partner` must be 1–100 lower-case"),
        (with(&|rule| rule.source = "internal".into()), "ignored_referrers"),
        (with(&|rule| rule.medium = " a".into()), "rules[0].medium: ` a` must be"),
        (with(&|rule| rule.medium = "x".repeat(101)), "rules[0].medium: `x"),
        (with(&|rule| rule.campaign = Some("\n".into())), "rules[0].campaign: `\n` must be 1–200"),
        (value("is", json!([])), "rules[0].when[0].value: a value is empty"),
        (value("is", json!(["a", " "])), "a value is empty"),
        (value("is", json!("x".repeat(257))), "is longer than 256 characters"),
        (value("is", json!(vec!["x"; 101])), "101 values are too many: at most 100"),
        (value("matches", json!("a(")), "this is no regular expression (unclosed group)"),
        (
            value("matches", json!(r"(a)\1")),
            "this is no regular expression (backreferences are not supported)",
        ),
        (value("matches", json!(r"(\w{99}){99}")), "the expressions are too large"),
        (
            settings(json!({ "rules": [one("referrer_host", "is", "https://a.example/")] })),
            "`https://a.example/` is no host",
        ),
        (hosts(vec!["a.example".into(), "b c".into()]), "ignored_referrers[1]: `b c` is no host"),
        (hosts(vec!["a.example".into(); 101]), "ignored_referrers: 101 hosts are too many: at most 100"),
        (rules(201), "rules: 201 rules are too many: at most 200"),
    ];
    for (settings, expected) in table {
        let error = ProjectRules::new(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
    assert!(ProjectRules::new(rules(200)).is_ok());
    let mut matching = rules(101);
    matching.rules.iter_mut().for_each(|rule| rule.when[0].op = RuleOperator::Matches);
    let error = ProjectRules::new(matching).unwrap_err().to_string();
    assert_eq!(error, "rules: 101 conditions with `matches` are too many: at most 100");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_settings_and_no_visit_cause_a_panic(
        field in "referrer_host|url_host|path|query\\.[a-z]{1,3}|utm_source|query\\.\\PC{1,5}",
        op in "is|starts_with|contains|matches",
        value in "\\PC{0,20}|[a-z.*+?()\\[\\]{}|^$\\\\0-9]{0,20}",
        slug in "[a-z]{1,5}|\\PC{0,5}",
        source in "[a-z]{1,5}|\\PC{0,5}",
        ignored in "\\PC{0,20}|[a-z.]{0,20}",
        url in "https?://[a-z.]{1,10}/\\PC{0,20}\\?\\PC{0,20}",
        referrer in "(https?|android-app)://\\PC{0,20}",
    ) {
        let mut settings = settings(json!({ "rules": [one(&field, &op, value)], "ignored_referrers": [ignored] }));
        settings.rules[0].slug = slug;
        settings.rules[0].source = source;
        if let Ok(rules) = ProjectRules::new(settings) {
            let found = classify(Some(&url), Some(&referrer), None, &rules);
            let explained = explain(Some(&url), Some(&referrer), None, &rules);
            prop_assert_eq!(found, explained.attribution);
        }
    }
}
