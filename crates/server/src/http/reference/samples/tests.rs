//! The code of samples, by example.

use serde_json::json;

use super::*;

fn samples(path: &str, method: &str, operation: Value) -> [String; 3] {
    let document = json!({ "components": { "securitySchemes": {
        "pk": { "type": "http", "scheme": "bearer" },
        "sk": { "type": "http", "scheme": "bearer" },
        "rk": { "type": "http", "scheme": "bearer" },
        "write_key": { "type": "http", "scheme": "basic" },
        "pk_in_url": { "type": "apiKey", "in": "query", "name": "key" },
    } } });
    let item = json!({});
    let call = Call::new(Spec(&document), "https://stats.example", (path, &item), (method, &operation));
    call.samples().into_iter().map(|sample| sample.code).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn a_query_is_encoded_by_each_language_itself() {
    let json = json!({ "200": { "content": { "application/json": {} } } });
    let [curl, javascript, python] = samples(
        "/v1/funnel",
        "get",
        json!({
            "security": [{ "sk": [] }, { "rk": [] }],
            "parameters": [
                { "in": "query", "name": "from", "required": true, "schema": { "type": "string", "example": "2026-05-01" } },
                { "in": "query", "name": "steps", "required": true, "example": "$pageview,it's" },
                { "in": "query", "name": "limit", "schema": { "type": "integer", "example": 5 } },
            ],
            "responses": json,
        }),
    );
    assert_eq!(
        curl,
        r#"curl -G https://stats.example/v1/funnel \
  -H "Authorization: Bearer $MILLIMETRIC_RK" \
  -d from=2026-05-01 \
  --data-urlencode 'steps=$pageview,it'\''s'"#
    );
    assert_eq!(
        javascript,
        r#"const query = new URLSearchParams({"from": "2026-05-01", "steps": "$pageview,it's"});
const response = await fetch(`https://stats.example/v1/funnel?${query}`, {
  headers: {
    "Authorization": `Bearer ${process.env.MILLIMETRIC_RK}`,
  },
});
console.log(await response.json());"#
    );
    assert_eq!(
        python,
        r#"import json
import os
import urllib.parse
import urllib.request

query = urllib.parse.urlencode({"from": "2026-05-01", "steps": "$pageview,it's"})
request = urllib.request.Request(
    "https://stats.example/v1/funnel?" + query,
    headers={
        "Authorization": "Bearer " + os.environ["MILLIMETRIC_RK"],
    },
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))"#
    );
}

#[test]
fn a_body_is_a_literal_of_each_language() {
    let [curl, javascript, python] = samples(
        "/v1/things/{id}",
        "patch",
        json!({
            "security": [{ "pk_in_url": [] }, { "write_key": [] }],
            "parameters": [
                { "in": "path", "name": "id", "required": true, "example": "a b" },
                { "in": "header", "name": "Idempotency-Key", "example": "k1" },
            ],
            "requestBody": { "content": { "application/json": { "example": { "on": true, "off": null } } } },
            "responses": { "204": { "description": "Done." } },
        }),
    );
    assert_eq!(
        curl,
        r#"curl -X PATCH https://stats.example/v1/things/a%20b \
  -u "$MILLIMETRIC_WRITE_KEY:" \
  -H 'Idempotency-Key: k1' \
  -H 'Content-Type: application/json' \
  -d '{"on": true, "off": null}'"#
    );
    assert!(
        javascript.contains(r#"  method: "PATCH","#) && javascript.ends_with("console.log(response.status);")
    );
    assert!(javascript.contains(r#"body: JSON.stringify({"on": true, "off": null}),"#), "{javascript}");
    assert!(
        python.starts_with("import base64\nimport json\nimport os\nimport urllib.request\n\n"),
        "{python}"
    );
    assert!(python.contains(r#"    data=json.dumps({"on": True, "off": None}).encode(),"#), "{python}");
    assert!(python.ends_with("print(response.status)"), "{python}");
}

#[test]
fn what_is_not_json_is_read_as_text() {
    let text = json!({ "200": { "content": { "application/x-ndjson": {} } } });
    let [curl, javascript, python] = samples("/a.js", "get", json!({ "responses": text }));
    assert_eq!(curl, "curl https://stats.example/a.js");
    assert_eq!(
        javascript,
        "const response = await fetch(\"https://stats.example/a.js\");\nconsole.log(await response.text());"
    );
    assert!(python.ends_with("print(response.read().decode())"), "{python}");
}
