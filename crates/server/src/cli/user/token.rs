//! `millimetric user token …`: personal access tokens, with which scripts manage projects in a person's name.

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use millimetric_control::{AccessToken, Actor, Control, Email, Name, User};
use millimetric_core::ids::AccessTokenId;
use millimetric_core::key::access_token::{AccessTokenScope, AccessTokenText};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde_json::{Value, json};

use super::super::key::duration;
use super::super::{existing_control, output, read_control};
use crate::config::Installation;
use crate::ops::people::access_tokens::{TokenRequest, create};
use crate::secrets::Secrets;
use crate::state::system_clock;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Create a token for the management API and print it once
    Create(CreateArgs),
    /// List the tokens of a user, without their secrets
    List(ListArgs),
    /// Revoke a token: requests with it fail with 401 `invalid_session` at once
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    /// E-mail address of the user whose role in each account the token has
    email: Email,
    /// Name shown in lists, like the script that uses the token
    #[arg(long, default_value = "command line")]
    name: Name,
    /// read or write
    #[arg(long, default_value = "read")]
    scope: AccessTokenScope,
    /// Lifetime of the token, like 90d or 12h; at most 366d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = duration)]
    expires_in: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// E-mail address of the user
    email: Email,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArgs {
    /// E-mail address of the user
    email: Email,
    /// The token's id, as `user token list` shows it
    token_id: AccessTokenId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: TokenCommand) -> anyhow::Result<()> {
    let now = system_clock()();
    match command {
        TokenCommand::Create(args) => create_one(at, &existing_control(at).await?, args, now).await,
        TokenCommand::List(args) => list(&read_control(at).await?, &args, now).await,
        TokenCommand::Revoke(args) => revoke(&existing_control(at).await?, &args, now).await,
    }
}

async fn user_of(control: &Control, email: &Email) -> anyhow::Result<User> {
    let user = control.user_by_email(email).await?;
    user.with_context(|| format!("there is no user {email}: create them with `millimetric user create`"))
}

async fn create_one(
    at: &Installation,
    control: &Control,
    args: CreateArgs,
    now: Timestamp,
) -> anyhow::Result<()> {
    let days = AccessTokenText::MAX_DAYS;
    ensure!(
        (1..=days * DAY_MILLIS).contains(&args.expires_in),
        "--expires-in must be more than nothing and at most {days}d, like 90d"
    );
    let user = user_of(control, &args.email).await?;
    let pepper = Secrets::load(at)?.pepper;
    let request = TokenRequest { name: args.name, scope: args.scope, lifetime_millis: args.expires_in };
    let created = create(control, &pepper, user.id, &request, &Actor::CommandLine, now).await?;
    if args.json {
        let mut row = json_row(&created.stored);
        row["token"] = json!(created.text.reveal());
        output::json(&row);
    } else {
        let AccessToken { id, expires_at, scope, .. } = created.stored;
        output::line(format_args!(
            "Token {id} ({scope}) created for {}, until {expires_at}. It is shown only once:\n  {}",
            args.email,
            created.text.reveal()
        ));
    }
    Ok(())
}

async fn list(control: &Control, args: &ListArgs, now: Timestamp) -> anyhow::Result<()> {
    let tokens = control.access_tokens(user_of(control, &args.email).await?.id).await?;
    if args.json {
        output::json(&Value::Array(tokens.iter().map(json_row).collect()));
        return Ok(());
    }
    for token in &tokens {
        let AccessToken { id, prefix, scope, name, expires_at, .. } = token;
        let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
        let state = state(token, now);
        output::line(format_args!(
            "{id} mmt_{prefix} {scope:<5} {state:<8} until {expires_at} {used} {name}"
        ));
    }
    output::unreadable(&control.damage().await?, "token");
    Ok(())
}

async fn revoke(control: &Control, args: &RevokeArgs, now: Timestamp) -> anyhow::Result<()> {
    let user = user_of(control, &args.email).await?;
    let revoked = control.revoke_access_token(args.token_id, user.id, &Actor::CommandLine, now).await;
    let is_news = revoked.with_context(|| format!("see `millimetric user token list {}`", args.email))?;
    if args.json {
        output::json(&json!({ "token_id": args.token_id, "revoked": is_news }));
    } else {
        let outcome = if is_news { "revoked" } else { "was already revoked" };
        output::line(format_args!("{} {outcome}", args.token_id));
    }
    Ok(())
}

fn state(token: &AccessToken, now: Timestamp) -> &'static str {
    match token {
        AccessToken { revoked_at: Some(_), .. } => "revoked",
        token if !token.is_live(now) => "expired",
        AccessToken { exposed_at: Some(_), .. } => "exposed",
        _ => "live",
    }
}

/// A token as JSON: everything but the secret, which is not stored.
fn json_row(token: &AccessToken) -> Value {
    let at = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "token_id": token.id,
        "prefix": token.prefix.as_str(),
        "name": token.name.as_str(),
        "scope": token.scope.as_str(),
        "created_at": token.created_at.to_string(),
        "last_used_at": at(token.last_used_at),
        "expires_at": token.expires_at.to_string(),
        "revoked_at": at(token.revoked_at),
        "exposed_at": at(token.exposed_at),
    })
}
