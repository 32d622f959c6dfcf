//! The members of a message that are read; all others are skipped and never kept.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::address;
use super::super::members::Fields;
use super::super::object;
use super::text::Text;
use super::{Kind, Wrong};

/// One message of a Segment library. Unknown members are ignored; `null` and empty texts count as absent,
/// and an integer counts as text.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SegmentMessage)]
#[serde(rename_all = "camelCase")]
pub struct MessageIn<'a> {
    /// `track`, `identify`, `page`, `screen`, `group` or `alias`. Required in a batch; elsewhere the route
    /// says it.
    #[schema(value_type = Option<String>, example = "track")]
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    /// The event's id, 1–128 characters; the same id is stored once.
    #[schema(value_type = Option<String>, max_length = 128)]
    #[serde(borrow)]
    pub(super) message_id: Option<Text<'a>>,
    /// The visitor, at most 128 characters. Absent: an id that is always the same for this `userId`.
    #[schema(value_type = Option<String>, max_length = 128)]
    #[serde(borrow)]
    pub(super) anonymous_id: Option<Text<'a>>,
    /// The signed-in user, at most 256 characters.
    #[schema(value_type = Option<String>, max_length = 256, example = "user-1")]
    #[serde(borrow)]
    pub(super) user_id: Option<Text<'a>>,
    /// When it happened, ISO 8601 with an offset. Absent: `originalTimestamp`, else now.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(borrow)]
    pub(super) timestamp: Option<Text<'a>>,
    /// When it happened, by the clock of the client; corrected with `sentAt`.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(borrow)]
    pub(super) original_timestamp: Option<Text<'a>>,
    /// When it was sent, by the clock of the client.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(borrow)]
    pub(super) sent_at: Option<Text<'a>>,
    /// `track`: the name, 1–128 characters. Required there.
    #[schema(value_type = Option<String>, max_length = 128, example = "Order Completed")]
    #[serde(borrow)]
    pub(super) event: Option<Text<'a>>,
    /// `page`, `screen`: becomes the property `name`.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// `page`, `screen`: becomes the property `category`.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    pub(super) category: Option<Text<'a>>,
    /// `track`, `page`, `screen`: a JSON object of at most 8192 bytes, at most 32 levels deep.
    #[schema(value_type = Option<Object>)]
    #[serde(borrow)]
    pub(super) properties: Option<&'a RawValue>,
    /// `identify`, `group`: a JSON object with the same bounds.
    #[schema(value_type = Option<Object>)]
    #[serde(borrow)]
    pub(super) traits: Option<&'a RawValue>,
    /// `group`: becomes the property `groupId`. Required there.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    pub(super) group_id: Option<Text<'a>>,
    /// `alias`: the visitor that the user was before. Required there.
    #[schema(value_type = Option<String>, max_length = 128)]
    #[serde(borrow)]
    pub(super) previous_id: Option<Text<'a>>,
    /// `page.url`, `page.referrer`, `campaign` and, with an sk, `ip` and `userAgent` are read.
    #[schema(value_type = Option<Object>)]
    #[serde(borrow, default, deserialize_with = "object::optional")]
    pub(super) context: Option<ContextIn<'a>>,
    /// The write key, if it is not in the header: on the paths that our own format does not have.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    pub(super) write_key: Option<Text<'a>>,
}

/// The members of `context` that are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContextIn<'a> {
    #[serde(borrow, default, deserialize_with = "object::optional")]
    pub(super) page: Option<PageIn<'a>>,
    #[serde(borrow, default, deserialize_with = "object::optional")]
    pub(super) campaign: Option<CampaignIn<'a>>,
    #[serde(default, deserialize_with = "address")]
    pub(super) ip: Option<IpAddr>,
    #[serde(borrow)]
    pub(super) user_agent: Option<Text<'a>>,
}

/// The members of `context.page` that are read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PageIn<'a> {
    #[serde(borrow)]
    pub(super) url: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) referrer: Option<Text<'a>>,
}

