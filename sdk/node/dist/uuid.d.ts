/** Ids in the order of time. Keeps nothing. */
/** A UUID of version 7 (RFC 9562, section 5.7), which the server finds cheapest. */
export declare function uuid(): string;
