//! Pages by filters that need more than SQL.

use std::borrow::Cow;

use millimetric_core::query::{Column, PAGE_VIEW, PagesQuery, PagesRow};
use millimetric_core::session::{PageViews, Session};
use millimetric_events::StoreError;

use crate::query::count::groups::{Distinct, Group, Groups};
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// What is counted of a page.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    views: u64,
    visitors: Distinct,
    entries: u64,
    exits: u64,
    bounces: u64,
}

/// Counts the pages.
pub(super) async fn count(reader: &Reader<'_>, query: &PagesQuery) -> Result<Vec<PagesRow>, StoreError> {
    let needs = Needs::default().with_sessions().with_filters(&query.filters);
    let scan = Scan { needs, range: query.range, filters: &[], unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    let mut counter = Counter { query, groups: Groups::new(reader.max_bytes()) };
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
    let row = |(group, counts): (Group, Counts)| {
        let Counts { views, visitors, entries, exits, bounces } = counts;
        let path = group.texts.into_iter().next().flatten();
        PagesRow { path, views, uniques: visitors.count, entries, exits, bounces }
    };
    Ok(counter.groups.sorted().into_iter().map(row).collect())
}

/// Whether the entry of a session passes the filters.
fn is_counted(visitor: &Visitor, session: &Session<usize>, query: &PagesQuery) -> bool {
    session.views.is_some_and(|views| visitor.passes(views.entry, &query.filters))
}

struct Counter<'a> {
    query: &'a PagesQuery,
    groups: Groups<Counts>,
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
        self.page(visitor, exit)?.exits += 1;
        let page = self.page(visitor, entry)?;
        page.entries += 1;
        page.bounces += u64::from(session.is_bounce());
        Ok(())
    }
}
