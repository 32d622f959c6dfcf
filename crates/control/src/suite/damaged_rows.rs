//! Rows that cannot be read: each column of each table is damaged in turn. Lists then hold all other
//! rows, the damage is named, and nothing that is unreadable allows more than it did.

use millimetric_core::ids::InvitationId;
use millimetric_core::key::{Env, KeyKind};
use sqlx::raw_sql;
use uuid::Uuid;

use super::goals::{by_event, slug};
use super::{BY, at, create_account, key_id, key_text, new_key, new_project, project_id, user_id};
use crate::{AuditScope, Control, ControlError, KeyOwner, Month, ProjectPatch, Role};

const NEVER: &str = "9223372036854775807";

/// Two of everything: projects, keys, links and counters of one account, people with two accounts.
async fn world() -> Control {
    let control = Control::open_in_memory().await.unwrap();
    let account = create_account(&control, 1).await;
    create_account(&control, 2).await;
    for number in [1, 2] {
        control.create_project(new_project(number, account), &BY, at(2)).await.unwrap();
    }
    let project = KeyOwner::Project(project_id(1));
    for (kind, number, owner) in [
        (KeyKind::Pk, 1, project),
        (KeyKind::Sk, 2, project),
        (KeyKind::Ak, 3, KeyOwner::Account(account)),
        (KeyKind::Ak, 4, KeyOwner::Account(account)),
    ] {
        control.insert_key(new_key(kind, number, owner), &BY, at(3)).await.unwrap();
    }
    let months = ["2026-10", "2026-11"].map(|month| (project_id(1), Env::Live, month.parse().unwrap(), 5));
    control.add_usage(&months).await.unwrap();
    for goal in ["buy", "sign"] {
        control.create_goal(project_id(1), &by_event(goal), &BY, at(4)).await.unwrap();
    }
    let id = |prefix: &str, number: u128| format!("{prefix}{}", Uuid::from_u128(number).simple());
    let mut sql = String::new();
    for number in [1_u8, 2] {
        let n = u128::from(number);
        let (user, account, project) = (id("usr_", n), id("acc_", n), id("prj_", 1));
        let (first_user, first_account) = (id("usr_", 1), id("acc_", 1));
        let rows = format!(
            "insert into users (id, email, created_at) values ('{user}', 'person{number}@example.com', 1);
             insert into memberships values ('{user}', '{first_account}', 'owner', {number});
             insert into invitations (id, token_hash, account_id, role, email, created_at, expires_at)
                 values ('{inv}', x'0{number}', '{first_account}', 'admin', 'ann@example.com', 1, 1000);
             insert into sessions values ('{ses}', x'0{number}', '{first_user}', 0, 'Firefox', 1, 1, 1000);
             insert into access_tokens (id, user_id, prefix, hash, name, scope, created_at, expires_at)
                 values ('{tok}', '{first_user}', '0000000{number}', zeroblob(32), 'script', 'read', 1, 1000);
             insert into share_links values ('{shr}', x'0{number}', '{project}', 1, null);",
            inv = id("inv_", n),
            ses = id("ses_", n),
            tok = id("tok_", n),
            shr = id("shr_", n),
        );
        sql.push_str(&rows);
        if number == 2 {
            let second =
                format!("insert into memberships values ('{first_user}', '{account}', 'viewer', 3);");
            sql.push_str(&second);
        }
    }
    run(&control, &sql).await;
    control
}

async fn run(control: &Control, sql: &str) {
    // References are damaged too.
    let sql = format!("pragma foreign_keys = off; {sql}");
    raw_sql(sqlx::AssertSqlSafe(sql)).execute(&control.pool).await.unwrap();
}

/// How many rows each list has; none of them may fail.
async fn lists(control: &Control) -> Vec<(&'static str, usize)> {
    let (account, project) = (super::account_id(1), project_id(1));
    let months = ["2026-01", "2026-12"].map(|month| month.parse::<Month>().unwrap());
    vec![
        ("accounts", control.accounts().await.unwrap().len()),
        ("projects", control.projects().await.unwrap().len()),
        ("deleted", control.deleted_projects().await.unwrap().len()),
        ("of_account", control.projects_of_account(account).await.unwrap().len()),
        ("keys", control.keys(KeyOwner::Project(project)).await.unwrap().len()),
        ("account_keys", control.keys(KeyOwner::Account(account)).await.unwrap().len()),
        ("memberships", control.memberships(user_id(1)).await.unwrap().len()),
        ("members", control.members(account).await.unwrap().len()),
        ("invitations", control.invitations(account, at(5)).await.unwrap().len()),
        ("sessions", control.sessions(user_id(1), at(5)).await.unwrap().len()),
        ("tokens", control.access_tokens(user_id(1)).await.unwrap().len()),
        ("goals", control.goals(project).await.unwrap().len()),
        ("share_links", control.share_links(project).await.unwrap().len()),
        ("usage", control.usage(project, months[0], months[1]).await.unwrap().len()),
        ("audit", control.audit_log(AuditScope::Installation, 1000, None).await.unwrap().len()),
    ]
}

