//! End-to-end tests over HTTP against the program on a loopback port. One file a
//! subject; `support` starts and stops servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot run fails there")]

mod attribution;
mod raw;
mod support;

mod admin;
mod backups;
mod bodies;
mod broken_databases;
mod changes;
mod collecting;
mod command_line;
mod comparing;
mod connections;
mod corpus;
mod crash;
mod cross_origin;
mod damaged_rows;
mod dashboard;
mod discovery;
mod docs;
mod documentation;
mod examination;
mod faults;
mod filter_lists;
mod first_start;
mod floods;
mod forgetting;
mod goals;
mod golden;
mod http_heads;
mod isolation;
mod journeys;
mod keys;
mod logging;
mod mcp;
mod migrating;
mod moving;
mod openapi;
mod outages;
mod post_reads;
mod quality;
mod rate_limits;
mod reading;
mod reading_commands;
mod recipes;
mod refusals;
mod rules;
mod scaled_out;
mod segment;
mod shared_control;
mod slow_clients;
mod slow_queries;
mod stats;
mod terminal;
mod to_the_byte;
mod url_keys;
mod visitor_reports;
mod warnings;
