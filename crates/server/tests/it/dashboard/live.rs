//! The live view: what is sent appears by itself, and a stream ends with what it stands on.

use std::io::{BufRead as _, BufReader, Lines};

use serde_json::json;

use super::browser::Browser;
use crate::support::{Instance, PATIENCE, Server};

pub(crate) type Stream = Lines<BufReader<ureq::BodyReader<'static>>>;

/// Opens the stream of the project `default`.
pub(crate) fn stream(server: &Instance, browser: &Browser<'_>) -> Stream {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    let cookie = browser.cookie.borrow().clone().unwrap();
    let response =
        agent.get(format!("{}/projects/default/live/stream", server.url)).header("cookie", cookie).call();
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    BufReader::new(response.into_body().into_reader()).lines()
}

/// Reads on to a line with these words; false when the stream ends before.
pub(crate) fn streams(stream: &mut Stream, words: &str) -> bool {
    stream.map_while(Result::ok).any(|line| line.contains(words))
}

#[test]
fn an_event_appears_with_the_rule_that_classified_it() {
    let server = Server::start();
    let project = server.default_project();
    let owner = Browser::of_owner(&server);
    assert!(owner.get("/projects/default/live").text.contains("No events in the last day"));
    let mut stream = stream(&server, &owner);
    assert!(streams(&mut stream, "visitors in the last five minutes"), "it begins with how things are");
    server.track(&project.sk, json!({ "event": "first", "url": "https://shop.example/?gclid=x" }));
    assert!(streams(&mut stream, "<bdi>first</bdi>"));
    assert!(streams(&mut stream, "google_click_id"));
    server.track(&project.sk, json!({ "event": "second" }));
    assert!(streams(&mut stream, "<bdi>second</bdi>"), "and goes on");
    let page = owner.get("/projects/default/live").text;
    assert!(page.contains("<bdi>first</bdi>") && page.contains("<bdi>second</bdi>"), "also without a script");
}

#[test]
fn test_events_have_a_view_of_their_own() {
    let server = Server::start();
    let project = server.default_project();
    let (_, test) = server.create_key(&project, &["--kind", "sk", "--env", "test"]);
    server.track(&test, json!({ "event": "rehearsal" }));
    let owner = Browser::of_owner(&server);
    assert!(!owner.get("/projects/default/live").text.contains("rehearsal"));
    assert!(owner.get("/projects/default/live?env=test").text.contains("<bdi>rehearsal</bdi>"));
}

#[test]
fn a_stream_ends_with_its_session() {
    let server = Server::start();
    let project = server.default_project();
    let owner = Browser::of_owner(&server);
    let mut stream = stream(&server, &owner);
    assert!(streams(&mut stream, "visitors in the last five minutes"));
    assert_eq!(owner.post("/sign-out", &[]).status, 303);
    server.track(&project.sk, json!({ "event": "secret" }));
    assert!(!streams(&mut stream, "secret"), "later events are not sent");
}

#[test]
fn a_stream_ends_when_the_server_stops() {
    let mut server = Server::start();
    let owner = Browser::of_owner(&server);
    let mut stream = stream(&server, &owner);
    assert!(streams(&mut stream, "visitors in the last five minutes"));
    drop(owner);
    server.ask_to_stop();
    assert!(!streams(&mut stream, "nothing more"));
    server.terminate();
}

#[test]
fn an_event_is_explained_with_every_rule_that_was_tried() {
    let server = Server::start();
    let project = server.default_project();
    let url = "https://shop.example/?utm_source=news&utm_medium=email";
    server.track(&project.sk, json!({ "event": "a", "event_id": "evt/1 ü", "url": url }));
    let owner = Browser::of_owner(&server);
    let link = "/projects/default/event?id=evt%2F1+%C3%BC";
    assert!(owner.get("/projects/default/live").text.contains(link));
    let page = owner.get(link).text;
    assert!(
        page.contains("google_click_id") && page.contains("<span class=\"badge good\">Matched</span>"),
        "{page}"
    );
    assert_eq!(owner.get("/projects/default/event?id=nothing").status, 404);
}
