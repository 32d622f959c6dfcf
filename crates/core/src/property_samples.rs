//! The JSON types and sample values of properties, read from events that have them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::event::Event;
use crate::query::PropertySeen;

/// The most samples of one property.
const SAMPLES: usize = 3;
/// Longest sample, in characters.
const SAMPLE_CHARS: usize = 60;

/// A property of an event name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDescribed {
    /// The event name.
    pub event_name: String,
    /// The property.
    pub name: String,
    /// Events that carry it.
    pub count: u64,
    /// The JSON types of its recent values.
    pub types: Vec<&'static str>,
    /// Some recent values, as JSON text where they are no texts.
    pub samples: Vec<String>,
}

/// Describes properties of event names by the events that have them. Other properties are ignored.
pub fn with_samples(properties: &[(String, PropertySeen)], events: &[Event]) -> Vec<PropertyDescribed> {
    let mut samples: HashMap<&str, HashMap<&str, Samples>> = HashMap::new();
    for (event_name, property) in properties {
        samples.entry(event_name).or_default().entry(&property.name).or_default();
    }
    for event in events {
        let Some(of_event) = samples.get_mut(event.event_name.as_str()) else { continue };
        let Ok(values) = serde_json::from_str::<Map<String, Value>>(&event.properties) else { continue };
        for (name, value) in &values {
            if let Some(of_property) = of_event.get_mut(name.as_str()) {
                of_property.add(value);
            }
        }
    }
    let described = |(event_name, PropertySeen { name, count }): &(String, PropertySeen)| {
        let of_event = samples.get_mut(event_name.as_str());
        let found = of_event.and_then(|of_event| of_event.remove(name.as_str())).unwrap_or_default();
        PropertyDescribed {
            event_name: event_name.clone(),
            name: name.clone(),
            count: *count,
            types: found.types,
            samples: found.values,
        }
    };
    properties.iter().map(described).collect()
}

/// Types and values of one property.
#[derive(Default)]
struct Samples {
    types: Vec<&'static str>,
    values: Vec<String>,
}

impl Samples {
    fn add(&mut self, value: &Value) {
        let kind = type_of(value);
        if !self.types.contains(&kind) {
            self.types.push(kind);
        }
        if self.values.len() == SAMPLES {
            return;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text: String = text.chars().take(SAMPLE_CHARS).collect();
        if !self.values.contains(&text) {
            self.values.push(text);
        }
    }
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