/// A table, a column of its first row, a value that it cannot have, the names of the damage, and
/// the lists that are then one row shorter.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a [&'a str]);

const PROJECTS: &[&str] = &["projects", "of_account"];

const GOALS: &[&str] = &["goals"];

const CASES: &[Case<'_>] = &[
    ("accounts", "id", "'me'", &["account me, column id"], &["accounts", "memberships"]),
    ("accounts", "name", "''", &["account acc_1, column name"], &["accounts", "memberships"]),
    ("accounts", "created_at", NEVER, &["account acc_1, column created_at"], &["accounts", "memberships"]),
    ("projects", "id", "'mine'", &["project mine, column id"], PROJECTS),
    ("projects", "account_id", "'acc_'", &["project prj_1, column account_id"], PROJECTS),
    ("projects", "slug", "'My Shop'", &["project prj_1, column slug"], PROJECTS),
    ("projects", "name", "''", &["project prj_1, column name"], PROJECTS),
    ("projects", "plan", "'gold'", &["project prj_1, column plan"], PROJECTS),
    ("projects", "retention_days", "0", &["project prj_1, column retention_days"], PROJECTS),
    ("projects", "retention_days", NEVER, &["project prj_1, column retention_days"], PROJECTS),
    ("projects", "timezone", "'Mars/Base'", &["project prj_1, column timezone"], PROJECTS),
    ("projects", "created_at", NEVER, &["project prj_1, column created_at"], PROJECTS),
    ("projects", "name", "cast(x'ff41' as text)", &["a project, a text that is not UTF-8"], PROJECTS),
    (
        "projects",
        "allowed_origins",
        "'[\"https://*.com\",\"https://a.example\"]'",
        &["project prj_1, allowed origin `https://*.com`"],
        &[],
    ),
    ("projects", "allowed_origins", "'[7]'", &["project prj_1, allowed origin `7`"], &[]),
    ("projects", "classifier", "'{\"rules\":[7]}'", &["project prj_1, column classifier"], &[]),
    ("projects", "allowed_origins", "'{'", &["project prj_1, allowed origin `{`"], &[]),
    ("goals", "project_id", "'prj_'", &["goal buy of project prj_, column project_id"], GOALS),
    ("goals", "slug", "'Buy it'", &["goal Buy it of project prj_1, column slug"], GOALS),
    ("goals", "name", "''", &["goal buy of project prj_1, column name"], GOALS),
    ("goals", "name", "cast(x'ff41' as text)", &["a goal, a text that is not UTF-8"], GOALS),
    ("goals", "event", "''", &["goal buy of project prj_1, column event"], GOALS),
    ("goals", "event", "null, page = 'thanks'", &["goal buy of project prj_1, column page"], GOALS),
    ("goals", "filters", "'{'", &["goal buy of project prj_1, column filters"], GOALS),
    ("goals", "filters", "'[[\"contains\"]]'", &["goal buy of project prj_1, column filters"], GOALS),
    ("goals", "value_property", "''", &["goal buy of project prj_1, column value_property"], GOALS),
    (
        "goals",
        "value_property",
        "'amount', currency = 'XXX'",
        &["goal buy of project prj_1, column currency"],
        GOALS,
    ),
    ("keys", "id", "'mine'", &["key mine, column id"], &["keys"]),
    ("keys", "project_id", "'prj_'", &["key key_1, column owner_project_id"], &["keys"]),
    ("keys", "kind", "'xk'", &["key key_1, column kind"], &["keys"]),
    ("keys", "env", "'prod'", &["key key_1, column env"], &["keys"]),
    ("keys", "prefix", "'zz'", &["key key_1, column prefix"], &["keys"]),
    ("keys", "hash", "x'00'", &["key key_1, column hash"], &["keys"]),
    ("keys", "label", "''", &["key key_1, column label"], &["keys"]),
    ("keys", "label", "cast(x'ff41' as text)", &["a key, a text that is not UTF-8"], &["keys"]),
    ("keys", "scopes", "'[\"all\"]'", &["key key_1, column scopes"], &["keys"]),
    ("keys", "scopes", "'ingest'", &["key key_1, column scopes"], &["keys"]),
    ("keys", "allowed_ips", "'[\"10.0.0.0/99\"]'", &["key key_1, column allowed_ips"], &["keys"]),
    ("keys", "allowed_ips", "'[null]'", &["key key_1, column allowed_ips"], &["keys"]),
    ("keys", "allowed_ips", "''", &["key key_1, column allowed_ips"], &["keys"]),
    ("keys", "created_at", NEVER, &["key key_1, column created_at"], &["keys"]),
    ("keys", "last_used_at", NEVER, &["key key_1, column last_used_at"], &["keys"]),
    ("keys", "expires_at", NEVER, &["key key_1, column expires_at"], &["keys"]),
    ("keys", "revoked_at", NEVER, &["key key_1, column revoked_at"], &["keys"]),
    ("keys", "exposed_at", NEVER, &["key key_1, column exposed_at"], &["keys"]),
    ("keys", "replaced_by", "'key_'", &["key key_1, column replaced_by"], &["keys"]),
    ("users", "id", "'ann'", &["user ann, column id"], &["members"]),
    (
        "users",
        "email",
        "'ann'",
        &["user usr_1, column email", "membership usr_1, column email", "membership usr_1, column email"],
        &["members"],
    ),
    ("users", "created_at", NEVER, &["user usr_1, column created_at"], &[]),
    ("memberships", "role", "'king'", &["membership usr_1, column role"], &["members", "memberships"]),
    ("memberships", "created_at", NEVER, &["membership usr_1, column created_at"], &["members"]),
    ("invitations", "id", "'inv_'", &["invitation inv_, column id"], &["invitations"]),
    ("invitations", "account_id", "'acc_'", &["invitation inv_1, column account_id"], &["invitations"]),
    ("invitations", "role", "'king'", &["invitation inv_1, column role"], &["invitations"]),
    ("invitations", "email", "'ann'", &["invitation inv_1, column email"], &["invitations"]),
    ("invitations", "created_at", NEVER, &["invitation inv_1, column created_at"], &["invitations"]),
    ("invitations", "expires_at", NEVER, &["invitation inv_1, column expires_at"], &["invitations"]),
    ("sessions", "id", "'ses_'", &["session ses_, column id"], &["sessions"]),
    ("sessions", "user_id", "'ann'", &["session ses_1, column user_id"], &["sessions"]),
    ("sessions", "created_at", NEVER, &["session ses_1, column created_at"], &["sessions"]),
    ("sessions", "last_seen_at", NEVER, &["session ses_1, column last_seen_at"], &["sessions"]),
    ("sessions", "expires_at", NEVER, &["session ses_1, column expires_at"], &["sessions"]),
    ("access_tokens", "id", "'tok_'", &["token tok_, column id"], &["tokens"]),
    ("access_tokens", "user_id", "'ann'", &["token tok_1, column user_id"], &["tokens"]),
    ("access_tokens", "prefix", "'0000'", &["token tok_1, column prefix"], &["tokens"]),
    ("access_tokens", "hash", "x'00'", &["token tok_1, column hash"], &["tokens"]),
    ("access_tokens", "name", "''", &["token tok_1, column name"], &["tokens"]),
    ("access_tokens", "scope", "'all'", &["token tok_1, column scope"], &["tokens"]),
    ("access_tokens", "created_at", NEVER, &["token tok_1, column created_at"], &["tokens"]),
    ("access_tokens", "last_used_at", NEVER, &["token tok_1, column last_used_at"], &["tokens"]),
    ("access_tokens", "expires_at", NEVER, &["token tok_1, column expires_at"], &["tokens"]),
    ("access_tokens", "revoked_at", NEVER, &["token tok_1, column revoked_at"], &["tokens"]),
    ("access_tokens", "exposed_at", NEVER, &["token tok_1, column exposed_at"], &["tokens"]),
    ("share_links", "id", "'shr_'", &["share link shr_, column id"], &["share_links"]),
    ("share_links", "created_at", NEVER, &["share link shr_1, column created_at"], &["share_links"]),
    ("usage", "month", "'2026-1x'", &["usage of project prj_1, column month"], &["usage"]),
    ("usage", "env", "'prod'", &["usage of project prj_1, column env"], &["usage"]),
    ("usage", "events", "-1", &["usage of project prj_1, column events"], &["usage"]),
    ("audit_log", "at", NEVER, &["audit entry 1, column at"], &["audit"]),
    ("audit_log", "actor", "'somebody'", &["audit entry 1, column actor"], &["audit"]),
    ("audit_log", "account_id", "'acc_'", &["audit entry 1, column account_id"], &["audit"]),
    ("audit_log", "project_id", "'prj_'", &["audit entry 1, column project_id"], &["audit"]),
    ("audit_log", "detail", "'{'", &["audit entry 1, column detail"], &["audit"]),
    (
        "audit_log",
        "subject",
        "cast(x'ff41' as text)",
        &["an audit entry, a text that is not UTF-8"],
        &["audit"],
    ),
];

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out_and_named_and_all_others_stay() {
    for (table, column, value, names, shorter) in CASES {
        let control = world().await;
        let mut expected = lists(&control).await;
        assert_eq!(control.damage().await.unwrap().count(), 0);
        run(&control, &format!("update {table} set {column} = {value} where rowid = 1")).await;
        for (list, rows) in &mut expected {
            *rows -= usize::from(shorter.contains(list));
        }
        let case = format!("{table}.{column} = {value}");
        assert_eq!(lists(&control).await, expected, "{case}");
        let mut damage = control.damage().await.unwrap().names;
        damage.extend(control.audit_damage().await.unwrap().names);
        let first = Uuid::from_u128(1).simple().to_string();
        let reported: Vec<String> = damage.iter().map(|name| name.replace(&first, "1")).collect();
        assert_eq!(reported, *names, "{case}");
    }
}

