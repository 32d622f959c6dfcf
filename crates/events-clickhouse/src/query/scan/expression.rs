//! Regular expressions that RE2, the engine of ClickHouse, understands as ours does.

/// Characters that stand for themselves.
const LITERAL: &str = "/-_,:;=&#@!~%'\"<> ";
/// Characters that stand for themselves after a backslash.
const ESCAPED: &str = ".+*?()[]{}^$|\\/-";
/// Characters other than letters and digits that stand for themselves within brackets.
const LISTED: &str = "_/.,:% ";

/// The expression as RE2 reads it, if it has only what means the same in both engines: ASCII characters, `.`, lists in
/// brackets, groups, alternatives, anchors, and `*`, `+` and `?`. The expression must be a valid one of ours.
pub(super) fn for_re2(expression: &str) -> Option<String> {
    let (mut text, mut can_repeat) = (String::new(), false);
    let mut characters = expression.chars().peekable();
    while let Some(character) = characters.next() {
        can_repeat = match character {
            // There it may match the end of a line.
            '.' => {
                text.push_str("[^\n]");
                true
            }
            '[' => {
                text.push('[');
                text.push_str(&list(&mut characters)?);
                true
            }
            '\\' => {
                text.extend(['\\', characters.next().filter(|escaped| ESCAPED.contains(*escaped))?]);
                true
            }
            // Anything that begins so is a flag or the like.
            '(' if characters.peek() == Some(&'?') => return None,
            '(' | '|' | '^' | '$' => {
                text.push(character);
                false
            }
            '*' | '+' | '?' if can_repeat => {
                text.push(character);
                false
            }
            ')' => {
                text.push(character);
                true
            }
            _ if character.is_ascii_alphanumeric() || LITERAL.contains(character) => {
                text.push(character);
                true
            }
            _ => return None,
        };
    }
    Some(text)
}

/// What follows an opening bracket, up to the closing one.
fn list(characters: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut list = String::new();
    loop {
        let character = characters.next()?;
        list.push(character);
        match character {
            ']' => return Some(list),
            '^' if list.len() == 1 => {}
            '-' if list.len() > 1 && !list.starts_with("^-") && !list.ends_with("--") => {}
            '\\' => list.push(characters.next().filter(|escaped| ESCAPED.contains(*escaped))?),
            _ if character.is_ascii_alphanumeric() || LISTED.contains(character) => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_kept_and_all_else_is_not_decided() {
        for expression in [
            "^/pric[a-z]+$",
            "^/blog/[0-9]+(/|$)",
            r"\.(png|jpe?g)$",
            "[^/a-z_]*x",
            "[a-z0-9-]+",
            "/a b/%20",
            r"[\-\]]",
            "",
        ] {
            assert_eq!(for_re2(expression).as_deref(), Some(expression), "{expression}");
        }
        assert_eq!(for_re2("^/a/.*").as_deref(), Some("^/a/[^\n]*"));
        for expression in [
            r"\d",
            r"\bx",
            r"\<x",
            "(?i)a",
            "(?:a)",
            "a{2}",
            "a+?",
            "a**",
            "é",
            "[[:alpha:]]",
            "[a&&b]",
            "[a--b]",
            "[é]",
            "\n",
            r"\x41",
            r"\pL",
            "[--a]",
        ] {
            assert_eq!(for_re2(expression), None, "{expression}");
        }
    }
}
