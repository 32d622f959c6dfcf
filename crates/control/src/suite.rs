//! What every database behind [`Control`] must do, asserted once.
//!
//! A database joins with one line at the end of this file. What only one engine has is in
//! `suite/sqlite_file.rs` and `suite/postgres_server.rs`.

mod access_tokens;
mod audit;
mod copying;
mod damaged_rows;
mod goals;
mod instances;
mod keys;
mod people;
mod postgres_server;
mod projects;
mod reading;
mod rules;
mod share_links;
mod sqlite_file;
mod stored_responses;
mod usage;

use chrono_tz::Tz;
use millimetric_core::ids::{AccountId, KeyId, ProjectId, UserId};
use millimetric_core::key::{Env, KEY_RANDOM_BYTES, KeyKind, KeyText, Pepper};
use millimetric_core::time::Timestamp;
use millimetric_test_servers::or_skip;
use uuid::Uuid;

use crate::{Actor, Control, ControlUrl, KeyOwner, Name, NewKey, NewProject, Plan, Project};

/// Runs every behaviour against a database. `one` needs a fresh store; `shared` opens the same
/// database more than once.
macro_rules! suite {
    ($engine:ident, one: $database:expr) => {
        mod $engine {
            suite!(@one $database;
                projects: an_account_is_found_by_its_name_and_listed,
                an_account_name_is_taken_once,
                a_project_reads_back_as_it_was_created,
                a_slug_is_taken_once_until_its_project_is_deleted,
                a_project_needs_an_account,
                a_patch_changes_what_it_names_and_nothing_else,
                a_patch_that_changes_nothing_leaves_no_trace,
                a_patch_cannot_take_a_slug_or_wake_the_deleted,
                a_list_of_origins_has_a_bound,
                a_deleted_project_is_gone_and_its_keys_are_revoked,
                a_project_is_never_listed_under_another_account;
                goals: a_goal_reads_back_as_it_was_created,
                a_slug_of_a_goal_is_taken_once_in_its_project,
                a_project_has_a_bounded_number_of_goals,
                every_change_of_a_goal_is_told,
                what_is_not_there_cannot_be_changed;
                keys: a_key_reads_back_as_it_was_created,
                one_query_tells_all_that_verifying_needs,
                a_taken_prefix_is_told_apart,
                a_key_needs_a_live_owner,
                keys_are_listed_by_owner_newest_first,
                revoking_is_idempotent_and_tells_whether_the_key_was_live,
                rotation_leaves_the_old_key_its_grace_and_never_more,
                only_a_live_key_without_successor_is_rotated,
                a_failed_rotation_changes_nothing,
                last_use_only_moves_forward,
                exposure_is_flagged_once,
                every_change_and_no_failure_moves_the_revision;
                audit: every_change_writes_one_entry,
                entries_tell_who_did_what_to_what,
                the_log_is_read_by_account_and_project_page_by_page,
                other_rooms_record_their_own_entries,
                a_fact_is_kept_and_its_value_not_logged;
                people: the_setup_opens_to_the_latest_token_and_once,
                a_session_ends_with_its_time,
                a_new_password_ends_every_session_but_the_new_one,
                a_password_link_works_once_and_in_its_time,
                an_invitation_works_once_and_in_its_time,
                an_account_keeps_an_owner,
                codes_of_a_second_factor_count_once,
                what_people_do_is_told_without_their_addresses;
                rules: rules_are_kept_with_their_project,
                a_reclassification_is_recorded_at_both_ends,
                one_reclassification_of_the_same_events_runs_at_a_time;
                share_links: a_link_shows_its_project_until_it_is_revoked,
                a_link_ends_with_its_project;
                access_tokens: a_token_reads_back_as_it_was_created_with_its_owner,
                a_taken_prefix_and_an_unknown_owner_are_told_apart,
                a_person_has_a_bounded_number_of_tokens_that_work,
                a_token_is_revoked_by_its_owner_alone_and_once,
                use_and_exposure_of_a_token_are_noted,
                what_happens_to_a_token_is_told_by_its_prefix_alone;
                stored_responses: a_response_is_stored_with_its_change_and_repeated_in_its_time,
                the_same_response_is_stored_once_and_its_change_made_once,
                a_change_that_fails_stores_no_response,
                a_change_of_something_else_than_expected_is_not_made,
                goals_are_replaced_as_a_whole_with_an_entry_for_each_change;
                usage: counters_add_up_by_project_month_and_env,
                adding_is_all_or_nothing
            );
        }
    };
    ($engine:ident, shared: $database:expr) => {
        mod $engine {
            suite!(@shared $database;
                instances: a_revocation_is_seen_by_the_other_instance,
                writers_wait_for_each_other,
                rotations_that_race_have_one_winner;
                stored_responses: requests_that_race_make_one_change
            );
        }
    };
    (@one $database:expr; $($subject:ident: $($behaviour:ident),+);+) => {
        $($(
            #[tokio::test]
            async fn $behaviour() {
                let Some(database) = $database else { return };
                $crate::suite::$subject::$behaviour(database.open().await).await;
            }
        )+)+
    };
    (@shared $database:expr; $($subject:ident: $($behaviour:ident),+);+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let Some(database) = $database else { return };
                $crate::suite::$subject::$behaviour(database.open().await, database.open().await).await;
            }
        )+)+
    };
}

