//! Valid requests of every route, which mutations begin with. A new route gets one here.
//!
//! None of them creates or deletes a project, a person or a key: what the campaign stands on must stay.

use std::fmt::Write as _;

use crate::abuse::http::Draft;
use crate::abuse::target::{ORIGIN, Target};
use crate::random::Random;

/// Requests by subject, each with its share among all.
pub(super) struct Templates {
    groups: Vec<(u64, Vec<Draft>)>,
    keys: Vec<String>,
}

const RANGE: &str = "from=2025-01-01&to=2030-01-01";
const EVENT: &str = r#"{"event":"signup","event_id":"mutated-1","timestamp":"2026-05-16T19:00:00.000Z","anonymous_id":"visitor-1","user_id":"user-1","session_id":"session-1","url":"https://shop.example/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=may","path":"/sale","referrer":"https://www.google.com/","properties":{"plan":"pro","amount":12.5,"items":[{"sku":"a","n":1}],"nested":{"deep":{"er":true}}},"context":{"ip":"203.0.113.7","user_agent":"Mozilla/5.0"}}"#;
const SEGMENT: &str = r#"{"type":"page","messageId":"mutated-3","anonymousId":"visitor-1","userId":"user-1","originalTimestamp":"2026-05-16T19:00:00.000Z","sentAt":"2026-05-16T19:00:01.000Z","name":"Sale","category":"Shop","groupId":"g","previousId":"p","properties":{"url":"https://shop.example/sale","path":"/sale","referrer":"","search":"","title":"Sale"},"context":{"page":{"url":"https://shop.example/","referrer":"https://www.google.com/"},"campaign":{"name":"may","source":"news"},"ip":"203.0.113.7","userAgent":"Mozilla/5.0"},"integrations":{"All":true}}"#;
const READS: &[&str] = &[
    "/v1/query?limit=10",
    "/v1/query?event=purchase&source=google&medium=organic&user_id=u&anonymous_id=a&session_id=s&limit=2",
    "/v1/stats?metric=count",
    "/v1/stats?metric=uniques&group_by=source,medium&interval=day&timezone=Europe/Berlin&limit=20",
    "/v1/stats?metric=sum&property=amount&event=purchase&group_by=properties.plan,country",
    "/v1/stats?group_by=path&campaign=may&country=DE&path=/sale&browser=chrome&os=ios&device_type=mobile",
    "/v1/stats?metric=conversion_rate&goal=sale&group_by=session_source&interval=day",
    "/v1/goals?",
    "/v1/attribution?goal=sale&models=last,linear&value=amount",
    "/v1/sources?breakdown=source&limit=5&source_confidence=high",
    "/v1/events?limit=20",
    "/v1/funnel?steps=$pageview,add_to_cart,purchase&window=7d&group_by=source&limit=10",
    "/v1/funnel?steps=page:/sale*,goal:sale&group_by=session_source&group_at=attempt",
    "/v1/retention?interval=month&event=$pageview&return_event=purchase&timezone=UTC&new=range",
    "/v1/pages?sort=exits&limit=10",
    "/v1/sessions?interval=month&timezone=America/New_York&limit=10",
    "/v1/journeys?start=page:/sale*&direction=backwards&steps=5&pageviews=false&limit=10",
    "/v1/schema?kind=properties&event=purchase",
    "/v1/schema?kind=values&property=plan&search=p&limit=5",
    "/v1/explain?event_id=mutated-1",
    "/v1/changes?compare=year&goal=sale&metric=conversions&columns=session_source,country,properties.plan&limit=10",
    "/v1/changes?metric=sum&property=amount&compare=2025-01-01/2026-01-01&timezone=Europe/Berlin",
    "/v1/quality?limit=5",
    "/v1/usage?",
    "/v1/export?format=csv&event=no-such-event",
    "/v1/stats?group_by=hostname&filters=%5B%5B%22contains%22%2C%22path%22%2C%5B%22%2Fsale%22%5D%5D%5D",
    "/v1/query?limit=5&filters=%5B%5B%22not%22%2C%5B%22matches%22%2C%22hostname%22%2C%5B%22%5Eshop%22%5D%5D%5D%5D",
];
/// Bodies of queries, without their range.
const BODIES: &[(&str, &str)] = &[
    (
        "/v1/query",
        r#""limit":5,"filters":[["is","event",["signup","purchase"]],["exists","properties.plan"]]"#,
    ),
    (
        "/v1/stats",
        r#""group_by":["hostname","utm_source"],"filters":[["matches","path",["^/(sale|shop)"],{"case_sensitive":false}],["not",["or",[["is","browser",["chrome"]],["greater","properties.amount",[100]]]]]]"#,
    ),
    (
        "/v1/funnel",
        r#""steps":["$pageview",{"event":"purchase","filters":[["less","properties.amount",[50]]]}]"#,
    ),
    ("/v1/pages", r#""filters":"[[\"starts_with\",\"entry_path\",[\"/sale\"]]]","limit":10"#),
    ("/v1/attribution", r#""goal":"sale","models":["last"],"filters":[["is","session_source",["google"]]]"#),
    ("/v1/changes", r#""metric":"uniques","columns":["path","os"],"filters":[["is","event",["purchase"]]]"#),
    ("/v1/export", r#""format":"csv","filters":[["is","event",["no-such-event"]]]"#),
];
const WHAT_IF: &str = r#"{"from":"2025-01-01","to":"2030-01-01","rules":[{"slug":"partner","source":"acme","medium":"partner","campaign":"may","when":[{"field":"query.ref","op":"is","value":["a","b"]},{"field":"path","op":"matches","value":"^/(sale|shop)/[0-9]+"}]}],"ignored_referrers":["pay.example.com"],"meta_clicks":"social"}"#;
const TOOLS: &[(&str, &str)] = &[
    ("query_events", r#"{"event":"purchase","source":"facebook","period":"24h","limit":20}"#),
    (
        "get_stats",
        r#"{"metric":"uniques","group_by":["source","medium"],"event":"$pageview","period":"30d"}"#,
    ),
    ("top_sources", r#"{"period":"30d","event":"$pageview"}"#),
    ("funnel", r#"{"steps":["$pageview","purchase"],"window":"7d","period":"30d"}"#),
    ("top_pages", r#"{"by":"entry","source":"google","period":"30d","limit":10}"#),
    ("describe_schema", r#"{"kind":"properties","event":"purchase","period":"30d"}"#),
    (
        "get_stats",
        r#"{"filters":[["contains","path",["/sale"]],["or",[["is","os",["ios"]],["missing","campaign"]]]],"period":"7d"}"#,
    ),
    (
        "explain_attribution",
        r#"{"url":"https://shop.example/?fbclid=1","referrer":"https://l.facebook.com/"}"#,
    ),
];
const MESSAGES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"abuse","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"x"}}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"resources/list"}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"schema://rules"}}"#,
    r#"{"jsonrpc":"2.0","id":5,"method":"prompts/list"}"#,
    r#"{"jsonrpc":"2.0","id":6,"method":"prompts/get","params":{"name":"weekly_report","arguments":{"period":"7d"}}}"#,
    r#"[{"jsonrpc":"2.0","id":7,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]"#,
];
const PAGES: &[&str] = &[
    "/",
    "/projects/{}",
    "/projects/{}?period=7d&source=google&event=$pageview&compare=1&interval=day",
    "/projects/{}/tables/sources?period=30d",
    "/projects/{}/csv/pages?period=7d&country=DE",
    "/projects/{}/live",
    "/projects/{}/live/stream",
    "/projects/{}/funnels?step=$pageview&step=purchase&window=7d",
    "/projects/{}/retention?interval=week&event=$pageview",
    "/projects/{}/event?id=mutated-1",
    "/projects/{}/person?user_id=user-1",
    "/projects/{}/share",
    "/projects/{}/install",
    "/projects/{}/install/arrivals",
    "/projects/{}/keys",
    "/projects/{}/settings",
    "/projects/{}/settings/origins/check?origin=https://*.shop.example",
    "/accounts/default",
    "/accounts/default/usage",
    "/accounts/default/audit",
    "/accounts/default/keys",
    "/profile",
    "/profile/second-factor",
    "/sign-in?next=/projects/{}",
    "/setup/no-such-token",
    "/password/no-such-token",
    "/invitations/no-such-token",
    "/share/no-such-token",
    "/assets/0123456789abcdef/app.css",
];
/// Requests of the management API; `{}` is the project. None of them is valid where it would create something.
const ADMIN: &[(&str, &str, &str)] = &[
    ("GET", "/v1/admin/projects?limit=2&account=default", ""),
    (
        "POST",
        "/v1/admin/projects",
        r#"{"name":"","allowed_origins":["https://a.example"],"retention_days":30,"timezone":"UTC"}"#,
    ),
    ("GET", "/v1/admin/projects/{}", ""),
    ("PATCH", "/v1/admin/projects/{}", r#"{"name":"{}","retention_days":null,"timezone":"Europe/Berlin"}"#),
    ("DELETE", "/v1/admin/projects/{}?confirm=another", ""),
    ("GET", "/v1/admin/projects/{}/keys?limit=1", ""),
    (
        "POST",
        "/v1/admin/projects/{}/keys",
        r#"{"kind":"ak","env":"live","label":"x","scopes":["read"],"allowed_ips":["10.0.0.0/8"]}"#,
    ),
    (
        "POST",
        "/v1/admin/projects/{}/keys/key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5/rotate",
        r#"{"grace_seconds":60}"#,
    ),
    ("PUT", "/v1/admin/projects/{}/origins", r#"{"allowed_origins":["https://shop.example"]}"#),
    (
        "PUT",
        "/v1/admin/projects/{}/goals",
        r#"{"goals":[{"slug":"sale","name":"Sale","event":"purchase","filters":[["is","country",["DE"]]],"value":{"property":"amount","currency":"EUR"}}]}"#,
    ),
    (
        "PUT",
        "/v1/admin/projects/{}/rules",
        r#"{"rules":[{"slug":"a","when":[{"field":"path","op":"matches","value":"^/(a|b)[0-9]+"}],"source":"a","medium":"b"}],"meta_clicks":"paid"}"#,
    ),
    ("GET", "/v1/admin/account/members?limit=3", ""),
    ("GET", "/v1/admin/account/audit?limit=3&cursor=Nw", ""),
    ("GET", "/v1/admin/account/usage?month=2026-05", ""),
];
const DISCOVERY: &[&str] = &[
    "/openapi.json",
    "/docs",
    "/docs/api",
    "/docs/recipes/README.md",
    "/docs/search.json",
    "/llms.txt",
    "/llms-full.txt",
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/a.js",
    "/v1/sdk/track.tgz",
    "/.well-known/mcp/server-card.json",
    "/no-such-page",
    "/v1/no-such-route",
    "/v2/track",
];

impl Templates {
    pub(super) fn new(target: &Target) -> Self {
        let Target { keys, account_key, access_token, .. } = target;
        let groups = vec![
            (60, ingest(target)),
            (20, segment(target)),
            (60, reads(target)),
            (30, agents(target)),
            (16, PAGES.iter().map(|page| target.page(page)).collect()),
            (8, forms(target)),
            (12, admin(target)),
            (15, DISCOVERY.iter().map(|path| Draft::get(*path)).collect()),
            (1, forgetting(target)),
        ];
        let keys =
            [&keys.public, &keys.secret, &keys.read, account_key, access_token].map(String::clone).to_vec();
        Self { groups, keys }
    }

    /// One of them.
    pub(super) fn any(&self, random: &mut Random) -> &Draft {
        let all = self.groups.iter().map(|(share, _)| share).sum();
        let mut at = random.below(all);
        let mut chosen = &self.groups[0].1;
        for (share, group) in &self.groups {
            chosen = group;
            if at < *share {
                break;
            }
            at -= share;
        }
        &chosen[random.below(chosen.len() as u64) as usize]
    }

    /// Every key that the attackers have.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }
}

fn admin(target: &Target) -> Vec<Draft> {
    let draft = |(method, path, body): &(&str, &str, &str)| {
        let [path, body] = [path, body].map(|text| text.replace("{}", target.slug));
        let draft = Draft { method: (*method).to_owned(), ..Draft::post(path, body) };
        draft.header("idempotency-key", "mutated").header("if-match", "*").key(&target.access_token)
    };
    ADMIN.iter().map(draft).collect()
}

fn reads(target: &Target) -> Vec<Draft> {
    let mut reads: Vec<_> = READS.iter().map(|read| target.read(format!("{read}&{RANGE}"))).collect();
    // Of an address that nobody visited; the only read without a range.
    let explain = "/v1/explain?url=https://shop.example/?fbclid=1&referrer=https://l.facebook.com/";
    reads.push(target.read(explain));
    reads.push(Draft::post("/v1/explain", WHAT_IF).key(&target.keys.read));
    reads.extend(BODIES.iter().map(|(path, more)| {
        let body = format!(r#"{{"from":"2025-01-01","to":"2030-01-01",{more}}}"#);
        Draft::post(*path, body).key(&target.keys.read)
    }));
    reads
}

fn ingest(target: &Target) -> Vec<Draft> {
    let Target { keys, .. } = target;
    let batch = format!(r#"{{"events":[{EVENT},{{"event":"$pageview","url":"https://shop.example/"}}]}}"#);
    let identify = r#"{"anonymous_id":"visitor-1","user_id":"user-1","traits":{"plan":"pro","age":42},"event_id":"mutated-2"}"#;
    let beacon =
        Draft { headers: Vec::new(), ..Draft::post(format!("/v1/track?key={}", keys.public), EVENT) };
    let preflight = Draft { method: "OPTIONS".to_owned(), ..Draft::get("/v1/track") };
    vec![
        target.event_of_page("/v1/track", EVENT),
        Draft::post("/v1/track", EVENT).key(&keys.secret),
        target.event_of_page("/v1/batch", batch.clone()),
        Draft::post("/v1/batch", batch).key(&keys.secret),
        target.event_of_page("/v1/identify", identify),
        Draft::post("/v1/identify", identify).key(&keys.secret),
        beacon.header("origin", ORIGIN).header("content-type", "text/plain;charset=UTF-8"),
        preflight
            .header("origin", ORIGIN)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,traceparent"),
    ]
}

/// Messages of Segment's libraries, with the key in the header, in the body and in the path.
fn segment(target: &Target) -> Vec<Draft> {
    let Target { keys, .. } = target;
    let keyed = |key: &str| format!(r#"{{"writeKey":"{key}",{}"#, &SEGMENT[1..]);
    let batch = format!(
        r#"{{"batch":[{SEGMENT},{{"type":"identify","userId":7,"traits":{{"plan":"pro"}}}}],"sentAt":"2026-05-16T19:00:00Z","context":{{"ip":"203.0.113.7"}}}}"#
    );
    let keyed_batch = format!(r#"{{"writeKey":"{}",{}"#, keys.public, &batch[1..]);
    let of_page = |path: &str, body: String| {
        Draft::post(path, body).header("origin", ORIGIN).header("content-type", "text/plain")
    };
    vec![
        of_page("/v1/p", keyed(&keys.public)),
        of_page("/v1/b", keyed_batch),
        Draft::post("/v1/import", batch.clone()).key(&keys.secret),
        Draft::post("/v1/import/", batch).header("content-encoding", "identity").key(&keys.secret),
        Draft::post("/v1/group", keyed(&keys.secret)),
        Draft::post("/v1/alias", SEGMENT).key(&keys.secret),
        Draft::get(format!("/v1/projects/{}/settings", keys.public)).header("origin", ORIGIN),
    ]
}

fn agents(target: &Target) -> Vec<Draft> {
    let mut agents: Vec<_> = TOOLS.iter().map(|(name, arguments)| target.tool(name, arguments)).collect();
    agents.extend(MESSAGES.iter().map(|message| target.agent(*message)));
    let of_account = |mut draft: Draft| {
        "/mcp/account".clone_into(&mut draft.target);
        draft.headers.retain(|(name, _)| name != "authorization");
        draft.key(&target.account_key)
    };
    agents.push(of_account(target.tool("list_projects", r#"{"search":"a"}"#)));
    agents.push(of_account(target.tool("compare_projects", r#"{"metric":"uniques","period":"30d"}"#)));
    agents.push(of_account(target.tool("get_stats", r#"{"project_slug":"small","period":"7d"}"#)));
    let track = target.tool("track_event", EVENT);
    agents.push(
        Draft { headers: Vec::new(), ..track.clone() }
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .key(&target.keys.secret),
    );
    agents
}

/// Forms of the owner and of strangers. A wrong password costs the server a slow hash, as it should.
fn forms(target: &Target) -> Vec<Draft> {
    let origin = format!("http://{}", target.address);
    let form = |path: &str, fields: &[(&str, &str)]| {
        let mut body = format!("form_token={}", target.form_token);
        for (name, value) in fields {
            let _ = write!(body, "&{name}={value}");
        }
        let path = path.replace("{}", target.slug);
        Draft { headers: Vec::new(), ..Draft::post(path, body) }
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin.as_str())
            .header("cookie", target.cookie.as_str())
    };
    vec![
        form("/projects/{}/settings", &[("name", "small"), ("timezone", "UTC"), ("retention", "")]),
        form("/projects/{}/settings/origins", &[("origin", "https%3A%2F%2Fshop.example"), ("origin", "")]),
        form("/sign-in", &[("email", "nobody%40example.com"), ("password", "wrong"), ("next", "%2F")]),
        form("/sign-in/code", &[("code", "123456"), ("next", "%2F")]),
        form("/setup/no-such-token", &[("email", "a%40example.com"), ("password", "a-long-password")]),
        form("/password/no-such-token", &[("password", "a-long-password")]),
        form("/invitations/no-such-token", &[("email", "a%40example.com"), ("password", "a-long-password")]),
        form("/accounts/default/members/no-such-user/role", &[("role", "viewer")]),
        form("/projects/{}/share/no-such-link/revoke", &[]),
    ]
}

/// Of people of whom there is nothing, so that the attack does not erase its own ground.
fn forgetting(target: &Target) -> Vec<Draft> {
    let secret = &target.keys.secret;
    vec![
        Draft::post("/v1/forget", r#"{"user_id":"nobody-1","include_linked":true}"#).key(secret),
        Draft::post("/v1/forget", r#"{"anonymous_id":"nobody-2"}"#).key(secret),
        Draft::get("/v1/forget/00000000-0000-7000-8000-000000000000").key(secret),
    ]
}
