//! Parameter names that announce a secret or personal data, and those that never do.
//!
//! Names are compared without case and without `_`, `-`, `[`, `]`, `.`: `user[E-Mail]` is
//! `useremail`.

/// Names that are telling as a whole.
const EXACT: &[&str] = &[
    // Signing in.
    "auth",
    "authorization",
    "bearer",
    "code",
    "credential",
    "credentials",
    "csrf",
    "jwt",
    "login",
    "nonce",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "pin",
    "pwd",
    "samlrequest",
    "samlresponse",
    "session",
    "sessionid",
    "sid",
    "jsessionid",
    "phpsessid",
    "ticket",
    "totp",
    "username",
    "xsrf",
    // Keys.
    "accesskey",
    "apikey",
    "privatekey",
    "sig",
    "signature",
    "hmac",
    // People.
    "address",
    "addressline1",
    "addressline2",
    "birthdate",
    "birthday",
    "dateofbirth",
    "dob",
    "email",
    "firstname",
    "fname",
    "fullname",
    "lastname",
    "lname",
    "mail",
    "mobile",
    "msisdn",
    "name",
    "passport",
    "phone",
    "ssn",
    "street",
    "surname",
    "taxid",
    "tel",
    "telephone",
    // Paying.
    "bic",
    "card",
    "cardnumber",
    "ccnumber",
    "creditcard",
    "cvc",
    "cvv",
    "iban",
];

/// Telling anywhere in a name: `password_confirmation`, `X-Amz-Security-Token`.
const INSIDE: &[&str] = &["password", "passwd", "secret", "token"];

/// Telling at the end of a name: `customer_email`, `X-Amz-Signature`.
const AT_END: &[&str] = &[
    "apikey",
    "cardnumber",
    "credential",
    "email",
    "emailaddress",
    "emailid",
    "firstname",
    "fullname",
    "iban",
    "jwt",
    "lastname",
    "mobilenumber",
    "otp",
    "phone",
    "phonenumber",
    "sessionid",
    "signature",
    "ssn",
    "surname",
];

/// Campaigns and clicks, kept whatever they look like: the classifier and the reports live on
/// them. So is every name that opens with `utm_`.
const KEPT: &[&str] = &[
    "_hsenc",
    "dclid",
    "epik",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "igsh",
    "igshid",
    "irclickid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "msclkid",
    "rdt_cid",
    "sccid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "yclid",
];

/// Whether a parameter of this name keeps its value.
pub(super) fn always_stays(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("utm_") || KEPT.contains(&name.as_str())
}

/// Whether a parameter of this name loses its value.
pub(super) fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|sign| !matches!(sign, '_' | '-' | '[' | ']' | '.' | ' '))
        .map(|sign| sign.to_ascii_lowercase())
        .collect();
    EXACT.contains(&name.as_str())
        || INSIDE.iter().any(|word| name.contains(word))
        || AT_END.iter().any(|word| name.ends_with(word))
}
