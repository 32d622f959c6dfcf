//! The second factor: time-based codes (RFC 6238 with its defaults: SHA-1, six digits, 30 seconds)
//! and the recovery codes that help when the authenticator is lost.
//!
//! A code counts once, also when it is sent twice at the same moment. Shows a secret only while it
//! is being set up.

use millimetric_control::{Actor, TotpSecret, User};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use qrcodegen::{QrCode, QrCodeEcc};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::{PeopleError, Started, new_session, take_turn};
use crate::auth::devices::DeviceCookie;
use crate::auth::sessions::{OwesCode, SignedIn};
use crate::client_info::ClientInfo;
use crate::limits::sign_in::{Proof, Try};
use crate::ops::error::OpsError;
use crate::secrets::random_bytes;
use crate::state::App;

/// Length of a time step.
const STEP_SECONDS: u64 = 30;
/// Bytes of a secret: as many as the hash has.
const SECRET_BYTES: usize = 20;
/// Recovery codes of a user.
const RECOVERY_CODES: usize = 10;
/// Bytes of one.
const RECOVERY_BYTES: usize = 10;

/// What somebody puts into their authenticator.
#[derive(Debug)]
pub struct Offer {
    /// The secret, to be typed.
    pub text: String,
    /// The same as a picture to be scanned: the path of an SVG, a unit a square.
    pub picture: String,
    /// The sides of the picture.
    pub size: i32,
}

/// The secret for somebody who has no second factor yet: the same until it is turned on.
pub async fn offer(app: &App, by: &SignedIn) -> Result<Offer, PeopleError> {
    let user = by.user();
    let secret = match &user.totp_secret {
        Some(secret) if !user.totp_on => secret.clone(),
        _ => {
            let secret = TotpSecret::new(random_bytes::<SECRET_BYTES>()?.to_vec());
            app.stores.control.offer_factor(user.id, &secret).await?;
            secret
        }
    };
    let text = Secret::from(secret.reveal()).to_base32();
    let email: String = form_urlencoded::byte_serialize(user.email.as_str().as_bytes()).collect();
    let address = format!("otpauth://totp/Millimetric:{email}?secret={text}&issuer=Millimetric");
    let code = QrCode::encode_text(&address, QrCodeEcc::Medium).map_err(OpsError::internal)?;
    let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    let picture = dark.filter(|&(x, y)| code.get_module(x, y)).map(|(x, y)| format!("M{x} {y}h1v1h-1z"));
    Ok(Offer { text, picture: picture.collect(), size: code.size() })
}

/// Turns it on for a user who proves that their authenticator has the secret; returns the recovery
/// codes, this once.
pub async fn turn_on(app: &App, by: &SignedIn, code: &str) -> Result<Vec<String>, PeopleError> {
    take_turn(app, Try::Proven(Proof::Session(by.session().id))).await?;
    take(app, by.user(), code).await?.then_some(()).ok_or(PeopleError::WrongCode)?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        codes.push(in_groups(&hex::encode(random_bytes::<RECOVERY_BYTES>()?)));
    }
    let hashes: Vec<TokenHash> = codes.iter().map(|code| recovery_hash(code)).collect();
    let turned_on = app.stores.control.turn_on_factor(by.user().id, &hashes, app.now()).await?;
    turned_on.then_some(codes).ok_or(PeopleError::WrongCode)
}

/// Turns it off for a user who knows the password.
pub async fn turn_off(app: &App, by: &SignedIn, password: &str) -> Result<(), PeopleError> {
    super::passwords::check(app, by, password).await?;
    Ok(app.stores.control.turn_off_factor(by.user().id, &by.actor(), app.now()).await?)
}

/// The second step of signing in: a code of the authenticator, or a recovery code; `device` is the
/// device cookie that came with it.
pub async fn give(
    app: &App,
    owes: &OwesCode,
    code: &str,
    client: &ClientInfo,
    device: Option<DeviceCookie>,
) -> Result<Started, PeopleError> {
    let user = owes.user();
    let device = device.and_then(|cookie| cookie.device_of(app, Some(user)));
    let what = device.map_or(Try::Code(user.id), |device| Try::CodeOfDevice(device.number()));
    take_turn(app, what).await?;
    let right = take(app, user, code).await?
        || app.stores.control.use_recovery_code(user.id, recovery_hash(code), app.now()).await?;
    if !right {
        return Err(PeopleError::WrongCode);
    }
    let (token, session) = new_session(app, user.id, client, false).await?;
    app.stores.control.start_session(&session, app.now()).await?;
    app.stores.control.end_session(owes.session().id, user.id, &Actor::User(user.id), app.now()).await?;
    Started::whole(app, token, user.id, user.password_hash.as_deref().unwrap_or_default())
}

/// Whether this is the authenticator's code of about now, and was not used before.
async fn take(app: &App, user: &User, code: &str) -> Result<bool, PeopleError> {
    let Some(secret) = &user.totp_secret else { return Ok(false) };
    match step_of(&totp(secret.reveal()), code, app.now()) {
        Some(step) => Ok(app.stores.control.take_totp_step(user.id, step).await?),
        None => Ok(false),
    }
}

/// The time step whose code this is: of now, the one before or the one after, since clocks differ. The
/// latest one if several have this code, so that taking it takes them all.
fn step_of(totp: &Totp, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = now.millis().div_euclid(1000).div_euclid(STEP_SECONDS as i64);
    let has_code = |step: &i64| {
        let seconds = u64::try_from(*step).ok().map(|step| step * STEP_SECONDS);
        seconds.is_some_and(|seconds| totp.check(&code, seconds).is_some())
    };
    [now - 1, now, now + 1].into_iter().rfind(has_code)
}

/// The generator of codes for a secret (RFC 6238 with its defaults).
fn totp(secret: &[u8]) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS)
        .with_skew(0)
        .with_secret(secret)
        .build_noncompliant()
}

/// Recovery codes are compared without the spaces and dashes that people type or leave out.
fn recovery_hash(code: &str) -> TokenHash {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    TokenHash::of(&plain.to_ascii_lowercase())
}

fn in_groups(code: &str) -> String {
    let groups: Vec<&str> = (0..code.len()).step_by(5).map(|at| &code[at..at + 5]).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, SHA-1, the last six of its eight digits.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(totp(SECRET).generate(seconds).to_string(), code);
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after() {
        let at = |seconds: i64| {
            step_of(&totp(SECRET), " 287 082 ", Timestamp::from_millis(seconds * 1000).unwrap())
        };
        for (seconds, step) in [(0, Some(1)), (59, Some(1)), (89, Some(1)), (90, None), (1_000_000, None)] {
            assert_eq!(at(seconds), step, "{seconds}");
        }
        assert_eq!(step_of(&totp(SECRET), "", Timestamp::from_millis(59_000).unwrap()), None);
    }

    #[test]
    fn texts_for_people_are_as_they_should_be() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(Secret::from(bytes.as_bytes()).to_base32(), text, "RFC 4648, section 10");
        }
        assert_eq!(in_groups("0123456789abcdef0123"), "01234-56789-abcde-f0123");
        assert_eq!(recovery_hash("01234-ABCDE"), recovery_hash("01234 abcde"));
    }
}