#[tokio::test]
async fn a_key_with_a_damaged_value_is_found_but_never_usable() {
    for (column, value) in [
        ("allowed_ips", "'[\"10.0.0.0/99\"]'"),
        ("allowed_ips", "'x'"),
        ("scopes", "'x'"),
        ("expires_at", NEVER),
        ("revoked_at", NEVER),
        ("kind", "'xk'"),
    ] {
        let control = world().await;
        let prefix = key_text(KeyKind::Pk, 1).prefix();
        run(&control, &format!("update keys set {column} = {value} where rowid = 1")).await;
        let found = control.key_by_prefix(&prefix).await.unwrap().unwrap();
        let damage = found.record.unwrap_err().to_string();
        assert!(damage.contains(&format!("key {}, column {column}", key_id(1))), "{damage}");
        let other = control.key_by_prefix(&key_text(KeyKind::Sk, 2).prefix()).await.unwrap().unwrap();
        assert_eq!(other.record.unwrap().key.id, key_id(2));
    }
}

#[tokio::test]
async fn a_key_of_a_project_without_a_readable_plan_is_not_usable() {
    let control = world().await;
    run(&control, "update projects set plan = 'gold' where rowid = 1").await;
    let found = control.key_by_prefix(&key_text(KeyKind::Pk, 1).prefix()).await.unwrap().unwrap();
    let damage = found.record.unwrap_err().to_string();
    assert!(damage.contains(&format!("project {}, column plan", project_id(1))), "{damage}");
}

