//! From a message to an event (contract, section 8): which member becomes which field, and under which
//! name an error about the field reaches the client.

use std::borrow::Cow;

use millimetric_core::ingest::placeholder::is_placeholder_id;
use millimetric_core::ingest::validate::EventInput;
use millimetric_core::time::Timestamp;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::message::{CampaignIn, ContextIn, MessageIn};
use super::page::{Page, fits, is_web_address, page_of};
use super::properties;
use super::text::{Text, filled};
use super::{Kind, Wrong};
use crate::ops::collect::Sent;

/// The longest url, in characters.
const MAX_URL: usize = 2048;

/// What all messages of a request share.
pub(super) struct Shared<'a> {
    /// The server's clock.
    pub(super) now: Timestamp,
    /// `sentAt` of the batch.
    pub(super) sent_at: Option<Text<'a>>,
    /// `context` of the batch.
    pub(super) context: Option<ContextIn<'a>>,
}

/// A message as an event, and the names of its fields in errors.
pub(super) struct Mapped {
    pub(super) sent: Sent,
    pub(super) names: Names,
}

/// Where the fields of an event came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    /// Position of the message in its batch.
    pub(super) index: usize,
    kind: Kind,
    url: &'static str,
    time: &'static str,
}

impl Names {
    /// The member of the message from which a field of the event came.
    pub(super) fn field(self, ours: &'static str) -> &'static str {
        match ours {
            "event_id" => "messageId",
            "anonymous_id" if self.kind == Kind::Alias => "previousId",
            "anonymous_id" => "anonymousId",
            "user_id" => "userId",
            "timestamp" => self.time,
            "url" => self.url,
            "properties" if matches!(self.kind, Kind::Identify | Kind::Group) => "traits",
            _ => ours,
        }
    }
}

impl MessageIn<'_> {
    /// The event that a message becomes.
    pub(super) fn into_event(self, kind: Kind, shared: &Shared<'_>) -> Result<Mapped, Wrong> {
        let context = of_both(self.context, shared.context.as_ref());
        let (timestamp, time) =
            time_of(filled(self.timestamp), self.original_timestamp, self.sent_at, shared)?;
        let (context_url, context_referrer) = context.page.map_or((None, None), |page| {
            let url = filled(page.url).filter(|url| is_web_address(url) && fits(url));
            (url, filled(page.referrer).filter(|referrer| fits(referrer)))
        });
        let user_id = filled(self.user_id);
        let mut input = EventInput {
            event_id: filled(self.message_id),
            timestamp,
            anonymous_id: filled(self.anonymous_id),
            url: context_url,
            referrer: context_referrer,
            ..EventInput::default()
        };
        let mut names = Names { index: 0, kind, url: "context.page.url", time };
        match kind {
            Kind::Track => {
                input.event = filled(self.event);
                input.properties = self.properties.map(text_of);
            }
            Kind::Page | Kind::Screen => {
                input.event = Some(if kind == Kind::Page { "$pageview" } else { "$screen" }.to_owned());
                let page = page_of(self.properties, input.url.as_deref(), self.name, self.category);
                names.url = if page.url.is_some() { "properties.url" } else { names.url };
                page.put_into(&mut input);
            }
            Kind::Identify => {
                required("userId", "is required, unless `anonymousId` is given", || {
                    user_id.is_some() || input.anonymous_id.is_some()
                })?;
                input.event = Some("$identify".to_owned());
                input.properties = self.traits.map(text_of);
            }
            Kind::Group => {
                let group = filled(self.group_id);
                required("groupId", "is required", || group.is_some())?;
                input.event = Some("$group".to_owned());
                input.properties = Some(with_group(self.traits, group));
            }
            Kind::Alias => {
                input.anonymous_id = filled(self.previous_id);
                required("previousId", "is required", || input.anonymous_id.is_some())?;
                required("userId", "is required", || user_id.is_some())?;
                input.event = Some("$identify".to_owned());
            }
        }
        input.anonymous_id = input.anonymous_id.or_else(|| visitor_of(user_id.as_deref()?));
        input.user_id = user_id;
        input.url = input.url.map(|url| tagged(url, context.campaign.as_ref()));
        let visitor_agent = filled(context.user_agent);
        Ok(Mapped { sent: Sent { input, visitor_ip: context.ip, visitor_agent }, names })
    }
}

