// What pages do beyond their HTML: copying, the dialog of a new secret, origins explained as they
// are typed, and parts that ask for news. Everything works without it, with one more step.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const words = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

const fresh = document.querySelector("dialog.fresh");
if (fresh) {
  fresh.close();
  fresh.showModal();
  // A secret that is shown once is not lost to a stray key.
  fresh.addEventListener("cancel", (event) => event.preventDefault());
}

for (const input of document.querySelectorAll("[data-check]")) {
  const said = document.getElementById(input.getAttribute("aria-describedby"));
  let latest = 0;
  input.addEventListener("input", async () => {
    const asked = ++latest;
    const typed = input.value.trim();
    await new Promise((done) => setTimeout(done, 150));
    if (asked !== latest) return;
    let told = "ok ";
    if (typed) {
      const answer = await fetch(`${input.dataset.check}?origin=${encodeURIComponent(typed)}`);
      if (!answer.ok || asked !== latest) return;
      told = await answer.text();
    }
    const bad = told.startsWith("bad ");
    input.setAttribute("aria-invalid", bad);
    said.classList.toggle("bad-text", bad);
    said.textContent = told.slice(told.indexOf(" ") + 1);
  });
}

for (const part of document.querySelectorAll("[data-poll]")) {
  const news = () => [...part.querySelectorAll("[data-news]")].map((one) => one.dataset.news).join(". ");
  let heard = news();
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(part.dataset.poll).catch(() => null);
    if (!answer?.ok) return;
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
    part.replaceChildren(...drawn.body.childNodes);
    // Times change with every answer; a screen reader hears of what is new alone.
    if (news() !== heard) document.getElementById("news").textContent = heard = news();
  }, 2000);
}
