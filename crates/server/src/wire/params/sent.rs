//! The parameters of a request as they were sent: a query string, or a JSON object with the same names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Parameters, from_json_with, from_query_string_with, goal_in_json, goal_in_query};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::goals::AskedGoal;

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

    /// The goal that they name, if `P` takes one.
    pub fn goal<P: Parameters>(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::QueryString(text) => goal_in_query::<P>(text.as_deref()),
            Self::Body(object) => goal_in_json::<P>(object).map(Cow::Borrowed),
        }
    }

    /// The query that they ask for, with the goal that they name.
    ///
    /// # Errors
    /// As [`Parameters::query`]; `invalid_params` for a name that is unknown, or a value of a wrong type.
    pub fn read<P: Parameters>(self, goal: AskedGoal) -> ApiResult<P::Query> {
        match self {
            Self::QueryString(text) => from_query_string_with::<P>(text.as_deref(), goal),
            Self::Body(object) => from_json_with::<P>(object, goal),
        }
    }
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
