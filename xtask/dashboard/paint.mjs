// Measures the largest contentful paint of pages in Chromium: for each path in PATHS, one line of JSON with
// the milliseconds of each run. Fails if the layout shifts.
//
// Talks to the server under test and nothing else. COOKIE is the session cookie.

import assert from "node:assert/strict";

import { browser, painted, watched } from "./looking.mjs";

const { SERVER, COOKIE, PATHS } = process.env;
// Runs that are not counted, and runs that are.
const [WARM_UPS, RUNS] = [2, 9];

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const [name, value] = COOKIE.split("=", 2);
  await context.addCookies([{ name, value, url: SERVER }]);
  const page = await watched(context);
  for (const path of PATHS.split(" ")) {
    const millis = [];
    for (let run = 0; run < WARM_UPS + RUNS; run += 1) {
      const response = await page.goto(SERVER + path);
      assert.equal(response.status(), 200, path);
      const { shift, paint } = await painted(page);
      assert.equal(shift, 0, `${path} shifts while it loads`);
      if (run >= WARM_UPS) millis.push(paint);
    }
    console.log(JSON.stringify(millis));
  }
} finally {
  await browser.close();
}
