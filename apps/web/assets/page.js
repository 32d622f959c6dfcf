// Optional behaviour of every page: copy buttons, the dialog of a new secret, checking origins while they
// are typed, and parts that update themselves. Every page also works without it.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

const fresh = document.querySelector("dialog.fresh");
if (fresh) {
  fresh.close();
  fresh.showModal();
  // The Escape key does not close it: the secret is shown only once.
  fresh.addEventListener("cancel", (event) => event.preventDefault());
}

for (const input of document.querySelectorAll("[data-check]")) {
  const message = document.getElementById(input.getAttribute("aria-describedby"));
  let latest = 0;
  input.addEventListener("input", async () => {
    const request = ++latest;
    const typed = input.value.trim();
    await new Promise((done) => setTimeout(done, 150));
    if (request !== latest) return;
    let result = "ok ";
    if (typed) {
      const response = await fetch(`${input.dataset.check}?origin=${encodeURIComponent(typed)}`);
      if (!response.ok || request !== latest) return;
      result = await response.text();
    }
    const bad = result.startsWith("bad ");
    input.setAttribute("aria-invalid", bad);
    message.classList.toggle("bad-text", bad);
    message.textContent = result.slice(result.indexOf(" ") + 1);
  });
}

for (const part of document.querySelectorAll("[data-poll]")) {
  const news = () => [...part.querySelectorAll("[data-news]")].map((one) => one.dataset.news).join(". ");
  let announced = news();
  setInterval(async () => {
    if (document.hidden) return;
    const response = await fetch(part.dataset.poll).catch(() => null);
    if (!response?.ok) return;
    const update = new DOMParser().parseFromString(await response.text(), "text/html");
    part.replaceChildren(...update.body.childNodes);
    // Relative times change with every response; a screen reader is told only what is new.
    if (news() !== announced) document.getElementById("news").textContent = announced = news();
  }, 2000);
}
