//! Sharing a project's overview by a link that anybody can open: made, listed, revoked.
//!
//! A link's token leaves this file once, with its making.

use millimetric_control::ShareLink;
use millimetric_core::ids::ShareLinkId;
use millimetric_core::token::Token;

use crate::auth::sessions::{Admin, InProject};
use crate::ops::error::OpsResult;
use crate::secrets::random_bytes;
use crate::state::App;

/// Makes a link.
pub async fn share(app: &App, by: &InProject<Admin>) -> OpsResult<Token> {
    let random = random_bytes()?;
    let (token, now) = (Token::create(&random), app.now());
    let link = ShareLink { id: ShareLinkId::new(app.new_id()), created_at: now };
    app.stores.control.share(link, token.hash(), by.project.id, &by.by.actor(), now).await?;
    Ok(token)
}

/// Makes a link stop working.
pub async fn revoke(app: &App, by: &InProject<Admin>, link: ShareLinkId) -> OpsResult<()> {
    Ok(app.stores.control.revoke_share_link(link, by.project.id, &by.by.actor(), app.now()).await?)
}
