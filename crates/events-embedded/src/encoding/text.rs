//! Dictionary encoding of text columns: each distinct text is stored once, and each row is a code into the
//! dictionary. Code 0 always means "no value". Codes have one, two or four bytes, depending on the size of
//! the dictionary.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::encoding::heap_size::HeapSize;

/// One text column of a chunk of rows.
#[derive(Debug, Clone)]
pub(crate) struct TextColumn {
    pub(crate) codes: Codes,
    pub(crate) dictionary: Arc<Dictionary>,
}

impl TextColumn {
    pub(crate) fn value(&self, row: usize) -> Option<&str> {
        self.dictionary.get(self.codes.get(row))
    }

    /// The texts of these rows.
    pub(crate) fn of(&self, rows: &[u32]) -> Self {
        Self { codes: self.codes.of(rows), dictionary: Arc::clone(&self.dictionary) }
    }
}

impl HeapSize for TextColumn {
    fn heap_bytes(&self) -> usize {
        self.codes.bytes() + self.dictionary.bytes()
    }
}

/// Distinct texts by code, from code 1; code 0 is "no value".
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    text: String,
    /// The end of the text of each code, which is the start of the next; 0 for code 0.
    ends: Vec<usize>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self { text: String::new(), ends: vec![0] }
    }
}

impl Dictionary {
    /// Number of codes, code 0 included.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, code: u32) -> Option<&str> {
        let before = (code as usize).checked_sub(1)?;
        Some(&self.text[self.ends[before]..self.ends[before + 1]])
    }

    /// Whether a code other than 0 has this text. Compares bytes, which avoids the check of character
    /// boundaries that slicing a `str` does.
    fn is(&self, code: u32, text: &[u8]) -> bool {
        let code = code as usize;
        self.text.as_bytes()[self.ends[code - 1]..self.ends[code]] == *text
    }

    /// The texts in the order of their codes, from code 1.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.ends.array_windows().map(|[start, end]| &self.text[*start..*end])
    }

    /// The code of a text, by linear search.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.texts().position(|known| known == text).map(|index| index as u32 + 1)
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }

    fn push(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.ends.push(self.text.len());
        (self.ends.len() - 1) as u32
    }
}

/// Builds a dictionary.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    dictionary: Dictionary,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The last code that was returned, checked first because consecutive rows often have the same text.
    last: u32,
}

impl Interner {
    /// Returns the code of a text; adds the text if it is new.
    pub(crate) fn code(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(code) = self.known(text.as_bytes()) {
            return code;
        }
        let Self { dictionary, table, hasher, last } = self;
        *last = dictionary.push(text);
        let hash_of = |code: &u32| hasher.hash_one(dictionary.get(*code).unwrap_or_default().as_bytes());
        table.insert_unique(hasher.hash_one(text.as_bytes()), *last, hash_of);
        *last
    }

    /// Returns the code of a text if it is in the dictionary.
    pub(crate) fn known(&mut self, text: &[u8]) -> Option<u32> {
        let Self { dictionary, table, hasher, last } = self;
        if *last == 0 || !dictionary.is(*last, text) {
            *last = *table.find(hasher.hash_one(text), |code| dictionary.is(*code, text))?;
        }
        Some(*last)
    }

    /// Adds a text without looking it up, for columns whose texts are unique.
    pub(crate) fn new_code(&mut self, text: Option<&str>) -> u32 {
        text.map_or(0, |text| self.dictionary.push(text))
    }

    pub(crate) fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    pub(crate) fn into_dictionary(self) -> Dictionary {
        self.dictionary
    }
}

/// A code for each row.
#[derive(Debug, Clone)]
pub(crate) enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

/// Runs the same expression over codes of any width: `with_codes!(codes, |slice| …)`.
macro_rules! with_codes {
    ($codes:expr, |$slice:ident| $body:expr) => {
        match $codes {
            $crate::encoding::text::Codes::U8($slice) => $body,
            $crate::encoding::text::Codes::U16($slice) => $body,
            $crate::encoding::text::Codes::U32($slice) => $body,
        }
    };
}
pub(crate) use with_codes;

/// Converts a code of any width to `u32`.
pub(crate) fn widen(code: impl Into<u32>) -> u32 {
    code.into()
}

impl Codes {
    /// Stores the codes in the narrowest width that fits all codes below `count`.
    pub(crate) fn narrow(codes: &[u32], count: usize) -> Self {
        if count <= 1 << 8 {
            Self::U8(codes.iter().map(|code| *code as u8).collect())
        } else if count <= 1 << 16 {
            Self::U16(codes.iter().map(|code| *code as u16).collect())
        } else {
            Self::U32(codes.to_vec())
        }
    }

    pub(crate) fn get(&self, row: usize) -> u32 {
        match self {
            Self::U8(codes) => u32::from(codes[row]),
            Self::U16(codes) => u32::from(codes[row]),
            Self::U32(codes) => codes[row],
        }
    }

    /// The codes of these rows.
    fn of(&self, rows: &[u32]) -> Self {
        match self {
            Self::U8(codes) => Self::U8(rows.iter().map(|row| codes[*row as usize]).collect()),
            Self::U16(codes) => Self::U16(rows.iter().map(|row| codes[*row as usize]).collect()),
            Self::U32(codes) => Self::U32(rows.iter().map(|row| codes[*row as usize]).collect()),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        with_codes!(self, |codes| size_of_val(codes.as_slice()))
    }
}
