// The file browser: menus that close by themselves, uploads by button and by drag, one after the other, with progress. Without it the page still lists,
// downloads, renames and deletes.
"use strict";
(() => {
  // An entry's menu closes when something else is pressed, or Escape.
  const open = () => document.querySelector(".entry-menu[open]");
  document.addEventListener("click", (event) => {
    const menu = open();
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && open();
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  const box = document.getElementById("files");
  if (!box || !box.dataset.upload) return;
  const list = document.getElementById("uploads");
  const waiting = [];
  let active = null;

  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
  const address = (path) => box.dataset.upload + path.split("/").map(encodeURIComponent).join("/");

  function line(path) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.className = "upload-name";
    name.textContent = path;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", path);
    const state = document.createElement("span");
    state.className = "upload-state";
    state.textContent = box.dataset.textWaiting;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.className = "btn btn-sm btn-outline-secondary";
    stop.textContent = box.dataset.textCancel;
    item.append(name, bar, state, stop);
    list.append(item);
    list.hidden = false;
    return { item, bar, state, stop };
  }

  function add(file, path) {
    const upload = { file, path, ...line(path) };
    upload.stop.addEventListener("click", () => {
      if (upload === active) return upload.request.abort();
      const place = waiting.indexOf(upload);
      if (place >= 0) waiting.splice(place, 1);
      upload.item.remove();
    });
    waiting.push(upload);
    if (!active) next();
  }

  // Folders that a dropped folder needs, each asked for once.
  const made = new Set();
  async function folder(path) {
    if (!path || made.has(path)) return true;
    const answer = await fetch(box.dataset.mkdir, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf },
      body: JSON.stringify({ path: box.dataset.path + path, parents: true }),
    }).catch(() => null);
    if (answer && answer.ok) made.add(path);
    return Boolean(answer && answer.ok);
  }

  async function next() {
    active = waiting.shift() || null;
    if (!active) return refresh();
    const upload = active;
    if (!(await folder(upload.path.split("/").slice(0, -1).join("/")))) return fail(upload, box.dataset.textLost);
    const request = new XMLHttpRequest();
    upload.request = request;
    request.open("PUT", address(upload.path));
    request.setRequestHeader("X-CSRF-Token", document.body.dataset.csrf);
    request.setRequestHeader("Content-Type", upload.file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      const share = event.total ? event.loaded / event.total : 1;
      upload.bar.value = share;
      upload.state.textContent = share < 1 ? percent.format(share) : box.dataset.textStoring;
    });
    request.addEventListener("load", () => {
      if (request.status < 300) done(upload);
      else fail(upload, message(request));
    });
    request.addEventListener("error", () => fail(upload, box.dataset.textLost));
    request.addEventListener("abort", () => fail(upload, box.dataset.textCancelled));
    request.send(upload.file);
  }

  function message(request) {
    try {
      return JSON.parse(request.responseText).message || box.dataset.textLost;
    } catch {
      return box.dataset.textLost;
    }
  }

  function done(upload) {
    upload.bar.value = 1;
    upload.state.textContent = box.dataset.textDone;
    upload.stop.remove();
    setTimeout(() => {
      upload.item.remove();
      list.hidden = !list.children.length;
    }, 4000);
    next();
  }

  function fail(upload, words) {
    upload.bar.remove();
    upload.state.textContent = words;
    upload.state.classList.add("state-bad");
    upload.stop.textContent = box.dataset.textClose;
    upload.stop.addEventListener("click", () => {
      upload.item.remove();
      list.hidden = !list.children.length;
    });
    next();
  }

  async function refresh() {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("entries");
    const old = document.getElementById("entries");
    if (!fresh || !old) return;
    old.replaceWith(fresh);
    fresh.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
  }

  document.getElementById("pick").addEventListener("change", (event) => {
    for (const file of event.target.files) add(file, file.webkitRelativePath || file.name);
    event.target.value = "";
  });

  // --- drag ---------------------------------------------------------------------------------------------------------
  let depth = 0;
  const carriesFiles = (event) => [...event.dataTransfer.types].includes("Files");
  box.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    box.classList.add("is-target");
  });
  box.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) box.classList.remove("is-target");
  });
  box.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  box.addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    box.classList.remove("is-target");
    // Both have to be taken before the first wait: afterwards the browser has emptied them.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const files = [...event.dataTransfer.files];
    if (entries.every((entry) => entry)) for (const entry of entries) await walk(entry, "");
    else files.forEach((file) => add(file, file.name));
  });

  async function walk(entry, above) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return add(file, above + entry.name);
    }
    const reader = entry.createReader();
    for (;;) {
      // A folder is handed over in parts; an empty one is the end.
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) return;
      for (const child of part) await walk(child, above + entry.name + "/");
    }
  }

  window.addEventListener("beforeunload", (event) => {
    if (active) event.preventDefault();
  });
})();
