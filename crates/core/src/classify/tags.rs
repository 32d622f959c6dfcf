//! Which rules read explicit tags.

use super::rules::rules;

/// Whether the rule with this id fires on explicit tags: click ids and utm parameters, or conditions that the
/// project itself chose. The session of a visit is credited to them, if its first event names no source.
pub fn is_explicit_tag(rule_id: &str) -> bool {
    if rule_id.starts_with("project:") {
        return true;
    }
    let internal = rules().iter().position(|rule| rule.id() == "ref_internal");
    let index = rules().iter().position(|rule| rule.id() == rule_id);
    index.is_some_and(|index| Some(index) < internal)
}
