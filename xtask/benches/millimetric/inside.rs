//! The same questions asked of the store inside of this process: what of the time is the store's
//! own, without HTTP and JSON.

use std::time::Instant;

use anyhow::{Context, anyhow};
use millimetric::wire::questions::{EventsParams, SourcesParams, StatsParams, params};
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_events::EventStore as _;
use millimetric_events::embedded::{EmbeddedStore, Options};

use crate::data::Data;
use crate::questions::{Days, QUESTIONS, Question};
use crate::report::median;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;

/// The median time of each question in milliseconds; `None` for those that only HTTP answers.
pub(crate) async fn measure(data: &Data, days: &Days, runs: u32) -> anyhow::Result<Vec<Option<f64>>> {
    let project = data.project.parse().map_err(|error| anyhow!("{error:?}")).context("the project's id")?;
    let scope = EventScope { project, env: Env::Live };
    let store = EmbeddedStore::open(&data.folder(), Options::default()).await?;
    let mut medians = Vec::new();
    for question in QUESTIONS {
        let mut times = Vec::new();
        for run in 0..WARM_UPS + runs {
            let start = Instant::now();
            let answered = ask(&store, scope, question, days).await?;
            if answered && run >= WARM_UPS {
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
        medians.push((!times.is_empty()).then(|| median(&times)));
    }
    store.close().await;
    Ok(medians)
}

/// Whether it is one of those that are asked here.
async fn ask(
    store: &EmbeddedStore,
    scope: EventScope,
    question: &Question,
    days: &Days,
) -> anyhow::Result<bool> {
    let query = question.query(days);
    let refused = |error| anyhow!("{query} is refused: {error:?}");
    match question.route() {
        "/v1/stats" => {
            let typed = params::<StatsParams>(Some(&query)).and_then(StatsParams::question);
            store.stats(scope, typed.map_err(refused)?).await?;
        }
        "/v1/sources" => {
            let typed = params::<SourcesParams>(Some(&query)).and_then(SourcesParams::question);
            store.sources(scope, typed.map_err(refused)?).await?;
        }
        "/v1/query" => {
            let typed = params::<EventsParams>(Some(&query)).and_then(EventsParams::question);
            store.events(scope, typed.map_err(refused)?).await?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
