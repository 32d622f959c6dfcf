//! Last stage: a valid event, scrubbed and classified, completed with what the server knows of
//! the visit.
//!
//! The address and the user agent go in as their hash, country and device; neither has a way
//! into the event.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::scrub;
use super::user_agent::Device;
use super::validate::ValidEvent;
use crate::classify::{ProjectRules, classify};
use crate::event::{Country, Event, IpHash};
use crate::session::derived_id;
use crate::time::Timestamp;

/// What the server knows of the visit that an event belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// Kind of device, browser, system.
    pub device: Device,
    /// Where the address is registered.
    pub country: Country,
    /// The address, hashed with the day's key.
    pub ip_hash: IpHash,
    /// The host of the page's origin, for events that carry no url.
    pub site_host: Option<String>,
    /// The project's own rules for attribution.
    pub rules: ProjectRules,
}

/// Completes an event. `id` makes the ids that the client left out.
pub fn enrich(
    valid: ValidEvent,
    visit: &Visit,
    received_at: Timestamp,
    mut id: impl FnMut() -> Uuid,
) -> Event {
    let attribution =
        classify(valid.url.as_deref(), valid.referrer.as_deref(), visit.site_host.as_deref(), &visit.rules);
    let anonymous_id = valid.anonymous_id.unwrap_or_else(|| match &valid.event_id {
        Some(event_id) => visitor_of(event_id),
        None => format!("anon_{}", id().simple()),
    });
    let session_id = valid.session_id.unwrap_or_else(|| derived_id(&anonymous_id, valid.timestamp));
    Event {
        timestamp: valid.timestamp,
        received_at,
        event_name: valid.event_name,
        event_id: valid.event_id.unwrap_or_else(|| format!("evt_{}", id())),
        anonymous_id,
        user_id: valid.user_id,
        session_id,
        source: attribution.source,
        medium: attribution.medium,
        campaign: attribution.campaign,
        source_confidence: attribution.confidence,
        source_rule_id: attribution.rule_id,
        referrer: valid.referrer.map(|referrer| scrub::url(&referrer).into_owned()),
        url: valid.url.map(|url| scrub::url(&url).into_owned()),
        path: valid.path.map(|path| scrub::path(&path).into_owned()),
        country: visit.country,
        device_type: visit.device.device_type,
        browser: visit.device.browser,
        os: visit.device.os,
        ip_hash: visit.ip_hash,
        properties: valid.properties,
    }
}

/// The visitor of an event that names none. It follows from the event's id, so that two copies of an event that reach
/// two servers at the same moment are of the same visitor, and the event store recognises them as one.
fn visitor_of(event_id: &str) -> String {
    let digest = Sha256::digest(event_id.as_bytes());
    format!("anon_{}", hex::encode(&digest[..16]))
}

/// The server's secret for hashing addresses; the key of a day is this and the date, so hashes
/// of two days cannot be linked.
#[derive(Clone)]
pub struct IpSalt(Vec<u8>);

impl IpSalt {
    /// Any bytes; 32 random ones are made where nobody chooses.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// First 16 bytes of HMAC-SHA256(key = salt ‖ UTC date, address as text).
    pub fn hash(&self, ip: IpAddr, at: Timestamp) -> IpHash {
        let mut key = self.0.clone();
        key.extend_from_slice(at.to_utc().format("%Y-%m-%d").to_string().as_bytes());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(ip.to_canonical().to_string().as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        IpHash::new(first)
    }
}

impl std::fmt::Debug for IpSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IpSalt(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::validate::{EventInput, validate};
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn finish(sent: EventInput) -> Event {
        let now = at("2026-05-16T19:00:00Z");
        let mut next = 0;
        enrich(validate(sent, now).unwrap(), &Visit::default(), now, || {
            next += 1;
            Uuid::from_u128(next)
        })
    }

    #[test]
    fn what_the_client_left_out_is_filled_in() {
        let event = finish(EventInput {
            event: Some("$pageview".into()),
            url: Some(
                "https://user:pw@shop.example/sale?utm_source=facebook&utm_medium=cpc&token=abc#top".into(),
            ),
            ..EventInput::default()
        });
        assert_eq!(event.anonymous_id, "anon_00000000000000000000000000000001");
        assert_eq!(event.session_id, "anon_00000000000000000000000000000001-988310");
        assert_eq!(event.event_id, "evt_00000000-0000-0000-0000-000000000002");
        assert_eq!((event.source.as_ref(), event.medium.as_ref()), ("facebook", "paid"));
        assert_eq!(event.source_rule_id, "paid_utm_facebook");
        assert_eq!(event.path.as_deref(), Some("/sale"));
        assert_eq!(
            event.url.as_deref(),
            Some("https://shop.example/sale?utm_source=facebook&utm_medium=cpc&token=")
        );
    }

    #[test]
    fn copies_of_an_event_are_of_one_visitor() {
        let sent = |id: &str| EventInput {
            event: Some("a".into()),
            event_id: Some(id.into()),
            ..EventInput::default()
        };
        let [one, copy, other] = ["e1", "e1", "e2"].map(|id| finish(sent(id)).anonymous_id);
        assert_eq!(one, copy);
        assert_ne!(one, other);
        assert_eq!(one.len(), "anon_".len() + 32);
    }

    #[test]
    fn an_address_hashes_alike_for_a_day_and_not_longer() {
        let salt = IpSalt::new(b"salt".to_vec());
        let ip: IpAddr = "203.0.113.7".parse().unwrap();
        let morning = salt.hash(ip, at("2026-05-16T00:00:00Z"));
        assert_eq!(morning, salt.hash(ip, at("2026-05-16T23:59:59Z")));
        assert_eq!(morning, salt.hash("::ffff:203.0.113.7".parse().unwrap(), at("2026-05-16T12:00:00Z")));
        assert_ne!(morning, salt.hash(ip, at("2026-05-17T00:00:00Z")));
        assert_ne!(morning, IpSalt::new(b"other".to_vec()).hash(ip, at("2026-05-16T00:00:00Z")));
        // HMAC-SHA256 with the key "salt2026-05-16" over "203.0.113.7", computed independently.
        assert_eq!(morning.to_string(), "4029872f0bc9d3b8f5c8f9dd94e309d0");
    }
}
