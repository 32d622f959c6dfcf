//! Behaviours of people: how they come, how they are let in, and how that ends.

use millimetric_core::ids::{AccountId, InvitationId, SessionId};
use millimetric_core::token::{TOKEN_BYTES, Token, TokenHash};
use uuid::Uuid;

use super::{BY, at, create_account, user_id};
use crate::{
    Actor, AuditScope, Control, ControlError, Email, Invitation, NewSession, NewUser, Role, TotpSecret,
    sqlite,
};

fn token(number: u8) -> TokenHash {
    Token::create(&[number; TOKEN_BYTES]).hash()
}

fn email(number: u8) -> Email {
    format!("person{number}@example.com").parse().unwrap()
}

pub(super) fn new_user(number: u8) -> NewUser {
    NewUser { id: user_id(number.into()), email: email(number), password_hash: Some("$argon2id$".into()) }
}

/// A session of the user with this number, until the instant 1000.
fn session(number: u8, user: u8) -> NewSession {
    NewSession {
        id: SessionId::new(Uuid::from_u128(number.into())),
        token: token(number),
        user: user_id(user.into()),
        awaits_code: false,
        device: "Firefox on Linux".into(),
        expires_at: at(1000),
    }
}

/// The owner with the number 1, who is signed in with the token 100.
pub(super) async fn set_up(control: &Control) -> AccountId {
    let account = create_account(control, 1).await;
    assert_eq!(control.offer_setup(token(1)).await, Ok(true));
    control.set_up(token(1), &new_user(1), account, &session(100, 1), at(5)).await.unwrap();
    account
}

fn invitation(number: u128, account: AccountId, role: Role) -> Invitation {
    let id = InvitationId::new(Uuid::from_u128(number));
    Invitation { id, account, role, email: None, created_at: at(10), expires_at: at(100) }
}

pub(super) async fn the_setup_opens_to_the_latest_token_and_once(control: Control) {
    let account = create_account(&control, 1).await;
    for number in [1, 2] {
        assert_eq!(control.offer_setup(token(number)).await, Ok(true));
    }
    let open = |number| control.setup_is_open(token(number));
    assert_eq!((open(1).await, open(2).await), (Ok(false), Ok(true)));
    let enter = |link, user| {
        let control = control.clone();
        async move {
            control.set_up(token(link), &new_user(user), account, &session(user + 100, user), at(5)).await
        }
    };
    assert_eq!(enter(1, 1).await, Err(ControlError::LinkGone));
    assert_eq!(enter(2, 1).await, Ok(()));
    assert_eq!(enter(2, 2).await, Err(ControlError::LinkGone));
    assert_eq!((open(2).await, control.offer_setup(token(3)).await), (Ok(false), Ok(false)));
    assert_eq!(control.memberships(user_id(1)).await.unwrap()[0].role, Role::Owner);
}

pub(super) async fn a_session_ends_with_its_time(control: Control) {
    set_up(&control).await;
    let found = control.session(token(100), at(999)).await.unwrap().unwrap();
    assert_eq!((found.0.device.as_str(), found.1.email), ("Firefox on Linux", email(1)));
    assert!(control.session(token(100), at(1000)).await.unwrap().is_none());
    assert!(control.sessions(user_id(1), at(1000)).await.unwrap().is_empty());
}

pub(super) async fn a_new_password_ends_every_session_but_the_new_one(control: Control) {
    set_up(&control).await;
    control.start_session(&session(101, 1), at(6)).await.unwrap();
    control.change_password("$new", &session(102, 1), at(7)).await.unwrap();
    let mut alive = Vec::new();
    for number in [100, 101, 102] {
        alive.push(control.session(token(number), at(8)).await.unwrap().is_some());
    }
    assert_eq!(alive, [false, false, true]);
    assert_eq!(control.user(user_id(1)).await.unwrap().unwrap().password_hash.as_deref(), Some("$new"));
}

