// What the stories of several libraries expect.

/** Visitor, user, page and properties of a row. */
export const kinds = row => [row.anonymous_id, row.user_id, row.url, row.properties]

/** The numbers that numbered events have, in order: each once if nothing was lost or doubled. */
export const numbersOf = rows =>
  rows
    .filter(row => row.event_name === 'numbered')
    .map(row => row.properties.n)
    .sort((a, b) => a - b)

export const upTo = count => Array.from({ length: count }, (_, n) => n)
