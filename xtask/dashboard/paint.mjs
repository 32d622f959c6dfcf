// When the largest content of pages is painted in Chromium, and how far anything moves meanwhile: for
// each path of PATHS a line of JSON with the milliseconds of each opening.
//
// Talks to the server under test and nothing else. COOKIE is the session of whoever opens them.

import assert from "node:assert/strict";

import { browser, painted, watched } from "./looking.mjs";

const { SERVER, COOKIE, PATHS } = process.env;
// Openings that do not count, and that do.
const [WARM_UPS, RUNS] = [2, 9];

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const [name, value] = COOKIE.split("=", 2);
  await context.addCookies([{ name, value, url: SERVER }]);
  const page = await watched(context);
  for (const path of PATHS.split(" ")) {
    const millis = [];
    for (let run = 0; run < WARM_UPS + RUNS; run += 1) {
      const answer = await page.goto(SERVER + path);
      assert.equal(answer.status(), 200, path);
      const { shift, paint } = await painted(page);
      assert.equal(shift, 0, `${path} moves while it loads`);
      if (run >= WARM_UPS) millis.push(paint);
    }
    console.log(JSON.stringify(millis));
  }
} finally {
  await browser.close();
}
