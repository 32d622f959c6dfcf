//! The same queries asked of the store inside of this process: what of the time is the store's
//! own, without HTTP and JSON.

use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use millimetric::wire::params::from_query_string;
use millimetric::wire::reports::{
    AttributionParams, EventsParams, FunnelParams, Report, SessionsParams, SourcesParams, StatsParams,
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
    match asked.route() {
        EventsParams::PATH => run::<EventsParams>(store, scope, &query).await,
        StatsParams::PATH => run::<StatsParams>(store, scope, &query).await,
        SourcesParams::PATH => run::<SourcesParams>(store, scope, &query).await,
        FunnelParams::PATH => run::<FunnelParams>(store, scope, &query).await,
        SessionsParams::PATH => run::<SessionsParams>(store, scope, &query).await,
        AttributionParams::PATH => run::<AttributionParams>(store, scope, &query).await,
        route => bail!("{route} is not asked here"),
    }
}

async fn run<R: Report>(store: &EmbeddedStore, scope: EventScope, query: &str) -> anyhow::Result<()> {
    let read = from_query_string::<R>(Some(query));
    let query = read.map_err(|error| anyhow!("{query} is refused: {error:?}"))?;
    store.query(scope, query).await?;
    Ok(())
}
