// The dashboard of the server under test, in a browser, as its owner sees it.

const OWNER = { email: 'ann@example.com', password: 'correct horse battery' }

/** Creates the owner's account with the link of the first start; the browser context is signed in from then on. */
export async function signIn(context, server) {
  const page = await context.newPage()
  await page.goto(server.setup)
  await page.getByLabel('E-mail address').fill(OWNER.email)
  await page.getByLabel('Password').fill(OWNER.password)
  await page.getByRole('button', { name: 'Create owner account' }).click()
  await page.waitForURL(new URL('/', server.setup).href)
  return page
}

/** The cells of a table of the overview, by row. */
export const rowsOf = (page, table) =>
  page.locator(`#${table} tbody tr`).evaluateAll(rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim())))
