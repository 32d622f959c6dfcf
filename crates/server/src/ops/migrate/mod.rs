//! Moves an installation to other stores: accounts, projects and keys, what was deleted, and the events. Every step can
//! be repeated: a run that was stopped goes on, and a later run moves later changes.

mod digest;
mod month;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use millimetric_control::{Control, CopyState, Month, Project, Reclassification};
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{MovableStore, Reclassify, ReclassifyStatus, StoreError};
use tokio::task::JoinSet;

use self::digest::Digest;
use self::month::{Compared, transfer};

/// Months that are moved at the same time: while one is read back from the target, the next one is stored.
const MONTHS: usize = 2;
/// How often to look whether stored events are classified again.
const POLL: Duration = Duration::from_millis(100);
/// The most differences that are listed.
const SHOWN: usize = 20;

/// Learns how many events of the source were read.
pub trait Progress: Send + Sync {
    /// So many more.
    fn add(&self, events: u64);
}

/// The event stores, if they differ.
#[derive(Clone)]
pub struct Stores {
    /// From where events are moved.
    pub source: Arc<dyn MovableStore>,
    /// Where to. No server may use it.
    pub target: Arc<dyn MovableStore>,
    /// Where the progress is shown.
    pub progress: Arc<dyn Progress>,
}

/// The control databases, if they differ.
#[derive(Debug, Clone, Copy)]
pub struct Controls<'a> {
    /// From where they are copied.
    pub source: &'a Control,
    /// Where to. No server may use it.
    pub target: &'a Control,
}

/// What was moved. Both stores have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Projects that are not deleted.
    pub projects: u64,
    /// Rows of the control database.
    pub rows: u64,
    /// Erasures, finished ones included.
    pub erasures: u64,
    /// Months that were compared, of each project and env.
    pub months: u64,
    /// Events that both stores have.
    pub events: u64,
    /// Those of them that this run has stored.
    pub new_events: u64,
}

/// A month that differs after the move.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    project: String,
    env: Env,
    month: Month,
    source: Digest,
    target: Digest,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, env, month, source, target } = self;
        let (source, target) = (source.events, target.events);
        write!(
            f,
            "{project} {} {month}: {source} events in the source, {target} in the target",
            env.as_str()
        )?;
        if source == target { f.write_str(", of which some differ") } else { Ok(()) }
    }
}

/// Checks that the target may become a copy of the source, and returns whether it is one already.
pub async fn check(Controls { source, target }: Controls<'_>) -> anyhow::Result<CopyState> {
    ensure!(
        source.unfinished_reclassifications().await?.is_empty(),
        "stored events of the source are being classified again: wait until that is finished (`millimetric reclassify` \
         shows the progress)"
    );
    let live = target.live_servers().await?;
    ensure!(live == 0, "{live} servers use the control database of the target: stop them first");
    let state = target.copy_state(source).await?;
    ensure!(
        state != CopyState::Foreign,
        "the control database of the target has changes that the source does not have: it belongs to another \
         installation, or a server has used it since it was copied. Use an empty database"
    );
    Ok(state)
}

