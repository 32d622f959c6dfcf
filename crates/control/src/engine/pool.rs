//! The connections to the database, with a deadline for every statement: neither an engine that stopped nor a
//! network that drops packets keeps a caller waiting for longer.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use sqlx::any::{AnyConnectOptions, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{
    Any, AnyConnection, AnyPool, Connection as _, Describe, Either, Error, Execute, Executor, SqlStr,
    Transaction,
};
use tokio::time::timeout;

/// How long a statement, or the next row of one, may take. Longer than an engine's own limits (`SQLite` waits 5 s
/// for another writer), whose errors say more.
const DEADLINE: Duration = Duration::from_secs(10);

type Row = Result<Either<AnyQueryResult, AnyRow>, Error>;

/// The pool of connections. A clone is another handle on the same connections.
#[derive(Debug, Clone)]
pub(crate) struct Pool(AnyPool);

impl Pool {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Change, Error> {
        Ok(Change(InTransaction(in_time(self.0.begin()).await?)))
    }

    /// A connection for several statements that are no transaction. They have no deadline.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Any>, Error> {
        self.0.acquire().await
    }

    /// Opens future connections with these options.
    pub(crate) fn set_connect_options(&self, options: AnyConnectOptions) {
        self.0.set_connect_options(options);
    }

    /// Waits for running statements, then closes the connections.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    /// The most connections that are open at once.
    #[cfg(test)]
    pub(crate) fn most(&self) -> u32 {
        self.0.options().get_max_connections()
    }
}

/// A transaction; dropped without a commit, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Change(InTransaction);

impl Change {
    /// Makes the change durable. After an error it may have been made or not.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        in_time(self.0.0.commit()).await
    }
}

impl Deref for Change {
    type Target = InTransaction;

    fn deref(&self) -> &InTransaction {
        &self.0
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut InTransaction {
        &mut self.0
    }
}

/// What executes the statements of a [`Change`].
#[derive(Debug)]
pub(crate) struct InTransaction(Transaction<'static, Any>);

/// Whether a connection that its user gave back may be used again: it responds, and is in no transaction. A
/// connection that does not respond in time is an error, so that the pool closes it without another word.
pub(crate) async fn is_reusable(connection: &mut AnyConnection) -> Result<bool, Error> {
    // Answered behind a rollback that may still be on its way.
    in_time(connection.ping()).await?;
    Ok(!connection.is_in_transaction())
}

/// The next item of a stream.
pub(crate) async fn next_in_time<T>(rows: &mut BoxStream<'_, Result<T, Error>>) -> Option<Result<T, Error>> {
    timeout(DEADLINE, rows.next()).await.unwrap_or_else(|_| Some(Err(late())))
}

async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> Error {
    let text = format!("no response within {} seconds", DEADLINE.as_secs());
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}

/// The rows until one of them is late.
fn rows_in_time(rows: BoxStream<'_, Row>) -> BoxStream<'_, Row> {
    stream::unfold(Some(rows), |rows| async move {
        let mut rows = rows?;
        match timeout(DEADLINE, rows.next()).await {
            Ok(row) => row.map(|row| (row, Some(rows))),
            Err(_) => Some((Err(late()), None)),
        }
    })
    .boxed()
}

/// Passes everything on to another executor, with the deadline.
macro_rules! executes_in_time {
    ($executor:ty, $inner:expr) => {
        impl<'c> Executor<'c> for $executor {
            type Database = Any;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Row>
            where
                'c: 'e,
                E: 'q + Execute<'q, Any>,
            {
                rows_in_time($inner(self).fetch_many(query))
            }

            fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, Any>,
            {
                in_time($inner(self).fetch_optional(query)).boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [AnyTypeInfo],
            ) -> BoxFuture<'e, Result<AnyStatement, Error>>
            where
                'c: 'e,
            {
                in_time($inner(self).prepare_with(sql, parameters)).boxed()
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, Error>>
            where
                'c: 'e,
            {
                in_time($inner(self).describe(sql)).boxed()
            }
        }
    };
}

executes_in_time!(&'c Pool, |pool: &'c Pool| &pool.0);
executes_in_time!(&'c mut InTransaction, |transaction: &'c mut InTransaction| &mut *transaction.0);
