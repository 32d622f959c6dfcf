//! The stores of one side of a move, as the command line names them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use millimetric_control::ControlUrl;
use millimetric_events::EventsUrl;

use crate::config::StoreUrl;

/// Where the stores of one side are.
pub(super) struct Side {
    pub(super) events: EventsUrl,
    pub(super) control: ControlUrl,
}

impl Side {
    /// Reads the arguments `--from`, `--from-events` and `--from-control`, or those of `to`.
    pub(super) fn read(
        name: &str,
        folder: Option<&StoreUrl>,
        events: Option<&StoreUrl>,
        control: Option<&StoreUrl>,
    ) -> anyhow::Result<Self> {
        if let Some(folder) = folder {
            let url: EventsUrl = folder.parse().with_context(|| format!("--{name}"))?;
            if !matches!(url, EventsUrl::File(_)) {
                bail!(
                    "--{name} names a data folder, like file:./data: use --{name}-events and --{name}-control for \
                     databases on servers"
                );
            }
        }
        let missing = |what: &str| {
            format!(
                "--{name}-{what} is missing: name both --{name}-events and --{name}-control, or a data folder with \
                 --{name}, like --{name} file:./data"
            )
        };
        let events: EventsUrl = events
            .or(folder)
            .with_context(|| missing("events"))?
            .parse()
            .with_context(|| format!("--{name}-events"))?;
        let control: ControlUrl = control
            .or(folder)
            .with_context(|| missing("control"))?
            .parse()
            .with_context(|| format!("--{name}-control"))?;
        Ok(Self { events: absolute_events(events), control: absolute_control(control) })
    }

    /// The data folder of a server on these stores; `None` if nothing is in one.
    pub(super) fn data_dir(&self) -> Option<&Path> {
        match (&self.events, &self.control) {
            (EventsUrl::File(folder), _) => Some(folder),
            (EventsUrl::ClickHouse(_), ControlUrl::Sqlite(file)) => file.parent(),
            (EventsUrl::ClickHouse(_), ControlUrl::Postgres(_)) => None,
        }
    }

    /// The folder that has the secrets in files; `None` if the control database is on a server, where each server is
    /// given them.
    pub(super) fn secrets_folder(&self) -> Option<&Path> {
        self.data_dir().filter(|_| !self.control.is_shared())
    }
}

/// With the one path of each folder, so that equal ones are recognised.
fn absolute_events(url: EventsUrl) -> EventsUrl {
    match url {
        EventsUrl::File(folder) => EventsUrl::File(absolute(&folder)),
        url @ EventsUrl::ClickHouse(_) => url,
    }
}

fn absolute_control(url: ControlUrl) -> ControlUrl {
    match url {
        ControlUrl::Sqlite(file) => {
            let folder = absolute(file.parent().unwrap_or(Path::new("")));
            ControlUrl::Sqlite(folder.join(file.file_name().unwrap_or_default()))
        }
        url @ ControlUrl::Postgres(_) => url,
    }
}

/// The path of a folder, which may not be there yet.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_path_buf())
}
