//! What a project sets for the classifier: its rules, ignored referrers, and what a click id of Meta means.
//!
//! Settings that cannot be read do not make the project unreadable: its events are then classified without
//! them.

use std::sync::{Arc, OnceLock};

use millimetric_core::classify::{ProjectRules, RuleSettings};

/// A project's settings for the classifier, as they are stored. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Classifier {
    settings: Option<RuleSettings>,
    /// The stored text, if it cannot be read, and why. It stays until new settings replace it.
    unreadable: Option<(String, String)>,
    /// Built when it is first needed, since most readers of a project do not classify.
    rules: Arc<OnceLock<Result<ProjectRules, String>>>,
}

impl Classifier {
    /// Reads the stored JSON.
    pub(crate) fn read(text: &str) -> Self {
        match serde_json::from_str::<RuleSettings>(text) {
            Ok(settings) if settings == RuleSettings::default() => Self::default(),
            Ok(settings) => Self { settings: Some(settings), ..Self::default() },
            Err(error) => Self { unreadable: Some((text.to_owned(), error.to_string())), ..Self::default() },
        }
    }

    /// The settings; those of a new project if they could not be read.
    pub fn settings(&self) -> RuleSettings {
        self.settings.clone().unwrap_or_default()
    }

    /// Whether [`Self::rules`] returns at once. Otherwise its first call compiles regular expressions, which can
    /// take tens of milliseconds.
    pub fn is_ready(&self) -> bool {
        self.settings.is_none() || self.rules.get().is_some()
    }

    /// The rules to classify with; none if the settings could not be read.
    pub fn rules(&self) -> &ProjectRules {
        static NONE: ProjectRules = ProjectRules::NONE;
        self.built().as_ref().unwrap_or(&NONE)
    }

    /// Why the settings are not used: they cannot be read, or this release does not accept them.
    pub fn problem(&self) -> Option<&str> {
        let unreadable = self.unreadable.as_ref().map(|(_, problem)| problem.as_str());
        unreadable.or_else(|| self.built().as_ref().err().map(String::as_str))
    }

    /// The JSON to store.
    pub(crate) fn text(&self) -> String {
        match &self.unreadable {
            Some((text, _)) => text.clone(),
            // Strings and lists of strings are always JSON.
            None => serde_json::to_string(&self.settings()).unwrap_or_default(),
        }
    }

    fn built(&self) -> &Result<ProjectRules, String> {
        self.rules.get_or_init(|| match &self.settings {
            None => Ok(ProjectRules::default()),
            Some(settings) => ProjectRules::new(settings.clone()).map_err(|error| error.to_string()),
        })
    }
}

impl From<ProjectRules> for Classifier {
    fn from(rules: ProjectRules) -> Self {
        let settings = rules.settings().filter(|settings| **settings != RuleSettings::default()).cloned();
        Self { settings, unreadable: None, rules: Arc::new(OnceLock::from(Ok(rules))) }
    }
}

impl PartialEq for Classifier {
    fn eq(&self, other: &Self) -> bool {
        (&self.settings, &self.unreadable) == (&other.settings, &other.unreadable)
    }
}

impl Eq for Classifier {}
