//! Completion of the arguments of prompts: periods, names of events that occur, slugs of
//! projects. Offers nothing that the key could not ask for.

use rmcp::ErrorData;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};

use super::clean;
use super::failure::{self, Era};
use super::prompts::{self, Values};
use super::session::Session;
use crate::auth::agents::Projects;
use crate::error::ApiResult;
use crate::ops::reports::multi_project::of_each;
use crate::ops::reports::schema;

/// Longest list that is completed, in characters: eight event names.
const MAX_TYPED: usize = 8 * 130;
/// The most projects whose event names are offered.
const MOST_PROJECTS: usize = 20;

/// Values that begin with, or else hold, what was typed so far.
pub(super) async fn complete(
    session: &Session,
    request: &CompleteRequestParams,
    era: Era,
) -> Result<CompleteResult, ErrorData> {
    let Reference::Prompt(prompt) = &request.r#ref else {
        return Ok(CompleteResult::default());
    };
    let account = session.agent.is_account();
    let name = request.argument.name.as_str();
    let argument = prompts::argument(&prompt.name, name, account).ok_or_else(|| {
        let (prompt, name) = (clean::word(&prompt.name), clean::word(name));
        ErrorData::invalid_params(format!("There is no prompt {prompt} with an argument {name}."), None)
    })?;
    // Of a list with commas the last piece is completed.
    let typed = request.argument.value.as_str();
    let (before, last) = match typed.rsplit_once(',') {
        Some((before, last)) if name == "steps" => (clean::text(before, MAX_TYPED) + ",", last.trim()),
        _ => (String::new(), typed),
    };
    let all = values(session, argument.values)
        .await
        .map_err(|error| failure::of_request(&session.app.metrics, &error, era))?;
    let last = last.to_lowercase();
    let (mut fitting, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|value| value.to_lowercase().starts_with(&last));
    fitting.extend(others.into_iter().filter(|value| value.to_lowercase().contains(&last)));
    let total = u32::try_from(fitting.len()).ok();
    let more = fitting.len() > CompletionInfo::MAX_VALUES;
    fitting.truncate(CompletionInfo::MAX_VALUES);
    let offered = fitting.into_iter().map(|value| format!("{before}{value}")).collect();
    let info = CompletionInfo::with_pagination(offered, total, more)
        .map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(CompleteResult::new(info))
}

async fn values(session: &Session, values: Values) -> ApiResult<Vec<String>> {
    let app = &session.app;
    match values {
        Values::Anything => Ok(Vec::new()),
        Values::Words(words) => Ok(words.iter().map(|word| (*word).to_owned()).collect()),
        Values::ProjectSlugs => {
            let readers = session.agent.readers(app, &Projects::All).await?;
            Ok(readers.iter().map(|by| by.project().slug.to_string()).collect())
        }
        Values::EventNames => {
            let mut readers = session.agent.readers(app, &Projects::All).await?;
            readers.truncate(MOST_PROJECTS);
            let mut names = Vec::new();
            for name in of_each(&readers, |by| schema::known_names(app, by)).await?.into_iter().flatten() {
                let name = clean::text(&name, 128);
                // A name with a comma in it cannot be a step.
                if !names.contains(&name) && !name.contains(',') {
                    names.push(name);
                }
            }
            Ok(names)
        }
    }
}
