//! The events that are stored: the demo's traffic of projects of very different sizes, as the server makes them.

use anyhow::ensure;
use millimetric::demo::{DemoTraffic, finished};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ProjectId;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::key::Env;
use millimetric_core::time::Timestamp;
use uuid::Uuid;

use crate::data::{UNTIL, shares};
use crate::random::Random;

/// Days of the traffic: a month, so that one part of the table gets all.
const DAYS: u32 = 30;
/// The size of the whole, from which a project is drawn.
const WHOLE: u64 = 10_000;

/// Events of one project.
pub(super) type Batch = (EventScope, Vec<Event>);

/// Events of several projects, each in order of time.
pub(super) struct Source {
    projects: Vec<Project>,
    agents: UserAgents,
    random: Random,
}

struct Project {
    scope: EventScope,
    /// Of [`WHOLE`].
    share: u64,
    traffic: DemoTraffic,
}

impl Source {
    /// So many events, and some more.
    pub(super) fn new(events: u64) -> anyhow::Result<Self> {
        let until = Timestamp::parse(&format!("{UNTIL}T00:00:00Z"))?;
        let project = |(seed, share): (u64, u64)| {
            // The draws do not meet the shares exactly.
            let events = (events * share / WHOLE) * 5 / 4 + 10_000;
            let scope = EventScope { project: ProjectId::new(Uuid::now_v7()), env: Env::Live };
            Project { scope, share, traffic: DemoTraffic::new(seed, events, DAYS, until) }
        };
        let projects = (1..).zip(shares(WHOLE)).map(project).collect();
        Ok(Self { projects, agents: UserAgents::new(), random: Random::new(1) })
    }

    /// The next events, of one project.
    pub(super) fn next(&mut self, count: usize) -> anyhow::Result<Batch> {
        let mut drawn = self.random.below(WHOLE);
        let mut place = 0;
        while drawn >= self.projects[place].share {
            drawn -= self.projects[place].share;
            place += 1;
        }
        let Project { scope, traffic, .. } = &mut self.projects[place];
        let events = traffic.take(count).map(|event| {
            let now = event.timestamp;
            finished(event, &self.agents, now)
        });
        let events: Vec<Event> = events.collect::<Result<_, _>>()?;
        ensure!(events.len() == count, "the traffic has no more events");
        Ok((*scope, events))
    }
}