/// Moves what both sides do not share, and compares the event stores month by month. `control` comes with the result of
/// [`check`]; `projects` is the control database of the source.
pub async fn migrate(
    projects: &Control,
    control: Option<(Controls<'_>, CopyState)>,
    stores: Option<&Stores>,
) -> anyhow::Result<Moved> {
    let mut moved = Moved::default();
    if let Some(stores) = stores {
        let deletions = stores.source.deletions().await?;
        // Before events arrive, so that none is stored of a person who was erased.
        stores.target.take_deletions(&deletions).await?;
        moved.erasures = deletions.erasures.len() as u64;
    }
    if let (Some((controls, CopyState::Earlier)), Some(stores)) = (control, stores) {
        // Before new events arrive, whose rules may be later ones, and before the copy says that it was done.
        classify_again(controls, &*stores.target).await?;
    }
    if let Some((Controls { source, target }, _)) = control {
        moved.rows = target.copy_from(source).await?;
    }
    let projects = projects.projects().await?;
    moved.projects = projects.len() as u64;
    let mut differences = Vec::new();
    if let Some(stores) = stores {
        for (project, env) in
            projects.iter().flat_map(|project| Env::ALL.iter().map(move |env| (project, *env)))
        {
            move_events(stores, project, env, &mut moved, &mut differences).await?;
        }
    }
    if differences.is_empty() { Ok(moved) } else { bail!(sentence(&differences)) }
}

/// Classifies the events of the target as those of the source were since the last run.
async fn classify_again(controls: Controls<'_>, target: &dyn MovableStore) -> anyhow::Result<()> {
    let known = controls.target.finished_reclassifications().await?;
    let known: BTreeSet<_> = known.iter().map(|done| done.id).collect();
    for Reclassification { id, scope, range, rules, .. } in
        controls.source.finished_reclassifications().await?
    {
        if known.contains(&id) {
            continue;
        }
        target.reclassify(scope, Reclassify { id, range, rules }).await?;
        loop {
            match target.reclassification(scope, id).await?.map(|report| report.status) {
                Some(ReclassifyStatus::Running) => tokio::time::sleep(POLL).await,
                Some(ReclassifyStatus::Done) => break,
                _ => bail!(
                    "the events of the target could not be classified again: see its log, and try again"
                ),
            }
        }
    }
    Ok(())
}

/// Moves the events of a project and env, some months at the same time.
async fn move_events(
    stores: &Stores,
    project: &Project,
    env: Env,
    moved: &mut Moved,
    differences: &mut Vec<Difference>,
) -> anyhow::Result<()> {
    let scope = EventScope { project: project.id, env };
    let mut waiting = months(stores, scope).await?.into_iter();
    let mut running: JoinSet<anyhow::Result<(Month, Compared)>> = JoinSet::new();
    loop {
        while running.len() < MONTHS
            && let Some((month, is_new)) = waiting.next()
        {
            let stores = stores.clone();
            running.spawn(async move {
                let compared = match TimeRange::new(month.start(), month.next_start()) {
                    Some(range) => transfer(&stores, scope, range, is_new).await?,
                    None => Compared::default(),
                };
                Ok((month, compared))
            });
        }
        let Some(done) = running.join_next().await else { return Ok(()) };
        let (month, Compared { source, target, moved: new_events }) = done??;
        moved.new_events += new_events;
        moved.events += target.events;
        moved.months += u64::from(target.events > 0);
        if source != target {
            differences.push(Difference {
                project: project.slug.as_str().to_owned(),
                env,
                month,
                source,
                target,
            });
        }
    }
}

/// The months in which one of the stores can have events, and whether the target has none.
async fn months(stores: &Stores, scope: EventScope) -> Result<BTreeMap<Month, bool>, StoreError> {
    let in_target = months_of(&*stores.target, scope).await?;
    let in_source = months_of(&*stores.source, scope).await?;
    let all = in_source.into_iter().chain(in_target.iter().copied());
    Ok(all.map(|month| (month, !in_target.contains(&month))).collect())
}

async fn months_of(store: &dyn MovableStore, scope: EventScope) -> Result<BTreeSet<Month>, StoreError> {
    let mut months = BTreeSet::new();
    for (first, last) in store.periods(scope).await? {
        let mut next = Some(Month::of(first));
        while let Some(month) = next {
            months.insert(month);
            let end = month.next_start();
            next = (end <= last && end < Timestamp::MAX).then(|| Month::of(end));
        }
    }
    Ok(months)
}

fn sentence(differences: &[Difference]) -> String {
    let shown: Vec<String> = differences.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = differences.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!(
        "the stores differ after the move. {}{more}. Run the same command again; if it says the same, the target has \
         events of its own: move to an empty one",
        shown.join("; ")
    )
}
