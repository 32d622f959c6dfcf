//! The same queries asked of a store inside of this process: what of the time is the store's
//! own, without HTTP and JSON.

use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use millimetric::wire::params::from_query_string;
use millimetric::wire::reports::{
    AttributionParams, ChangesParams, EventsParams, FunnelParams, JourneysParams, NamesParams, PagesParams,
    PathsParams, Report, RetentionParams, SessionsParams, SourcesParams, StatsParams,
};
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_events::{EventStore, EventStoreExt as _};
use millimetric_events_embedded::{EmbeddedStore, Options};

use crate::data::Data;
use crate::machine::now;
use crate::queries::{Days, QUESTIONS, Question, Timed};
use crate::report::median;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;

/// The median time of each query in milliseconds.
pub(crate) async fn measure(data: &Data, days: &Days, runs: u32) -> anyhow::Result<Vec<f64>> {
    let scope = scope(data)?;
    let store = EmbeddedStore::open(&data.folder(), Options::default()).await?;
    let mut medians = Vec::new();
    for query in QUESTIONS {
        let mut times = Vec::new();
        for run in 0..WARM_UPS + runs {
            let asked = ask(&store, scope, query, days).await?;
            times.extend((run >= WARM_UPS).then_some(asked.millis));
        }
        medians.push(median(&times));
    }
    store.close().await;
    Ok(medians)
}

/// The largest project.
pub(crate) fn scope(data: &Data) -> anyhow::Result<EventScope> {
    let project = data.project.parse().map_err(|error| anyhow!("{error:?}")).context("the project's id")?;
    Ok(EventScope { project, env: Env::Live })
}

/// Asks a store; the time is that of the store alone.
pub(crate) async fn ask(
    store: &dyn EventStore,
    scope: EventScope,
    asked: &Question,
    days: &Days,
) -> anyhow::Result<Timed> {
    let query = asked.query(days);
    match asked.route() {
        EventsParams::PATH => run::<EventsParams>(store, scope, &query).await,
        StatsParams::PATH => run::<StatsParams>(store, scope, &query).await,
        SourcesParams::PATH => run::<SourcesParams>(store, scope, &query).await,
        NamesParams::PATH => run::<NamesParams>(store, scope, &query).await,
        FunnelParams::PATH => run::<FunnelParams>(store, scope, &query).await,
        RetentionParams::PATH => run::<RetentionParams>(store, scope, &query).await,
        PagesParams::PATH => run::<PagesParams>(store, scope, &query).await,
        SessionsParams::PATH => run::<SessionsParams>(store, scope, &query).await,
        JourneysParams::PATH => run::<JourneysParams>(store, scope, &query).await,
        AttributionParams::PATH => run::<AttributionParams>(store, scope, &query).await,
        PathsParams::PATH => run::<PathsParams>(store, scope, &query).await,
        ChangesParams::PATH => run::<ChangesParams>(store, scope, &query).await,
        route => bail!("{route} is not asked here"),
    }
}

async fn run<R: Report>(store: &dyn EventStore, scope: EventScope, query: &str) -> anyhow::Result<Timed> {
    let read = from_query_string::<R>(Some(query));
    let query = read.map_err(|error| anyhow!("{query} is refused: {error:?}"))?;
    let asked = query.clone();
    let start = Instant::now();
    let response = store.query(scope, asked).await?;
    let millis = start.elapsed().as_secs_f64() * 1000.0;
    Timed::of(serde_json::to_value(R::body(&query, response, now()))?, millis)
}
