//! `millimetric user …`: adds users and resets passwords.
//!
//! Prints links, never a password: the person who opens the link chooses their own.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use millimetric_control::{Actor, Control, Email, Name, Role, User};
use millimetric_core::token::Token;
use serde_json::json;

use super::{existing_control, open_control, output};
use crate::config::{Installation, PublicUrl};
use crate::ops::people::passwords::{add, reset};
use crate::ops::projects::default_account;
use crate::state::system_clock;

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user and print a link to set their password
    Create(CreateArgs),
    /// Print a link to set a new password
    ResetPassword(ResetArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// E-mail address of the user
    email: Email,
    /// owner, admin or viewer
    #[arg(long, default_value = "owner")]
    role: Role,
    /// Name of the account; default: the first one
    #[arg(long, value_name = "NAME")]
    account: Option<Name>,
    #[command(flatten)]
    link: LinkArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// E-mail address of the user
    email: Email,
    /// Also turn off two-factor authentication (for a lost authenticator and recovery codes)
    #[arg(long)]
    turn_off_second_factor: bool,
    #[command(flatten)]
    link: LinkArgs,
}

#[derive(Debug, Args)]
struct LinkArgs {
    /// Base URL of the server, for the link
    #[arg(long, value_name = "URL", default_value = "http://localhost:8787", env = "MILLIMETRIC_PUBLIC_URL")]
    public_url: PublicUrl,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Create(args) => create(&open_control(at).await?, args).await,
        UserCommand::ResetPassword(args) => reset_password(&existing_control(at).await?, &args).await,
    }
}

async fn create(control: &Control, args: CreateArgs) -> anyhow::Result<()> {
    let (by, now) = (Actor::CommandLine, system_clock()());
    let account = match &args.account {
        Some(name) => {
            let found = control.account_by_name(name).await?;
            found.with_context(|| format!("there is no account `{name}`"))?
        }
        None => default_account(control, &by, now).await?,
    };
    let token = add(control, args.email.clone(), account.id, args.role, &by, now).await?;
    show_once(&args.email, &token, &args.link);
    Ok(())
}

async fn reset_password(control: &Control, args: &ResetArgs) -> anyhow::Result<()> {
    let (by, now) = (Actor::CommandLine, system_clock()());
    let user: Option<User> = control.user_by_email(&args.email).await?;
    let user = user.with_context(|| {
        format!("there is no user {}: create them with `millimetric user create`", args.email)
    })?;
    if args.turn_off_second_factor {
        control.turn_off_factor(user.id, &by, now).await?;
    }
    let token = reset(control, user.id, &by, now).await?;
    show_once(&args.email, &token, &args.link);
    Ok(())
}

fn show_once(email: &Email, token: &Token, to: &LinkArgs) {
    let link = format!("{}/password/{}", to.public_url.as_str(), token.reveal());
    if to.json {
        output::json(&json!({ "email": email.as_str(), "link": link }));
    } else {
        output::line(format_args!(
            "Link for {email} to set a password. It is shown only once, works once, and expires after 24 hours:\n  {link}"
        ));
    }
}