/// The members of `context.campaign` that are read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct CampaignIn<'a> {
    #[serde(borrow)]
    pub(super) source: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) medium: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) term: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
}

const MESSAGE: &[&str] = &[
    "type",
    "messageId",
    "anonymousId",
    "userId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "event",
    "name",
    "category",
    "properties",
    "traits",
    "groupId",
    "previousId",
    "context",
    "writeKey",
];
const CONTEXT: &[&str] = &["page", "campaign", "ip", "userAgent"];
const PAGE: &[&str] = &["url", "referrer"];
const CAMPAIGN: &[&str] = &["source", "medium", "name", "term", "content", "id"];

/// What every text may be.
const TEXT: &str = "a string or an integer";

/// A message read member by member, with what is wrong with it; none if it is no object.
pub(super) fn slowly(raw: &RawValue) -> Option<(MessageIn<'_>, Wrong)> {
    let mut fields = Fields::of(raw, "", MESSAGE)?;
    let read = MessageIn {
        kind: fields.take("type", TEXT),
        message_id: fields.take("messageId", TEXT),
        anonymous_id: fields.take("anonymousId", TEXT),
        user_id: fields.take("userId", TEXT),
        timestamp: fields.take("timestamp", TEXT),
        original_timestamp: fields.take("originalTimestamp", TEXT),
        sent_at: fields.take("sentAt", TEXT),
        event: fields.take("event", TEXT),
        name: fields.take("name", TEXT),
        category: fields.take("category", TEXT),
        properties: fields.raw("properties"),
        traits: fields.raw("traits"),
        group_id: fields.take("groupId", TEXT),
        previous_id: fields.take("previousId", TEXT),
        context: nested(&mut fields, "context", CONTEXT, context),
        write_key: fields.take("writeKey", TEXT),
    };
    Some((read, fields.wrong))
}

/// A context read member by member, with what is wrong with it.
pub(super) fn context_slowly(raw: &RawValue) -> (Option<ContextIn<'_>>, Wrong) {
    match Fields::of(raw, "context", CONTEXT) {
        Some(mut fields) => (Some(context(&mut fields)), fields.wrong),
        None => (None, vec![("context".to_owned(), "must be a JSON object".to_owned())]),
    }
}

fn context<'a>(fields: &mut Fields<'a>) -> ContextIn<'a> {
    ContextIn {
        page: nested(fields, "page", PAGE, |page| PageIn {
            url: page.take("url", TEXT),
            referrer: page.take("referrer", TEXT),
        }),
        campaign: nested(fields, "campaign", CAMPAIGN, |campaign| CampaignIn {
            source: campaign.take("source", TEXT),
            medium: campaign.take("medium", TEXT),
            name: campaign.take("name", TEXT),
            term: campaign.take("term", TEXT),
            content: campaign.take("content", TEXT),
            id: campaign.take("id", TEXT),
        }),
        ip: fields.raw("ip").and_then(|raw| address(raw).ok().flatten()),
        user_agent: fields.take("userAgent", TEXT),
    }
}

/// A member that is an object.
fn nested<'a, T>(
    fields: &mut Fields<'a>,
    name: &str,
    names: &'static [&'static str],
    read: impl FnOnce(&mut Fields<'a>) -> T,
) -> Option<T> {
    let raw = fields.raw(name)?;
    let path = fields.path_of(name);
    let Some(mut inner) = Fields::of(raw, &path, names) else {
        fields.wrong.push((path, "must be a JSON object".to_owned()));
        return None;
    };
    let read = read(&mut inner);
    fields.wrong.append(&mut inner.wrong);
    Some(read)
}

impl MessageIn<'_> {
    /// What a message of a batch says that it is.
    pub(super) fn own_kind(&self) -> Result<Kind, Wrong> {
        let named = self.kind.as_ref().map(Text::as_str).unwrap_or_default();
        Kind::of(named).ok_or_else(|| {
            let kinds: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
            vec![("type".to_owned(), format!("must be one of {}", kinds.join(", ")))]
        })
    }
}