impl Page {
    /// The fields of an event that a page or screen says by itself.
    fn put_into(self, input: &mut EventInput) {
        input.url = self.url.or(input.url.take());
        input.path = self.path;
        input.referrer = self.referrer.or(input.referrer.take());
        input.properties = self.properties;
    }
}

fn required(field: &str, message: &str, is_there: impl FnOnce() -> bool) -> Result<(), Wrong> {
    if is_there() { Ok(()) } else { Err(vec![(field.to_owned(), message.to_owned())]) }
}

fn text_of(raw: &RawValue) -> String {
    raw.get().to_owned()
}

/// The context of a message, completed with that of its batch.
fn of_both<'a>(own: Option<ContextIn<'a>>, shared: Option<&ContextIn<'a>>) -> ContextIn<'a> {
    let own = own.unwrap_or_default();
    let Some(shared) = shared else { return own };
    ContextIn {
        page: own.page.or_else(|| shared.page.clone()),
        campaign: own.campaign.or_else(|| shared.campaign.clone()),
        ip: own.ip.or(shared.ip),
        user_agent: own.user_agent.or_else(|| shared.user_agent.clone()),
    }
}

/// When a message happened, and the member that says it: `timestamp` as it is; else `originalTimestamp`,
/// corrected by what the client's clock said when it sent the message.
fn time_of(
    timestamp: Option<String>,
    original: Option<Text<'_>>,
    sent_at: Option<Text<'_>>,
    shared: &Shared<'_>,
) -> Result<(Option<String>, &'static str), Wrong> {
    let original = filled(original);
    let (None, Some(original)) = (&timestamp, original) else { return Ok((timestamp, "timestamp")) };
    let parsed = |field: &str, text: &str| {
        Timestamp::parse(text).map_err(|error| vec![(field.to_owned(), error.to_string())])
    };
    let happened = parsed("originalTimestamp", &original)?;
    let Some(sent_at) = filled(sent_at).or_else(|| filled(shared.sent_at.clone())) else {
        return Ok((Some(original), "originalTimestamp"));
    };
    let ago = parsed("sentAt", &sent_at)?.millis() - happened.millis();
    let corrected = Timestamp::from_millis(shared.now.millis().saturating_sub(ago));
    Ok((Some(corrected.unwrap_or(shared.now).to_string()), "originalTimestamp"))
}

/// The properties of `$group`.
fn with_group(traits: Option<&RawValue>, group: Option<String>) -> String {
    let mut members = match traits {
        // What is no object is refused like other properties.
        Some(raw) => match properties::members(raw) {
            Some(members) => members,
            None => return text_of(raw),
        },
        None => Vec::new(),
    };
    properties::put_first(&mut members, "groupId", group);
    properties::write(&members)
}

/// The visitor of messages that name a user alone: always the same one, so that a user whom servers report
/// counts once. Placeholders name nobody.
fn visitor_of(user_id: &str) -> Option<String> {
    let hash = || hex::encode(&Sha256::digest(user_id)[..16]);
    (!is_placeholder_id(user_id)).then(|| format!("user_{}", hash()))
}

/// A url with the campaign as utm parameters, unless it has some already, or would become too long.
fn tagged(url: String, campaign: Option<&CampaignIn<'_>>) -> String {
    let Some(campaign) = campaign else { return url };
    let (page, fragment) = match url.find('#') {
        Some(at) => url.split_at(at),
        None => (url.as_str(), ""),
    };
    let query = page.split_once('?').map(|(_, query)| query);
    let is_tag = |name: Cow<'_, str>| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"));
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut tags = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("utm_source", &campaign.source),
        ("utm_medium", &campaign.medium),
        ("utm_campaign", &campaign.name),
        ("utm_term", &campaign.term),
        ("utm_content", &campaign.content),
        ("utm_id", &campaign.id),
    ] {
        if let Some(value) = value.as_ref().map(Text::as_str).filter(|value| !value.is_empty()) {
            tags.append_pair(name, value);
        }
    }
    let tags = tags.finish();
    if tags.is_empty() || pairs.any(|(name, _)| is_tag(name)) {
        return url;
    }
    let separator = if query.is_none() { "?" } else { "&" };
    let with_tags = [page, separator, &tags, fragment].concat();
    if with_tags.chars().count() > MAX_URL { url } else { with_tags }
}
