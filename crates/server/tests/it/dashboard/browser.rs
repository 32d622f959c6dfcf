//! A browser as far as these stories need one: it keeps its cookies, names the origin of its forms,
//! and sends the token that the last page gave it. Follows no redirect.

use std::cell::RefCell;

use crate::support::{CHROME, Instance, Response};

/// The owner's address and password in these stories.
pub(crate) const EMAIL: &str = "ann@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody's browser.
pub(crate) struct Browser<'a> {
    server: &'a Instance,
    /// `name=value` of the session.
    pub(crate) cookie: RefCell<Option<String>>,
    /// `name=value` of what outlives sessions: that somebody signed in here before.
    pub(crate) device: RefCell<Option<String>>,
    pub(crate) form_token: RefCell<String>,
}

impl<'a> Browser<'a> {
    /// One in which nobody is signed in.
    pub(crate) fn new(server: &'a Instance) -> Self {
        Self {
            server,
            cookie: RefCell::default(),
            device: RefCell::default(),
            form_token: RefCell::default(),
        }
    }

    /// The owner's, after the setup.
    pub(crate) fn of_owner(server: &'a Instance) -> Self {
        let browser = Self::new(server);
        let done = browser.post(&setup_path(server), &[("email", EMAIL), ("password", PASSWORD)]);
        assert_eq!((done.status, done.header("location")), (303, Some("/")), "{}", done.text);
        browser.get("/");
        browser
    }

    /// Signed in with a password.
    pub(crate) fn signed_in(server: &'a Instance, email: &str, password: &str) -> Self {
        let browser = Self::new(server);
        let done = browser.sign_in(email, password);
        assert_eq!(done.status, 303, "{}", done.text);
        browser.get("/");
        browser
    }

    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Response {
        self.post("/sign-in", &[("email", email), ("password", password)])
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        let cookies = self.cookies();
        let mut headers = vec![("user-agent", CHROME)];
        headers.extend(cookies.as_deref().map(|cookies| ("cookie", cookies)));
        self.keep(self.server.send("GET", path, &headers, b""))
    }

    /// Sends a form as a page of the server does.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.form_token.borrow().clone();
        let fields = [&[("form_token", token.as_str())], fields].concat();
        self.post_with(path, &fields, &[("origin", &self.server.url)])
    }

    /// Sends exactly these fields and headers, and the cookie.
    pub(crate) fn post_with(&self, path: &str, fields: &[(&str, &str)], more: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let cookies = self.cookies();
        let mut headers = vec![("user-agent", CHROME), ("content-type", "application/x-www-form-urlencoded")];
        headers.extend(cookies.as_deref().map(|cookies| ("cookie", cookies)));
        headers.extend(more);
        self.keep(self.server.send("POST", path, &headers, body.as_bytes()))
    }

    /// The value of the `Cookie` header.
    fn cookies(&self) -> Option<String> {
        let kept = [self.cookie.borrow().clone(), self.device.borrow().clone()];
        let pairs: Vec<String> = kept.into_iter().flatten().collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep(&self, response: Response) -> Response {
        for set in response.headers.get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            let place = if name.ends_with("mm_device") { &self.device } else { &self.cookie };
            *place.borrow_mut() = (!value.is_empty()).then(|| format!("{name}={value}"));
        }
        if let Some(token) = attribute(&response.text, "name=\"form_token\" value=\"") {
            *self.form_token.borrow_mut() = token;
        }
        response
    }
}

/// What follows these words in a page, to the next quotation mark.
pub(crate) fn attribute(page: &str, words: &str) -> Option<String> {
    Some(page.split_once(words)?.1.split('"').next()?.to_owned())
}

/// The path of the setup link that the start printed.
pub(crate) fn setup_path(server: &Instance) -> String {
    let line = server.greeting.lines().find(|line| line.contains("/setup/")).expect("a setup link");
    let (_, token) = line.trim().split_once("/setup/").unwrap();
    format!("/setup/{token}")
}
