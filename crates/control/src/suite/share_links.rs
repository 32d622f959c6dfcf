//! Behaviours of links that share a project's reports.

use millimetric_core::ids::ShareLinkId;
use millimetric_core::token::{TOKEN_BYTES, Token, TokenHash};
use uuid::Uuid;

use super::{BY, at, create_project, project_id};
use crate::{AuditScope, Control, ControlError, ShareLink};

fn link(number: u8) -> (ShareLink, TokenHash) {
    let id = ShareLinkId::new(Uuid::from_u128(number.into()));
    let token = Token::create(&[number; TOKEN_BYTES]).hash();
    (ShareLink { id, created_at: at(number.into()) }, token)
}

pub(super) async fn a_link_shows_its_project_until_it_is_revoked(control: Control) {
    let (mine, other) = (create_project(&control, 1).await, create_project(&control, 2).await);
    let ((first, token), (second, _)) = (link(1), link(2));
    control.share(first, token, mine.id, &BY, at(5)).await.unwrap();
    control.share(second, link(2).1, mine.id, &BY, at(6)).await.unwrap();
    assert_eq!(control.shared_project(token).await, Ok(Some(mine.clone())));
    assert_eq!(control.shared_project(link(3).1).await, Ok(None));
    assert_eq!(control.share_links(mine.id).await, Ok(vec![second, first]));
    assert_eq!(control.share_links(other.id).await, Ok(vec![]));

    control.revoke_share_link(first.id, other.id, &BY, at(7)).await.unwrap();
    assert!(control.shared_project(token).await.unwrap().is_some(), "another project's link is left alone");
    for _ in 0..2 {
        control.revoke_share_link(first.id, mine.id, &BY, at(8)).await.unwrap();
    }
    assert_eq!(control.shared_project(token).await, Ok(None));
    assert_eq!(control.share_links(mine.id).await, Ok(vec![second]));
    let log = control.audit_log(AuditScope::Project(mine.id), 10, None).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["share_link.revoked", "share_link.made", "share_link.made", "project.created"]);
}

pub(super) async fn a_link_ends_with_its_project(control: Control) {
    let project = create_project(&control, 1).await;
    let (link, token) = link(1);
    control.share(link, token, project.id, &BY, at(5)).await.unwrap();
    control.delete_project(project.id, &BY, at(6)).await.unwrap();
    assert_eq!(control.shared_project(token).await, Ok(None));
    let again = control.share(link, token, project_id(1), &BY, at(7)).await;
    assert_eq!(again, Err(ControlError::UnknownProject));
}
