//! Reading the OpenAPI document: references, members in their order, and schemas with everything that
//! `allOf` and a choice with `null` add to them.

use serde_json::Value;

/// References that are followed one after the other; a document of ours has at most two.
const MAX_REFERENCES: usize = 8;

/// The document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec<'a>(pub(super) &'a Value);

impl<'a> Spec<'a> {
    /// What a value with `$ref` refers to; any other value is itself.
    pub(super) fn resolved(self, value: &'a Value) -> &'a Value {
        let mut value = value;
        for _ in 0..MAX_REFERENCES {
            let Some(pointer) = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'))
            else {
                break;
            };
            value = self.0.pointer(pointer).unwrap_or(&Value::Null);
        }
        value
    }

    /// The schema with what it inherits.
    pub(super) fn shape(self, schema: &'a Value) -> Shape<'a> {
        let mut shape =
            Shape { own: schema, parts: Vec::new(), names: Vec::new(), choices: Vec::new(), nullable: false };
        self.collect(schema, &mut shape, 0);
        shape
    }

    fn collect(self, schema: &'a Value, shape: &mut Shape<'a>, depth: usize) {
        if depth > MAX_REFERENCES {
            return;
        }
        if let Some(name) = schema["$ref"].as_str() {
            shape.names.push(name);
            self.collect(self.resolved(schema), shape, depth + 1);
            return;
        }
        shape.parts.push(schema);
        for part in list(&schema["allOf"]) {
            self.collect(part, shape, depth + 1);
        }
        let choices = ["oneOf", "anyOf"].into_iter().flat_map(|name| list(&schema[name]));
        let (none, some): (Vec<_>, Vec<_>) = choices.partition(|choice| choice["type"] == "null");
        shape.nullable |= !none.is_empty();
        match some.as_slice() {
            [only] => self.collect(only, shape, depth + 1),
            several => shape.choices.extend(several),
        }
    }
}

/// A schema that was read: the parts that all hold, and the choices of which one does.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    own: &'a Value,
    parts: Vec<&'a Value>,
    /// The references behind it, by which recursion is recognised.
    pub(super) names: Vec<&'a str>,
    /// Schemas of which one holds, if there are several.
    pub(super) choices: Vec<&'a Value>,
    nullable: bool,
}

impl<'a> Shape<'a> {
    /// The first value of this keyword.
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        // Beside a reference a schema may say what is special about it.
        std::iter::once(self.own).chain(self.parts.iter().copied()).find_map(|part| part.get(keyword))
    }

    /// Its types without `null`.
    pub(super) fn types(&self) -> Vec<&'a str> {
        let types = match self.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if self.properties().next().is_some() => vec!["object"],
            _ => Vec::new(),
        };
        types.into_iter().filter(|name| *name != "null").collect()
    }

    /// Whether `null` is among the values.
    pub(super) fn is_nullable(&self) -> bool {
        self.nullable || self.get("type").is_some_and(|types| list(types).iter().any(|name| name == "null"))
    }

    /// The properties of all parts, in their order.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.parts.iter().flat_map(|part| members(&part["properties"]))
    }

    /// Whether an object must have this property.
    pub(super) fn requires(&self, name: &str) -> bool {
        self.parts.iter().any(|part| list(&part["required"]).iter().any(|entry| entry == name))
    }

    /// The schema of the items of an array.
    pub(super) fn items(&self) -> Option<&'a Value> {
        self.get("items").filter(|items| items.is_object())
    }

    /// The schema of the values of properties that are not listed.
    pub(super) fn additional(&self) -> Option<&'a Value> {
        self.get("additionalProperties")
            .filter(|schema| schema.as_object().is_some_and(|object| !object.is_empty()))
    }

    /// The values that it may have, if they are listed.
    pub(super) fn values(&self) -> &'a [Value] {
        self.get("enum").map_or(&[], list)
    }
}

/// The elements of an array.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The members of an object, in their order.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// A text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_has_what_its_references_and_parts_say() {
        let document = json!({ "components": { "schemas": {
            "A": { "type": "object", "description": "a", "properties": { "x": { "type": "string" } }, "required": ["x"] },
            "B": { "allOf": [{ "$ref": "#/components/schemas/A" }, { "properties": { "y": { "type": "integer" } } }] },
            "Loop": { "$ref": "#/components/schemas/Loop" },
        } } });
        let spec = Spec(&document);
        let schema = json!({ "$ref": "#/components/schemas/B", "description": "own" });
        let shape = spec.shape(&schema);
        assert_eq!(shape.get("description"), Some(&json!("own")));
        assert_eq!(shape.types(), ["object"]);
        assert_eq!(shape.properties().map(|(name, _)| name).collect::<Vec<_>>(), ["x", "y"]);
        assert!(shape.requires("x") && !shape.requires("y") && !shape.is_nullable());

        let schema = json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/A" }] });
        let shape = spec.shape(&schema);
        assert!(shape.is_nullable() && shape.choices.is_empty());
        assert_eq!(shape.names, ["#/components/schemas/A"]);
        let schema = json!({ "type": ["string", "null"] });
        let shape = spec.shape(&schema);
        assert_eq!((shape.types(), shape.is_nullable()), (vec!["string"], true));
        let schema = json!({ "$ref": "#/components/schemas/Loop" });
        assert!(spec.shape(&schema).types().is_empty());
        assert_eq!(spec.resolved(&json!({ "$ref": "#/nowhere" })), &Value::Null);
    }
}
