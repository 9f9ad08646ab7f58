// The lab's pages: parts that keep themselves up to date, the form's errors as one types, and live output.
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
    if (!answer.ok) return;
    const part = document.createElement("template");
    part.innerHTML = await answer.text(); // our own server's page, escaped there
    if (element.tagName === "TBODY") list(element, [...part.content.children]);
    else [...part.content.children].forEach((fresh) => replace(document.getElementById(fresh.id), fresh));
    element.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
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

  // --- output -------------------------------------------------------------------------------------------------------
  const view = document.getElementById("output");
  if (!view) return;
  const LINES_MAX = 5000;
  const follow = document.getElementById("output-follow");
  const note = document.getElementById("output-note");
  const streams = {}; // per stream: the open line, its style, an unfinished escape
  let lines = 0;
  let attempt = 0;
  let missed = 0;
  let isFollowing = !location.hash;

  // One colour sequence (SGR, ECMA-48 §8.3.117) changes the style; every other control sequence is dropped.
  function sgr(style, codes) {
    for (let i = 0; i < codes.length; i += 1) {
      const code = codes[i];
      if (code === 0) style = { on: [] };
      else if ([1, 2, 3, 4, 9].includes(code)) style = { ...style, on: [...new Set([...style.on, code])] };
      else if (code === 22) style = { ...style, on: style.on.filter((c) => c > 2) };
      else if ([23, 24, 29].includes(code)) style = { ...style, on: style.on.filter((c) => c !== code - 20) };
      else if (code >= 30 && code <= 37) style = { ...style, fg: code - 30 };
      else if (code >= 90 && code <= 97) style = { ...style, fg: code - 90 };
      else if (code >= 40 && code <= 47) style = { ...style, bg: code - 40 };
      else if (code >= 100 && code <= 107) style = { ...style, bg: code - 100 };
      else if (code === 39) style = { ...style, fg: undefined };
      else if (code === 49) style = { ...style, bg: undefined };
      else if (code === 38 || code === 48) {
        const value = codes[i + 1] === 5 && codes[i + 2] < 16 ? codes[i + 2] % 8 : undefined;
        style = code === 38 ? { ...style, fg: value } : { ...style, bg: value };
        i += codes[i + 1] === 5 ? 2 : 4;
      }
    }
    return style;
  }
  function classes(style) {
    const names = style.on.map((code) => "sgr-" + code);
    if (style.fg !== undefined) names.push("fg-" + style.fg);
    if (style.bg !== undefined) names.push("bg-" + style.bg);
    return names.join(" ");
  }

  function open(stream, name) {
    lines += 1;
    const line = document.createElement("div");
    line.className = "out" + (name === "stderr" ? " is-stderr" : "");
    line.id = "L" + lines;
    const number = document.createElement("a");
    number.href = "#L" + lines;
    number.textContent = lines;
    number.tabIndex = -1;
    number.setAttribute("aria-label", view.dataset.textLine.replace("%n", lines));
    const text = document.createElement("span");
    if (name === "stderr") line.title = view.dataset.textStderr;
    line.append(number, text);
    view.append(line);
    stream.text = text;
    if (!isFollowing) missed += 1;
  }
  function put(stream, name, words) {
    if (!words) return;
    if (!stream.text) open(stream, name);
    const style = classes(stream.style);
    if (!style) return stream.text.append(words);
    const span = document.createElement("span");
    span.className = style;
    span.textContent = words;
    stream.text.append(span);
  }
  const TOKENS = /\x1b\[([0-9;:?<=>]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|\r?\n|\r|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;

  function write(name, chunk) {
    const stream = (streams[name] ||= { style: { on: [] }, rest: "" });
    let text = stream.rest + chunk;
    // An escape or a line's end that the next chunk may complete waits for it.
    const cut = /(?:\x1b(?:\[[0-9;:?<=>]*[ -/]*|\][^\x07\x1b]{0,512})?|\r)$/.exec(text);
    stream.rest = cut ? cut[0] : "";
    if (cut) text = text.slice(0, cut.index);
    let from = 0;
    for (const token of text.matchAll(TOKENS)) {
      put(stream, name, text.slice(from, token.index));
      from = token.index + token[0].length;
      if (token[2] === "m") stream.style = sgr(stream.style, token[1].split(/[;:]/).map(Number));
      else if (token[0].endsWith("\n")) {
        if (!stream.text) open(stream, name);
        stream.text = null;
      } else if (token[0] === "\r" && stream.text) stream.text.replaceChildren(); // a progress line begins again
    }
    put(stream, name, text.slice(from));
  }
  function remark(words) {
    const line = document.createElement("div");
    line.className = "out-note";
    line.textContent = words;
    view.append(line);
  }
  function begin(number) {
    if (number === attempt) return;
    if (attempt || number > 1) remark(view.dataset.textAttempt.replace("%n", number));
    attempt = number;
    for (const name of Object.keys(streams)) delete streams[name];
  }
  function settle() {
    if (view.children.length > LINES_MAX) {
      while (view.children.length > LINES_MAX) view.firstChild.remove();
      note.textContent = view.dataset.textDropped;
    }
    if (isFollowing) view.scrollTop = view.scrollHeight;
    follow.hidden = isFollowing || !missed;
    if (!follow.hidden) follow.textContent = count(view, "text", missed);
  }
  view.addEventListener("scroll", () => {
    isFollowing = view.scrollHeight - view.scrollTop - view.clientHeight < 24;
    if (isFollowing) missed = 0;
    follow.hidden = isFollowing || !missed;
  });
  follow.addEventListener("click", () => {
    isFollowing = true;
    missed = 0;
    settle();
  });

  const wrap = document.getElementById("output-wrap");
  const showWrap = () => view.classList.toggle("is-wrapped", wrap.checked);
  wrap.addEventListener("change", showWrap);
  showWrap();

  const search = document.getElementById("output-search");
  let hits = [];
  let at = -1;
  function find() {
    const wanted = search.value.toLowerCase();
    const all = [...view.querySelectorAll(".out")];
    hits = wanted ? all.filter((line) => line.lastChild.textContent.toLowerCase().includes(wanted)) : [];
    all.forEach((line) => line.classList.toggle("is-hit", hits.includes(line)));
    document.getElementById("output-hits").textContent = wanted ? count(view, "textHit", hits.length) : "";
    at = -1;
  }
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !hits.length) return;
    event.preventDefault();
    hits.forEach((line) => line.classList.remove("is-current"));
    at = (at + (event.shiftKey ? -1 : 1) + hits.length) % hits.length;
    hits[at].classList.add("is-current");
    hits[at].scrollIntoView({ block: "center" });
  });

  const given = [...view.querySelectorAll("[data-stream]")].map((piece) => [Number(piece.dataset.attempt), piece.dataset.stream, piece.textContent]);
  view.replaceChildren();
  if (view.dataset.live) listen();
  else {
    for (const [number, name, text] of given) {
      begin(number);
      write(name, text);
    }
    isFollowing = false;
    missed = 0;
    settle();
    const line = location.hash && document.getElementById(location.hash.slice(1));
    if (line) line.scrollIntoView({ block: "center" });
  }

  function listen() {
    const source = new EventSource(view.dataset.live); // the browser comes back by itself, with Last-Event-ID
    const decoders = {};
    source.addEventListener("open", () => {
      if (note.textContent === view.dataset.textLost) note.textContent = "";
    });
    source.addEventListener("output", (event) => {
      const piece = JSON.parse(event.data);
      begin(piece.attempt);
      write(piece.stream, piece.text ?? decode(decoders, piece));
      settle();
    });
    source.addEventListener("end", () => source.close());
    source.addEventListener("error", () => {
      note.textContent = view.dataset.textLost;
    });
  }
  // Bytes that are no UTF-8 come as base64; a character may lie across two chunks.
  function decode(decoders, piece) {
    const decoder = (decoders[piece.stream] ||= new TextDecoder());
    const bytes = Uint8Array.from(atob(piece.base64), (c) => c.charCodeAt(0));
    return decoder.decode(bytes, { stream: true });
  }
})();
