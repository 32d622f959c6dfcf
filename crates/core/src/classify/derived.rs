//! The values of derived columns, read out of a stored URL with the classifier's own functions, so that a
//! host or parameter here is the one that the rules saw.

use url::form_urlencoded;

use super::host::{self, Host};
use super::parameters::{own_case, pairs};
use crate::column::DerivedColumn;

/// The value of a derived column of an event with this text in the [column](DerivedColumn::column) that it is
/// read out of; `None` if there is no value. Costs one parse of the URL.
///
/// A host is lower-case ASCII (Punycode), without port, trailing dot and `www.`; that of an Android app is its
/// package, or the site that it belongs to. A parameter is decoded, in its own case, without outer blanks, and
/// cut to 200 characters; of a repeated one the first with a value counts.
pub fn derived(column: DerivedColumn, text: &str) -> Option<String> {
    match column {
        DerivedColumn::Hostname => Some(Host::of_url(&host::web_url(text)?)?.name().to_owned()),
        DerivedColumn::ReferrerHost => Some(Host::of_referrer(text)?.0.name().to_owned()),
        parameter => of_parameter(parameter.as_str(), text),
    }
}

/// The host as [`derived`] returns it, of a text that somebody filters by; the text in lower case if it is no
/// host. Doing it again changes nothing.
pub fn normalised_host(text: &str) -> String {
    let mut text = text.to_lowercase();
    // Every round but the last shortens the text or turns it into ASCII.
    loop {
        let is_bare = !text.contains(['/', '?', '#', '@', '\\']);
        match Host::of_site(&text).filter(|host| is_bare && host.name() != text) {
            Some(host) => host.name().clone_into(&mut text),
            None => return text,
        }
    }
}

fn of_parameter(name: &str, text: &str) -> Option<String> {
    // Most URLs have none, and need not be parsed.
    if !text.contains(['?', '&']) {
        return None;
    }
    let url = host::web_url(text)?;
    pairs(&url).find_map(|pair| {
        let (raw, _) = pair.split_once('=')?;
        if !raw.eq_ignore_ascii_case(name) && !raw.contains('%') {
            return None;
        }
        let (sent, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
        if sent.eq_ignore_ascii_case(name) { own_case(&value) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn derived_columns_are_read_out_of_the_stored_url() {
        use DerivedColumn::{Hostname, ReferrerHost, UtmCampaign, UtmContent, UtmMedium, UtmSource, UtmTerm};
        let tagged = "https://www.Shop.example:8080/a?utm_source=News%20Letter&UTM_Medium=E-Mail&utm_term=&utm_term=b+c\
                      &utm_content=%C3%BC";
        for (column, text, value) in [
            (Hostname, tagged, Some("shop.example")),
            (Hostname, "http://müller.example/", Some("xn--mller-kva.example")),
            (Hostname, "http://[::1]:80/", Some("[::1]")),
            (Hostname, "https://www.com/", Some("www.com")),
            (Hostname, "/a", None),
            (ReferrerHost, "https://WWW.Google.com/search", Some("google.com")),
            (ReferrerHost, "android-app://com.example.reader/", Some("com.example.reader")),
            (ReferrerHost, "somewhere", None),
            (UtmSource, tagged, Some("News Letter")),
            (UtmMedium, tagged, Some("E-Mail")),
            (UtmTerm, tagged, Some("b c")),
            (UtmContent, tagged, Some("ü")),
            (UtmCampaign, tagged, None),
            (UtmCampaign, "https://a.example/?utm_campaign=+%20", None),
            (UtmSource, "https://a.example/?x=1&amp;utm%5Fsource=b", Some("b")),
            (UtmSource, "https://a.example/utm_source=b", None),
        ] {
            assert_eq!(derived(column, text).as_deref(), value, "{column:?} {text}");
        }
    }

    #[test]
    fn a_host_is_filtered_as_it_is_read() {
        for (text, host) in [
            ("www.Shop.example", "shop.example"),
            ("Shop.example:443", "shop.example"),
            ("müller.example", "xn--mller-kva.example"),
            ("www.www.a.example", "a.example"),
            ("a.example/path", "a.example/path"),
            ("", ""),
            (".EXAMPLE", ".example"),
        ] {
            assert_eq!(normalised_host(text), host, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(www\\.|https?://|[a-z0-9.:%@?&=/#\\[\\]]|utm_source|\\PC){0,20}") {
            for column in DerivedColumn::ALL {
                derived(column, &text);
            }
            let host = normalised_host(&text);
            prop_assert_eq!(normalised_host(&host), host);
        }
    }
}