#[tokio::test]
async fn a_key_that_cannot_be_read_can_be_revoked() {
    let control = world().await;
    run(&control, "update keys set allowed_ips = 'x' where rowid = 1").await;
    assert_eq!(control.revoke_key(key_id(1), &BY, at(9)).await, Ok(false));
    assert_eq!(control.revoke_key(key_id(1), &BY, at(10)).await, Ok(false));
    let log = control.audit_log(AuditScope::Installation, 1, None).await.unwrap();
    assert_eq!((log[0].action.as_str(), log[0].at), ("key.revoked", at(9)));
    run(&control, "update keys set allowed_ips = '[]' where rowid = 1").await;
    assert_eq!(control.key(key_id(1)).await.unwrap().unwrap().revoked_at, Some(at(9)));
}

#[tokio::test]
async fn unreadable_origins_let_nobody_in_and_stay_until_the_list_is_replaced() {
    let control = world().await;
    let stored = "[\"https://*.com\",\"https://a.example\"]";
    run(&control, &format!("update projects set allowed_origins = '{stored}' where rowid = 1")).await;
    let origins = |project: crate::Project| {
        (
            project.allowed_origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
            project.unreadable_origins.clone(),
        )
    };
    let expected = (vec!["https://a.example".to_owned()], vec!["https://*.com".to_owned()]);
    let id = project_id(1);
    assert_eq!(origins(control.project(id).await.unwrap().unwrap()), expected);
    let renamed = ProjectPatch { name: Some(super::name("New")), ..ProjectPatch::default() };
    control.update_project(id, renamed, &BY, at(9)).await.unwrap();
    assert_eq!(origins(control.project(id).await.unwrap().unwrap()), expected, "a rename keeps the list");
    let same = vec!["https://a.example".parse().unwrap()];
    let replaced = ProjectPatch { allowed_origins: Some(same), ..ProjectPatch::default() };
    control.update_project(id, replaced, &BY, at(10)).await.unwrap();
    assert_eq!(origins(control.project(id).await.unwrap().unwrap()), (expected.0, vec![]));
    assert_eq!(control.damage().await.unwrap().count(), 0);
}