pub(super) async fn a_password_link_works_once_and_in_its_time(control: Control) {
    set_up(&control).await;
    let offer =
        |number, until| control.offer_password_link(user_id(1), (token(number), at(until)), &BY, at(6));
    offer(10, 20).await.unwrap();
    assert!(control.user_of_password_link(token(10), at(19)).await.unwrap().is_some());
    assert_eq!(control.use_password_link(token(10), "$new", at(20)).await, Err(ControlError::LinkGone));
    offer(11, 20).await.unwrap();
    assert_eq!(control.use_password_link(token(10), "$new", at(7)).await, Err(ControlError::LinkGone));
    assert_eq!(control.use_password_link(token(11), "$new", at(7)).await, Ok(()));
    assert_eq!(control.use_password_link(token(11), "$new", at(8)).await, Err(ControlError::LinkGone));
    assert!(control.session(token(100), at(8)).await.unwrap().is_none());
}

pub(super) async fn an_invitation_works_once_and_in_its_time(control: Control) {
    let account = set_up(&control).await;
    for number in [1, 2, 3] {
        let new = invitation(number, account, Role::Admin);
        control.invite(&new, token(10 + number as u8), &BY, at(10)).await.unwrap();
    }
    let accept = |link, user, now| {
        let control = control.clone();
        async move {
            control.accept_as_new(token(link), &new_user(user), &session(user + 100, user), at(now)).await
        }
    };
    assert_eq!(accept(11, 2, 100).await, Err(ControlError::LinkGone));
    assert_eq!(accept(11, 1, 50).await, Err(ControlError::EmailTaken));
    assert_eq!(accept(11, 2, 50).await, Ok(()));
    assert_eq!(accept(11, 3, 50).await, Err(ControlError::LinkGone));
    control.withdraw_invitation(invitation(2, account, Role::Admin).id, account, &BY, at(51)).await.unwrap();
    assert_eq!(accept(12, 3, 52).await, Err(ControlError::LinkGone));
    // Who belongs to the account already keeps their role.
    control.accept(token(13), user_id(1), &email(1), at(53)).await.unwrap();
    let roles: Vec<_> = control.members(account).await.unwrap().iter().map(|member| member.role).collect();
    assert_eq!(roles, [Role::Owner, Role::Admin]);
    assert_eq!(control.invitations(account, at(54)).await, Ok(vec![]));
}

pub(super) async fn an_account_keeps_an_owner(control: Control) {
    let account = set_up(&control).await;
    let (one, two) = (user_id(1), user_id(2));
    let demote = || control.set_role(account, one, Role::Admin, &BY, at(20));
    assert_eq!(demote().await, Err(ControlError::LastOwner));
    assert_eq!(control.remove_member(account, one, &BY, at(20)).await, Err(ControlError::LastOwner));
    assert_eq!(control.remove_member(account, two, &BY, at(20)).await, Err(ControlError::UnknownUser));
    control.add_user(&new_user(2), account, Role::Owner, (token(9), at(90)), &BY, at(21)).await.unwrap();
    assert_eq!(demote().await, Ok(()));
    assert_eq!(control.remove_member(account, one, &BY, at(22)).await, Ok(()));
    assert_eq!(control.remove_member(account, two, &BY, at(22)).await, Err(ControlError::LastOwner));
}

pub(super) async fn codes_of_a_second_factor_count_once(control: Control) {
    set_up(&control).await;
    let user = user_id(1);
    control.offer_factor(user, &TotpSecret::new(vec![7; 20])).await.unwrap();
    assert_eq!(control.turn_on_factor(user, &[token(1), token(2)], at(6)).await, Ok(true));
    let mut taken = Vec::new();
    for step in [5, 5, 4, 6] {
        taken.push(control.take_totp_step(user, step).await.unwrap());
    }
    assert_eq!(taken, [true, false, false, true]);
    let recover = |number| control.use_recovery_code(user, token(number), at(7));
    assert_eq!((recover(1).await, recover(1).await, recover(3).await), (Ok(true), Ok(false), Ok(false)));
    assert_eq!(control.recovery_codes_left(user).await, Ok(1));
    control.offer_factor(user, &TotpSecret::new(vec![8; 20])).await.unwrap();
    let kept = control.user(user).await.unwrap().unwrap();
    assert_eq!(kept.totp_secret, Some(TotpSecret::new(vec![7; 20])), "one that is on is not replaced");
}

