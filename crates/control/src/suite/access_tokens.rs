//! Behaviours of personal access tokens.

use millimetric_core::ids::AccessTokenId;
use millimetric_core::key::KEY_RANDOM_BYTES;
use millimetric_core::key::access_token::{AccessTokenScope, AccessTokenText};
use millimetric_core::time::DAY_MILLIS;
use serde_json::json;
use uuid::Uuid;

use super::people::{new_user, set_up};
use super::{BY, at, name, pepper, user_id};
use crate::{AccessToken, Actor, AuditScope, Control, ControlError, NewAccessToken};

pub(super) fn token_id(number: u128) -> AccessTokenId {
    AccessTokenId::new(Uuid::from_u128(number))
}

fn text(number: u8) -> AccessTokenText {
    AccessTokenText::create(&[number; KEY_RANDOM_BYTES])
}

/// A token of the first user, until the instant 1000.
fn new_token(number: u8) -> NewAccessToken {
    NewAccessToken {
        id: token_id(number.into()),
        user: user_id(1),
        prefix: text(number).prefix(),
        hash: text(number).hash(&pepper()),
        name: name(&format!("script {number}")),
        scope: AccessTokenScope::Write,
        expires_at: at(1000),
    }
}

async fn create(control: &Control, number: u8, now: i64) -> Result<AccessToken, ControlError> {
    control.create_access_token(new_token(number), &BY, at(now)).await
}

async fn actions(control: &Control) -> Vec<String> {
    let log = control.audit_log(AuditScope::Installation, 1000, None).await.unwrap();
    log.into_iter().map(|entry| entry.action).filter(|action| action.starts_with("access_token.")).collect()
}

pub(super) async fn a_token_reads_back_as_it_was_created_with_its_owner(control: Control) {
    set_up(&control).await;
    let returned = create(&control, 7, 10).await.unwrap();
    let found = control.access_token_by_prefix(&text(7).prefix()).await.unwrap().unwrap();
    assert!(found.hash.matches(&text(7).hash(&pepper())) && !found.hash.matches(&text(8).hash(&pepper())));
    let (token, user) = found.record.unwrap();
    assert_eq!((user.id, user.email), (user_id(1), new_user(1).email));
    assert_eq!(format!("{token:?}"), format!("{returned:?}"));
    assert_eq!((token.id, token.user, token.scope), (token_id(7), user_id(1), AccessTokenScope::Write));
    assert_eq!((token.name, token.created_at, token.expires_at), (name("script 7"), at(10), at(1000)));
    assert_eq!((token.last_used_at, token.revoked_at, token.exposed_at), (None, None, None));
    assert!(returned.is_live(at(999)) && !returned.is_live(at(1000)));
    assert!(control.access_token_by_prefix(&text(8).prefix()).await.unwrap().is_none());
}

pub(super) async fn a_taken_prefix_and_an_unknown_owner_are_told_apart(control: Control) {
    set_up(&control).await;
    create(&control, 7, 10).await.unwrap();
    let again = NewAccessToken { id: token_id(8), ..new_token(7) };
    let taken = control.create_access_token(again, &BY, at(11)).await.unwrap_err();
    assert_eq!(taken, ControlError::KeyPrefixTaken(text(7).prefix()));
    let of_nobody = NewAccessToken { user: user_id(9), ..new_token(8) };
    let unknown = control.create_access_token(of_nobody, &BY, at(11)).await.unwrap_err();
    assert_eq!(unknown, ControlError::UnknownUser);
    assert_eq!(control.access_tokens(user_id(1)).await.unwrap().len(), 1);
    assert_eq!(actions(&control).await, ["access_token.created"]);
}

