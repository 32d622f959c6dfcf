//! The classifier against its case file, and against what must hold for every text.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Without rules of a project.
fn classify(url: Option<&str>, referrer: Option<&str>, site_host: Option<&str>) -> Attribution {
    super::classify(url, referrer, site_host, &ProjectRules::default())
}

fn explain(url: Option<&str>, referrer: Option<&str>, site_host: Option<&str>) -> Explanation {
    super::explain(url, referrer, site_host, &ProjectRules::default())
}

const CASES: &str = include_str!("../../data/cases/classifier.tsv");

/// One line of the case file; the head of the file describes the format.
struct Case {
    line: usize,
    url: Option<String>,
    referrer: Option<String>,
    site_host: Option<String>,
    expected: Vec<&'static str>,
}

fn cases() -> Vec<Case> {
    let lines = CASES.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| Case::read(index + 1, line)).collect()
}

impl Case {
    fn read(line: usize, text: &'static str) -> Self {
        let columns: Vec<_> = text.split('\t').collect();
        assert!(matches!(columns.len(), 7 | 8), "line {line} has {} columns: {text}", columns.len());
        let [url, referrer, site_host] = [columns[0], columns[1], columns[2]].map(input);
        Self { line, url, referrer, site_host, expected: columns[3..].to_vec() }
    }

    fn attribution(&self) -> Attribution {
        classify(self.url.as_deref(), self.referrer.as_deref(), self.site_host.as_deref())
    }
}

/// `-` is absent, `(empty)` the empty text, `{x*200}` two hundred times `x`.
fn input(column: &str) -> Option<String> {
    match column {
        "-" => return None,
        "(empty)" => return Some(String::new()),
        _ => {}
    }
    let mut text = column.to_owned();
    while let Some((before, rest)) = text.split_once('{') {
        let (repetition, after) = rest.split_once('}').unwrap();
        let (repeated, times) = repetition.split_once('*').unwrap();
        text = format!("{before}{}{after}", repeated.repeat(times.parse().unwrap()));
    }
    Some(text)
}

fn columns(attribution: &Attribution) -> Vec<String> {
    let mut columns = vec![
        attribution.source.to_string(),
        attribution.medium.to_string(),
        attribution.confidence.to_string(),
        attribution.rule_id.to_string(),
    ];
    columns.extend(attribution.campaign.clone());
    columns
}

