//! Queries with tables that are sent along ("external data for query processing" in ClickHouse's documentation), which
//! the client cannot send by itself: its request is a form of several parts, with a file for the rows of each table.

use clickhouse::query::Query;
use uuid::Uuid;

use super::hosts::Host;
use crate::sql::{Sql, Texts};

/// The query of a statement to a host, with its parameters and its tables.
pub(super) fn query_with(host: &Host, sql: &Sql) -> Query {
    // No line of the parts is this one: nobody knows it before.
    let boundary = Uuid::now_v7().simple().to_string();
    let client = host.client.clone();
    let client = client.with_header("content-type", format!("multipart/form-data; boundary={boundary}"));
    // The client binds at `?`; two of them are one in the body.
    let query = client.query(&form(sql, &boundary).replace('?', "??"));
    sql.texts().iter().fold(query, |query, Texts { name, .. }| {
        query
            .with_setting(format!("{name}_structure"), "text String")
            .with_setting(format!("{name}_format"), "JSONCompactEachRow")
    })
}

/// The parts: the statement, its parameters, and the rows of each table.
fn form(sql: &Sql, boundary: &str) -> String {
    let rows: usize = sql.texts().iter().map(|texts| texts.rows.len()).sum();
    let mut form = String::with_capacity(rows + 4096);
    let mut add = |name: &str, file: &str, value: &str| {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        form.extend([&head, value, "\r\n"]);
    };
    add("query", "", sql.text());
    for (name, value) in sql.parameters() {
        add(&format!("param_{name}"), "", value);
    }
    for Texts { name, rows } in sql.texts() {
        add(name, "; filename=\"rows\"", rows);
    }
    form.extend(["--", boundary, "--\r\n"]);
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_its_parameters_and_the_rows_are_parts() {
        let sql = Sql::new("SELECT ?").bind("a", "1").with_texts("ids", ["x"]);
        let expected = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT ?\r\n\
             --b\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n1\r\n\
             --b\r\nContent-Disposition: form-data; name=\"ids\"; filename=\"rows\"\r\n\r\n[\"x\"]\n\r\n\
             --b--\r\n";
        assert_eq!(form(&sql, "b"), expected);
    }
}
