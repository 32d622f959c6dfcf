//! Requests that read: who asks, and with which parameters. Each route takes them in the query string of a
//! `GET`, or as the JSON body of a `POST`, which has no limit of an address.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::handler::Handler;
use axum::http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::auth::{Authorized, Read};
use crate::body::{self, MAX_SMALL_BODY, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops;
use crate::state::App;
use crate::wire::params::{Parameters, SentParams, body_schema};
use crate::wire::reports::{Asked, Report};

/// Who reads, and the parameters that they sent.
#[derive(Debug)]
pub struct ReadRequest {
    /// Who reads.
    pub by: Authorized<Read>,
    sent: SentParams,
}

impl FromRequest<Arc<App>> for ReadRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> ApiResult<Self> {
        let (mut parts, body) = request.into_parts();
        let by = Authorized::<Read>::from_request_parts(&mut parts, app).await?;
        let query = parts.uri.query().map(str::to_owned);
        if parts.method != Method::POST {
            return Ok(Self { by, sent: SentParams::QueryString(query) });
        }
        if query.is_some_and(|query| !query.is_empty()) {
            let why = "a POST takes its parameters in the body: move those of the query string there";
            return Err(ApiError::form(ErrorCode::InvalidParams, why));
        }
        let from = Source { traffic: by.traffic(), address: ClientInfo::of(&parts, app).ip };
        let request = Request::from_parts(parts, body);
        let body = body::receive(request, &app.limits, from, MAX_SMALL_BODY).await?;
        let sent = body.parse(&app.limits, SentParams::from_body).await?.value;
        Ok(Self { by, sent })
    }
}

impl ReadRequest {
    /// Reads the parameters, which may name goals.
    ///
    /// # Errors
    /// As [`SentParams::query`]; the control database failed.
    pub async fn query<P: Parameters<Query: Send + 'static>>(
        self,
        app: &App,
    ) -> ApiResult<(Authorized<Read>, P::Query)> {
        let Self { by, sent } = self;
        let goals = ops::goals::asked(app, &by, &sent.goals::<P>()).await?;
        let query = sent.query::<P>(&app.limits.heavy, goals).await?;
        Ok((by, query))
    }

    /// Reads the parameters of a report.
    ///
    /// # Errors
    /// As [`SentParams::report`]; the control database failed.
    pub async fn report<R: Report>(self, app: &App) -> ApiResult<(Authorized<Read>, Asked<R>)> {
        let Self { by, sent } = self;
        let goals = ops::goals::asked(app, &by, &sent.goals::<R>()).await?;
        let asked = sent.report::<R>(&app.limits.heavy, goals).await?;
        Ok((by, asked))
    }
}

/// Adds the `POST` of a route that is a `GET`, and its description.
pub fn also_by_post<H, T>(route: UtoipaMethodRouter<Arc<App>>, handler: H) -> UtoipaMethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let (mut schemas, mut paths, router) = route;
    for item in paths.paths.values_mut() {
        let Some(get) = &item.get else { continue };
        let (name, schema, post) = by_post(get);
        schemas.push((name, RefOr::T(schema)));
        item.post = Some(post);
    }
    (schemas, paths, router.post(handler))
}

/// The same operation with a body: the name and schema of that, and the operation.
fn by_post(get: &Operation) -> (String, Schema, Operation) {
    let id = get.operation_id.as_deref().unwrap_or_default();
    let name = format!("{}Parameters", capitalised(id));
    let parameters = get.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let schema = body_schema(parameters);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(&name))).build();
    let body = RequestBodyBuilder::new()
        .description(Some("The parameters of the `GET`; a list may also be one text with commas."))
        .content("application/json", content)
        .required(Some(Required::True))
        .build();
    let mut post = get.clone();
    post.operation_id = Some(format!("{id}ByPost"));
    post.summary = get.summary.as_ref().map(|summary| format!("{summary} (parameters in the body)"));
    post.parameters = None;
    post.request_body = Some(body.into());
    (name, schema, post)
}

/// `getStats` as `GetStats`.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
