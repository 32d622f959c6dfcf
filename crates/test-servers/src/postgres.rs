//! A `PostgreSQL` server. Its files are a copy of a cluster that was made once for this machine.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::StartError;
use crate::process::{Process, User, free_port, run};

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The superuser of the cluster; connections of this machine need no password.
const SUPERUSER: &str = "millimetric";
/// How often a start is tried.
const TRIES: usize = 5;
const MISSING: &str = "this needs PostgreSQL (on Debian: `apt-get install postgresql`)";

/// A server with an empty cluster.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    programs: PathBuf,
    user: Option<User>,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Starts a server.
    pub fn start() -> Result<Self, StartError> {
        let (programs, user) = (programs()?, user()?);
        let folder = copied(&template(&programs, user)?, user)?;
        Self::on(programs, user, folder)
    }

    /// Starts a server that takes connections with TLS too. Its certificate is for `localhost`, and the file
    /// [`Postgres::certificate`] has it.
    pub fn start_with_tls() -> Result<Self, StartError> {
        let (programs, user) = (programs()?, user()?);
        let folder = copied(&template(&programs, user)?, user)?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.map_err(|error| StartError::Failed(error.to_string()))?;
        for (name, content) in
            [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())]
        {
            write(&folder.path().join(name), &content, user)?;
        }
        let settings = "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n";
        write(&folder.path().join("postgresql.auto.conf"), settings, user)?;
        Self::on(programs, user, folder)
    }

    /// The certificate of a server that was started with TLS.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.crt")
    }

    /// Starts the server of a folder on a free port.
    fn on(programs: PathBuf, user: Option<User>, folder: TempDir) -> Result<Self, StartError> {
        let mut tries = 0;
        loop {
            let port = free_port()?;
            tries += 1;
            match serve(&programs, folder.path(), port, user) {
                Ok(process) => return Ok(Self { process, programs, user, folder, port }),
                // Somebody else may have taken the port meanwhile.
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Makes an empty database and returns its URL.
    pub fn database(&self, name: &str) -> Result<String, StartError> {
        Self::database_at(self.port, name)
    }

    /// Makes an empty database on the server of this port, which another process started, and returns its URL.
    pub fn database_at(port: u16, name: &str) -> Result<String, StartError> {
        let port_text = port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port_text, "-U", SUPERUSER, name];
        run(programs()?.join("createdb").as_os_str(), &arguments, None)?;
        Ok(Self::url_at(port, name))
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        Self::url_at(self.port, database)
    }

    /// The URL of a database on the server of this port.
    pub fn url_at(port: u16, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{port}/{database}")
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        self.process.end(Signal::KILL);
    }

    /// Starts the server again after [`Postgres::kill`], with its files and on its port.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.process = serve(&self.programs, self.folder.path(), self.port, self.user)?;
        Ok(())
    }

    /// Stops all of its processes (SIGSTOP): connections stay open, and nothing responds.
    pub fn pause(&self) {
        self.process.signal_all(Signal::STOP);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.process.signal_all(Signal::CONT);
    }

    /// Starts a standby that follows this server, on a port of its own.
    pub fn standby(&self) -> Result<Self, StartError> {
        let folder = folder(self.user)?;
        let port = self.port.to_string();
        let arguments = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            SUPERUSER,
            "-D",
            text(folder.path())?,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ];
        run(self.programs.join("pg_basebackup").as_os_str(), &arguments, self.user)?;
        Self::on(self.programs.clone(), self.user, folder)
    }

    /// Whether a query about a database returns a row.
    pub fn holds(&self, database: &str, sql: &str) -> bool {
        let port = self.port.to_string();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-h", "127.0.0.1", "-p", &port, "-U", SUPERUSER, "-d", database, "-t", "-A", "-c", sql]);
        psql.output().is_ok_and(|output| output.status.success() && !output.stdout.trim_ascii().is_empty())
    }

    /// Makes a standby the primary, and returns when it takes writes.
    pub fn promote(&self) -> Result<(), StartError> {
        let arguments = ["promote", "-w", "-D", text(self.folder.path())?];
        run(self.programs.join("pg_ctl").as_os_str(), &arguments, self.user)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.end(Signal::QUIT);
    }
}