#[test]
fn every_case_is_classified_as_its_line_says() {
    let mut failures = Vec::new();
    for case in cases() {
        let expected: Vec<_> = case.expected.iter().map(|column| input(column).unwrap()).collect();
        let found = columns(&case.attribution());
        if found != expected {
            failures.push(format!("line {}: expected {expected:?}, found {found:?}", case.line));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_case_file_is_long_enough_and_fires_every_rule() {
    let cases = cases();
    assert!(cases.len() >= 600, "{} cases", cases.len());
    let fired: BTreeSet<_> = cases.iter().map(|case| case.expected[3]).collect();
    let all: BTreeSet<_> = rules().iter().map(Rule::id).collect();
    assert_eq!(fired, all);
}

#[test]
fn an_explanation_agrees_with_the_classifier_and_names_every_rule_passed_over() {
    for case in cases() {
        let explanation = explain(case.url.as_deref(), case.referrer.as_deref(), case.site_host.as_deref());
        assert_eq!(explanation.attribution, case.attribution(), "line {}", case.line);
        let mut tried: Vec<_> = explanation.passed_over.iter().map(|passed| &*passed.rule_id).collect();
        tried.push(&explanation.attribution.rule_id);
        let expected: Vec<_> = rules().iter().map(Rule::id).take(tried.len()).collect();
        assert_eq!(tried, expected, "line {}", case.line);
        let fired = rules().iter().find(|rule| rule.id() == explanation.attribution.rule_id).unwrap();
        assert_eq!(explanation.fires_when, fired.fires_when());
    }
}

#[test]
fn an_explanation_says_what_each_rule_lacked() {
    let explanation = explain(
        Some("https://shop.example/?fbclid=1&utm_source=news"),
        Some("https://m.facebook.com/"),
        None,
    );
    assert_eq!(explanation.attribution.rule_id, "utm_source");
    let reason = |rule_id: &str| {
        explanation.passed_over.iter().find(|passed| passed.rule_id == rule_id).unwrap().reason.as_str()
    };
    for (rule_id, expected) in [
        ("google_click_id", "needs `gclid` in the url"),
        ("google_app_click_id", "needs `gbraid` or `wbraid` in the url"),
        ("fb_ad_redirect", "needs a referrer whose host is l.facebook.com or lm.facebook.com"),
        ("meta_click_utm", "needs a `utm_source` that is facebook or fb or meta or instagram or ig"),
        ("paid_utm_medium", "needs a `utm_medium` that means paid"),
        ("fb_click_id", "needs no `utm_source`"),
    ] {
        assert_eq!(reason(rule_id), expected);
    }
}

#[test]
fn the_published_rules_read_as_the_specification_does() {
    let shown: Vec<_> = rules()
        .iter()
        .map(|rule| {
            format!(
                "{} | {} | {} | {} | {}",
                rule.id(),
                rule.fires_when(),
                rule.source(),
                rule.medium(),
                rule.confidence()
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn only_rules_that_read_tags_are_explicit() {
    for rule in rules() {
        let reads_the_referrer_only =
            rule.id().starts_with("ref_") || matches!(rule.id(), "pass_through" | "own_copy" | "direct");
        assert_eq!(is_explicit_tag(rule.id()), !reads_the_referrer_only, "{}", rule.id());
    }
    assert!(is_explicit_tag("project:partners"));
    for unknown in ["", "utm", "project", "Project:x", "referrer.search", "direct "] {
        assert!(!is_explicit_tag(unknown), "{unknown}");
    }
}

/// A url with the given query, of a site that is nobody's referrer.
fn landing(query: &str) -> String {
    format!("https://shop.example/page?{query}")
}

fn assert_storable(attribution: &Attribution) {
    let Attribution { source, medium, campaign, .. } = attribution;
    for (text, max_chars) in
        [(&**source, 100), (&**medium, 100), (campaign.as_deref().unwrap_or("none"), 200)]
    {
        assert!((1..=max_chars).contains(&text.chars().count()), "{text:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(text.trim(), text);
    }
    for text in [source, medium] {
        assert_eq!(text.to_lowercase(), **text);
    }
}

/// Text that gets past the first checks: a scheme, then anything, often with known parameters.
fn nearly_a_url() -> impl Strategy<Value = String> {
    let value = "\\PC{0,20}|[ \t\u{0}\u{7f}%+&=#?A-Za-z]{0,20}|(%[0-9A-Fa-f]{2}){0,150}";
    let name = proptest::sample::select(vec![
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "gclid",
        "fbclid",
        "&amp;_kx",
    ]);
    ("https?://|android-app://|HTTP:|", "[a-z.:@\\[\\]%\u{e4}-\u{fc}0-9-]{0,30}", "[/?#]{1,3}", name, value)
        .prop_map(|(scheme, host, border, name, value)| format!("{scheme}{host}{border}{name}={value}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gets_a_storable_answer(url in ".*", referrer in ".*", site_host in ".*") {
        assert_storable(&classify(Some(&url), Some(&referrer), Some(&site_host)));
    }

    #[test]
    fn any_text_that_is_nearly_a_url_gets_a_storable_answer(url in nearly_a_url(), referrer in nearly_a_url()) {
        assert_storable(&classify(Some(&url), Some(&referrer), None));
    }

    #[test]
    fn a_parameter_that_is_not_known_changes_nothing(
        place in 0..3_usize,
        name in "[a-z]{1,12}|igshid|srsltid|ysclid|mc_[a-z]{1,5}|_hs[a-z]{1,5}|utm_[a-z]{1,5}",
        value in "[a-z0-9%+=]{0,20}",
        case in 0..cases().len(),
    ) {
        let known = ["_hsenc", "_hsmi", "awc", "dclid", "dicbo", "epik", "fbclid", "gbraid", "gclid", "gclsrc",
            "irclickid", "mc_cid", "mc_eid", "msclkid", "oborigurl", "qclid", "sccid", "tblci", "ttclid",
            "twclid", "wbraid", "yclid"];
        prop_assume!(!known.contains(&name.as_str()));
        let referrer = cases().swap_remove(case).referrer;
        let queries = ["utm_source=Fb&utm_medium=CPC", "fbclid=1&utm_campaign=A", "utm_medium=email"];
        for query in queries {
            let mut pairs: Vec<_> = query.split('&').map(str::to_owned).collect();
            pairs.insert(place.min(pairs.len()), format!("{name}={value}"));
            prop_assert_eq!(
                classify(Some(&landing(&pairs.join("&"))), referrer.as_deref(), None),
                classify(Some(&landing(query)), referrer.as_deref(), None)
            );
        }
    }

    #[test]
    fn the_case_of_a_parameter_name_changes_nothing(upper in proptest::collection::vec(any::<bool>(), 12)) {
        let mixed = |name: &str| -> String {
            name.chars().zip(&upper).map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c }).collect()
        };
        for name in ["gclid", "li_fat_id", "fbclid", "sccid", "utm_source", "utm_medium", "utm_campaign"] {
            prop_assert_eq!(
                classify(Some(&landing(&format!("{}=Some+Value", mixed(name)))), None, None),
                classify(Some(&landing(&format!("{name}=Some+Value"))), None, None)
            );
        }
    }

    #[test]
    fn a_host_that_nobody_knows_is_its_own_source(label in "[a-z][a-z0-9]{0,20}", under in "[a-z]{1,10}") {
        let host = format!("{label}.{under}.example");
        let attribution = classify(None, Some(&format!("https://www.{host}:8443/google.com?q=google")), None);
        prop_assert_eq!(columns(&attribution), [host.as_str(), "referral", "low", "ref_other"]);
    }
}
