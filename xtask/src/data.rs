//! `cargo xtask data`: takes newer releases of the data that come from elsewhere, and says how old they are.
//!
//! The data are the patterns of crawlers and the country database. `xtask/data/refresh.py` writes them; the
//! tests of the crates that embed them decide whether they are good.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use crate::cargo::{MissingProgram, cargo, root, runs, target_folder};

/// The data, and the file with their version and day of release.
const SOURCES: [(&str, &str); 2] = [
    ("crawler patterns", "crates/core/data/bots/source.tsv"),
    ("country database", "crates/server/data/geo/source.tsv"),
];

/// Older data are reported, in days.
const OLD: i64 = 90;

/// Refreshes the data, and runs the tests of the crates that embed them.
pub fn refresh() -> anyhow::Result<()> {
    for command in ["python3 -m pip --version", "npm --version", "zstd --version"] {
        let mut words = command.split(' ');
        if !words.next().is_some_and(|program| runs(Command::new(program).args(words))) {
            bail!(MissingProgram(format!(
                "`{command}` fails (on Debian: `apt-get install python3-pip npm zstd`)"
            )));
        }
    }
    let work = target_folder()?.join("data");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let script = root().join("xtask/data/refresh.py");
    let refreshed = Command::new("python3").arg(script).arg(root()).arg(&work).status();
    if !refreshed.context("python3 does not start")?.success() {
        bail!("the data could not be refreshed");
    }
    for (package, tests) in [("millimetric-core", "ingest"), ("millimetric", "country")] {
        let tested = cargo(["test", "--locked", "--lib", "--package", package, tests]).status();
        if !tested.context("cargo does not start")?.success() {
            bail!("the new data fail a test: see crates/core/data/bots/README.md, or restore them with git");
        }
    }
    Ok(())
}

/// What is too old, in words; `None` if nothing is.
pub fn old_data() -> anyhow::Result<Option<String>> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64 / 86_400;
    let mut old = Vec::new();
    for (what, file) in SOURCES {
        let text = fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
        let released = text.lines().find_map(|line| day_number(line.strip_prefix("released\t")?));
        let age =
            today - released.with_context(|| format!("{file} has no line `released`, like 2026-11-29"))?;
        if age > OLD {
            old.push(format!("the {what} are {age} days old"));
        }
    }
    Ok((!old.is_empty()).then(|| format!("{}: `cargo xtask data`", old.join(", "))))
}

/// The days from 1970-01-01 to `YYYY-MM-DD` of the Gregorian calendar (H. Hinnant, "`days_from_civil`").
fn day_number(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (date, days) in [
            ("1970-01-01", Some(0)),
            ("1970-03-01", Some(59)),
            ("2000-02-29", Some(11_016)),
            ("2000-03-01", Some(11_017)),
            ("2026-11-29", Some(20_786)),
            ("2026-13-01", None),
            ("2026-11", None),
            ("", None),
            ("x-y-z", None),
        ] {
            assert_eq!(day_number(date), days, "{date}");
        }
    }

    #[test]
    fn the_data_say_when_they_were_released() {
        old_data().unwrap();
    }
}
