//! The parameters of a request as they were sent: a query string, or a JSON object with the same names.

use std::borrow::Cow;
use std::fmt;

use chrono_tz::Tz;
use millimetric_core::query::Query as _;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::compare::{self, COMPARE};
use super::timezone::TIMEZONE;
use super::{
    FILTERS, GOAL, NOT_A_TEXT, Parameters, STEPS, from_json_with, from_query_string_with, goals_in_steps,
    mistyped, takes,
};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::limits::heavy::HeavyWork;
use crate::ops::goals::AskedGoals;
use crate::wire::reports::{Asked, Report};

/// The parameters of a request, before they are read.
#[derive(Debug, Clone)]
pub enum SentParams {
    /// The query string of a `GET`, if there is one.
    QueryString(Option<String>),
    /// The body of a `POST`.
    Body(Map<String, Value>),
}

impl SentParams {
    /// The parameters in the body of a `POST`.
    ///
    /// # Errors
    /// `invalid_payload` if the text is not a JSON object, or names a member twice.
    pub fn from_body(text: &str) -> ApiResult<Self> {
        match serde_json::from_str(text) {
            Ok(Members(object)) => Ok(Self::Body(object)),
            Err(error) => Err(ApiError::form(ErrorCode::InvalidPayload, error.to_string())),
        }
    }

    /// The goals that they name, if `P` takes any: in `goal`, and in the steps of a funnel.
    pub fn goals<P: Parameters>(&self) -> Vec<Cow<'_, str>> {
        let goal = if takes::<P>(GOAL) { self.text(GOAL) } else { None };
        let steps = if takes::<P>(STEPS) { self.steps() } else { Vec::new() };
        goal.into_iter().chain(steps.into_iter().map(Cow::Owned)).collect()
    }

    /// The goals among the steps.
    fn steps(&self) -> Vec<String> {
        match self {
            Self::QueryString(_) => self.text(STEPS).map(|text| goals_in_steps(text.into_owned().into())),
            Self::Body(object) => object.get(STEPS).cloned().map(goals_in_steps),
        }
        .into_iter()
        .flatten()
        .map(|(_, slug)| slug)
        .collect()
    }

    /// The first parameter of this name that is a text.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::QueryString(text) => {
                let mut pairs = form_urlencoded::parse(text.as_deref()?.as_bytes());
                pairs.find(|(known, _)| known == name).map(|(_, value)| value)
            }
            Self::Body(object) => object.get(name)?.as_str().map(Cow::Borrowed),
        }
    }

    /// The query that they ask for, with the goals that they name. Conditions are read off the async runtime,
    /// since their regular expressions take time to compile.
    ///
    /// # Errors
    /// As [`Parameters::query`]; `invalid_params` for a name that is unknown, or a value of a wrong type.
    pub async fn query<P: Parameters<Query: Send + 'static>>(
        self,
        heavy: &HeavyWork,
        goals: AskedGoals,
    ) -> ApiResult<P::Query> {
        if self.has_conditions() {
            heavy.run(move || self.read::<P>(goals)).await?
        } else {
            self.read::<P>(goals)
        }
    }

    /// The report that they ask for: its query, as [`query`](Self::query) reads it, and with `compare` the range
    /// that it is compared with.
    ///
    /// # Errors
    /// As [`query`](Self::query); `invalid_params` if `compare` is wrong.
    pub async fn report<R: Report>(mut self, heavy: &HeavyWork, goals: AskedGoals) -> ApiResult<Asked<R>> {
        let Some(comparable) = R::COMPARABLE else {
            return Ok(Asked { query: self.query::<R>(heavy, goals).await?, ranges: None });
        };
        let compare = self.take(COMPARE)?;
        let zone = self.text(TIMEZONE).and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
        let query = self.query::<R>(heavy, goals).await?;
        let ranges = compare.map(|text| {
            compare::ranges(
                &text,
                query.range(),
                comparable.buckets_of(&query).map(|(buckets, _)| buckets),
                zone,
            )
        });
        Ok(Asked { query, ranges: ranges.transpose()? })
    }

    /// Takes a parameter out.
    ///
    /// # Errors
    /// `invalid_params` if it is there twice, or no text.
    fn take(&mut self, name: &'static str) -> ApiResult<Option<String>> {
        match self {
            Self::QueryString(text) => {
                let pairs = form_urlencoded::parse(text.as_deref().unwrap_or_default().as_bytes());
                let (taken, others): (Vec<_>, Vec<_>) = pairs.partition(|(known, _)| known == name);
                let [(_, value)] = &taken[..] else {
                    return match taken.len() {
                        0 => Ok(None),
                        _ => {
                            Err(ApiError::form(ErrorCode::InvalidParams, format!("duplicate field `{name}`")))
                        }
                    };
                };
                let value = value.clone().into_owned();
                let others = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
                *text = Some(others);
                Ok(Some(value))
            }
            Self::Body(object) => match object.shift_remove(name) {
                None => Ok(None),
                Some(Value::String(text)) => Ok(Some(text)),
                Some(_) => Err(mistyped(name, NOT_A_TEXT)),
            },
        }
    }

    /// Whether there may be conditions among them.
    fn has_conditions(&self) -> bool {
        let may_have = |name: &str| matches!(name, FILTERS | STEPS);
        match self {
            Self::QueryString(text) => {
                let text = text.as_deref().unwrap_or_default();
                form_urlencoded::parse(text.as_bytes()).any(|(name, _)| may_have(&name))
            }
            Self::Body(object) => object.keys().any(|name| may_have(name)),
        }
    }

    pub(in crate::wire) fn read<P: Parameters>(self, goals: AskedGoals) -> ApiResult<P::Query> {
        match self {
            Self::QueryString(text) => from_query_string_with::<P>(text.as_deref(), goals),
            Self::Body(object) => from_json_with::<P>(object, goals),
        }
    }
}

/// The goals that arguments name, in `goal` and in the steps of a funnel: where, and the slug.
pub fn named_goals(arguments: &Map<String, Value>) -> Vec<(String, String)> {
    let goal = arguments.get(GOAL).and_then(Value::as_str).map(|slug| (GOAL.to_owned(), slug.to_owned()));
    let steps = arguments.get(STEPS).cloned().map(goals_in_steps);
    goal.into_iter().chain(steps.into_iter().flatten()).collect()
}

/// The members of an object, each name once. `null` is the same as absent.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a JSON object with the parameters, like {"from":"2026-05-01","to":"2026-06-01"}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            members.insert(name, value);
        }
        members.retain(|_, value| !value.is_null());
        Ok(Members(members))
    }
}
