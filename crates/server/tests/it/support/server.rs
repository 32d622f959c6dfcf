//! A server in this process: what `millimetric serve` runs, on a runtime of its own. Its clients reach
//! it over the loopback interface like any other.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use millimetric::app::server::Bounds;
use millimetric::cli::serve::{greet, serve};
use millimetric::config::{Installation, PublicUrl, Settings};
use millimetric::limits::timeouts::Timeouts;
use millimetric::ops::keys::CreatedKey;
use millimetric::ops::projects::found;
use millimetric::state::App;
use millimetric_control::{Actor, Slug};
use millimetric_core::ids::AccountId;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Instance, Project, files_with, on_servers};

/// Time for work on the runtime's blocking threads to end, as in the program.
const BLOCKING_WITHIN: Duration = Duration::from_secs(1);

/// A running server. Dropped, it stops as it does on SIGTERM and closes its stores.
pub(crate) struct Server {
    instance: Instance,
    app: Arc<App>,
    running: Option<Running>,
    /// The data folder, if it is the server's own.
    folder: Option<TempDir>,
}

/// Where a server runs.
struct Running {
    runtime: Runtime,
    /// Dropped, it asks the server to stop.
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

impl Running {
    /// Asks the server to stop and waits for its end.
    fn end(mut self) {
        self.stop = None;
        self.runtime.block_on(self.ended).expect("the server ends without a panic");
        self.runtime.shutdown_timeout(BLOCKING_WITHIN);
    }
}

/// The flags of `serve`.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Arguments {
    #[command(flatten)]
    installation: Installation,
    #[command(flatten)]
    settings: Settings,
}

impl Server {
    /// On a fresh folder, with rate limits off.
    pub(crate) fn start() -> Self {
        Self::start_with(&[
            "--rate-limit-track",
            "off",
            "--rate-limit-batch",
            "off",
            "--rate-limit-admin",
            "off",
        ])
    }

    /// On a fresh folder, with these flags of `serve`.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        Self::start_within(flags, Bounds::default())
    }

    /// The same with other bounds than the product's.
    pub(crate) fn start_within(flags: &[&str], bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::open(folder.path(), flags, bounds).unwrap();
        server.folder = Some(folder);
        server
    }

    /// On a folder that outlives it.
    pub(crate) fn start_on(dir: &Path, flags: &[&str]) -> Self {
        Self::open(dir, flags, Bounds::default()).unwrap()
    }

    /// The same; the error is what the program prints if the start fails.
    pub(crate) fn try_start(dir: &Path, flags: &[&str]) -> Result<Self, String> {
        Self::open(dir, flags, Bounds::default()).map_err(|error| format!("{error:?}"))
    }

    fn open(dir: &Path, flags: &[&str], bounds: Bounds) -> anyhow::Result<Self> {
        let Arguments { installation, settings } = arguments(dir, flags);
        let runtime = Runtime::new()?;
        let (server, greeting) = runtime.block_on(async {
            let server = millimetric::app::server::Server::open(&installation, settings, bounds).await?;
            let mut greeting = String::new();
            greet(server.app(), true, &mut |text| greeting.extend([text, "\n".into()])).await?;
            let before_address = greeting.find("Millimetric listens on").unwrap_or(greeting.len());
            greeting.truncate(before_address);
            anyhow::Ok((server, greeting))
        })?;
        let app = Arc::clone(server.app());
        let instance = Instance {
            url: PublicUrl::local(server.address()?).as_str().to_owned(),
            greeting,
            dir: dir.to_owned(),
        };
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(server.run(async { drop(stopped.await) }));
        Ok(Self { instance, app, running: Some(Running { runtime, stop: Some(stop), ended }), folder: None })
    }

    /// Creates another project with its keys, beside the command line.
    pub(crate) fn project(&self, name: &str, origins: &[&str]) -> Project {
        let name = name.parse().unwrap();
        let slug = Slug::from_name(&name);
        let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let (control, pepper) = (&self.app.stores.control, self.app.credentials.keys.pepper());
        let created = found(control, pepper, name, slug, origins, &Actor::CommandLine, self.app.now());
        let created = self.runtime().block_on(created).unwrap();
        let text = |key: &CreatedKey| key.text.reveal().to_owned();
        Project {
            slug: created.project.slug.as_str().to_owned(),
            pk: text(&created.pk),
            sk: text(&created.sk),
            rk: text(&created.rk),
        }
    }

    /// Creates an account.
    pub(crate) fn account(&self, name: &str) -> String {
        let id = AccountId::new(self.app.new_id());
        let (control, name) = (&self.app.stores.control, name.parse().unwrap());
        let created = control.create_account(id, name, &Actor::CommandLine, self.app.now());
        self.runtime().block_on(created).unwrap().id.to_string()
    }

    fn runtime(&self) -> &Runtime {
        &self.running.as_ref().expect("a running server").runtime
    }

    /// Asks it to stop; [`Server::terminate`] waits for the end.
    pub(crate) fn ask_to_stop(&mut self) {
        self.running.as_mut().expect("a running server").stop = None;
    }

    /// Asks it to stop and waits for its end; returns its own data folder.
    pub(crate) fn terminate(mut self) -> Option<TempDir> {
        self.running.take().expect("a running server").end();
        self.folder.take()
    }

    /// Stops it and names the files of its folder that contain any of the texts.
    pub(crate) fn terminate_and_search(self, needles: &[&[u8]]) -> Vec<String> {
        let folder = self.terminate().expect("a folder of its own");
        needles.iter().flat_map(|needle| files_with(folder.path(), needle)).collect()
    }
}

impl Deref for Server {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.running.take() {
            // What a failed test left running may never end.
            Some(running) if std::thread::panicking() => running.runtime.shutdown_background(),
            Some(running) => running.end(),
            None => {}
        }
    }
}

/// The product's bounds with timeouts of slow clients divided by this number, and rates multiplied.
pub(crate) fn shorter_timeouts(by: u32) -> Bounds {
    let usual = Timeouts::default();
    let timeouts = Timeouts {
        head: usual.head / by,
        body_silence: usual.body_silence / by,
        body: usual.body / by,
        body_rate: usual.body_rate * by,
        drain: usual.drain / by,
        drain_silence: usual.drain_silence / by,
        write: usual.write / by,
        read_rate: usual.read_rate * by,
        age: usual.age / by,
        end: usual.end / by,
    };
    Bounds { timeouts, ..Bounds::default() }
}

/// Runs `millimetric serve` in the foreground with other bounds: the body of a process that a test kills.
#[allow(clippy::print_stdout, reason = "the test harness has begun a line, and the address needs its own")]
pub(crate) fn serve_with(dir: &Path, flags: &[&str], bounds: Bounds) {
    let Arguments { installation, settings } = arguments(dir, flags);
    println!();
    Runtime::new().unwrap().block_on(serve(&installation, settings, bounds)).unwrap();
}

/// Reads the flags without the environment, which is the tester's.
fn arguments(dir: &Path, flags: &[&str]) -> Arguments {
    let command = Arguments::command().mut_args(|argument| argument.env(Resettable::Reset));
    let own = ["--data-dir", dir.to_str().expect("a path in UTF-8"), "--listen", "127.0.0.1:0"];
    let stores = on_servers::flags(dir, flags);
    let flags = flags.iter().copied().chain(stores.iter().map(String::as_str));
    let matches = command.try_get_matches_from(own.into_iter().chain(flags));
    Arguments::from_arg_matches(&matches.expect("valid flags")).expect("valid flags")
}