#[tokio::test]
async fn who_was_shut_out_after_a_backup_stays_shut_out() {
    let folder = tempfile::tempdir().unwrap();
    let [path, copy] = ["control.db", "copy.db"].map(|name| folder.path().join(name));
    let control = sqlite::open(&path).await.unwrap();
    let account = set_up(&control).await;
    for number in [2, 3] {
        let link = (token(number), at(90));
        control.add_user(&new_user(number), account, Role::Owner, link, &BY, at(6)).await.unwrap();
        control.start_session(&session(100 + number, number), at(6)).await.unwrap();
    }
    control.invite(&invitation(1, account, Role::Owner), token(11), &BY, at(10)).await.unwrap();
    control.snapshot(&copy).await.unwrap();
    control.remove_member(account, user_id(2), &BY, at(11)).await.unwrap();
    control.set_role(account, user_id(3), Role::Viewer, &BY, at(11)).await.unwrap();
    control.change_password("$new", &session(200, 1), at(12)).await.unwrap();
    control.end_session(session(103, 3).id, user_id(3), &BY, at(12)).await.unwrap();
    control.use_password_link(token(3), "$new", at(12)).await.unwrap();
    let id = invitation(1, account, Role::Owner).id;
    control.withdraw_invitation(id, account, &BY, at(12)).await.unwrap();
    control.close().await;

    let restored = sqlite::open(&copy).await.unwrap();
    assert!(restored.session(token(100), at(13)).await.unwrap().is_some());
    restored.learn_ended(&path).await.unwrap();
    for number in [100, 103] {
        assert!(restored.session(token(number), at(13)).await.unwrap().is_none(), "{number}");
    }
    let members = restored.members(account).await.unwrap();
    let roles: Vec<_> = members.iter().map(|member| (member.user, member.role)).collect();
    assert_eq!(roles, [(user_id(1), Role::Owner), (user_id(3), Role::Viewer)]);
    assert_eq!(restored.user(user_id(1)).await.unwrap().unwrap().password_hash.as_deref(), Some("$new"));
    assert!(restored.user_of_password_link(token(3), at(13)).await.unwrap().is_none());
    assert_eq!(restored.invitations(account, at(13)).await, Ok(vec![]));
}

pub(super) async fn what_people_do_is_told_without_their_addresses(control: Control) {
    let account = set_up(&control).await;
    control.invite(&invitation(1, account, Role::Viewer), token(11), &BY, at(10)).await.unwrap();
    control.accept_as_new(token(11), &new_user(2), &session(102, 2), at(11)).await.unwrap();
    control.change_password("$new", &session(103, 2), at(12)).await.unwrap();
    control.end_session(session(103, 2).id, user_id(2), &Actor::User(user_id(2)), at(13)).await.unwrap();
    let entries = control.audit_log(AuditScope::Installation, 100, None).await.unwrap();
    let actions: Vec<_> = entries.iter().rev().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "account.created",
        "user.created",
        "member.added",
        "session.started",
        "invitation.made",
        "user.created",
        "member.added",
        "invitation.accepted",
        "session.started",
        "password.changed",
        "session.started",
        "session.ended",
    ];
    assert_eq!(actions, expected);
    assert!(!format!("{entries:?}").contains("example.com"));
    let of_account = control.audit_log(AuditScope::Account(account), 100, None).await.unwrap();
    assert_eq!(of_account.len(), 5);
}
