//! What is wrong with a project's events: `/v1/quality`. Each check is made of grouped counts, of the same typed
//! queries as everybody's; `checks` says what is a fault.

mod checks;

use millimetric_core::event::Event;
use millimetric_core::query::{
    Dimension, EventSelector, EventsQuery, Filter, Metric, Named, Number, RowLimit, StatsQuery,
};
use millimetric_core::time::TimeRange;

use super::warnings::Unconfirmed;
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// `GET /v1/quality`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityQuery {
    /// Of which events, by their `timestamp`.
    pub range: TimeRange,
    /// The most values of each fault.
    pub limit: RowLimit,
}

/// The faults of a project's events.
#[derive(Debug)]
pub struct QualityResponse {
    /// Events in the range.
    pub events: u64,
    /// In the order of [`FaultCode::ALL`].
    pub faults: Vec<Fault>,
}

/// Something that is wrong with some events.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong.
    pub code: FaultCode,
    /// Events with the fault.
    pub events: u64,
    /// The newest of them.
    pub example: Option<Event>,
    /// The values that are wrong, by events descending; at most the limit asked for.
    pub values: Vec<FaultyValue>,
    /// There are more values, in the list or also in the events that were looked at.
    pub truncated: bool,
}

/// A value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyValue {
    /// The name of the events, if the fault is one of them.
    pub event_name: Option<String>,
    /// The column or property that has the value.
    pub column: String,
    /// The value; `None` if there is none, or each event has another one.
    pub value: Option<String>,
    /// What was probably meant.
    pub instead_of: Option<String>,
    /// Events with the value.
    pub events: u64,
}

macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $advice:literal;)+) => {
        /// What can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FaultCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FaultCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What to do about it, in a sentence.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)+ }
            }
        }
    };
}

fault_codes! {
    /// Values of a tag that differ only in their spelling, or are other words for the same.
    TaggingVariants "tagging_variants"
        "Use one spelling in all links; to unite what is stored, add a rule to the project and re-classify.";
    /// Campaign tags on links from the site to itself.
    OwnCampaignLinks "own_campaign_links"
        "Remove the utm parameters from links between your own pages: they replace the source of the visit.";
    /// Payment and sign-in pages as sources.
    PaymentAndSignInHosts "payment_and_sign_in_hosts"
        "Add these hosts to `ignored_referrers` of the project's rules, and re-classify.";
    /// Numbers that were sent as texts.
    NumbersAsText "numbers_as_text"
        "Send these properties as JSON numbers, without quotes and with a decimal point: sums and means leave texts out.";
    /// Events of one name in several currencies, or some without one.
    MixedCurrencies "mixed_currencies"
        "Send `currency` with every amount; if all amounts are in one currency, set it as that of the goal.";
    /// Event names that only one stored event has.
    EventNamesSeenOnce "event_names_seen_once"
        "Look for a misspelling, or for an id or title in the name: what varies belongs into properties.";
    /// Event names that look like a more frequent one.
    SimilarEventNames "similar_event_names"
        "Send one name for one thing: change the calls that send the rarer name.";
    /// Visitors and users whose id identifies nobody.
    PlaceholderIds "placeholder_ids"
        "Omit the id while it is not known: everybody who sends the same placeholder counts as one visitor.";
    /// Many events in sessions whose attribution has a low confidence.
    LowConfidence "low_confidence"
        "Tag the links that you control with utm_source and utm_medium, so that sessions need not be credited by guess.";
}

impl QualityQuery {
    /// What must be looked up because no event is in the range: nothing is wrong with none.
    pub fn unconfirmed(&self, response: &QualityResponse) -> Option<Unconfirmed> {
        (response.events == 0).then(|| Unconfirmed::of_nothing(Named::default(), self.range))
    }
}

/// Looks for every fault, in one slot.
pub async fn quality(app: &App, by: &Authorized<Read>, query: &QualityQuery) -> OpsResult<QualityResponse> {
    let by = &read::in_one_slot(app, by).await?;
    let reader = Reader { app, by, range: query.range };
    let events = reader.count(&[]).await?;
    let mut faults = Vec::new();
    for found in checks::all(&reader, events).await? {
        faults.push(reader.fault(found, query.limit).await?);
    }
    Ok(QualityResponse { events, faults })
}

/// What a check has found.
struct Found {
    code: FaultCode,
    /// At least one.
    values: Vec<FaultyValue>,
    /// The events with the fault are those that pass it.
    events: Filter,
    /// There may be more values.
    truncated: bool,
}

/// Asks about the events of the range.
struct Reader<'a> {
    app: &'a App,
    by: &'a Authorized<Read>,
    range: TimeRange,
}

/// Values of columns, with how many events have them.
struct Counts {
    /// By events, descending.
    rows: Vec<(Vec<Option<String>>, u64)>,
    /// There are more values.
    truncated: bool,
}

impl Reader<'_> {
    /// The values of columns in the events that pass the filters.
    async fn counts(&self, by: &[Dimension], filters: &[Filter]) -> OpsResult<Counts> {
        let query = StatsQuery {
            range: self.range,
            events: EventSelector::Any,
            filters: filters.to_vec(),
            metric: Metric::Count,
            group_by: by.to_vec(),
            buckets: None,
            labels: false,
            limit: RowLimit::MOST.into(),
        };
        let response = read::run(self.app, self.by, query).await?;
        let events = |value: Option<Number>| match value {
            Some(Number::Integer(events)) => events,
            _ => 0,
        };
        let rows = response.rows.into_iter().map(|row| (row.keys, events(row.value))).collect();
        Ok(Counts { rows, truncated: response.truncated })
    }

    /// The values of one column. Events without one are left out.
    async fn values(
        &self,
        column: impl Into<Dimension>,
        filters: &[Filter],
    ) -> OpsResult<(Vec<(String, u64)>, bool)> {
        let Counts { rows, truncated } = self.counts(&[column.into()], filters).await?;
        let value = |(keys, events): (Vec<Option<String>>, u64)| Some((keys.into_iter().next()??, events));
        Ok((rows.into_iter().filter_map(value).collect(), truncated))
    }

    /// The number of events that pass the filters.
    async fn count(&self, filters: &[Filter]) -> OpsResult<u64> {
        Ok(self.counts(&[], filters).await?.rows.first().map_or(0, |(_, events)| *events))
    }

    /// The fault, with its events and the newest of them.
    async fn fault(&self, found: Found, limit: RowLimit) -> OpsResult<Fault> {
        let Found { code, mut values, events, truncated } = found;
        let filters = vec![events];
        let count = self.count(&filters).await?;
        let (range, events) = (self.range, EventSelector::Any);
        let newest = EventsQuery { range, events, filters, limit: RowLimit::ONE, after: None };
        let example = read::run(self.app, self.by, newest).await?.rows.into_iter().next();
        let truncated = truncated || values.len() > limit.get();
        values.truncate(limit.get());
        Ok(Fault { code, events: count, example, values, truncated })
    }
}
