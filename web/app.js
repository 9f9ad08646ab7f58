// What every page does beyond plain HTML. Forms, lists and links work without it.
"use strict";
(() => {
  const body = document.body;
  const text = (name) => body.dataset["text" + name] || "";
  const lang = document.documentElement.lang;

  // --- messages -----------------------------------------------------------------------------------------------------
  function toast(message, isError) {
    const box = document.createElement("div");
    box.className = "toast show align-items-center " + (isError ? "text-bg-danger" : "text-bg-success");
    box.setAttribute("role", isError ? "alert" : "status");
    const row = document.createElement("div");
    row.className = "d-flex";
    const words = document.createElement("div");
    words.className = "toast-body";
    words.textContent = message;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close btn-close-white me-2 m-auto";
    close.setAttribute("aria-label", text("Close"));
    close.addEventListener("click", () => box.remove());
    row.append(words, close);
    box.append(row);
    document.getElementById("toasts").append(box);
    setTimeout(() => box.remove(), isError ? 10000 : 4000);
  }
  window.amphi = { toast };

  body.addEventListener("htmx:responseError", (event) => {
    let message = text("Failed");
    try {
      message = JSON.parse(event.detail.xhr.responseText).message || message;
    } catch {
      // not one of our errors: the general sentence stays
    }
    toast(message, true);
  });
  body.addEventListener("htmx:sendError", () => toast(text("Failed"), true));
  body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = body.dataset.csrf;
  });

  // A part that is read again and again rests while nobody sees the page.
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.hasAttribute("data-while-seen")) event.preventDefault();
  });

  // --- times --------------------------------------------------------------------------------------------------------
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  const exact = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
  const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function ago(date) {
    const seconds = Math.round((date - Date.now()) / 1000);
    if (Math.abs(seconds) < 10) return relative.format(0, "second");
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length);
    return relative.format(Math.trunc(seconds / length), unit);
  }
  function times(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-fixed])")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const words = ago(date);
      if (time.textContent !== words) time.textContent = words;
      if (!time.dataset.utc) {
        time.dataset.utc = time.title;
        time.title = exact.format(date) + " (" + time.dataset.utc + ")";
      }
    }
  }
  times(document);
  setInterval(() => times(document), 30000);
  body.addEventListener("htmx:afterSwap", (event) => times(event.target));

  // --- live indicator -----------------------------------------------------------------------------------------------
  const live = document.getElementById("live");
  let lostSince = null;
  function showLive(isOn) {
    if (!live) return;
    if (isOn) lostSince = null;
    else if (!lostSince) lostSince = new Date();
    live.classList.toggle("is-on", isOn);
    live.classList.toggle("is-lost", !isOn);
    const clock = lostSince && lostSince.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    live.querySelector(".live-text").textContent = isOn ? text("Live") : text("Lost").replace("{time}", clock);
  }
  window.amphi.showLive = showLive;
  body.addEventListener("htmx:sseOpen", () => showLive(true));
  body.addEventListener("htmx:sseError", () => showLive(false));

  // --- theme --------------------------------------------------------------------------------------------------------
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.addEventListener("click", (event) => {
      event.preventDefault();
      const wish = choice.dataset.themeChoice;
      window.amphiTheme(wish);
      for (const other of document.querySelectorAll("[data-theme-choice]")) {
        other.setAttribute("aria-pressed", String(other === choice));
      }
      const form = new URLSearchParams({ theme: wish, csrf_token: body.dataset.csrf, next: "/" });
      fetch("/preferences", { method: "POST", body: form, redirect: "manual" }).catch(() => toast(text("Failed"), true));
    });
  }

  // --- copy ---------------------------------------------------------------------------------------------------------
  async function copy(words) {
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      // no clipboard without HTTPS: the old way
      const area = document.createElement("textarea");
      area.value = words;
      body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast(text("Copied"), false);
  }

  // --- danger -------------------------------------------------------------------------------------------------------
  const dialog = document.getElementById("confirm");
  const nameBox = document.getElementById("confirm-name");
  const nameInput = document.getElementById("confirm-input");
  const yes = dialog.querySelector("button[value=yes]");
  let asked = null;

  function ask(element, go) {
    const name = element.dataset.confirmName || "";
    document.getElementById("confirm-text").textContent = element.dataset.confirm;
    nameBox.hidden = !name;
    nameInput.value = "";
    nameBox.querySelector("label").textContent = text("TypeName").replace("{name}", name);
    yes.disabled = Boolean(name);
    asked = { name, go };
    dialog.returnValue = "no";
    dialog.showModal();
    (name ? nameInput : dialog.querySelector("button[value=no]")).focus();
  }
  nameInput.addEventListener("input", () => {
    yes.disabled = nameInput.value !== asked.name;
  });
  nameInput.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the dialog's first button is Cancel
    if (!yes.disabled) yes.click();
  });
  dialog.addEventListener("close", () => {
    const question = asked;
    asked = null;
    if (question && dialog.returnValue === "yes") question.go();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(form, () => {
      form.dataset.confirmed = "yes";
      // What the page was told meanwhile may have put another in its place; one that stands nowhere is not sent.
      if (!form.isConnected) {
        form.hidden = true;
        body.append(form);
      }
      form.requestSubmit();
      delete form.dataset.confirmed;
    });
  }, true);
  body.addEventListener("htmx:confirm", (event) => {
    const element = event.detail.elt;
    if (!element.dataset.confirm || element.tagName === "FORM") return;
    event.preventDefault();
    ask(element, () => event.detail.issueRequest(true));
  });

  // --- clicks -------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-text], [data-shortcuts]");
    if (!button) return;
    if (button.dataset.copyText !== undefined) copy(button.dataset.copyText);
    else if (button.dataset.copy) {
      const source = document.querySelector(button.dataset.copy);
      if (source) copy(source.value !== undefined ? source.value : source.textContent);
    } else document.getElementById("shortcuts").showModal();
  });

  // --- keyboard -----------------------------------------------------------------------------------------------------
  const PLACES = { l: "/lab", p: "/programs", r: "/classrooms", n: "/nodes", s: "/status", a: "/admin/accounts", c: "/clients", j: "/admin/journal" };
  let going = 0;

  function rows() {
    return [...document.querySelectorAll("[data-rows] tbody tr, [data-row]")];
  }
  function step(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.querySelector(".row-current"));
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    all.forEach((row) => row.classList.toggle("row-current", row === next));
    next.scrollIntoView({ block: "nearest" });
    const link = next.querySelector("a[href]");
    if (link) link.focus({ preventScroll: true });
  }
  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (Date.now() - going < 1500) {
      going = 0;
      const place = PLACES[event.key];
      if (place) {
        event.preventDefault();
        location.assign(place);
      }
      return;
    }
    const search = document.getElementById("search");
    const fresh = document.querySelector("[data-new]");
    const current = document.querySelector(".row-current a[href]");
    switch (event.key) {
      case "/":
        if (!search) return;
        search.focus();
        break;
      case "n":
        if (!fresh) return;
        if (fresh.tagName === "INPUT") fresh.focus();
        else fresh.click();
        break;
      case "j":
        step(1);
        break;
      case "k":
        step(-1);
        break;
      case "Enter":
        if (!current || event.target !== body) return;
        current.click();
        break;
      case "g":
        going = Date.now();
        return;
      case "?":
        document.getElementById("shortcuts").showModal();
        break;
      default:
        return;
    }
    event.preventDefault();
  });
})();
