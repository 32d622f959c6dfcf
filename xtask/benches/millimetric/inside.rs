//! The same queries asked of the store inside of this process: what of the time is the store's
//! own, without HTTP and JSON.

use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use millimetric::wire::queries::{
    EventsParams, FunnelParams, SourcesParams, StatsParams, params_and_filters,
};
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_events::{EventStore as _, EventStoreExt as _};
use millimetric_events_embedded::{EmbeddedStore, Options};

use crate::data::Data;
use crate::queries::{Days, QUESTIONS, Question};
use crate::report::median;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;

/// The median time of each query in milliseconds.
pub(crate) async fn measure(data: &Data, days: &Days, runs: u32) -> anyhow::Result<Vec<f64>> {
    let project = data.project.parse().map_err(|error| anyhow!("{error:?}")).context("the project's id")?;
    let scope = EventScope { project, env: Env::Live };
    let store = EmbeddedStore::open(&data.folder(), Options::default()).await?;
    let mut medians = Vec::new();
    for query in QUESTIONS {
        let mut times = Vec::new();
        for run in 0..WARM_UPS + runs {
            let start = Instant::now();
            ask(&store, scope, query, days).await?;
            if run >= WARM_UPS {
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
        medians.push(median(&times));
    }
    store.close().await;
    Ok(medians)
}

async fn ask(store: &EmbeddedStore, scope: EventScope, asked: &Question, days: &Days) -> anyhow::Result<()> {
    let query = asked.query(days);
    let refused = |error| anyhow!("{query} is refused: {error:?}");
    match asked.route() {
        "/v1/stats" => {
            let (params, filters) = params_and_filters::<StatsParams>(Some(&query)).map_err(refused)?;
            store.query(scope, params.query(filters).map_err(refused)?).await?;
        }
        "/v1/sources" => {
            let (params, filters) = params_and_filters::<SourcesParams>(Some(&query)).map_err(refused)?;
            store.query(scope, params.query(filters).map_err(refused)?).await?;
        }
        "/v1/query" => {
            let (params, filters) = params_and_filters::<EventsParams>(Some(&query)).map_err(refused)?;
            store.query(scope, params.query(filters).map_err(refused)?).await?;
        }
        "/v1/funnel" => {
            let (params, filters) = params_and_filters::<FunnelParams>(Some(&query)).map_err(refused)?;
            store.query(scope, params.query(filters).map_err(refused)?).await?;
        }
        route => bail!("{route} is not asked here"),
    }
    Ok(())
}
