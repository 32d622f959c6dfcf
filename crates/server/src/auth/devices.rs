//! Known devices: a browser in which somebody signed in carries a cookie that says so, long after
//! the session ("device cookies", OWASP, Slow Down Online Guessing Attacks with Device Cookies).
//!
//! A cookie is a random number and its HMAC under a key of the server, together with the user and the
//! hash of their password: it is worth nothing for anybody else, and nothing once the password was
//! changed. Nothing is stored. A cookie opens nothing; it only decides which bucket of tries is used.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millimetric_control::User;
use millimetric_core::ids::UserId;
use millimetric_core::time::{DAY_MILLIS, SECOND_MILLIS};
use subtle::ConstantTimeEq as _;

use super::sessions::{cookie_header, sent_cookie};
use crate::secrets::random_bytes;
use crate::state::App;

/// How long a device stays known, in seconds: 400 days, the longest that browsers keep a cookie.
const LASTS_SECONDS: i64 = 400 * DAY_MILLIS / SECOND_MILLIS;
/// What the cookie is called; behind https with a prefix.
const NAME: &str = "mm_device";

/// The number of a device that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device([u8; 16]);

impl Device {
    /// Under which its tries are counted.
    pub const fn number(&self) -> [u8; 16] {
        self.0
    }
}

/// A device cookie as a browser has it; one that was sent may be forged, or somebody else's.
#[derive(Clone, Copy)]
pub struct DeviceCookie {
    number: [u8; 16],
    tag: [u8; 32],
}

impl DeviceCookie {
    /// A new one for a browser in which this user just proved who they are.
    pub fn create(app: &App, user: UserId, password_hash: &str) -> Result<Self, getrandom::Error> {
        let number = random_bytes()?;
        Ok(Self { number, tag: app.credentials.secrets.device_tag(&number, user, password_hash) })
    }

    /// The one that came with a request.
    pub fn sent(headers: &HeaderMap, app: &App) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(sent_cookie(headers, app, NAME)?).ok()?;
        let (number, tag) = bytes.split_first_chunk()?;
        Some(Self { number: *number, tag: tag.try_into().ok()? })
    }

    /// The device, when the cookie was made for this user under the password that they have now.
    pub fn device_of(&self, app: &App, user: Option<&User>) -> Option<Device> {
        let user = user.and_then(|user| Some((user.id, user.password_hash.as_deref()?)));
        // Unknown addresses take as long as known ones.
        let (id, password_hash) = user.unwrap_or((UserId::new(uuid::Uuid::nil()), ""));
        let tag = app.credentials.secrets.device_tag(&self.number, id, password_hash);
        let genuine: bool = tag.ct_eq(&self.tag).into();
        (genuine && user.is_some()).then_some(Device(self.number))
    }

    /// The header that gives it to the browser.
    pub fn header(&self, app: &App) -> HeaderValue {
        let value = URL_SAFE_NO_PAD.encode([&self.number[..], &self.tag[..]].concat());
        cookie_header(app, NAME, &value, LASTS_SECONDS)
    }
}

impl std::fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceCookie(…)")
    }
}
