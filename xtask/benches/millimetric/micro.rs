//! What every event or request pays before it reaches a store: the classifier, the reading of a
//! key, the verification of one that was verified before. One thread, nothing else running.

use std::hint::black_box;
use std::time::Instant;

use anyhow::anyhow;
use millimetric::credentials::key_cache::KeyCache;
use millimetric::refusals::Refusals;
use millimetric_control::{Actor, Control, KeyOwner, NewKey, NewProject, Plan};
use millimetric_core::classify::{ProjectRules, classify};
use millimetric_core::ids::{AccountId, KeyId, ProjectId};
use millimetric_core::key::{Env, KEY_RANDOM_BYTES, KeyKind, KeyText, Pepper};
use uuid::Uuid;

use crate::machine::now;
use crate::report::{Goal, Report};
use crate::requests::traffic;

/// Timed stretches of each measurement; each is a row's run.
const STRETCHES: usize = 7;
/// Calls in a stretch.
const CALLS: usize = 200_000;

/// The classifier's own cases: every rule, every border, hostile texts.
const CASES: &str = include_str!("../../../crates/core/data/cases/classifier.tsv");

/// Adds all of them to the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    eprintln!("classifier and keys");
    classifier(report);
    let (key_cache, control, key) = key_cache_with_a_key().await?;
    for _ in 0..STRETCHES {
        let parsed = nanoseconds(|_| {
            let text = black_box(key.reveal());
            let _ = black_box((KeyText::parse(text), KeyText::fingerprint_of(text)));
        });
        report.add("a key: read, checksum, fingerprint", "ns", Goal::None, parsed);
        // The first call of a stretch, at most, asks the database.
        let start = Instant::now();
        let at = now();
        for _ in 0..CALLS {
            let verified = key_cache.verify(&control, black_box(key.reveal()), None, at).await;
            black_box(verified.map_err(|error| anyhow!("the key does not verify: {error:?}"))?);
        }
        let each = start.elapsed().as_secs_f64() * 1e9 / CALLS as f64;
        report.add("a key: cached verification", "ns", Goal::Below(2000.0), each);
    }
    Ok(())
}

fn classifier(report: &mut Report) {
    let cases: Vec<_> = CASES.lines().filter_map(case).collect();
    let events = traffic(20_000);
    let rules = ProjectRules::default();
    for _ in 0..STRETCHES {
        let hard = nanoseconds(|call| {
            let (url, referrer, host) = cases[call % cases.len()];
            black_box(classify(black_box(url), black_box(referrer), host, &rules));
        });
        report.add("classifier, its case file", "ns/event", Goal::Below(2000.0), hard);
        let usual = nanoseconds(|call| {
            let event = &events[call % events.len()];
            let (url, referrer) = (Some(event.url.as_str()), event.referrer.as_deref());
            black_box(classify(black_box(url), black_box(referrer), None, &rules));
        });
        report.add("classifier, traffic of a shop", "ns/event", Goal::Below(2000.0), usual);
    }
}

/// The inputs of a line of the case file, as they are written there (`-` is absent).
fn case(line: &str) -> Option<(Option<&str>, Option<&str>, Option<&str>)> {
    let mut columns = line.split('\t').map(|column| (column != "-").then_some(column));
    let inputs = (columns.next()?, columns.next()?, columns.next()?);
    (!line.starts_with('#')).then_some(inputs)
}

/// The mean time of a call, which gets its number as argument.
fn nanoseconds(mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(&mut call);
    start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
}

/// A key cache over a control database in memory with one key, and that key.
async fn key_cache_with_a_key() -> anyhow::Result<(KeyCache, Control, KeyText)> {
    let control = Control::open_in_memory().await?;
    let (account, project) = (AccountId::new(Uuid::from_u128(1)), ProjectId::new(Uuid::from_u128(2)));
    control.create_account(account, "bench".parse()?, &Actor::Setup, now()).await?;
    let new = NewProject {
        id: project,
        account_id: account,
        slug: "bench".parse()?,
        name: "bench".parse()?,
        allowed_origins: Vec::new(),
        plan: Plan::SelfHosted,
        retention_days: None,
        timezone: chrono_tz::UTC,
    };
    control.create_project(new, &Actor::Setup, now()).await?;
    let pepper = Pepper::new(vec![7; 32])?;
    let key = KeyText::create(KeyKind::Sk, Env::Live, &[9; KEY_RANDOM_BYTES]);
    let id = KeyId::new(Uuid::from_u128(3));
    let owner = KeyOwner::Project(project);
    let stored = NewKey::new(id, owner, key.kind(), key.env(), key.prefix(), key.hash(&pepper))?;
    control.insert_key(stored, &Actor::Setup, now()).await?;
    Ok((KeyCache::new(pepper, None, Refusals::default(), None), control, key))
}