/// The folder of the programs, of the newest version.
fn programs() -> Result<PathBuf, StartError> {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| number(path));
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let candidates =
        newest.map(|version| version.join("bin")).into_iter().chain(std::env::split_paths(&in_path));
    let has_all =
        |folder: &PathBuf| ["initdb", "postgres", "createdb"].iter().all(|it| folder.join(it).is_file());
    candidates.into_iter().find(has_all).ok_or_else(|| StartError::Missing(MISSING.to_owned()))
}

/// Whom the server runs as: this user, or `postgres` if this is root, whom the server refuses.
fn user() -> Result<Option<User>, StartError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let number = |option: &str| {
        let output = Command::new("id").args([option, "postgres"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    match (number("-u"), number("-g")) {
        (Some(uid), Some(gid)) => Ok(Some(User { uid, gid })),
        _ => Err(StartError::Missing(format!("{MISSING}; root also needs a user `postgres`"))),
    }
}

/// The cluster that servers get a copy of, made if it is missing. It has one folder for each version and user.
fn template(programs: &Path, user: Option<User>) -> Result<PathBuf, StartError> {
    let owner = user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
    let built = std::fs::metadata(programs.join("postgres")).map_or(0, |metadata| metadata.mtime());
    let place = std::env::temp_dir().join(format!("millimetric-test-postgres-{owner}-{built}"));
    if place.is_dir() {
        return Ok(place);
    }
    let new = folder(user)?;
    #[rustfmt::skip]
    let arguments = [
        "-D", text(new.path())?, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
        "--wal-segsize=1",
    ];
    run(programs.join("initdb").as_os_str(), &arguments, user)?;
    match std::fs::rename(new.path(), &place) {
        Ok(()) => Ok(place),
        // Another test was faster.
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            Ok(place)
        }
        Err(error) => Err(StartError::Failed(format!("{}: {error}", place.display()))),
    }
}

/// A new folder with the files of a cluster.
fn copied(cluster: &Path, user: Option<User>) -> Result<TempDir, StartError> {
    let folder = folder(user)?;
    run(OsStr::new("cp"), &["-a", &format!("{}/.", text(cluster)?), text(folder.path())?], user)?;
    Ok(folder)
}

/// Writes a file that its owner alone can read.
fn write(path: &Path, content: &str, user: Option<User>) -> Result<(), StartError> {
    let written = || {
        std::fs::write(path, content)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        user.map_or(Ok(()), |User { uid, gid }| chown(path, Some(uid), Some(gid)))
    };
    written().map_err(|error: std::io::Error| StartError::Failed(format!("{}: {error}", path.display())))
}

/// An empty folder that belongs to the user.
fn folder(user: Option<User>) -> Result<TempDir, StartError> {
    let made = || {
        let folder = tempfile::Builder::new().prefix("millimetric-test-postgres-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
        if let Some(User { uid, gid }) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        Ok(folder)
    };
    made().map_err(|error: std::io::Error| StartError::Failed(error.to_string()))
}

/// Starts the server of a cluster and waits until it takes connections. It does not sync to disk: a test kills
/// processes, not the machine.
fn serve(programs: &Path, folder: &Path, port: u16, user: Option<User>) -> Result<Process, StartError> {
    let port = port.to_string();
    #[rustfmt::skip]
    let arguments = [
        "-D", text(folder)?, "-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal",
    ];
    let log = folder.join("stderr.log");
    let mut process = Process::start(programs.join("postgres").as_os_str(), &arguments, user, &log)?;
    let responds = || {
        let arguments = ["-q", "-h", "127.0.0.1", "-p", &port, "-U", SUPERUSER, "-d", "postgres"];
        run(programs.join("pg_isready").as_os_str(), &arguments, None).is_ok()
    };
    process.wait_until(responds, &log)?;
    Ok(process)
}

fn text(path: &Path) -> Result<&str, StartError> {
    path.to_str().ok_or_else(|| StartError::Failed(format!("{} is not UTF-8", path.display())))
}
