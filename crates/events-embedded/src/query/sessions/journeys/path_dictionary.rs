//! The paths of a response while they are counted: numbers each distinct path, with the same number on every
//! core.
//!
//! Texts come from untrusted senders, so the number of paths and the bytes of their texts are limited. Paths
//! beyond the limit, or that are not among the [`Frequent`] ones, have no number.

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::{JourneyDirection, JourneySteps};
use millimetric_events::StoreError;
use parking_lot::Mutex;

use super::steps::{NO_STEP, Paths, StepTexts, Steps};
use crate::encoding::text::{Dictionary, Interner};
use crate::query::groups::frequent::Frequent;
use crate::resources::query_context::{QueryContext, Reservation};

/// Most bytes of all texts, for each path that may be counted separately.
const TEXT_BYTES: usize = 256;
/// Bytes of a path beside its texts: it is in a map and in a list.
const PATH_BYTES: usize = 2 * (2 * size_of::<Steps>() + size_of::<u32>());

/// Numbers paths.
pub(super) struct PathDictionary {
    /// Most paths that are counted separately.
    limit: usize,
    frequent: Option<Arc<Frequent>>,
    known: Mutex<Known>,
}

struct Known {
    texts: Interner,
    /// Paths by their texts' codes.
    numbers: HashMap<Steps, u32>,
    paths: Vec<Steps>,
    too_many: bool,
    memory: Reservation,
}

impl PathDictionary {
    /// `limit` is the highest number of paths that are counted separately; if there are more, `frequent`
    /// selects them.
    pub(super) fn new(limit: usize, frequent: Option<Arc<Frequent>>, context: &QueryContext) -> Self {
        let known = Known {
            texts: Interner::default(),
            numbers: HashMap::new(),
            paths: Vec::new(),
            too_many: false,
            memory: context.memory(),
        };
        Self { limit, frequent, known: Mutex::new(known) }
    }

    /// Whether there were more paths than the limit.
    pub(super) fn has_too_many(&self) -> bool {
        self.known.lock().too_many
    }

    /// Whether there were more paths than the limit, and nobody has said which are frequent.
    pub(super) fn is_in_vain(&self) -> bool {
        self.frequent.is_none() && self.has_too_many()
    }

    /// The number of each distinct path; `None` for one that is not counted separately.
    pub(super) fn numbers(
        &self,
        paths: &Paths,
        texts: &dyn StepTexts,
    ) -> Result<Vec<Option<u32>>, StoreError> {
        let is_frequent = |path: &Steps| {
            self.frequent.as_ref().is_none_or(|frequent| frequent.has(hash(frequent, path, texts)))
        };
        let mut codes: HashMap<u32, u32> = HashMap::new();
        let mut numbers = Vec::with_capacity(paths.distinct.len());
        let mut known = self.known.lock();
        for path in &paths.distinct {
            let is_counted = is_frequent(path);
            numbers.push(if is_counted { known.number(path, texts, &mut codes, self.limit) } else { None });
        }
        let bytes = 3 * known.texts.dictionary().bytes() + known.paths.len() * PATH_BYTES;
        known.memory.grow_to(bytes)?;
        Ok(numbers)
    }

    pub(super) fn finish(self, direction: JourneyDirection) -> Finished {
        let Known { texts, mut paths, memory, .. } = self.known.into_inner();
        if direction == JourneyDirection::Backwards {
            for path in &mut paths {
                let count = path.iter().filter(|step| **step != NO_STEP).count();
                path[..count].reverse();
            }
        }
        Finished { texts: texts.into_dictionary(), paths, _memory: memory }
    }
}

impl Known {
    /// The number of a path; `codes` has the codes of steps that were looked up.
    fn number(
        &mut self,
        path: &Steps,
        texts: &dyn StepTexts,
        codes: &mut HashMap<u32, u32>,
        limit: usize,
    ) -> Option<u32> {
        let mut key: Steps = [NO_STEP; JourneySteps::MOST];
        for (code, step) in key.iter_mut().zip(path).take_while(|(_, step)| **step != NO_STEP) {
            *code = if let Some(code) = codes.get(step) {
                *code
            } else {
                let found = self.code(&texts.text(*step), limit)?;
                *codes.entry(*step).or_insert(found)
            };
        }
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        if self.paths.len() >= limit {
            self.too_many = true;
            return None;
        }
        let number = self.paths.len() as u32;
        self.numbers.insert(key, number);
        self.paths.push(key);
        Some(number)
    }

