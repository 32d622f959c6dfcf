//! The people who sign in, and what they may: users, their sessions, their place in accounts.
//!
//! Checks no password and makes no token: hashes come in as arguments. Knows no browser.

mod access_tokens;
mod email;
mod factor;
mod invitations;
mod memberships;
mod passwords;
mod role;
mod sessions;
mod users;

pub(crate) use access_tokens::{access_token, access_token_columns};
pub(crate) use invitations::invitation;
pub(crate) use memberships::member;
pub(crate) use sessions::{session, session_columns};
pub(crate) use users::{user, user_columns};

pub use access_tokens::{AccessToken, FoundAccessToken, NewAccessToken};
pub use email::{Email, EmailError};
pub use factor::TotpSecret;
pub use invitations::Invitation;
pub use memberships::{Member, Membership};
pub use role::Role;
pub use sessions::{NewSession, Session};
pub use users::{NewUser, User};