pub(super) async fn a_person_has_a_bounded_number_of_tokens_that_work(control: Control) {
    set_up(&control).await;
    for number in 1..=50 {
        create(&control, number, 10).await.unwrap();
    }
    assert_eq!(create(&control, 51, 11).await.unwrap_err(), ControlError::TooManyTokens);
    control.revoke_access_token(token_id(3), user_id(1), &BY, at(12)).await.unwrap();
    create(&control, 51, 13).await.unwrap();
    assert_eq!(create(&control, 52, 14).await.unwrap_err(), ControlError::TooManyTokens);
    create(&control, 52, 1000).await.unwrap();
    let ids = |tokens: Vec<AccessToken>| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
    let listed = ids(control.access_tokens(user_id(1)).await.unwrap());
    assert_eq!((listed.len(), listed[0], listed[1]), (52, token_id(52), token_id(51)), "newest first");
    // Ninety days later those that have ended are deleted.
    let late = NewAccessToken { expires_at: at(2000 + 90 * DAY_MILLIS), ..new_token(53) };
    control.create_access_token(late, &BY, at(1000 + 90 * DAY_MILLIS)).await.unwrap();
    assert_eq!(ids(control.access_tokens(user_id(1)).await.unwrap()), [token_id(53)]);
}

pub(super) async fn a_token_is_revoked_by_its_owner_alone_and_once(control: Control) {
    set_up(&control).await;
    create(&control, 7, 10).await.unwrap();
    let revoke = |user, now| control.revoke_access_token(token_id(7), user_id(user), &BY, at(now));
    assert_eq!(revoke(2, 19).await, Err(ControlError::UnknownToken));
    assert_eq!((revoke(1, 20).await, revoke(1, 30).await), (Ok(true), Ok(false)));
    let token = control.access_tokens(user_id(1)).await.unwrap().remove(0);
    assert_eq!((token.revoked_at, token.is_live(at(21))), (Some(at(20)), false));
    let unknown = control.revoke_access_token(token_id(9), user_id(1), &BY, at(30)).await;
    assert_eq!(unknown, Err(ControlError::UnknownToken));
    assert_eq!(actions(&control).await, ["access_token.revoked", "access_token.created"]);
}

pub(super) async fn use_and_exposure_of_a_token_are_noted(control: Control) {
    set_up(&control).await;
    create(&control, 7, 10).await.unwrap();
    for (now, expected) in [(30, 30), (20, 30), (40, 40)] {
        control.touch_access_tokens(&[(token_id(7), at(now)), (token_id(9), at(now))]).await.unwrap();
        let token = control.access_tokens(user_id(1)).await.unwrap().remove(0);
        assert_eq!(token.last_used_at, Some(at(expected)));
    }
    let flag = |number, now| control.flag_token_exposed(text(number).prefix(), &Actor::Server, at(now));
    assert_eq!((flag(7, 50).await, flag(7, 51).await, flag(8, 52).await), (Ok(true), Ok(false), Ok(false)));
    let token = control.access_tokens(user_id(1)).await.unwrap().remove(0);
    assert_eq!((token.exposed_at, token.is_live(at(53))), (Some(at(50)), true));
    assert_eq!(actions(&control).await, ["access_token.exposed", "access_token.created"]);
}

pub(super) async fn what_happens_to_a_token_is_told_by_its_prefix_alone(control: Control) {
    set_up(&control).await;
    create(&control, 7, 10).await.unwrap();
    let log = control.audit_log(AuditScope::Installation, 1, None).await.unwrap();
    assert_eq!((log[0].subject.clone(), log[0].by.clone()), (user_id(1).to_string(), BY));
    let expected = json!({ "token": token_id(7), "prefix": "07070707", "name": "script 7", "scope": "write",
        "expires_at": "1970-01-01T00:00:01.000Z" });
    assert_eq!(log[0].detail, expected);
    // A change by a token names it beside its owner.
    let by = Actor::Token(user_id(1), text(7).prefix());
    control.set_meta("anything", "x", &by, at(11)).await.unwrap();
    let log = control.audit_log(AuditScope::Installation, 1, None).await.unwrap();
    assert_eq!(log[0].by, by);
}
