//! What the product makes of a demo event: the same validation, classification and enrichment as
//! of anybody's. Stores nothing.

use millimetric_core::event::Event;
use millimetric_core::ingest::enrich::{Visit, enrich};
use millimetric_core::ingest::user_agent::{ClientHints, UserAgents};
use millimetric_core::ingest::validate::{EventInput, validate};
use millimetric_core::time::Timestamp;
use uuid::Uuid;

use super::DemoEvent;

/// What the pipeline makes of an event that a browser would have sent; `now` is when it came in.
pub fn finished(demo: DemoEvent, agents: &UserAgents, now: Timestamp) -> anyhow::Result<Event> {
    let visit = Visit {
        device: agents.read(demo.user_agent, &ClientHints::default()).device,
        country: demo.country,
        ..Visit::default()
    };
    let input = EventInput {
        event: Some(demo.event.to_owned()),
        event_id: Some(demo.event_id),
        timestamp: Some(demo.timestamp.to_string()),
        anonymous_id: Some(demo.anonymous_id),
        user_id: demo.user_id,
        url: Some(demo.url),
        referrer: demo.referrer,
        properties: Some(demo.properties),
        ..EventInput::default()
    };
    let valid = validate(input, now).map_err(|errors| anyhow::anyhow!("demo event: {errors:?}"))?;
    Ok(enrich(valid, &visit, now, Uuid::now_v7))
}
