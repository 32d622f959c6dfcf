//! What is attacked and who is protected: a data folder with projects whose keys the attackers have and
//! one of the normal clients, and the server that runs over it during an attack.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;

use super::http::{Connection, Draft, PATIENCE};
use super::plan::Plan;
use crate::dashboard::owner_cookie;
use crate::server::{Keys, Server};

/// The origin that the attacked project allows.
pub(crate) const ORIGIN: &str = "https://shop.example";
/// A browser's, since events of bots are dropped.
pub(crate) const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
/// Where a single attacker comes from. The normal clients come from another address, since the server
/// bounds what one address may have.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Which project an attack has the keys of: what one leaves behind is no burden of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Many events of the demo.
    Large,
    /// Some events of the demo.
    Small,
    /// No events.
    Empty,
}

impl Ground {
    const ALL: [Self; 3] = [Self::Large, Self::Small, Self::Empty];

    /// The project's slug.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Large => "large",
            Self::Small => "small",
            Self::Empty => "empty",
        }
    }
}

/// A data folder that is ready.
#[derive(Debug)]
pub(crate) struct Site {
    home: TempDir,
    /// Of the projects that are attacked, in the order of [`Ground::ALL`].
    attacked: Vec<Keys>,
    /// Of the account that all projects belong to.
    account_key: String,
    /// Of an owner of the account.
    access_token: String,
    /// Of the owner's session.
    cookie: String,
    /// Of the project of the normal clients.
    pub(crate) normal: Keys,
}

/// What attackers know of a running server.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The project that is attacked.
    pub(crate) slug: &'static str,
    pub(crate) keys: Keys,
    pub(crate) account_key: String,
    pub(crate) access_token: String,
    /// Of the owner's session, with the token that its forms carry.
    pub(crate) cookie: String,
    pub(crate) form_token: String,
}

impl Site {
    /// Creates the folder with a server of its own, and stops it.
    pub(crate) async fn create(binary: &Path, plan: &Plan) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let server = Server::over(binary, home.path()).await?;
        let create = |ground: Ground| server.create_project(binary, ground.slug(), &[ORIGIN]);
        let attacked = Ground::ALL.into_iter().map(create).collect::<anyhow::Result<_>>()?;
        let normal = server.create_project(binary, "site", &[])?;
        let account_key = server.create_account_key(binary)?;
        let cookie = owner_cookie(&server)?;
        let access_token = server.create_access_token(binary)?;
        server.fill_project(binary, Ground::Large.slug(), plan.large_events)?;
        server.fill_project(binary, Ground::Small.slug(), plan.small_events)?;
        server.stop().await?;
        Ok(Self { home, attacked, account_key, access_token, cookie, normal })
    }

    /// Starts a server over it with its default settings.
    pub(crate) async fn start(&self, binary: &Path) -> anyhow::Result<Server> {
        Server::over_with(binary, self.home.path(), &[]).await
    }

    /// The same with these arguments besides, and takes aim at a project of it.
    pub(crate) async fn start_to_attack(
        &self,
        binary: &Path,
        arguments: &[&str],
        ground: Ground,
    ) -> anyhow::Result<(Server, Target)> {
        let server = Server::over_with(binary, self.home.path(), arguments).await?;
        let target = Target {
            address: server.address,
            slug: ground.slug(),
            keys: self.attacked[ground as usize].clone(),
            account_key: self.account_key.clone(),
            access_token: self.access_token.clone(),
            form_token: form_token(server.address, &self.cookie).await?,
            cookie: self.cookie.clone(),
        };
        Ok((server, target))
    }
}

/// The token that forms of this session carry, as a page shows it.
async fn form_token(address: SocketAddr, cookie: &str) -> anyhow::Result<String> {
    let page = Draft::get("/projects/small/settings").header("cookie", cookie).bytes(address);
    let mut connection = Connection::open(ATTACKER, address).await?;
    let (response, _) = connection.exchange(&page, false, PATIENCE).await?;
    let page = String::from_utf8_lossy(&response.body);
    let field = page.split_once(r#"name="form_token" value=""#).map(|(_, rest)| rest);
    let token = field.and_then(|rest| rest.split('"').next()).map(str::to_owned);
    token.with_context(|| format!("the owner's settings: {} without a form", response.status))
}

impl Target {
    /// As a page of the site sends it: with the pk and the origin.
    pub(crate) fn event_of_page(&self, path: &str, body: impl Into<Vec<u8>>) -> Draft {
        let draft = Draft::post(path, body).key(&self.keys.public);
        draft.header("origin", ORIGIN).header("user-agent", USER_AGENT)
    }

    /// A read with the rk.
    pub(crate) fn read(&self, target: impl Into<String>) -> Draft {
        Draft::get(target).key(&self.keys.read)
    }

    /// A page of the dashboard for its owner; `{}` in its address is the project.
    pub(crate) fn page(&self, target: &str) -> Draft {
        Draft::get(target.replace("{}", self.slug)).header("cookie", self.cookie.as_str())
    }

    /// A call of an agent's tool.
    pub(crate) fn tool(&self, name: &str, arguments: &str) -> Draft {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
        );
        self.agent(call)
    }

    /// A message of an agent of the project.
    pub(crate) fn agent(&self, message: impl Into<Vec<u8>>) -> Draft {
        let accept = "application/json, text/event-stream";
        Draft::post("/mcp", message).key(&self.keys.read).header("accept", accept)
    }
}