#[tokio::test]
async fn a_goal_that_cannot_be_read_is_told_and_can_be_replaced_and_deleted() {
    let project = project_id(1);
    for replaced in [true, false] {
        let control = world().await;
        run(&control, "update goals set filters = '{' where slug = 'buy'").await;
        let damage = ControlError::Corrupt(format!("goal buy of project {project}, column filters"));
        assert_eq!(control.goal(project, &slug("buy")).await, Err(damage));
        assert_eq!(control.goal(project, &slug("sign")).await, Ok(Some(by_event("sign"))));
        assert_eq!(control.goal_slugs(project).await, Ok(["buy", "sign"].map(slug).to_vec()));
        let taken = control.create_goal(project, &by_event("buy"), &BY, at(9)).await;
        assert_eq!(taken, Err(ControlError::GoalTaken(slug("buy"))));
        if replaced {
            control.update_goal(project, &by_event("buy"), &BY, at(9)).await.unwrap();
            assert_eq!(control.goals(project).await, Ok(vec![by_event("buy"), by_event("sign")]));
        } else {
            control.delete_goal(project, &slug("buy"), &BY, at(9)).await.unwrap();
            assert_eq!(control.goals(project).await, Ok(vec![by_event("sign")]));
        }
        assert_eq!(control.damage().await.unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_counter_that_cannot_be_read_frees_no_quota() {
    let control = world().await;
    let november = "2026-11".parse().unwrap();
    assert_eq!(control.events_in_month(project_id(1), november).await, Ok(5));
    run(&control, "update usage set env = 'prod' where month = '2026-11'").await;
    assert_eq!(control.events_in_month(project_id(1), november).await, Ok(5));
    run(&control, "update usage set events = -1 where month = '2026-11'").await;
    assert!(matches!(control.events_in_month(project_id(1), november).await, Err(ControlError::Corrupt(_))));
    assert_eq!(control.events_in_month(project_id(2), november).await, Ok(0));
}

#[tokio::test]
async fn a_role_that_cannot_be_read_gives_no_right_and_can_be_taken_away() {
    let control = world().await;
    run(&control, "update memberships set role = 'king' where rowid = 1").await;
    let rights = control.memberships(user_id(1)).await.unwrap();
    assert_eq!(rights.iter().map(|right| right.role).collect::<Vec<_>>(), [Role::Viewer]);
    control.remove_member(super::account_id(1), user_id(1), &BY, at(9)).await.unwrap();
    assert_eq!(control.damage().await.unwrap().count(), 0);
    let id = InvitationId::new(Uuid::from_u128(1));
    control.withdraw_invitation(id, super::account_id(1), &BY, at(9)).await.unwrap();
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_still_an_account() {
    let control = Control::open_in_memory().await.unwrap();
    assert_eq!(control.has_accounts().await, Ok(false));
    create_account(&control, 1).await;
    run(&control, "update accounts set name = ''").await;
    assert_eq!((control.accounts().await, control.has_accounts().await), (Ok(vec![]), Ok(true)));
}

#[tokio::test]
async fn a_page_of_the_audit_log_is_full_also_when_entries_cannot_be_read() {
    let control = world().await;
    let all = control.audit_log(AuditScope::Installation, 1000, None).await.unwrap();
    let newest = |count: usize| all[..count].iter().map(|entry| entry.cursor).collect::<Vec<_>>();
    let broken = newest(3).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    run(&control, &format!("update audit_log set detail = '{{' where sequence in ({broken})")).await;
    let page = control.audit_log(AuditScope::Installation, 2, None).await.unwrap();
    assert_eq!(page, all[3..5]);
    let rest = control.audit_log(AuditScope::Installation, 1000, Some(page[1].cursor)).await.unwrap();
    assert_eq!(rest, all[5..]);
}

#[tokio::test]
async fn only_so_many_names_are_kept() {
    let control = Control::open_in_memory().await.unwrap();
    for number in 1..=120 {
        create_account(&control, number).await;
    }
    run(&control, "update accounts set created_at = 9223372036854775807").await;
    let damage = control.damage().await.unwrap();
    assert_eq!((damage.names.len(), damage.more, damage.count()), (100, 20, 120));
}
