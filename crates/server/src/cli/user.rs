//! `millimetric user …`: lists and adds users, resets passwords, and manages access tokens.
//!
//! Prints links, never a password: the person who opens the link chooses their own.

mod token;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use millimetric_control::{Account, Actor, Control, Email, Member, Name, Role, User};
use millimetric_core::token::Token;
use serde_json::json;

use super::{existing_control, one_of, open_control, output, read_control, running_at};
use crate::config::{Installation, PublicUrl};
use crate::ops::people::passwords::{add, reset};
use crate::ops::projects::default_account;
use crate::state::system_clock;

/// Where a server is reached that was started without settings.
const DEFAULT_URL: &str = "http://localhost:8787";

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user and print a link to set their password
    Create(CreateArgs),
    /// List the users of every account
    List(ListArgs),
    /// Print a link to set a new password
    ResetPassword(ResetArgs),
    /// Create, list and revoke personal access tokens for the management API
    #[command(subcommand)]
    Token(token::TokenCommand),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// E-mail address of the user
    email: Email,
    /// What the user may do in the account
    #[arg(long, default_value = "owner", value_parser = one_of::<Role>(Role::ALL.map(Role::as_str)))]
    role: Role,
    /// Name of the account; default: the first one
    #[arg(long, value_name = "NAME")]
    account: Option<Name>,
    #[command(flatten)]
    link: LinkArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Name of an account; default: all accounts
    #[arg(long, value_name = "NAME")]
    account: Option<Name>,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    /// Base URL of the server, for the link; default: that of the server that runs on the data folder
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_PUBLIC_URL")]
    public_url: Option<PublicUrl>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Create(args) => create(at, &open_control(at).await?, args).await,
        UserCommand::List(args) => list(&read_control(at).await?, &args).await,
        UserCommand::ResetPassword(args) => reset_password(at, &existing_control(at).await?, &args).await,
        UserCommand::Token(command) => token::run(at, command).await,
    }
}

async fn create(at: &Installation, control: &Control, args: CreateArgs) -> anyhow::Result<()> {
    let (by, now) = (Actor::CommandLine, system_clock()());
    let account = match &args.account {
        Some(name) => account_of(control, name).await?,
        None => default_account(control, &by, now).await?,
    };
    let token = add(control, args.email.clone(), account.id, args.role, &by, now).await?;
    show_once(at, &args.email, &token, &args.link).await;
    Ok(())
}

async fn list(control: &Control, args: &ListArgs) -> anyhow::Result<()> {
    let accounts = match &args.account {
        Some(name) => vec![account_of(control, name).await?],
        None => control.accounts().await?,
    };
    let mut found = Vec::new();
    for account in accounts {
        let members = control.members(account.id).await?;
        found.extend(members.into_iter().map(|member| (account.name.clone(), member)));
    }
    if args.json {
        let rows = found.iter().map(|(account, member)| {
            json!({
                "email": member.email.as_str(),
                "account": account.as_str(),
                "role": member.role.as_str(),
                "two_factor": member.totp_on,
                "since": member.since.to_string(),
            })
        });
        output::json(&rows.collect());
        return Ok(());
    }
    let rows = found.into_iter().map(|(account, Member { email, role, totp_on, since, .. })| {
        let factor = if totp_on { "on" } else { "off" };
        [email.to_string(), role.to_string(), factor.to_owned(), since.to_string(), account.to_string()]
    });
    output::table(["EMAIL", "ROLE", "TWO-FACTOR", "SINCE", "ACCOUNT"], rows);
    Ok(())
}

async fn account_of(control: &Control, name: &Name) -> anyhow::Result<Account> {
    let account = control.account_by_name(name).await?;
    account.with_context(|| format!("there is no account `{name}`"))
}

async fn reset_password(at: &Installation, control: &Control, args: &ResetArgs) -> anyhow::Result<()> {
    let (by, now) = (Actor::CommandLine, system_clock()());
    let user: Option<User> = control.user_by_email(&args.email).await?;
    let user = user.with_context(|| {
        format!("there is no user {}: create them with `millimetric user create`", args.email)
    })?;
    if args.turn_off_second_factor {
        control.turn_off_factor(user.id, &by, now).await?;
    }
    let token = reset(control, user.id, &by, now).await?;
    show_once(at, &args.email, &token, &args.link).await;
    Ok(())
}

/// Prints the link, under the address of the server as far as that is known.
async fn show_once(at: &Installation, email: &Email, token: &Token, to: &LinkArgs) {
    let known = match &to.public_url {
        Some(url) => Some(url.as_str().to_owned()),
        None => running_at(at).await,
    };
    if known.is_none() {
        output::note(format_args!(
            "No server runs on {}, so the link has the default address {DEFAULT_URL}: pass the right one with --public-url.",
            at.data_dir.display()
        ));
    }
    let link = format!("{}/password/{}", known.as_deref().unwrap_or(DEFAULT_URL), token.reveal());
    if to.json {
        output::json(&json!({ "email": email.as_str(), "link": link }));
    } else {
        output::line(format_args!(
            "Link for {email} to set a password. It is shown only once, works once, and expires after 24 hours:\n  {link}"
        ));
    }
}
