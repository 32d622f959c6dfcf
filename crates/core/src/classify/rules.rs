//! The ordered rule table. First match wins, and the last rule always matches.
//!
//! The table is the one truth: what fires, what is explained and what is published as the list of
//! rules all come from it. A rule's id is stored with every event, so an id is never given a new
//! meaning.

use std::borrow::Cow;

use super::condition::Condition::{
    self, Carries, FromOwnCopy, FromOwnSite, NoUnpaidMedium, NoUtmSource, PaidMedium, PassThrough, Referrer,
    ReferrerIs, ReferrerListed, ReferrerOn, SourceIs, UtmMedium, UtmSource,
};
use super::directory::Class;
use super::project::MetaClicks;
use super::signals::Signals;
use super::utm;
use crate::event::Confidence::{self, High, Low, Medium};
use Name::{Is, Listed, Mailer, MetaMedium, MetaNetwork, ReferrerHost, SentMedium, SentSource};

/// The hosts through which Facebook sends people who follow a link.
const FACEBOOK_REDIRECTS: &[&str] = &["l.facebook.com", "lm.facebook.com"];
const FACEBOOK_HOSTS: &[&str] = &["facebook.com", "fb.com", "fb.me", "messenger.com"];

/// The hosts of Meta's networks, other than Facebook, whose links carry an `fbclid`.
const META_NETWORKS: &[(&str, &str)] =
    &[("instagram.com", "instagram"), ("threads.com", "threads"), ("threads.net", "threads")];

/// Parameters that mailing services put on their links, and the services.
const MAILERS: &[(&str, &str)] = &[
    ("mc_cid", "mailchimp"),
    ("mc_eid", "mailchimp"),
    ("_kx", "klaviyo"),
    ("mkt_tok", "marketo"),
    ("_hsenc", "hubspot"),
    ("_hsmi", "hubspot"),
    ("ck_subscriber_id", "convertkit"),
    ("vero_id", "vero"),
];
const MAILER_IDS: &[&str] = &names_of::<{ MAILERS.len() }>(MAILERS);

