//! What was refused a moment ago, or stored with an id that identifies nobody, project by project, so that
//! the dashboard can say why no event arrives or what is wrong with it. Shown to the members of the project
//! alone.
//!
//! Bounded; no address, no body, and of a key its prefix. Servers that share a control database show each other
//! theirs there, as JSON.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use millimetric_core::ids::ProjectId;
use millimetric_core::ingest::bots::BotReason;
use millimetric_core::key::{KeyKind, KeyPrefix};
use millimetric_core::time::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Refusals of a project that are remembered.
const OF_PROJECT: usize = 20;
/// Projects that are remembered; more than a server has, mostly.
const PROJECTS: usize = 4096;
/// The most characters of an origin that are kept.
const ORIGIN_CHARS: usize = 200;

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The page's origin is not on the list; `None`: the request named none, or more than one.
    OriginNotListed(Option<String>),
    /// The key was revoked, or its time is over.
    KeyEnded,
    /// The key may not be used from that address.
    AddressNotAllowed,
    /// The browser is a known bot.
    Bot(BotReason),
    /// The plan's events of this month are used up.
    QuotaUsedUp,
    /// Stored, but the value of this field is a placeholder.
    PlaceholderId(Cow<'static, str>),
}

/// Something that was refused, as often as it came in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// The kind of the key.
    pub kind: KeyKind,
    /// The key.
    pub prefix: KeyPrefix,
    /// When it last happened.
    pub at: Timestamp,
    /// How often.
    pub times: u64,
}

/// The memory. A clone is another handle on it.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    of: HashMap<ProjectId, VecDeque<Refused>>,
    /// The projects of which something was refused since [`Refusals::take_changed`] returned them.
    changed: HashSet<ProjectId>,
}

impl Refusals {
    /// Remembers a refusal; of the same one again only when and how often.
    pub fn note(&self, project: ProjectId, key: (KeyKind, KeyPrefix), why: Why, at: Timestamp) {
        let (kind, prefix) = key;
        let mut remembered = self.0.lock();
        let Remembered { of, changed } = &mut *remembered;
        if of.len() >= PROJECTS && !of.contains_key(&project) {
            return;
        }
        let known = of.entry(project).or_default();
        let same = |one: &Refused| one.why == why && one.prefix == prefix;
        let times = known.iter().position(same).and_then(|at| known.remove(at)).map_or(0, |one| one.times);
        known.push_front(Refused { why, kind, prefix, at, times: times + 1 });
        known.truncate(OF_PROJECT);
        changed.insert(project);
    }

    /// What was refused of a project since then, the latest first.
    pub fn since(&self, project: ProjectId, since: Timestamp) -> Vec<Refused> {
        let of = &self.0.lock().of;
        of.get(&project).into_iter().flatten().filter(|one| one.at >= since).cloned().collect()
    }

    /// Some projects, at most so many, of which something was refused since the last call: when the last time, and
    /// the list for other servers.
    pub fn take_changed(&self, most: usize) -> Vec<(ProjectId, Timestamp, String)> {
        let mut remembered = self.0.lock();
        let Remembered { of, changed } = &mut *remembered;
        let some: Vec<ProjectId> = changed.iter().take(most).copied().collect();
        let mut lists = Vec::with_capacity(some.len());
        for project in some {
            changed.remove(&project);
            let Some(known) = of.get(&project) else { continue };
            if let (Some(latest), Ok(list)) = (known.front(), serde_json::to_string(known)) {
                lists.push((project, latest.at, list));
            }
        }
        lists
    }
}

/// What was refused by this server and, as these lists say, by others since then: the latest first, and the same of
/// several servers together. A list that cannot be read (of another release) is left out.
pub fn merged(own: Vec<Refused>, lists: &[String], since: Timestamp) -> Vec<Refused> {
    let mut all = own;
    let others = lists.iter().filter_map(|list| serde_json::from_str::<Vec<Refused>>(list).ok()).flatten();
    for other in others.filter(|other| other.at >= since) {
        let same = |one: &&mut Refused| one.why == other.why && one.prefix == other.prefix;
        match all.iter_mut().find(same) {
            Some(known) => {
                known.times += other.times;
                known.at = known.at.max(other.at);
            }
            None => all.push(other),
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.at));
    all.truncate(OF_PROJECT);
    all
}

impl Why {
    /// An origin that is not on the list, shortened.
    pub fn origin(sent: Option<&str>) -> Self {
        Self::OriginNotListed(sent.map(|origin| origin.chars().take(ORIGIN_CHARS).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    #[test]
    fn the_same_again_is_counted_and_the_latest_stands_first() {
        let (refusals, key) = (Refusals::default(), (KeyKind::Pk, "00c0ffee".parse().unwrap()));
        let [one, other] = [1, 2].map(|number| ProjectId::new(Uuid::from_u128(number)));
        refusals.note(one, key, Why::KeyEnded, at(1));
        refusals.note(one, key, Why::origin(Some("https://a.example")), at(2));
        refusals.note(one, key, Why::KeyEnded, at(3));
        refusals.note(other, key, Why::QuotaUsedUp, at(4));
        let found: Vec<_> = refusals.since(one, at(2)).into_iter().map(|one| (one.why, one.times)).collect();
        assert_eq!(found, [(Why::KeyEnded, 2), (Why::origin(Some("https://a.example")), 1)]);
        assert_eq!(refusals.since(one, at(3)).len(), 1);
    }

    #[test]
    fn memory_is_bounded_whatever_is_sent() {
        let (refusals, key) = (Refusals::default(), (KeyKind::Pk, "00c0ffee".parse().unwrap()));
        let project = ProjectId::new(Uuid::nil());
        for number in 0..100 {
            let origin = format!("https://{number}.{}", "x".repeat(1000));
            refusals.note(project, key, Why::origin(Some(&origin)), at(number));
        }
        let kept = refusals.since(project, at(0));
        assert_eq!((kept.len(), kept[0].at), (OF_PROJECT, at(99)));
        let Why::OriginNotListed(Some(origin)) = &kept[0].why else { panic!("{:?}", kept[0]) };
        assert_eq!(origin.len(), ORIGIN_CHARS);
        for number in 1..10_000 {
            refusals.note(ProjectId::new(Uuid::from_u128(number)), key, Why::KeyEnded, at(1));
        }
        assert_eq!(refusals.0.lock().of.len(), PROJECTS);
    }

    #[test]
    fn the_refusals_of_several_servers_are_shown_together() {
        let [one, other] = [Refusals::default(), Refusals::default()];
        let (key, project) = ((KeyKind::Pk, "00c0ffee".parse().unwrap()), ProjectId::new(Uuid::nil()));
        one.note(project, key, Why::KeyEnded, at(1));
        other.note(project, key, Why::KeyEnded, at(3));
        other.note(project, key, Why::PlaceholderId("user_id".into()), at(2));
        other.note(project, key, Why::Bot(BotReason::Tool), at(0));
        let lists: Vec<String> = other.take_changed(10).into_iter().map(|(_, _, list)| list).collect();
        assert!(other.take_changed(10).is_empty(), "nothing changed since");
        let all = merged(one.since(project, at(1)), &lists, at(1));
        let all: Vec<_> = all.into_iter().map(|one| (one.why, one.times, one.at)).collect();
        assert_eq!(all, [(Why::KeyEnded, 2, at(3)), (Why::PlaceholderId("user_id".into()), 1, at(2))]);
        assert_eq!(merged(Vec::new(), &["[{}]".to_owned()], at(0)), []);
    }
}
