//! The conformance suite: the behaviour that every engine must have, tested once.
//!
//! An engine implements [`Engine`] and runs the suite with `conformance!(ItsEngine)` in its own tests. An
//! engine that does not start fails each test with the reason, or skips it with the reason printed.

#![allow(missing_docs, reason = "the name of each function is the sentence that it asserts")]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod behaviour;
mod engine;
mod erasing;
mod export_import;
mod moving;
mod naive;
mod queries;
mod reclassifying;
mod recount;
mod requests;
pub mod sample;
mod series;
mod wait;

pub use behaviour::*;
pub use engine::{Engine, StartError, UnderTest, run};
pub use erasing::*;
pub use export_import::*;
pub use moving::*;
pub use reclassifying::*;
pub use recount::answers_equal_a_naive_recount;
pub use requests::{all_events, all_exported, exported, forget, ids, until_done, until_reclassified};
pub use series::*;
pub use wait::{PATIENCE, until, within};

/// Defines a test of every behaviour for an engine.
#[macro_export]
macro_rules! conformance {
    ($engine:ty) => {
        $crate::conformance!($engine:
            an_event_is_read_back_as_it_was_stored,
            an_event_is_found_by_its_id_wherever_it_is_by_now,
            an_event_is_stored_once_however_often_it_is_sent,
            a_scope_never_sees_another,
            pages_are_newest_first_and_follow_the_cursor,
            a_page_is_stable_while_events_arrive,
            a_scope_without_events_answers_nothing,
            a_forgotten_user_is_hidden_at_once_and_stays_away,
            forgetting_a_user_takes_linked_visitors_along,
            a_placeholder_id_links_nobody,
            a_forgotten_visitor_may_come_back_later,
            what_was_counted_before_shows_nobody_who_is_forgotten,
            an_unknown_erasure_has_no_report,
            an_export_gives_every_event_of_the_query_once,
            an_import_stores_nothing_twice_and_brings_nobody_back,
            an_import_recognises_events_however_long_ago_they_were_stored,
            loaded_events_are_stored_without_looking_up_their_ids,
            periods_contain_all_events,
            what_was_deleted_is_taken_over,
            stored_events_are_classified_again,
            a_reclassification_changes_only_its_range_and_its_scope,
            a_reclassification_goes_on_after_a_restart,
            a_person_erased_during_a_reclassification_is_gone,
            expired_events_are_hidden_at_once,
            a_dropped_scope_is_empty,
            buckets_follow_the_zones_own_calendar,
            hours_follow_clocks_that_change_by_half_an_hour,
            numbers_are_aggregated_and_what_is_none_is_skipped,
            numbers_are_split_by_currency_if_one_has_one,
            hours_of_the_day_are_those_of_the_zones_clocks,
            series_are_returned_whole_unless_rows_are_limited,
            answers_equal_a_naive_recount,
        );
    };
    ($engine:ty: $($behaviour:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                $crate::suite::run($crate::suite::$behaviour::<$engine>).await;
            }
        )+
    };
}
