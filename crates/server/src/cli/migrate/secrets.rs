//! The pepper and the salt, without which the keys do not work in the target: files of a data folder, or variables of
//! servers that share a control database.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use millimetric_control::{Control, ControlUrl};
use millimetric_core::key::Pepper;
use millimetric_events::EventsUrl;

use super::side::Side;
use crate::app::server::create_data_dir;
use crate::config::{Installation, Secret};
use crate::secrets::{PEPPER_FINGERPRINT, SECRET_FILES, is_file_secret, write_secret};

/// The variables that set them, in the order of [`SECRET_FILES`].
const VARIABLES: [&str; 2] = ["MILLIMETRIC_PEPPER", "MILLIMETRIC_IP_SALT"];

/// What has to be done with the secrets, and with the URLs.
pub(super) struct Handover {
    /// Files to write, with their content.
    files: Vec<(PathBuf, String)>,
    steps: Vec<String>,
}

impl Handover {
    /// Writes the files of the target: before anything else, so that no server that is started there makes others.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        for (file, secret) in &self.files {
            file.parent().map_or(Ok(()), create_data_dir)?;
            write_secret(file, secret)?;
        }
        Ok(())
    }

    /// What the operator does next.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }
}

/// Reads the secrets of the source, and checks that the pepper is that of its keys.
pub(super) async fn hand_over(
    at: &Installation,
    control: &Control,
    source: &Side,
    target: &Side,
) -> anyhow::Result<Handover> {
    let configured = [at.pepper.as_ref(), at.ip_salt.as_ref()];
    let [pepper, salt] =
        [0, 1].map(|index| secret(configured[index], source.secrets_folder(), SECRET_FILES[index]));
    let secrets = [pepper?, salt?];
    if let Some(pepper) = &secrets[0] {
        let known = control.meta(PEPPER_FINGERPRINT).await?;
        let fingerprint = Pepper::new(pepper.clone().into_bytes())?.fingerprint();
        ensure!(
            known.is_none_or(|known| known == fingerprint),
            "this is not the pepper that the keys of the source were created with: set MILLIMETRIC_PEPPER to that of its \
             server, or unset it if that is in the file `pepper` of the data folder"
        );
    }
    let mut handover = Handover { files: Vec::new(), steps: Vec::new() };
    match target.secrets_folder() {
        Some(folder) => handover.for_folder(folder, &secrets)?,
        None => handover.for_variables(configured.map(|secret| secret.is_some()), source.secrets_folder()),
    }
    handover.steps.push(start(target));
    Ok(handover)
}

impl Handover {
    fn for_folder(&mut self, folder: &Path, secrets: &[Option<String>; 2]) -> anyhow::Result<()> {
        for (index, secret) in secrets.iter().enumerate() {
            let (name, variable) = (SECRET_FILES[index], VARIABLES[index]);
            let Some(secret) = secret else {
                bail!(
                    "{variable} is missing: set MILLIMETRIC_PEPPER and MILLIMETRIC_IP_SALT to those of the servers of the source"
                );
            };
            let file = folder.join(name);
            if !is_file_secret(secret) {
                self.steps.push(format!(
                    "Keep {variable} set to what it is now: such a text cannot be in the file {name}."
                ));
            } else if !file.exists() {
                self.files.push((file, secret.clone()));
            } else {
                let found =
                    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                ensure!(
                    found.trim() == secret,
                    "{} has another secret than the source: move to another folder",
                    file.display()
                );
            }
        }
        Ok(())
    }

    fn for_variables(&mut self, is_set: [bool; 2], folder: Option<&Path>) {
        for (index, variable) in VARIABLES.into_iter().enumerate() {
            let file = folder.map(|folder| folder.join(SECRET_FILES[index])).filter(|file| file.is_file());
            let value = match (is_set[index], file) {
                (true, _) => "what it is now".to_owned(),
                (false, Some(file)) => format!("the content of {}", file.display()),
                (false, None) => "that of the old one".to_owned(),
            };
            self.steps.push(format!("Set {variable} of every new server to {value}."));
        }
    }
}

/// A secret of the source: as it is configured, else as it is in the file; `None` if this command does not know it.
fn secret(configured: Option<&Secret>, folder: Option<&Path>, name: &str) -> anyhow::Result<Option<String>> {
    if let Some(secret) = configured {
        return Ok(Some(secret.reveal().to_owned()));
    }
    let Some(file) = folder.map(|folder| folder.join(name)).filter(|file| file.is_file()) else {
        return Ok(None);
    };
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(text.trim().to_owned()))
}

/// How the new server is started.
fn start(target: &Side) -> String {
    let folder = target.data_dir().map(|folder| format!("--data-dir {}", folder.display()));
    let events =
        matches!(target.events, EventsUrl::ClickHouse(_)).then(|| "the --events-url named here".to_owned());
    let control =
        matches!(target.control, ControlUrl::Postgres(_)).then(|| "the --control-url named here".to_owned());
    let with: Vec<String> = [folder, events, control].into_iter().flatten().collect();
    format!("Start the new server with {}.", with.join(" and "))
}
