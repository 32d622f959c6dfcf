//! The JSON of the Segment dialect (contract, section 8): what its libraries read.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The response to messages that are stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentAccepted)]
pub struct Accepted {
    /// Always true.
    pub success: bool,
    /// Why the messages were not stored on purpose: they came from a known bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// The settings of a source, as the browser library fetches them before it sends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SegmentSettings)]
pub struct Settings {
    /// Only `Segment.io`, which is this server.
    #[schema(value_type = Object)]
    integrations: Value,
    /// Every event is allowed.
    #[schema(value_type = Object)]
    plan: Value,
    /// None.
    #[schema(value_type = Object)]
    edge_function: Value,
    /// None.
    #[schema(value_type = Vec<Object>)]
    remote_plugins: Vec<Value>,
    /// The library reports nothing about itself.
    #[schema(value_type = Object)]
    metrics: Value,
    /// Always true.
    analytics_next_enabled: bool,
    /// Always false.
    legacy_video_plugins_enabled: bool,
}

impl Settings {
    /// The settings of a write key at a server that clients reach under this address, such as
    /// `https://stats.example.com`.
    pub fn new(write_key: &str, server: &str) -> Self {
        let (protocol, host) = server.split_once("://").unwrap_or(("https", server));
        let host = format!("{host}/v1");
        let allowed = json!({ "__default": { "enabled": true, "integrations": {} } });
        Self {
            integrations: json!({ "Segment.io": {
                "apiKey": write_key,
                "apiHost": host,
                "protocol": protocol,
            } }),
            plan: json!({ "track": allowed, "identify": allowed, "group": allowed }),
            edge_function: json!({}),
            remote_plugins: Vec::new(),
            metrics: json!({ "sampleRate": 0, "host": host }),
            analytics_next_enabled: true,
            legacy_video_plugins_enabled: false,
        }
    }
}
