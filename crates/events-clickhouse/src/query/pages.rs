//! `GET /v1/pages`: which pages are viewed, and where sessions begin and end.

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::query::{Column, PAGE_VIEW, PagesQuery, PagesResponse, PagesRow, PagesSort};
use millimetric_core::session::{PageViews, Session};
use millimetric_events::StoreError;

use super::count::groups::{Distinct, Group, Groups};
use super::scan::needs::Needs;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// What is counted of a page.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    views: u64,
    visitors: Distinct,
    entries: u64,
    exits: u64,
    bounces: u64,
}

/// Runs the query.
pub(super) async fn pages(reader: &Reader<'_>, query: &PagesQuery) -> Result<PagesResponse, StoreError> {
    let needs = Needs::default().with_sessions().with_filters(&query.filters);
    // The entry of a session can lie before the range.
    let scan = Scan { needs, range: query.range, filters: &[], unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    let mut counter = Counter { query, groups: Groups::new(reader.max_bytes()), sessions: 0, bounces: 0 };
    while let Some(visitor) = visitors.next().await? {
        let passes: Vec<bool> =
            visitor.sessions.iter().map(|session| is_counted(&visitor, session, query)).collect();
        for event in visitor.events_in(query.range).filter(|event| passes[visitor.session_of(*event)]) {
            counter.add_view(&visitor, event)?;
        }
        for (session, _) in visitor.sessions.iter().zip(passes).filter(|(_, passes)| *passes) {
            counter.add_session(&visitor, session)?;
        }
    }
    Ok(counter.response())
}

/// Whether the entry of a session passes the filters.
fn is_counted(visitor: &Visitor, session: &Session<usize>, query: &PagesQuery) -> bool {
    session.views.is_some_and(|views| visitor.passes(views.entry, &query.filters))
}

struct Counter<'a> {
    query: &'a PagesQuery,
    groups: Groups<Counts>,
    sessions: u64,
    bounces: u64,
}

impl Counter<'_> {
    /// What is counted of the page of an event.
    fn page(&mut self, visitor: &Visitor, event: usize) -> Result<&mut Counts, StoreError> {
        let path = visitor.events[event].text(Column::Path).map(Cow::Borrowed);
        self.groups.of(None, &[path], Counts::default)
    }

    fn add_view(&mut self, visitor: &Visitor, event: usize) -> Result<(), StoreError> {
        if visitor.events[event].required(Column::EventName) == PAGE_VIEW {
            let page = self.page(visitor, event)?;
            page.views += 1;
            page.visitors.add(visitor.number);
        }
        Ok(())
    }

    fn add_session(&mut self, visitor: &Visitor, session: &Session<usize>) -> Result<(), StoreError> {
        let begins = visitor.events[session.first].timestamp();
        let Some(PageViews { entry, exit, .. }) = session.views.filter(|_| self.query.range.contains(begins))
        else {
            return Ok(());
        };
        let bounces = u64::from(session.is_bounce());
        self.sessions += 1;
        self.bounces += bounces;
        self.page(visitor, exit)?.exits += 1;
        let page = self.page(visitor, entry)?;
        page.entries += 1;
        page.bounces += bounces;
        Ok(())
    }

    fn response(self) -> PagesResponse {
        let Self { query, groups, sessions, bounces } = self;
        let row = |(group, counts): (Group, Counts)| {
            let Counts { views, visitors, entries, exits, bounces } = counts;
            let path = group.texts.into_iter().next().flatten();
            PagesRow { path, views, uniques: visitors.count, entries, exits, bounces }
        };
        let mut rows: Vec<PagesRow> = groups.sorted().into_iter().map(row).collect();
        // They are in order of their paths.
        rows.sort_by_key(|row| {
            Reverse(match query.sort {
                PagesSort::Views => row.views,
                PagesSort::Entries => row.entries,
                PagesSort::Exits => row.exits,
            })
        });
        let truncated = rows.len() > query.limit.get();
        rows.truncate(query.limit.get());
        PagesResponse { rows, sessions, bounces, truncated, other: 0 }
    }
}
