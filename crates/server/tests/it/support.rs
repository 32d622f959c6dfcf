//! Starts the program on a fresh data folder, talks to it, stops it. Nothing here asserts what a
//! story is about.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for something that must happen; only a hang uses it up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_millimetric");

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// `http://localhost:PORT`
    pub(crate) url: String,
    /// What the start printed before it listened.
    pub(crate) greeting: String,
    /// Its data folder.
    pub(crate) dir: PathBuf,
    /// What it logged so far.
    log: Arc<Mutex<Vec<String>>>,
    /// Removes the folder in the end, when the server made it.
    folder: Option<TempDir>,
}

/// A project and its keys.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) slug: String,
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) rk: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status and code of an error, for one assertion.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Server {
    /// On a fresh folder, with rate limits off.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--rate-limit-track", "off", "--rate-limit-batch", "off"])
    }

    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::start_on(folder.path(), flags);
        server.folder = Some(folder);
        server
    }

    /// On a folder that outlives it.
    pub(crate) fn start_on(dir: &Path, flags: &[&str]) -> Self {
        Self::try_start(dir, flags).unwrap_or_else(|error| panic!("the server did not start: {error}"))
    }

    /// On a fresh folder, started by a line of shell that ends in `exec "$0" "$@"`.
    pub(crate) fn start_through(shell: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut through = Command::new("sh");
        through.args(["-c", shell, PROGRAM]);
        let arguments = [&["serve", "--print-keys"], flags].concat();
        let mut server = Self::spawn(clean(through, folder.path()), folder.path(), &arguments)
            .unwrap_or_else(|error| panic!("the server did not start: {error}"));
        server.folder = Some(folder);
        server
    }

    /// The text of standard error when the start fails.
    pub(crate) fn try_start(dir: &Path, flags: &[&str]) -> Result<Self, String> {
        Self::try_start_as(dir, &[&["serve", "--print-keys"], flags].concat())
    }

    /// With exactly these arguments.
    pub(crate) fn try_start_as(dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::spawn(command(dir), dir, arguments)
    }

    fn spawn(mut program: Command, dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut child = program
            .env("MILLIMETRIC_LISTEN", "127.0.0.1:0")
            .env("MILLIMETRIC_LOG", "warn")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("Millimetric listens on ") {
                let url = rest.split(' ').next().unwrap().to_owned();
                // This pipe too is emptied to the end.
                std::thread::spawn(move || lines.for_each(drop));
                let log = gather(child.stderr.take().unwrap());
                return Ok(Self { child, url, greeting, dir: dir.to_owned(), log, folder: None });
            }
            greeting += &line;
            greeting.push('\n');
        }
        let output = child.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The project `default` with the keys that the first start printed.
    pub(crate) fn default_project(&self) -> Project {
        let key = |name: &str| {
            let line = self.greeting.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        Project { slug: "default".to_owned(), pk: key("browsers"), sk: key("servers"), rk: key("reading") }
    }

    /// Another project, made on the command line while the server runs.
    pub(crate) fn project(&self, name: &str, origins: &[&str]) -> Project {
        let mut args = vec!["project", "create", "--name", name];
        for origin in origins {
            args.extend(["--origin", origin]);
        }
        let made = self.cli(&args);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = &made["keys"];
        Project {
            slug: text(&made["slug"]),
            pk: text(&keys["pk"]),
            sk: text(&keys["sk"]),
            rk: text(&keys["rk"]),
        }
    }

    /// Mints a key of a project: its id and text.
    pub(crate) fn mint(&self, project: &Project, args: &[&str]) -> (String, String) {
        let made = self.cli(&[&["key", "mint", "--project", &project.slug], args].concat());
        (made["key_id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    /// Runs a command with `--json` on this server's folder and reads its answer.
    pub(crate) fn cli(&self, args: &[&str]) -> Value {
        cli(&self.dir, args)
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Response {
        self.send("GET", path, &[("authorization", &format!("Bearer {key}"))], b"")
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Stores one event and asserts that it was taken.
    pub(crate) fn track(&self, key: &str, event: Value) -> Value {
        let response = self.post("/v1/track", key, &event);
        assert_eq!(response.status, 202, "{}", response.text);
        response.json()
    }

    /// Any request; header names may repeat.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match method {
            "GET" | "HEAD" | "OPTIONS" | "DELETE" => agent.run(request.body(()).unwrap()),
            _ => agent.run(request.body(body).unwrap()),
        }
        .unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        Response { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }

    /// Ends the process without any warning, as a power cut would.
    pub(crate) fn kill(mut self) -> Option<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take()
    }

    /// Asks the process to end, and waits for it.
    pub(crate) fn terminate(self) -> (ExitStatus, Option<TempDir>) {
        self.ask_to_stop();
        self.stopped()
    }

    /// Has every hot event sealed, as a backup does.
    pub(crate) fn seal(&self) {
        let place = tempfile::tempdir().unwrap();
        self.cli(&["backup", place.path().join("backup").to_str().unwrap()]);
    }

    /// Waits for a line of its log that holds all of the words.
    pub(crate) fn logged(&self, words: &[&str]) {
        eventually(&format!("the log says {words:?}"), || {
            let log = self.log.lock().unwrap();
            log.iter().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        });
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Holds on to a folder until the server ends.
    pub(crate) fn keeping(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Sends SIGTERM and leaves the waiting to the caller.
    pub(crate) fn ask_to_stop(&self) {
        signal(&self.child, "TERM");
    }

    /// Waits for a process that was asked to stop.
    pub(crate) fn stopped(mut self) -> (ExitStatus, Option<TempDir>) {
        let status = wait(&mut self.child);
        (status, self.folder.take())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end, or a full pipe would stop the server.
fn gather(errors: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let gathered = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            gathered.lock().unwrap().push(line);
        }
    });
    log
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    eventually("the process ends", || child.try_wait().unwrap())
}

/// The program on a data folder, with nothing of the tester's own environment.
pub(crate) fn command(dir: &Path) -> Command {
    clean(Command::new(PROGRAM), dir)
}

fn clean(mut command: Command, dir: &Path) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MILLIMETRIC_")) {
        command.env_remove(name);
    }
    command.env("MILLIMETRIC_DATA_DIR", dir);
    command
}

/// Runs a command with `--json` and reads its answer.
pub(crate) fn cli(dir: &Path, args: &[&str]) -> Value {
    let output = command(dir).args(args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Polls until there is an answer: for what happens in the background.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A range that holds everything.
pub(crate) const ALWAYS: &str = "from=2000-01-01&to=2100-01-01";

/// A small week of a shop: an ad on Facebook, a post there, a search, two purchases.
pub(crate) fn shop(server: &Server, project: &Project) {
    let event = |id: &str, day: &str, visitor: &str, name: &str, url: &str, referrer: &str, more: Value| {
        json!({ "event": name, "event_id": id, "timestamp": format!("2026-05-{day}Z"), "anonymous_id": visitor,
                "url": format!("https://shop.example{url}"), "referrer": referrer, "properties": more })
    };
    let ad = "/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=May";
    let events = json!({ "events": [
        event("e1", "15T23:30:00", "anna", "$pageview", ad, "", json!({})),
        event("e2", "16T08:00:00", "anna", "purchase", "/cart", "https://shop.example/sale", json!({ "amount": 20, "plan": "pro" })),
        event("e3", "16T09:00:00", "ben", "$pageview", "/", "https://www.google.com/", json!({})),
        event("e4", "16T09:30:00", "ben", "$pageview", "/sale", "https://shop.example/", json!({})),
        event("e5", "16T10:00:00", "cleo", "$pageview", "/", "https://www.facebook.com/", json!({})),
        event("e6", "16T10:30:00", "cleo", "purchase", "/cart", "https://shop.example/", json!({ "amount": 5.5, "plan": "free" })),
    ] });
    let response = server.post("/v1/batch", &project.sk, &events);
    assert_eq!(response.status, 202, "{}", response.text);
}

/// A page view with an id.
pub(crate) fn pageview(id: &str, url: &str) -> Value {
    json!({ "event": "$pageview", "event_id": id, "anonymous_id": "visitor-1", "url": url,
            "timestamp": "2026-05-16T19:00:00Z" })
}

/// A real browser's user agent.
pub(crate) const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

impl Server {
    /// Stops the server and names the files of its folder that hold any of the texts.
    pub(crate) fn terminate_and_search(self, needles: &[&[u8]]) -> Vec<String> {
        let (status, folder) = self.terminate();
        assert!(status.success());
        let folder = folder.unwrap();
        needles.iter().flat_map(|needle| files_with(folder.path(), needle)).collect()
    }
}

/// The files below a folder that hold these bytes.
pub(crate) fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let holds = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    files(dir).into_iter().filter(holds).map(|path| path.display().to_string()).collect()
}

/// Every file below a folder, in order of path.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}
