//! Paths of pages, normalised so that a page has one path however a client writes it.
//!
//! The rules are those of RFC 3986, section 6.2.2. A path may be any stored or sent text: nothing here
//! fails, and normalising a second time changes nothing.

use std::borrow::Cow;

use super::validate::MAX_ADDRESS;

/// The normalised path:
///
/// - The query and the fragment are removed, and so are tabs and line breaks, as browsers do.
/// - An escape of an unreserved ASCII character or of a character beyond ASCII is decoded. Any other
///   escape (`%2F`, `%3F`, `%25`, a control character, bytes that are not UTF-8) stays, in upper case:
///   it never becomes structure. A `%` that begins no escape stays as it is.
/// - A blank and a control character that were sent as they are become escapes, as in a browser's address.
/// - `.` and `..` segments are resolved if the path begins with `/` (RFC 3986, section 5.2.4).
///
/// The result has at most 2048 characters: what follows is cut off, which only a path of many blanks
/// can reach.
pub fn normalised(text: &str) -> Cow<'_, str> {
    if is_normal(text) {
        return Cow::Borrowed(text);
    }
    let text = text.replace(['\t', '\n', '\r'], "");
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let path = without_dot_segments(with_escapes_normalised(&text[..end]));
    Cow::Owned(shortened(path))
}

/// A part of a path, without query and fragment, with its escapes normalised as [`normalised`] does. Nothing
/// else is changed: what `.` and `..` mean in a part depends on what stands around it.
pub fn normalised_part(text: &str) -> Cow<'_, str> {
    if is_normal(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(with_escapes_normalised(&text.replace(['\t', '\n', '\r'], "")))
}

/// Whether a path is certainly normalised; false for some that are.
fn is_normal(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#');
    text.len() <= MAX_ADDRESS && text.bytes().all(plain) && !text.contains("/.")
}

fn with_escapes_normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        push_unescaped(&mut out, &rest[..at]);
        rest = &rest[at..];
        let bytes = leading_escapes(rest);
        if bytes.is_empty() {
            out.push('%');
            rest = &rest[1..];
        } else {
            push_decoded(&mut out, &bytes);
            rest = &rest[3 * bytes.len()..];
        }
    }
    push_unescaped(&mut out, rest);
    out
}

/// The bytes of the escapes that a text begins with.
fn leading_escapes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |triple: &[u8]| match triple {
        [b'%', high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    };
    text.as_bytes().chunks(3).map_while(byte).collect()
}

fn push_unescaped(out: &mut String, text: &str) {
    for c in text.chars() {
        if c == ' ' || c.is_control() { push_escape(out, c) } else { out.push(c) }
    }
}

fn push_decoded(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let unreserved = c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
            let decoded = if c.is_ascii() { unreserved } else { !c.is_control() };
            if decoded && !completes_escape(out, c) { out.push(c) } else { push_escape(out, c) }
        }
        chunk.invalid().iter().for_each(|byte| push_byte(out, *byte));
    }
}

/// Whether the character would make an escape of a `%` that begins none: the `1` of `%4%31`.
fn completes_escape(out: &str, c: char) -> bool {
    let begun = match out.as_bytes() {
        [.., b'%'] => true,
        [.., b'%', digit] => digit.is_ascii_hexdigit(),
        _ => false,
    };
    begun && c.is_ascii_hexdigit()
}

fn push_escape(out: &mut String, c: char) {
    c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_byte(out, byte));
}

fn push_byte(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]);
}

