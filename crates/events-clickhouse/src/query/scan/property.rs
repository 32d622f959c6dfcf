//! Properties in SQL, as far as that reads them as the query means them.

use millimetric_core::query::PropertyName;

use super::conditions::Conditions;
use crate::sql;

/// A property of events, as expressions.
pub(crate) struct PropertySql {
    /// Its text; `NULL` if it is absent or `null`.
    pub(crate) text: String,
    /// Whether SQL cannot read it in an event: if it is no text, if its name may occur more than once, or if there is an
    /// escape sequence, of which a name or a text can have several forms.
    pub(crate) is_unread: String,
}

impl PropertySql {
    /// The property of this name.
    pub(crate) fn of(name: &PropertyName, conditions: &mut Conditions) -> Self {
        let quoted = conditions.bind("String", sql::string(&format!("\"{}\"", name.as_str())));
        let name = conditions.bind("String", sql::string(name.as_str()));
        let occurs = format!("countSubstrings(properties, {quoted})");
        let kind = format!("JSONType(properties, {name})");
        // Empty also of what is no text, and of a text that is not JSON.
        let text = format!("if({occurs} = 0, '', JSONExtractString(properties, {name}))");
        let null = "CAST(NULL, 'Nullable(String)')";
        Self {
            text: format!("multiIf({text} != '', {text}, {occurs} > 0 AND {kind} = 'String', '', {null})"),
            is_unread: format!(
                "position(properties, '\\\\') > 0 OR {occurs} > 1 OR ({occurs} = 1 AND {text} = '' \
                 AND NOT (isValidJSON(properties) AND {kind} IN ('String', 'Null')))"
            ),
        }
    }
}
