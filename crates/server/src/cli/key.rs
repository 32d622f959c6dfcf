//! `millimetric key …`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use millimetric_control::{Actor, Control, KeyOwner, Name, Slug, StoredKey};
use millimetric_core::ids::KeyId;
use millimetric_core::key::{Env, KeyKind, Scope};
use millimetric_core::time::{DAY_MILLIS, HOUR_MILLIS, MINUTE_MILLIS, Timestamp};
use serde_json::{Value, json};

use super::{env_word, existing_control, one_of, output, project_of, read_control};
use crate::config::{Installation, parse_network};
use crate::ops::keys::{CreatedKey, KeyRequest, create_key, rotate};
use crate::secrets::Secrets;
use crate::state::system_clock;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Create a key and print it once
    #[command(name = "mint", visible_alias = "create")]
    Create(CreateArgs),
    /// List keys, without their secrets
    List(ListArgs),
    /// Revoke a key: requests with it fail with 401 `invalid_api_key` within a second
    Revoke(RevokeArgs),
    /// Create a replacement; the old key keeps working for a grace period
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Owner {
    /// Slug of the project that the key belongs to
    #[arg(long, value_name = "SLUG")]
    project: Option<Slug>,
    /// Name of the account that an ak belongs to
    #[arg(long, value_name = "NAME")]
    account: Option<Name>,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    owner: Owner,
    /// Public key, secret key, read key or account key
    #[arg(long, value_parser = one_of::<KeyKind>(KeyKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: KeyKind,
    /// Environment
    #[arg(long, default_value = "live", value_parser = env_word())]
    env: Env,
    /// Label shown in lists
    #[arg(long)]
    label: Option<Name>,
    /// Scope; may be repeated; default: all scopes of the kind
    #[arg(long = "scope", value_name = "SCOPE", value_parser = one_of::<Scope>(Scope::ALL.iter().map(|scope| scope.as_str())))]
    scopes: Vec<Scope>,
    /// Lifetime of the key, like 90d, 12h or 30m; default: no expiry
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<i64>,
    /// Allowed IP address or CIDR range; may be repeated; default: every address
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = parse_network)]
    allowed_ips: Vec<IpNet>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    owner: Owner,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The key's id, as `key list` shows it
    key_id: KeyId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The key's id, as `key list` shows it
    key_id: KeyId,
    /// How long the old key keeps working, like 24h or 0m
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    grace: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: KeyCommand) -> anyhow::Result<()> {
    let now = system_clock()();
    match command {
        KeyCommand::Create(args) => create(at, &existing_control(at).await?, args, now).await,
        KeyCommand::List(args) => list(&read_control(at).await?, &args, now).await,
        KeyCommand::Revoke(args) => revoke(&existing_control(at).await?, &args, now).await,
        KeyCommand::Rotate(args) => rotate_one(at, &existing_control(at).await?, &args, now).await,
    }
}

async fn revoke(control: &Control, args: &RevokeArgs, now: Timestamp) -> anyhow::Result<()> {
    let was_live = control.revoke_key(args.key_id, &Actor::CommandLine, now).await?;
    let outcome =
        if was_live { "revoked: it stops working within a second" } else { "was already revoked or expired" };
    if args.json {
        output::json(&json!({ "key_id": args.key_id, "was_live": was_live }));
    } else {
        output::line(format_args!("{} {outcome}", args.key_id));
    }
    Ok(())
}

async fn rotate_one(
    at: &Installation,
    control: &Control,
    args: &RotateArgs,
    now: Timestamp,
) -> anyhow::Result<()> {
    let secrets = Secrets::load(at)?;
    let unknown = || format!("there is no key {}; see `millimetric key list`", args.key_id);
    let old = control.key(args.key_id).await?.with_context(unknown)?;
    let created = rotate(control, &secrets.pepper, &old, args.grace, &Actor::CommandLine, now).await?;
    show_once(&created, args.json);
    Ok(())
}

async fn create(
    at: &Installation,
    control: &Control,
    args: CreateArgs,
    now: Timestamp,
) -> anyhow::Result<()> {
    let secrets = Secrets::load(at)?;
    let request = KeyRequest {
        owner: owner(control, &args.owner).await?,
        kind: args.kind,
        env: args.env,
        label: args.label,
        scopes: args.scopes,
        allowed_ips: args.allowed_ips,
        expires_at: args.expires_in.map(|millis| now.plus_millis(millis)),
    };
    let created = create_key(control, &secrets.pepper, &request, &Actor::CommandLine, now).await?;
    show_once(&created, args.json);
    Ok(())
}

fn show_once(created: &CreatedKey, json: bool) {
    let CreatedKey { stored, text } = created;
    if json {
        output::json(&json!({ "key_id": stored.id, "prefix": stored.prefix.as_str(), "key": text.reveal() }));
    } else {
        output::line(format_args!("Key {} created. It is shown only once:\n  {}", stored.id, text.reveal()));
    }
}

async fn list(control: &Control, args: &ListArgs, now: Timestamp) -> anyhow::Result<()> {
    let keys = control.keys(owner(control, &args.owner).await?).await?;
    if args.json {
        output::json(&Value::Array(keys.iter().map(output::key).collect()));
        return Ok(());
    }
    let rows = keys.iter().map(|key| {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let name = format!("{}_{}_{}", key.kind, key.env, key.prefix);
        let label = key.label.as_ref().map(ToString::to_string).unwrap_or_default();
        let state = state(key, now).to_owned();
        [key.id.to_string(), name, state, time(key.expires_at), time(key.last_used_at), label]
    });
    output::table(["ID", "KEY", "STATE", "EXPIRES", "LAST USED", "LABEL"], rows);
    output::unreadable(&control.damage().await?, "key");
    Ok(())
}

fn state(key: &StoredKey, now: Timestamp) -> &'static str {
    match key {
        StoredKey { revoked_at: Some(_), .. } => "revoked",
        key if !key.is_live(now) => "expired",
        StoredKey { exposed_at: Some(_), .. } => "exposed",
        StoredKey { replaced_by: Some(_), .. } => "replaced",
        _ => "live",
    }
}

async fn owner(control: &Control, owner: &Owner) -> anyhow::Result<KeyOwner> {
    match (&owner.project, &owner.account) {
        (Some(slug), _) => Ok(KeyOwner::Project(project_of(control, slug).await?.id)),
        (None, Some(name)) => {
            let account = control.account_by_name(name).await?;
            Ok(KeyOwner::Account(account.with_context(|| format!("there is no account `{name}`"))?.id))
        }
        (None, None) => anyhow::bail!("pass --project or --account"),
    }
}

/// `90d`, `12h`, `30m`, `45s`, as milliseconds; up to a hundred years.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    const CENTURY: i64 = 100 * 366 * DAY_MILLIS;
    let unit = match text.chars().last() {
        Some('d') => DAY_MILLIS,
        Some('h') => HOUR_MILLIS,
        Some('m') => MINUTE_MILLIS,
        Some('s') => 1000,
        _ => 0,
    };
    let amount = text.get(..text.len().saturating_sub(1)).and_then(|amount| amount.parse::<u32>().ok());
    amount
        .map(|amount| i64::from(amount).saturating_mul(unit))
        .filter(|millis| unit > 0 && *millis <= CENTURY)
        .ok_or_else(|| "expected a duration such as 90d, 12h, 30m or 45s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90d"), Ok(7_776_000_000));
        assert_eq!(duration("0m"), Ok(0));
        for text in ["", "d", "90", "-1d", "1w", "99999999d", "1.5h", "1ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