/// classifier.md, the numbered table, in its order.
const RULES: &[Rule] = &[
    rule("google_click_id", &[Carries(&["gclid"])], Is("google"), Is("paid"), High),
    rule("bing_click_id", &[Carries(&["msclkid"])], Is("bing"), Is("paid"), High),
    rule("tiktok_click_id", &[Carries(&["ttclid"])], Is("tiktok"), Is("paid"), High),
    rule("linkedin_click_id", &[Carries(&["li_fat_id"])], Is("linkedin"), Is("paid"), High),
    rule("google_app_click_id", &[Carries(&["gbraid", "wbraid"])], Is("google"), Is("paid"), High),
    rule("google_display_click_id", &[Carries(&["dclid"])], Is("google"), Is("paid"), High),
    rule("x_click_id", &[Carries(&["twclid"])], Is("twitter"), Is("paid"), High),
    rule("reddit_click_id", &[Carries(&["rdt_cid"])], Is("reddit"), Is("paid"), High),
    rule("snapchat_click_id", &[Carries(&["sccid"])], Is("snapchat"), Is("paid"), High),
    rule("yandex_click_id", &[Carries(&["yclid"])], Is("yandex"), Is("paid"), High),
    rule("quora_click_id", &[Carries(&["qclid"])], Is("quora"), Is("paid"), High),
    rule(
        "fb_ad_redirect",
        &[Carries(&["fbclid"]), NoUnpaidMedium, ReferrerIs(FACEBOOK_REDIRECTS)],
        MetaNetwork,
        MetaMedium,
        High,
    ),
    rule(
        "meta_click_utm",
        &[Carries(&["fbclid"]), NoUnpaidMedium, SourceIs(&["facebook", "instagram"])],
        SentSource,
        Is("paid"),
        High,
    ),
    rule("paid_utm_facebook", &[PaidMedium, SourceIs(&["facebook"])], Is("facebook"), Is("paid"), High),
    rule("paid_utm_instagram", &[PaidMedium, SourceIs(&["instagram"])], Is("instagram"), Is("paid"), High),
    rule("paid_utm_source", &[PaidMedium, UtmSource], SentSource, Is("paid"), High),
    rule("paid_utm_medium", &[PaidMedium], Is("unknown"), Is("paid"), Medium),
    rule(
        "fb_click_id",
        &[Carries(&["fbclid"]), NoUtmSource, NoUnpaidMedium],
        MetaNetwork,
        MetaMedium,
        Medium,
    ),
    rule("utm_source", &[UtmSource], SentSource, SentMedium, High),
    rule("utm_medium", &[UtmMedium], Is("unknown"), SentMedium, Low),
    rule(
        "google_ads_click",
        &[Carries(&["gad_source", "gad_campaignid", "gclsrc"])],
        Is("google"),
        Is("paid"),
        Medium,
    ),
    rule("pinterest_click_id", &[Carries(&["epik"])], Is("pinterest"), Is("paid"), Medium),
    rule("taboola_click_id", &[Carries(&["tblci"])], Is("taboola"), Is("paid"), Medium),
    rule("outbrain_click_id", &[Carries(&["oborigurl", "dicbo"])], Is("outbrain"), Is("paid"), Medium),
    rule("impact_click_id", &[Carries(&["irclickid"])], Is("impact"), Is("affiliate"), Medium),
    rule("awin_click_id", &[Carries(&["awc"])], Is("awin"), Is("affiliate"), Medium),
    rule("mail_click_id", &[Carries(MAILER_IDS)], Mailer, Is("email"), Medium),
    rule("pass_through", &[PassThrough], Is("internal"), Is("direct"), Medium),
    rule("own_copy", &[FromOwnCopy], Is("internal"), Is("direct"), Medium),
    rule("ref_internal", &[FromOwnSite], Is("internal"), Is("direct"), High),
    rule("ref_facebook", &[ReferrerOn(FACEBOOK_HOSTS)], Is("facebook"), Is("social"), Medium),
    rule("ref_instagram", &[ReferrerOn(&["instagram.com"])], Is("instagram"), Is("social"), Medium),
    rule("ref_ai_assistant", &[ReferrerListed(Class::AiAssistant)], Listed, Is("ai_assistant"), Medium),
    rule("ref_email", &[ReferrerListed(Class::Mail)], Is("email"), Is("email"), Medium),
    rule("ref_social", &[ReferrerListed(Class::Social)], Listed, Is("social"), Medium),
    rule("ref_paid", &[ReferrerListed(Class::Ads)], Listed, Is("paid"), Medium),
    rule("ref_search", &[ReferrerListed(Class::Search)], Listed, Is("organic"), Medium),
    rule("ref_other", &[Referrer], ReferrerHost, Is("referral"), Low),
    rule("direct", &[], Is("direct"), Is("direct"), High),
];

/// One rule of the classifier, as it runs and as it is shown.
#[derive(Debug)]
pub struct Rule {
    id: &'static str,
    conditions: &'static [Condition],
    source: Name,
    medium: Name,
    confidence: Confidence,
    /// Whether a condition asks for a click id or a utm parameter, so that the rule fires only for a link
    /// that somebody tagged.
    reads_tags: bool,
}

/// Where a source or a medium gets its name from.
#[derive(Debug, Clone, Copy)]
enum Name {
    Is(&'static str),
    SentSource,
    SentMedium,
    /// The mailing service whose parameter is in the url.
    Mailer,
    /// The network of Meta that the referrer belongs to; Facebook if none.
    MetaNetwork,
    /// What the project's `meta_clicks` says of a click id of Meta.
    MetaMedium,
    Listed,
    ReferrerHost,
}

/// Every rule, in the order in which they are tried.
pub const fn rules() -> &'static [Rule] {
    RULES
}

/// The first rule whose conditions all hold, and the rules before it.
pub(super) fn fired(signals: &Signals) -> (&'static Rule, &'static [Rule]) {
    let is_tagged = signals.is_tagged();
    let may_fire = |rule: &Rule| is_tagged || !rule.reads_tags;
    let place = RULES.iter().position(|rule| may_fire(rule) && rule.lacks(signals).is_none());
    // The last rule has no conditions, so there always is a place.
    let place = place.unwrap_or(RULES.len() - 1);
    (&RULES[place], &RULES[..place])
}

const fn rule(
    id: &'static str,
    conditions: &'static [Condition],
    source: Name,
    medium: Name,
    confidence: Confidence,
) -> Rule {
    let (mut reads_tags, mut index) = (false, 0);
    while index < conditions.len() {
        reads_tags |= conditions[index].reads_tags();
        index += 1;
    }
    Rule { id, conditions, source, medium, confidence, reads_tags }
}

