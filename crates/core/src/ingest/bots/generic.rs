//! Programs that identify themselves without being on the list: by a name such as `FooBot/1.0`, or by the
//! address of a page or a mailbox of whoever runs them.
//!
//! No browser has such an address, apart from extensions of Internet Explorer and phones before 2010.
//! Names are less certain, since devices have names too: the phones `CUBOT`, `M bot 54` and `Spider 8`.

/// Parts of the names of programs, lower-case; the first only at the end of a word.
const NAMES: &[&str] = &["bot", "crawl", "scrape", "spider"];

/// What the comment that names a person's device also says, lower-case: of Android, of UC Browser, and of
/// the apps of Instagram and Facebook.
const DEVICE_COMMENTS: &[&str] = &["android", "adr ", "dpi;", "fbdv/"];

/// What says that an address without a plus sign may be an extension's or a phone's.
const OLD_BROWSERS: &[&str] = &["msie ", "midp", "uaprof", "up.link"];

/// Whether the user agent says that a program sent it.
pub(super) fn identifies_itself(user_agent: &str) -> bool {
    let lower = user_agent.to_ascii_lowercase();
    has_address(&lower)
        || has_mailbox(&lower)
        || is_only_compatible(&lower)
        || NAMES.iter().any(|name| has_name(&lower, name))
}

/// Whether there is the address of a page: `+https://…`, or without the plus sign in a browser that has none.
fn has_address(lower: &str) -> bool {
    let is_old = || OLD_BROWSERS.iter().any(|old| lower.contains(old));
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    has(&["+http://", "+https://", "+www.", "mailto:"]) || (lower.contains("://") && !is_old())
}

/// Whether there is an e-mail address. `android@85.0.4183.127`, a version of Ecosia, is none: the last label
/// has letters only.
fn has_mailbox(lower: &str) -> bool {
    lower.match_indices('@').any(|(at, _)| {
        let begins = lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let host = &lower[at + 1..];
        let host = &host[..host.find(|c: char| !is_host(c)).unwrap_or(host.len())];
        let top = host.trim_end_matches('.').rsplit_once('.').map_or("", |(_, top)| top);
        begins && top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic())
    })
}

/// Whether a comment says `compatible`, and then nothing or one name: `Mozilla/5.0 (compatible; Foo/1.0)`.
/// Browsers also say there what system they run on.
fn is_only_compatible(lower: &str) -> bool {
    let has_word = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
    lower.contains("(compatible)")
        || lower.match_indices("compatible;").any(|(at, word)| {
            let begins = lower[..at].ends_with(['(', ' ']);
            let rest = &lower[at + word.len()..];
            let rest = rest[..rest.find(')').unwrap_or(rest.len())].trim();
            let is_browser =
                has_word(&["linux", "konqueror", "msie"], rest) || !lower.contains("mozilla/5.0");
            begins && !rest.contains(';') && (rest.is_empty() || !is_browser)
        })
}

/// Whether a part of a name occurs, other than in the name of a device.
fn has_name(lower: &str, name: &str) -> bool {
    lower.match_indices(name).any(|(at, _)| {
        let end = at + name.len();
        (name != "bot" || ends_word(&lower[end..])) && !is_device(lower, at, end)
    })
}

/// Whether a word ends here, or after an `s`.
fn ends_word(rest: &str) -> bool {
    !rest.strip_prefix('s').unwrap_or(rest).starts_with(|c: char| c.is_alphanumeric())
}

/// Whether the name at these bytes is part of a device's: of a known one, or of one that a comment names
/// next to the system. There, a program has a version: `Foobot/1.0`.
fn is_device(lower: &str, start: usize, end: usize) -> bool {
    let (before, after) = (&lower[..start], &lower[end..]);
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let is_cubot = before.ends_with("cu");
    let is_m_bot = before.ends_with(['m', ' ', '_'])
        && before.trim_end_matches([' ', '_']).ends_with('m')
        && after.strip_prefix([' ', '_']).is_some_and(numbered);
    let is_spider_8 = lower[start..].starts_with("spider 8");
    let has_version = after.strip_prefix('/').is_some_and(numbered);
    let comment = comment_around(before, after);
    let in_device_comment = DEVICE_COMMENTS.iter().any(|word| comment.iter().any(|part| part.contains(word)));
    let says_compatible = comment.iter().any(|part| part.contains("compatible"));
    is_cubot || is_m_bot || is_spider_8 || (in_device_comment && !has_version && !says_compatible)
}