fn without_dot_segments(path: String) -> String {
    let Some(absolute) = path.strip_prefix('/').filter(|_| path.contains("/.")) else { return path };
    let mut kept = Vec::new();
    let mut segments = absolute.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => {
                kept.push(other);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// At most [`MAX_ADDRESS`] characters, and no half of an escape at the end.
fn shortened(mut path: String) -> String {
    let Some((end, _)) = path.char_indices().nth(MAX_ADDRESS) else { return path };
    let escape = path[..end].rfind('%').filter(|at| end - at < 3);
    path.truncate(escape.unwrap_or(end));
    without_dot_segments(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn a_page_has_one_path() {
        for (sent, path) in [
            ("", ""),
            ("/", "/"),
            ("/sale", "/sale"),
            // Characters beyond ASCII, in either case of the digits.
            ("/سلام", "/سلام"),
            ("/%D8%B3%D9%84%D8%A7%D9%85", "/سلام"),
            ("/%d8%b3%d9%84%d8%a7%d9%85", "/سلام"),
            ("/gr%C3%BC%c3%9Fe/日本/%F0%9F%9A%80", "/grüße/日本/🚀"),
            ("/می%E2%80%8Cخواهم", "/می\u{200c}خواهم"),
            // Unreserved characters.
            ("/%7Euser/%61%2D%62%2e%5f%39", "/~user/a-b._9"),
            // Others stay escapes: what they mean differs from what they stand for.
            ("/a%2fb%3fc%23d%25e%3a%40%26%3d%2b%20%22", "/a%2Fb%3Fc%23d%25e%3A%40%26%3D%2B%20%22"),
            ("/%2561", "/%2561"),
            ("/%00%0a%1f%7f%c2%85", "/%00%0A%1F%7F%C2%85"),
            // Not UTF-8: a lone byte, a cut sequence, too long a form, a surrogate, beyond Unicode.
            ("/%ff%fe", "/%FF%FE"),
            ("/%e2%82a%e2%82%ac", "/%E2%82a€"),
            ("/%c0%af", "/%C0%AF"),
            ("/%ed%a0%80", "/%ED%A0%80"),
            ("/%f4%90%80%80", "/%F4%90%80%80"),
            // A `%` that begins no escape, also where decoding would make one of it.
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%4%31", "/%4%31"),
            ("/%%34%31", "/%%341"),
            ("/%é%20", "/%é%20"),
            // Query and fragment.
            ("/a?b=1#c", "/a"),
            ("/a#b?c", "/a"),
            ("?a", ""),
            ("/app/inbox?folder=1", "/app/inbox"),
            // Blanks and control characters.
            ("/a b", "/a%20b"),
            ("/a\tb\r\n", "/ab"),
            ("/\u{1}\u{7f}\u{85}", "/%01%7F%C2%85"),
            // Dot segments.
            ("/a/./b/../c", "/a/c"),
            ("/a/%2E%2e/b", "/b"),
            ("/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a//../b", "/a/b"),
            ("/.well-known/...", "/.well-known/..."),
            ("/a/..%2Fb", "/a/..%2Fb"),
            // Left alone: double slashes, a slash at the end, case, paths of apps, patterns of routers.
            ("/a//b/", "/a//b/"),
            ("/A", "/A"),
            ("screen/../home", "screen/../home"),
            ("/users/{id}/[slug]/:name", "/users/{id}/[slug]/:name"),
        ] {
            assert_eq!(normalised(sent), path, "{sent:?}");
        }
    }

    #[test]
    fn a_part_keeps_its_dots() {
        for (sent, part) in
            [("/.", "/."), ("../a", "../a"), ("/..", "/.."), ("%c3%bc b", "ü%20b"), ("%2f%", "%2F%")]
        {
            assert_eq!(normalised_part(sent), part, "{sent:?}");
        }
    }

    #[test]
    fn no_path_is_longer_than_the_limit() {
        let blanks = normalised(&format!("/{}", " ".repeat(MAX_ADDRESS - 1))).into_owned();
        assert_eq!(blanks, format!("/{}", "%20".repeat((MAX_ADDRESS - 1) / 3)));
        let longest = "ü".repeat(MAX_ADDRESS);
        assert_eq!(normalised(&longest), longest);
        // The cut leaves `..` of `..b`.
        let dots = format!("/{}{}/..b", " ".repeat(600), "a".repeat(244));
        assert_eq!(normalised(&dots), "/");
        assert_eq!(normalised(&"a".repeat(3000)).len(), MAX_ADDRESS);
    }

    /// Decodes every escape, as a server does that reads the path.
    fn decoded(text: &str) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let bytes = leading_escapes(rest);
            let length = if bytes.is_empty() { rest.chars().next().map_or(0, char::len_utf8) } else { 0 };
            out.extend_from_slice(&bytes);
            out.extend_from_slice(&rest.as_bytes()[..length]);
            rest = &rest[3 * bytes.len() + length..];
        }
        out
    }

    fn nearly_a_path() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[/.%a-fA-F0-9?# ]{0,4}",
            "(%[0-9a-fA-F]{2}){1,4}",
            "\\PC{0,3}",
            any::<char>().prop_map(String::from),
            any::<char>().prop_map(|c| {
                let mut escapes = String::new();
                push_escape(&mut escapes, c);
                escapes.to_lowercase()
            }),
            Just("/../".to_owned()),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(text in nearly_a_path()) {
            let once = normalised(&text).into_owned();
            prop_assert_eq!(normalised(&once), once.as_str());
            prop_assert!(once.chars().count() <= MAX_ADDRESS);
            prop_assert!(!once.contains(|c: char| c.is_control() || matches!(c, ' ' | '?' | '#')));
        }

        #[test]
        fn nor_of_a_part(text in nearly_a_path()) {
            let once = normalised_part(&text).into_owned();
            prop_assert_eq!(normalised_part(&once), once.as_str());
        }

        #[test]
        fn also_of_long_paths(blanks in 0..2048_usize, text in nearly_a_path()) {
            let once = normalised(&format!("/{}/{text}", " ".repeat(blanks))).into_owned();
            prop_assert_eq!(normalised(&once), once.as_str());
            prop_assert!(once.chars().count() <= MAX_ADDRESS);
        }

        #[test]
        fn it_means_what_was_sent(text in "([a-f/%_ü]|%[0-9a-fA-F]{2}){0,30}") {
            let path = normalised(&text).into_owned();
            prop_assume!(!decoded(&text).contains(&b'.'));
            prop_assert_eq!(decoded(&path), decoded(&text));
            prop_assert_eq!(path.matches('/').count(), text.matches('/').count());
        }

        #[test]
        fn a_url_has_the_path_that_is_sent(text in "([a-f/.~ü€:@!$&'()*+,;=-]|[ ]a|%[0-9a-fA-F]{2}){0,30}") {
            let url = Url::parse(&format!("https://shop.example/{text}")).unwrap();
            let path = format!("/{text}");
            prop_assert_eq!(normalised(url.path()), normalised(&path));
        }
    }
}
