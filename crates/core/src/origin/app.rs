//! The origins of apps that show web pages: what Capacitor, Ionic, Tauri, Electron and browser
//! extensions send as `Origin`. They are compared as a whole; none has a port or a wildcard.

/// The length of the id of an extension.
const EXTENSION_ID: usize = 32;
/// The longest host, as of a name in the DNS (RFC 1035).
const MAX_HOST: usize = 253;

/// Whether a scheme, in lower case, is that of an app.
pub(super) fn is_scheme(scheme: &str) -> bool {
    matches!(scheme, "capacitor" | "ionic" | "tauri" | "app" | "chrome-extension")
}

/// The host of an app's origin in its one spelling, or `None` where this scheme has no such host.
pub(super) fn host(scheme: &str, text: &str) -> Option<String> {
    let host = text.to_ascii_lowercase();
    let fits = match scheme {
        "capacitor" | "ionic" | "tauri" => host == "localhost",
        // The id is a hash whose hexadecimal digits are written a to p.
        "chrome-extension" => host.len() == EXTENSION_ID && host.bytes().all(|b| matches!(b, b'a'..=b'p')),
        "app" => is_name(&host),
        _ => false,
    };
    fits.then_some(host)
}

/// Labels of letters, digits, `-` and `_` with single dots between them.
fn is_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    host.len() <= MAX_HOST && host.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}
