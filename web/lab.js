// The lab's pages: parts that keep themselves up to date, and the form's errors as one types.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  const plural = new Intl.PluralRules(lang);
  const count = (element, name, n) => {
    const one = plural.select(n) === "one";
    return (element.dataset[name + (one ? "One" : "Other")] || "").replace("%n", n.toLocaleString(lang));
  };

  // --- parts that follow an event stream ----------------------------------------------------------------------------
  // An element with data-src is read again when its topic wakes. Its children, and everything else in the answer, are
  // matched by id: what changed is replaced in place, so that nothing moves under the mouse.
  const PAUSE_MS = 300;
  const refreshes = new WeakMap();

  function wake(element) {
    const state = refreshes.get(element) || {};
    refreshes.set(element, state);
    state.wanted = true;
    if (!state.busy) refresh(element, state);
  }
  async function refresh(element, state) {
    state.busy = true;
    while (state.wanted) {
      state.wanted = false;
      await read(element).catch(() => {}); // the next event, or the stream's return, reads again
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    state.busy = false;
  }
  async function read(element) {
    const answer = await fetch(element.dataset.src, { headers: { "HX-Request": "true" } });
    if (answer.status === 401) location.reload();
    const gone = document.getElementById(element.dataset.gone || "");
    if (answer.status === 404 && gone) {
      document.getElementById("batch-actions")?.replaceChildren();
      element.parentElement.replaceChildren(gone.content.cloneNode(true));
      return stopAsking();
    }
    if (!answer.ok) return;
    const part = document.createElement("template");
    part.innerHTML = await answer.text(); // our own server's page, escaped there
    if (element.tagName === "TBODY") list(element, [...part.content.children]);
    else [...part.content.children].forEach((fresh) => replace(document.getElementById(fresh.id), fresh));
    stopAsking();
    element.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
  }
  // A question about what can't be done any more, such as cancelling what is over, is not left standing.
  let asking = null;
  window.addEventListener("submit", (event) => (asking = event.target), true);
  document.getElementById("confirm").addEventListener("close", () => (asking = null));
  function stopAsking() {
    const dialog = document.getElementById("confirm");
    if (!asking || !dialog.open || asking.isConnected) return;
    const action = CSS.escape(asking.getAttribute("action"));
    if (!document.querySelector(`form[action="${action}"]`)) dialog.close("no");
  }
  const plain = (element) => element.outerHTML.replace(/<time.*?<\/time>/g, (t) => (/datetime="[^"]*"/.exec(t) || [""])[0]).replace(/ row-current|class="row-current"/g, "").replace(/ class=""/g, "");

  function replace(old, fresh) {
    if (!old || plain(old) === plain(fresh)) return;
    if (old.contains(document.activeElement) || old.querySelector("details[open]")) {
      const at = focusable(old).indexOf(document.activeElement);
      if (old.querySelector("details[open]") || document.activeElement.tagName === "INPUT") return;
      old.replaceWith(fresh);
      const next = focusable(fresh)[at];
      if (next) next.focus({ preventScroll: true });
    } else old.replaceWith(fresh);
    fresh.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
  }
  const focusable = (element) => [...element.querySelectorAll("a[href], button")];

  function list(body, rows) {
    const known = new Set([...body.children].map((row) => row.id));
    const wanted = new Set(rows.map((row) => row.id));
    const news = rows.filter((row) => !known.has(row.id));
    const isCalm = window.scrollY < 80 && !body.matches(":hover");
    const holds = body.dataset.hold !== undefined && known.size > 0 && news.length > 0 && !isCalm;
    for (const row of [...body.children]) if (!wanted.has(row.id)) row.remove();
    let before = null;
    for (const row of rows) {
      const old = document.getElementById(row.id);
      if (old) replace(old, row);
      else if (!holds) before ? before.after(row) : body.prepend(row);
      before = document.getElementById(row.id) || before;
    }
    const button = document.querySelector(`[data-fresh="${body.id}"]`);
    if (button) {
      button.hidden = !holds;
      if (holds) button.textContent = count(button, "text", news.length);
    }
    const isEmpty = body.children.length === 0;
    document.getElementById(body.dataset.empty).hidden = !isEmpty;
    document.getElementById(body.dataset.whole).hidden = isEmpty;
  }
  document.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.dataset.src) wake(event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fresh]");
    if (!button) return;
    window.scrollTo({ top: 0 });
    wake(document.getElementById(button.dataset.fresh));
  });

  // Where more destinations are given, the first of them may stand for an empty one.
  document.addEventListener("input", (event) => {
    const destination = document.getElementById("f-destination");
    if (event.target.id === "f-many" && destination) destination.required = event.target.value !== "destinations";
  });

  // --- forms --------------------------------------------------------------------------------------------------------
  for (const form of document.querySelectorAll("form[data-autosubmit]")) {
    form.addEventListener("change", () => form.requestSubmit());
    form.addEventListener("submit", () => {
      // An empty filter needs no place in the address.
      const empty = [...form.elements].filter((field) => field.name && !field.value);
      empty.forEach((field) => (field.disabled = true));
      setTimeout(() => empty.forEach((field) => (field.disabled = false)));
    });
  }
  function mark(preview) {
    for (const slot of document.querySelectorAll("[id^='error-']")) {
      const name = slot.id.slice("error-".length);
      const text = name === preview.dataset.field ? preview.dataset.error : "";
      const field = document.getElementById("f-" + name);
      if (slot.textContent !== text) slot.textContent = text;
      field.classList.toggle("is-invalid", Boolean(text));
      text ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
    }
  }
  document.addEventListener("htmx:afterSettle", (event) => {
    const preview = document.getElementById("preview");
    if (preview && (event.target === preview || event.detail.target.id === "preview")) mark(preview);
  });
  const bad = document.querySelector("[aria-invalid='true']");
  if (bad) bad.focus();

  // --- copy from an address -----------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-src]");
    if (!button) return;
    const answer = await fetch(button.dataset.copySrc);
    if (!answer.ok) return;
    const copy = document.createElement("button"); // app.js copies what a button holds, and says so
    copy.hidden = true;
    copy.dataset.copyText = await answer.text();
    document.body.append(copy);
    copy.click();
    copy.remove();
  });
})();