/// Where the `SQLite` stores of the suite live.
enum Sqlite {
    Memory,
    File(tempfile::TempDir),
}

impl Sqlite {
    fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Control {
        match self {
            Self::Memory => Control::open_in_memory().await.unwrap(),
            Self::File(directory) => Control::open(&ControlUrl::in_folder(directory.path())).await.unwrap(),
        }
    }
}

/// A `PostgreSQL` server of the suite, with one database.
struct Postgres(millimetric_test_servers::Postgres);

impl Postgres {
    const DATABASE: &str = "control";

    /// A new server; `None` if this machine has none.
    fn start() -> Option<Self> {
        let server = or_skip(millimetric_test_servers::Postgres::start())?;
        server.database(Self::DATABASE).unwrap();
        Some(Self(server))
    }

    fn url(&self) -> ControlUrl {
        self.0.url(Self::DATABASE).parse().unwrap()
    }

    async fn open(&self) -> Control {
        Control::open(&self.url()).await.unwrap()
    }
}

const BY: Actor = Actor::CommandLine;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn account_id(number: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(number))
}

fn project_id(number: u128) -> ProjectId {
    ProjectId::new(Uuid::from_u128(number))
}

fn key_id(number: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(number))
}

fn user_id(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

async fn create_account(control: &Control, number: u128) -> AccountId {
    let id = account_id(number);
    control.create_account(id, name(&format!("Account {number}")), &BY, at(1)).await.unwrap().id
}

fn new_project(number: u128, account_id: AccountId) -> NewProject {
    NewProject {
        id: project_id(number),
        account_id,
        slug: format!("project-{number}").parse().unwrap(),
        name: name(&format!("Project {number}")),
        allowed_origins: vec!["https://example.com".parse().unwrap()],
        plan: Plan::SelfHosted,
        retention_days: None,
        timezone: Tz::UTC,
    }
}

/// A project of its own account, both with this number.
async fn create_project(control: &Control, number: u128) -> Project {
    let account = create_account(control, number).await;
    control.create_project(new_project(number, account), &BY, at(2)).await.unwrap()
}

fn key_text(kind: KeyKind, number: u8) -> KeyText {
    KeyText::create(kind, Env::Live, &[number; KEY_RANDOM_BYTES])
}

fn pepper() -> Pepper {
    Pepper::new(vec![3; 32]).unwrap()
}

fn new_key(kind: KeyKind, number: u8, owner: KeyOwner) -> NewKey {
    let text = key_text(kind, number);
    let hash = text.hash(&pepper());
    NewKey::new(key_id(u128::from(number)), owner, kind, text.env(), text.prefix(), hash).unwrap()
}

suite!(sqlite_in_memory, one: Some(super::Sqlite::Memory));
suite!(sqlite_in_a_file, one: Some(super::Sqlite::file()));
suite!(sqlite_shared, shared: Some(super::Sqlite::file()));
suite!(postgres, one: super::Postgres::start());
suite!(postgres_shared, shared: super::Postgres::start());
