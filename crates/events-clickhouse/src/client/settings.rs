//! The settings of requests. What an operator set for the user applies to all others. By `log_comment` requests of
//! each kind are found in `system.query_log`.

/// Of statements: the response is sent when the statement is done, so that an error is a status and not the end
/// of a body.
pub(super) const STATEMENT: &[(&str, &str)] = &[
    ("log_comment", "millimetric statement"),
    ("wait_end_of_query", "1"),
    // A mutation is waited for by looking at it, and may read the table that it changes.
    ("mutations_sync", "0"),
    ("allow_nondeterministic_mutations", "1"),
];

/// Of reads: they change nothing, end if the client disconnects, and see each event once.
pub(super) const READ: &[(&str, &str)] = &[
    ("log_comment", "millimetric query"),
    ("readonly", "2"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    ("do_not_merge_across_partitions_select_final", "1"),
];

/// Of reads of few rows, which are returned as JSON when the query is done.
pub(super) const JSON: &[(&str, &str)] = &[
    ("wait_end_of_query", "1"),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_named_tuples_as_objects", "0"),
];

/// Of inserts: one block, which is durable when the server responds, and is stored once however often it is
/// sent with the same token.
pub(super) const INSERT: &[(&str, &str)] = &[
    ("log_comment", "millimetric insert"),
    ("wait_end_of_query", "1"),
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    // The rows of a group are different events; a merge would do the same later.
    ("optimize_on_insert", "0"),
    ("max_threads", "1"),
    ("max_insert_threads", "1"),
    ("max_insert_block_size", "10000000"),
    ("min_insert_block_size_rows", "0"),
    ("min_insert_block_size_bytes", "0"),
    ("distributed_foreground_insert", "1"),
];
