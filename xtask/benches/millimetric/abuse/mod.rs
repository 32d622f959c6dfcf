//! `cargo xtask abuse`: attacks on a server over the loopback interface, one after the other, next to a
//! normal sender and a normal reader of another project.
//!
//! Each attack meets a server that was just started, over one data folder. Everything is bounded in
//! count and time, and a seed decides every choice. It speaks to no other machine.

mod attacks;
mod counts;
mod figures;
mod http;
mod mutations;
mod normal;
mod plan;
mod result;
mod tables;
mod target;
mod verdict;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::time::{sleep, timeout};
use xtask::abuse::{AbuseArguments, Attack};

use self::counts::Counters;
use self::figures::{Figures, Times};
use self::normal::NormalClients;
use self::plan::Plan;
use self::result::{AttackResult, Outcome};
use self::target::{Site, Target};
use crate::machine;
use crate::memory::{peak_megabytes, resident_megabytes};
use crate::report::Report;
use crate::server::Server;

/// Resident memory at which an attack is ended early, in MB: this machine has other work, too.
const MOST_MEGABYTES: f64 = 4000.0;
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest time of the attack that counts its requests.
const LONGEST_COUNT: Duration = Duration::from_hours(1);

/// Runs the attacks and prints what came of them; an error when something happened that must not.
pub(crate) async fn run(binary: &Path, arguments: &AbuseArguments) -> anyhow::Result<()> {
    let plan = Plan::of(arguments);
    let site = Site::create(binary, &plan).await?;
    let (mut results, mut broken) = (Vec::new(), Vec::new());
    for attack in attacks::ALL {
        if arguments.only.is_some_and(|only| only != attack) {
            continue;
        }
        match observe(binary, &site, &plan, attack).await {
            Ok(result) => {
                eprintln!("{}", tables::summary(&result));
                results.push(result);
            }
            // What an attack has broken for good; the others are tried all the same.
            Err(error) => {
                broken.push(format!("{}: could not be carried out: {error:#}", attacks::name(attack)));
            }
        }
    }
    let mut offences = verdict::offences(&results, &plan);
    offences.extend(broken);
    offences.extend(verdict::events_that_are_not_there(binary, &site, &results).await?);
    let mut report = Report::new(machine::facts()?);
    tables::add(&results, &plan, &mut report);
    println!("{}", report.markdown());
    if !offences.is_empty() {
        bail!("{} offences:\n{}", offences.len(), offences.join("\n"));
    }
    Ok(())
}

/// One attack on a new server: the normal clients alone, beside it, and after it.
async fn observe(binary: &Path, site: &Site, plan: &Plan, attack: Attack) -> anyhow::Result<AttackResult> {
    let (mut server, target) =
        site.start_to_attack(binary, attacks::arguments(attack), attacks::ground(attack)).await?;
    let counters = Counters::default();
    let event = normal_event(attack);
    let normal = NormalClients::start(server.address, &site.normal, event);
    sleep(plan.before).await;
    let begun = Instant::now();
    let outcome = meet(&server, attack, &target, plan, &counters).await?;
    let ended = Instant::now();
    sleep(plan.recovery).await;
    let recovered = Instant::now();
    sleep(plan.after).await;
    let last = Instant::now();
    let observed = normal.stop().await?;
    let figures = Figures::of(&observed, Times { begun, ended, recovered, last });
    let alive = server.is_running()?;
    let (peak, afterwards) = if alive {
        (peak_megabytes(server.process())?, resident_megabytes(server.process())?)
    } else {
        (f64::NAN, f64::NAN)
    };
    let panics = server.output().matches("panicked at").count();
    let asked = Instant::now();
    let stopped = server.stop().await.map(|()| asked.elapsed()).map_err(|error| format!("{error:#}"));
    let lasted = ended - begun;
    let counts = counters.counts();
    Ok(AttackResult {
        attack,
        outcome,
        counts,
        figures,
        observed,
        lasted,
        peak,
        afterwards,
        panics,
        alive,
        stopped,
    })
}

/// Attacks for the planned time; less when the server ends or grows too large.
async fn meet(
    server: &Server,
    attack: Attack,
    target: &Target,
    plan: &Plan,
    counters: &Counters,
) -> anyhow::Result<Outcome> {
    let most = if attacks::is_counted(attack) { LONGEST_COUNT } else { plan.attack };
    let process = server.process();
    let attacked = timeout(most, attacks::run(attack, target, plan, counters));
    tokio::select! {
        done = attacked => match done {
            Ok(done) => done.map(|()| Outcome::Whole),
            Err(_) if attacks::is_counted(attack) => Ok(Outcome::Slow),
            Err(_) => Ok(Outcome::Whole),
        },
        outcome = watch(process) => Ok(outcome),
    }
}

/// Resolves when the server has ended or has become too large.
async fn watch(process: u32) -> Outcome {
    loop {
        match resident_megabytes(process) {
            Ok(megabytes) if megabytes > MOST_MEGABYTES => return Outcome::TooLarge,
            Ok(_) => sleep(LOOK_EVERY).await,
            Err(_) => return Outcome::Ended,
        }
    }
}

/// The name of the events that the normal sender sends beside an attack.
fn normal_event(attack: Attack) -> String {
    format!("beside_{}", attacks::name(attack).replace([' ', ','], "_"))
}
