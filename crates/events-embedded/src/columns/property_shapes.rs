//! The shape of each row of a chunk: the set of top-level property names of its event, or of other [`Keys`]. Shapes are cached,
//! so that the names are counted over any time range without reading the properties again.
//!
//! Property names come from untrusted senders. If a chunk has too many shapes, none are stored, and
//! `query::names::property_names` reads the properties instead.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::encoding::heap_size::HeapSize;
use crate::encoding::json_properties::Keys;
use crate::encoding::text::Codes;

/// Most distinct shapes of a chunk.
const MAX_SHAPES: usize = 1024;
/// Most bytes of all their names.
const MAX_BYTES: usize = 256 * 1024;

/// The shapes of a chunk, unless there are too many.
#[derive(Debug)]
pub(crate) struct Shapes(Option<Few>);

/// The shapes of a chunk that is within the limits.
#[derive(Debug)]
pub(crate) struct Few {
    /// The shape of each row, as an index into `names`.
    pub(crate) codes: Codes,
    /// The keys of each shape.
    pub(crate) names: Vec<Vec<String>>,
    bytes: usize,
}

/// Assigns codes to shapes.
#[derive(Debug)]
pub(crate) struct ShapesBuilder {
    keys: Keys,
    codes: HashMap<Vec<String>, u32>,
    bytes: usize,
    too_many: bool,
}

impl ShapesBuilder {
    /// Shapes are sets of these keys.
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, codes: HashMap::new(), bytes: 0, too_many: false }
    }

    /// Returns the code of the shape of these properties.
    pub(crate) fn code(&mut self, properties: &str) -> u32 {
        if self.too_many {
            return 0;
        }
        let names: Vec<String> = self.keys.of(properties).into_iter().map(Cow::into_owned).collect();
        if let Some(code) = self.codes.get(&names) {
            return *code;
        }
        self.bytes += names.iter().map(String::len).sum::<usize>();
        self.too_many = self.codes.len() == MAX_SHAPES || self.bytes > MAX_BYTES;
        let code = self.codes.len() as u32;
        self.codes.insert(names, code);
        code
    }

    /// Returns the shapes; `codes` are the codes of all rows.
    pub(crate) fn shapes(self, codes: &[u32]) -> Shapes {
        let Self { codes: numbered, bytes, too_many, .. } = self;
        if too_many {
            return Shapes(None);
        }
        let mut names = vec![Vec::new(); numbered.len()];
        for (shape, code) in numbered {
            names[code as usize] = shape;
        }
        Shapes(Some(Few { codes: Codes::narrow(codes, names.len()), names, bytes }))
    }
}

impl Shapes {
    /// `None` if there are too many.
    pub(crate) const fn few(&self) -> Option<&Few> {
        self.0.as_ref()
    }
}

impl HeapSize for Shapes {
    fn heap_bytes(&self) -> usize {
        let Some(Few { codes, names, bytes }) = &self.0 else { return 0 };
        let each = names.iter().map(|shape| size_of::<Vec<String>>() + size_of_val(shape.as_slice()));
        codes.bytes() + bytes + each.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(texts: &[String]) -> Shapes {
        let mut builder = ShapesBuilder::new(Keys::Names);
        let codes: Vec<u32> = texts.iter().map(|text| builder.code(text)).collect();
        builder.shapes(&codes)
    }

    #[test]
    fn rows_with_the_same_names_have_one_shape() {
        let texts = [r#"{"b":1,"a":2}"#, "{}", r#"{"a":null,"b":[1]}"#, "no object"].map(str::to_owned);
        let shapes = shapes(&texts);
        let few = shapes.few().unwrap();
        let names: Vec<_> = (0..4).map(|row| few.names[few.codes.get(row) as usize].as_slice()).collect();
        let both: &[String] = &["a".to_owned(), "b".to_owned()];
        assert_eq!(names, [both, &[], both, &[]]);
    }

    #[test]
    fn many_shapes_and_long_names_are_not_kept() {
        let numbered = |count: usize| (0..count).map(|name| format!(r#"{{"{name}":1}}"#)).collect::<Vec<_>>();
        assert!(shapes(&numbered(MAX_SHAPES)).few().is_some());
        assert!(shapes(&numbered(MAX_SHAPES + 1)).few().is_none());
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(MAX_BYTES + 1));
        assert_eq!(shapes(&[long]).heap_bytes(), 0);
    }
}
