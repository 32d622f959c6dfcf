//! Changes of a JSON body's structure: values of other types and sizes, members more, fewer or twice.

use serde_json::{Map, Value};

use super::nasty;
use crate::abuse::http::Draft;
use crate::random::Random;

/// What stands in the text where a value is put that no JSON value can be.
const MARK: &str = "a-mark-that-occurs-nowhere-else";

/// Changes one place of a JSON body; a body that is none is left as it is.
pub(super) fn structure(random: &mut Random, draft: &mut Draft) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&draft.body) else { return };
    if random.once_in(12) {
        draft.body = nasty::value(random).into_bytes();
        return;
    }
    let mut place = random.below(nodes(&body));
    let Some(node) = nth(&mut body, &mut place) else { return };
    change(random, node);
    let text = body.to_string().replace(&format!("\"{MARK}\""), &nasty::value(random));
    draft.body = text.into_bytes();
}

fn change(random: &mut Random, node: &mut Value) {
    let marked = Value::from(MARK);
    match node {
        Value::Object(members) if !members.is_empty() && !random.once_in(4) => {
            let at = random.below(members.len() as u64) as usize;
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            match random.below(4) {
                0 => drop(members.remove(&name)),
                1 => drop(members.insert(nasty::text(random), marked)),
                2 => rename(members, &name, nasty::text(random)),
                _ => drop(members.insert(name, marked)),
            }
        }
        Value::Array(items) if !items.is_empty() && !random.once_in(4) => {
            let at = random.below(items.len() as u64) as usize;
            match random.below(3) {
                0 => drop(items.remove(at)),
                1 => items.extend(vec![items[at].clone(); random.of(&[1, 2, 30])]),
                _ => items[at] = marked,
            }
        }
        _ => *node = marked,
    }
}

fn rename(members: &mut Map<String, Value>, name: &str, other: String) {
    if let Some(value) = members.remove(name) {
        members.insert(other, value);
    }
}

/// How many values there are in a value, itself included.
fn nodes(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(members) => members.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The value of this number, counted from the outermost.
fn nth<'a>(value: &'a mut Value, place: &mut u64) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, place)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, place)),
        _ => None,
    }
}