/// The parts before and after a place in a comment, in parentheses or brackets; empty outside of one.
fn comment_around<'a>(before: &'a str, after: &'a str) -> [&'a str; 2] {
    match before.rfind(['(', '[', ')', ']']) {
        Some(at) if before[at..].starts_with(['(', '[']) => {
            [&before[at..], &after[..after.find([')', ']']).unwrap_or(after.len())]]
        }
        _ => ["", ""],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_at_the_end_of_a_word_and_not_in_the_name_of_a_device() {
        for program in [
            "FooBot",
            "FooBot/1.0",
            "foobot-image/2",
            "Foo_Bot_v2",
            "our robots",
            "bot",
            "Webcrawler",
            "crawling",
            "scraper/1",
            "My-Spider",
            "Mozilla/5.0 (Linux; Android 10; K; compatible; FooBot) AppleWebKit/537.36",
            "Mozilla/5.0 (Linux; Android 10; FooBot/1.0) AppleWebKit/537.36",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) FooBot",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (compatible; FooBot)",
            "FooBot (like M bot)",
        ] {
            assert!(identifies_itself(program), "{program}");
        }
        for person in [
            "",
            "Botanica",
            "botnet2",
            "Bottle/1.0",
            "CUBOT",
            "Cubot_X18_Plus",
            "Mozilla/5.0 (Linux; Android 8.1.0; M bot 54) AppleWebKit/537.36",
            "Dalvik/2.1.0 (Linux; U; Android 8.1.0; M bot 551 Build/O11019)",
            "M_bot_54/1.0 Linux",
            "Mozilla/5.0 (Linux; Android 9; Robot) AppleWebKit/537.36",
            "Mozilla/5.0 (Linux; Android 7.0; Spider 8) AppleWebKit/537.36",
            "Spider 8/1.0",
            "UCWEB/2.0 (Linux; U; Adr 5.1; en-US; XBot) U2/1.0.0",
            "Instagram 9 Android (26/8.0; 320dpi; 720x1344; M_bot; Abbot; x)",
            "Mozilla/5.0 [FBAN/FB4A;FBAV/35.0;FBDV/Kidbot;FBSV/8.1]",
        ] {
            assert!(!identifies_itself(person), "{person}");
        }
    }

    #[test]
    fn addresses_count_unless_an_old_browser_has_them() {
        for program in [
            "X (+http://x.example)",
            "X +https://x.example",
            "X; http://x.example",
            "${jndi:ldap://x.example}",
            "Mozilla/4.0 (compatible; MSIE 6.0; +http://x.example)",
            "X (+mailto:a@x.example)",
            "X (mailto:a)",
            "X (+www.x.example)",
            "X (a@x.example)",
            "a@b.co",
            "X (me@sub.x.example.)",
            "Mozilla/5.0 (compatible)",
            "Mozilla/5.0 (compatible;)",
            "Mozilla/5.0 (compatible; Foo/1.0)",
            "Mozilla/5.0 (compatible; Foo Scanner)",
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36 (compatible; Foo)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Foo/1) Chrome/120.0",
        ] {
            assert!(identifies_itself(program), "{program}");
        }
        for person in [
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Embedded Web Browser from: http://bsalsa.com/)",
            "Phone/1.0 Profile/MIDP-2.0 http://phone.example/x.xml",
            "Mozilla/5.0 (Ecosia android@85.0.4183.127)",
            "@ a@ @b.co a@b a@b. a@.c a@b.c1",
            "http: https:",
            "Mozilla/5.0 (compatible; IBrowse 3.0; AmigaOS4.0)",
            "Mozilla/5.0 (compatible; Konqueror/3.5)",
            "Mozilla/5.0 (compatible; Linux mips) AppleWebKit/537.4 Chrome/18.0",
            "Mozilla/4.0 (compatible; MSIE 6.0)",
            "iPad (compatible; Tablet2.0)",
            "Mozilla/5.0 (incompatible; Foo/1.0)",
        ] {
            assert!(!identifies_itself(person), "{person}");
        }
    }
}
