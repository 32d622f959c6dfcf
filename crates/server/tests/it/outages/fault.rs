//! The faults of the campaign.

use std::time::Duration;

/// What goes wrong in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// One of the servers is killed, and started again.
    ServerKilled,
    /// One of the servers runs with a clock one minute ahead, or behind.
    ClocksApart,
    /// ClickHouse is killed, and started again.
    ClickHouseKilled,
    /// ClickHouse is stopped (SIGSTOP), and goes on.
    ClickHouseStopped,
    /// Each packet to and from ClickHouse is late.
    ClickHouseSlow,
    /// The disk of ClickHouse is full.
    ClickHouseFull,
    /// The network between one server and ClickHouse drops packets.
    ClickHouseDropped,
    /// The network between one server and ClickHouse closes connections.
    ClickHouseClosed,
    /// `PostgreSQL` is killed, and started again.
    PostgresKilled,
    /// `PostgreSQL` is stopped (SIGSTOP), and goes on.
    PostgresStopped,
    /// `PostgreSQL` is killed, and its standby takes over.
    PostgresReplaced,
    /// The network between one server and `PostgreSQL` drops packets.
    PostgresDropped,
    /// The network between one server and `PostgreSQL` closes connections.
    PostgresClosed,
}

impl Fault {
    /// Every fault.
    pub(super) const ALL: [Self; 13] = [
        Self::ServerKilled,
        Self::ClocksApart,
        Self::ClickHouseKilled,
        Self::ClickHouseStopped,
        Self::ClickHouseSlow,
        Self::ClickHouseFull,
        Self::ClickHouseDropped,
        Self::ClickHouseClosed,
        Self::PostgresKilled,
        Self::PostgresStopped,
        Self::PostgresReplaced,
        Self::PostgresDropped,
        Self::PostgresClosed,
    ];

    /// As the report names it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::ServerKilled => "one server killed",
            Self::ClocksApart => "clocks one minute apart",
            Self::ClickHouseKilled => "ClickHouse killed",
            Self::ClickHouseStopped => "ClickHouse stopped",
            Self::ClickHouseSlow => "ClickHouse slow",
            Self::ClickHouseFull => "ClickHouse's disk full",
            Self::ClickHouseDropped => "packets to ClickHouse dropped",
            Self::ClickHouseClosed => "connections to ClickHouse closed",
            Self::PostgresKilled => "PostgreSQL killed",
            Self::PostgresStopped => "PostgreSQL stopped",
            Self::PostgresReplaced => "PostgreSQL failed over",
            Self::PostgresDropped => "packets to PostgreSQL dropped",
            Self::PostgresClosed => "connections to PostgreSQL closed",
        }
    }
}

/// How a fault is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choices {
    /// The server that it is about, if it is about one.
    pub(super) server: usize,
    /// How long it lasts.
    pub(super) lasts: Duration,
    /// How late packets are.
    pub(super) delay: Duration,
    /// Whether the clock is ahead, or behind.
    pub(super) is_ahead: bool,
}
