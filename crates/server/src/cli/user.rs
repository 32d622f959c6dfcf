//! `millimetric user …`: for those who are locked out, and for those who do not invite.
//!
//! Prints links, never a password; the person who opens one chooses their own.

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
    /// Add somebody and print a link by which they choose a password
    Create(CreateArgs),
    /// Print a link by which somebody chooses a new password
    ResetPassword(ResetArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The e-mail address to sign in with
    email: Email,
    /// owner, admin or viewer
    #[arg(long, default_value = "owner")]
    role: Role,
    /// Name of the account; the first one when absent
    #[arg(long, value_name = "NAME")]
    account: Option<Name>,
    #[command(flatten)]
    link: LinkArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// The e-mail address that they sign in with
    email: Email,
    /// Turn their second factor off, too, when authenticator and recovery codes are lost
    #[arg(long)]
    turn_off_second_factor: bool,
    #[command(flatten)]
    link: LinkArgs,
}

#[derive(Debug, Args)]
struct LinkArgs {
    /// The address under which the server is reached, for the link
    #[arg(long, value_name = "URL", default_value = "http://localhost:8787", env = "MILLIMETRIC_PUBLIC_URL")]
    public_url: PublicUrl,
    /// Answer as JSON
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
    let user = user.with_context(|| format!("nobody signs in as {}; `user create` adds them", args.email))?;
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
            "{email} chooses a password here, once, within 24 hours (shown this once):\n  {link}"
        ));
    }
}