    /// The code of a text; `None` if it is new and there is no room.
    fn code(&mut self, text: &str, limit: usize) -> Option<u32> {
        let is_new = self.texts.known(text.as_bytes()).is_none();
        if is_new && self.texts.dictionary().bytes() + text.len() > limit.saturating_mul(TEXT_BYTES) {
            self.too_many = true;
            return None;
        }
        Some(self.texts.code(Some(text)))
    }
}

/// The hash of a path in a sketch.
pub(super) fn hash(frequent: &Frequent, path: &Steps, texts: &dyn StepTexts) -> u64 {
    let texts = path.map(|step| (step != NO_STEP).then(|| texts.text(step)));
    frequent.hash(0, texts.iter().map(Option::as_deref))
}

/// The paths after counting.
pub(super) struct Finished {
    texts: Dictionary,
    /// In order of time.
    paths: Vec<Steps>,
    _memory: Reservation,
}

impl Finished {
    /// Number of paths.
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The texts of a path's steps, in order of time.
    pub(super) fn texts(&self, path: usize) -> impl Iterator<Item = &str> {
        let steps = self.paths[path].iter().take_while(|step| **step != NO_STEP);
        steps.map(|step| self.texts.get(*step).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::Path;
    use super::*;

    /// Paths of two steps, and their texts: some texts are the same as on another core, under other codes.
    fn paths(texts: &[&str], steps: &[[u32; 2]]) -> (Paths, Dictionary) {
        let mut interner = Interner::default();
        for text in texts {
            interner.code(Some(text));
        }
        let mut paths = Paths::default();
        for [first, second] in steps {
            let mut path = Path::new(*first);
            path.add(*second);
            paths.add(&path, 0);
        }
        (paths, interner.into_dictionary())
    }

    fn texts(finished: &Finished) -> Vec<Vec<&str>> {
        (0..finished.len()).map(|path| finished.texts(path).collect()).collect()
    }

    #[test]
    fn a_path_has_one_number_on_every_core() {
        let dictionary = PathDictionary::new(10, None, &QueryContext::default());
        let (first, first_texts) = paths(&["/", "/a", "b"], &[[1, 2], [1, 1], [2, 3]]);
        let (second, second_texts) = paths(&["b", "/a", "/"], &[[2, 1], [3, 2], [1, 3]]);
        assert_eq!(dictionary.numbers(&first, &first_texts).unwrap(), [Some(0), Some(1), Some(2)]);
        assert_eq!(dictionary.numbers(&second, &second_texts).unwrap(), [Some(2), Some(0), Some(3)]);
        assert!(!dictionary.has_too_many());
        let finished = dictionary.finish(JourneyDirection::Backwards);
        assert_eq!(texts(&finished), [vec!["/a", "/"], vec!["/"], vec!["b", "/a"], vec!["/", "b"]]);
    }

    #[test]
    fn paths_and_texts_beyond_the_limit_have_no_number() {
        let long = "x".repeat(2 * TEXT_BYTES);
        let dictionary = PathDictionary::new(2, None, &QueryContext::default());
        let (found, found_texts) = paths(&["/", "/a", &long], &[[1, 3], [1, 2], [2, 1], [1, 1], [1, 2]]);
        let numbers = dictionary.numbers(&found, &found_texts).unwrap();
        assert_eq!(numbers, [None, Some(0), Some(1), None], "one is there twice");
        assert!(dictionary.has_too_many() && dictionary.is_in_vain());
        assert_eq!(texts(&dictionary.finish(JourneyDirection::Forwards)), [["/", "/a"], ["/a", "/"]]);
    }

    #[test]
    fn only_frequent_paths_have_a_number() {
        let context = QueryContext::default();
        let mut frequent = Frequent::new(Frequent::OF_CHUNK, &context).unwrap();
        let (found, found_texts) = paths(&["/", "/a"], &[[1, 2], [2, 1]]);
        frequent.add(hash(&frequent, &found.distinct[1], &found_texts), 5);
        frequent.choose(10);
        let dictionary = PathDictionary::new(10, Some(Arc::new(frequent)), &context);
        assert_eq!(dictionary.numbers(&found, &found_texts).unwrap(), [None, Some(0)]);
        assert!(!dictionary.has_too_many());
    }
}