impl Rule {
    /// The id that is stored with every event the rule explains.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// When the rule fires, in words; every rule also needs that none before it fired.
    pub fn fires_when(&self) -> String {
        match self.conditions {
            [] => "no other rule fires".to_owned(),
            conditions => conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
        }
    }

    /// The source it gives: the name itself, or a description of where the name is taken from.
    pub const fn source(&self) -> &'static str {
        self.source.words()
    }

    /// The medium it gives: the name itself, or a description of where the name is taken from.
    pub const fn medium(&self) -> &'static str {
        self.medium.words()
    }

    /// How sure the rule is.
    pub const fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Whether the rule fires only for a link that somebody tagged.
    pub(super) const fn reads_tags(&self) -> bool {
        self.reads_tags
    }

    /// The first condition that the visit does not meet; `None` when the rule fires.
    pub(super) fn lacks(&self, signals: &Signals) -> Option<&'static Condition> {
        self.conditions.iter().find(|condition| !condition.holds(signals))
    }

    /// Whether one of its conditions holds.
    pub(super) fn meets_some(&self, signals: &Signals) -> bool {
        self.conditions.iter().any(|condition| condition.holds(signals))
    }

    /// Whether it asks for a click id or utm parameter that the url does not have.
    pub(super) fn needs_more_tags(&self, signals: &Signals) -> bool {
        self.conditions.iter().any(|condition| condition.lacks_parameter(signals))
    }

    /// The source, medium and confidence of a visit for which the rule fired.
    pub(super) fn outcome(&self, signals: &Signals) -> (Cow<'static, str>, Cow<'static, str>, Confidence) {
        let doubtful = matches!(self.medium, MetaMedium) && signals.meta_clicks == MetaClicks::Social;
        let confidence = if doubtful { Medium } else { self.confidence };
        (self.source.of(signals), self.medium.of(signals), confidence)
    }
}

impl Name {
    fn of(self, signals: &Signals) -> Cow<'static, str> {
        let name = match self {
            Is(name) => Some(Cow::Borrowed(name)),
            SentSource => signals.utm_source.clone(),
            SentMedium => sent_medium(signals),
            Mailer => {
                let mailer = MAILERS.iter().find(|(id, _)| signals.click_ids.contains(id));
                mailer.map(|(_, name)| Cow::Borrowed(*name))
            }
            MetaNetwork => Some(Cow::Borrowed(meta_network(signals))),
            MetaMedium => Some(Cow::Borrowed(signals.meta_clicks.as_str())),
            Listed => signals.listing.map(|listing| Cow::Borrowed(listing.source)),
            ReferrerHost => signals.referrer.as_ref().map(|host| Cow::Owned(host.short_name().to_owned())),
        };
        name.unwrap_or(Cow::Borrowed("unknown"))
    }

    const fn words(self) -> &'static str {
        match self {
            Is(name) => name,
            SentSource => "the `utm_source`, or the well-known name it is an alias of",
            SentMedium => {
                "the `utm_medium`, or `unknown` without one; `ai_assistant` if the `utm_source` is one"
            }
            Mailer => "the mailing service",
            MetaNetwork => "facebook, or instagram or threads if the referrer is on it",
            MetaMedium => "paid, or social if the project says so",
            Listed => "the name of the referrer",
            ReferrerHost => "the host of the referrer without `www.`, or the package of the app",
        }
    }
}

fn sent_medium(signals: &Signals) -> Option<Cow<'static, str>> {
    let sent = signals.utm_medium.as_deref();
    if signals.from_assistant && utm::is_unspecific(sent) {
        return Some(Cow::Borrowed("ai_assistant"));
    }
    sent.map(|medium| Cow::Owned(medium.to_owned()))
}

fn meta_network(signals: &Signals) -> &'static str {
    let on = |host: &str| signals.referrer.as_ref().is_some_and(|referrer| referrer.is_on(host));
    META_NETWORKS.iter().find(|(host, _)| on(host)).map_or("facebook", |(_, name)| *name)
}

const fn names_of<const N: usize>(table: &[(&'static str, &'static str)]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = table[index].0;
        index += 1;
    }
    names
}
