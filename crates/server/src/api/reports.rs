//! The routes of `wire::reports`: one handler for every query of the event store, and `/v1/usage`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, Paths};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{IntoParams as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::reading::{ReadRequest, also_by_post};
use crate::error::ApiResult;
use crate::ops::read;
use crate::ops::reports::warnings;
use crate::state::App;
use crate::wire::params::{CompareParam, TimezoneParam, described};
use crate::wire::reports::{
    Answer, Report, ReportVisitor, UsageParams, UsageRow, UsageRows, answer, describe_answer, for_each_report,
};

/// The routes of all reports.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    struct Routes(OpenApiRouter<Arc<App>>);
    impl ReportVisitor for Routes {
        fn visit<R: Report>(&mut self) {
            self.0 = std::mem::take(&mut self.0).routes(route::<R>());
        }
    }
    let mut routes = Routes(OpenApiRouter::new());
    for_each_report(&mut routes);
    routes.0
}

async fn report<R: Report>(
    State(app): State<Arc<App>>,
    request: ReadRequest,
) -> ApiResult<Json<Answer<R::Body>>> {
    let (by, asked) = request.report::<R>(&app).await?;
    // The queries of a comparison wait once.
    let by = if asked.ranges.is_some() { read::in_one_slot(&app, &by).await? } else { by };
    let run = |query| {
        let (app, by) = (&app, &by);
        async move { Ok(read::run(app, by, query).await?) }
    };
    let (answer, unconfirmed) = answer::<R, _>(asked, app.now(), run).await?;
    Ok(Json(answer.with(warnings::of_one(&app, &by, unconfirmed.as_ref()).await)))
}

/// The route of one report, with its description.
fn route<R: Report>() -> UtoipaMethodRouter<Arc<App>> {
    let mut schemas = vec![(R::Body::name().into_owned(), R::Body::schema())];
    R::Body::schemas(&mut schemas);
    describe_answer::<R>(&mut schemas);
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(R::Body::name()))).build();
    let mut parameters = described::<R>();
    if R::COMPARABLE.is_some() {
        parameters.extend(CompareParam::into_params(|| None));
    }
    let no_scopes = [""; 0];
    let operation = OperationBuilder::new()
        .operation_id(Some(R::OPERATION_ID))
        .tag("read")
        .summary(Some(R::SUMMARY))
        .description(R::DESCRIPTION)
        .parameters(Some(parameters))
        .response(
            "200",
            ResponseBuilder::new().description("The rows.").content("application/json", body).build(),
        )
        .security(SecurityRequirement::new("rk", no_scopes))
        .security(SecurityRequirement::new("sk", no_scopes))
        .build();
    let mut paths = Paths::new();
    paths.paths.insert(R::PATH.to_owned(), PathItem::new(HttpMethod::Get, operation));
    also_by_post((schemas, paths, get(report::<R>)), report::<R>)
}

/// Events stored each month, against the plan
#[utoipa::path(get, path = "/v1/usage", operation_id = "getUsage", tag = "read", params(UsageParams, TimezoneParam),
    responses((status = 200, description = "The months with events.", body = UsageRows)), security(("rk" = []), ("sk" = [])))]
pub async fn usage(State(app): State<Arc<App>>, request: ReadRequest) -> ApiResult<Json<UsageRows>> {
    let (by, range) = request.query::<UsageParams>(&app).await?;
    let rows = read::usage(&app, &by, range).await?;
    let plan = by.project().plan;
    Ok(Json(UsageRows {
        plan: plan.as_str(),
        monthly_limit: plan.monthly_events(),
        rows: rows
            .into_iter()
            .map(|row| UsageRow { month: row.month.to_string(), events: row.events })
            .collect(),
    }))
}
