// What a job printed: lines with numbers, colours and a mark for every stream but stdout, following the end until one
// scrolls up. A job's page fills it by itself; the programs' page does through `amphi.output`.
"use strict";
(() => {
  const LINES_MAX = 5000;
  const lang = document.documentElement.lang;
  const plural = new Intl.PluralRules(lang);
  const view = document.getElementById("output");
  if (!view) return;
  const follow = document.getElementById("output-follow");
  const note = document.getElementById("output-note");
  let streams = {}; // per stream: the open line, its style, an unfinished escape, its decoder
  let last = "stdout"; // the stream of the last line
  let lines = 0;
  let shown = 0; // lines and remarks on the page; asking the page would count them anew each time
  let attempt = 0;
  let missed = 0;
  let isFollowing = !location.hash;

  const count = (name, n) => {
    const key = "text" + name + (plural.select(n) === "one" ? "One" : "Other");
    return (view.dataset[key] || "").replace("%n", n.toLocaleString(lang));
  };

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
    line.className = "out is-" + name;
    line.id = "L" + lines;
    const number = document.createElement("a");
    number.href = "#L" + lines;
    number.textContent = lines;
    number.tabIndex = -1;
    number.setAttribute("aria-label", view.dataset.textLine.replace("%n", lines));
    const text = document.createElement("span");
    text.className = "out-text";
    line.append(number, text);
    if (name !== "stdout" && name !== last) {
      const word = document.createElement("span");
      word.className = "out-stream";
      word.textContent = view.dataset["text" + name[0].toUpperCase() + name.slice(1)];
      line.append(word);
    }
    last = name;
    view.append(line);
    shown += 1;
    if (shown > 2 * LINES_MAX) drop();
    stream.text = text;
    if (!isFollowing) missed += 1;
  }
  function put(stream, name, words, style) {
    if (!words) return;
    if (!stream.text) open(stream, name);
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
      put(stream, name, text.slice(from, token.index), classes(stream.style));
      from = token.index + token[0].length;
      if (token[2] === "m") stream.style = sgr(stream.style, token[1].split(/[;:]/).map(Number));
      else if (token[0].endsWith("\n")) {
        if (!stream.text) open(stream, name);
        stream.text = null;
      } else if (token[0] === "\r" && stream.text) stream.text.replaceChildren(); // a progress line begins again
    }
    put(stream, name, text.slice(from), classes(stream.style));
  }
  // What the reader typed stands behind the prompt, as in a terminal.
  function typed(words) {
    flush();
    const stream = (streams.stdout ||= { style: { on: [] }, rest: "" });
    put(stream, "stdout", words || " ", "out-typed");
    stream.text = null;
    settle();
  }
  function remark(words) {
    const line = document.createElement("div");
    line.className = "out-note";
    line.textContent = words;
    view.append(line);
    shown += 1;
  }
  function begin(number) {
    if (number === attempt) return;
    if (attempt || number > 1) remark(view.dataset.textAttempt.replace("%n", number));
    attempt = number;
    streams = {};
  }
  function drop() {
    for (; shown > LINES_MAX; shown -= 1) view.firstChild.remove();
    note.textContent = view.dataset.textDropped;
  }
  function settle() {
    if (shown > LINES_MAX) drop();
    if (isFollowing) view.scrollTop = view.scrollHeight;
    follow.hidden = isFollowing || !missed;
    if (!follow.hidden) follow.textContent = count("", missed);
  }
  function clear() {
    pieces = [];
    view.replaceChildren();
    streams = {};
    last = "stdout";
    lines = attempt = missed = shown = 0;
    isFollowing = true;
    note.textContent = "";
    settle();
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
    hits = wanted ? all.filter((line) => line.querySelector(".out-text").textContent.toLowerCase().includes(wanted)) : [];
    all.forEach((line) => line.classList.toggle("is-hit", hits.includes(line)));
    document.getElementById("output-hits").textContent = wanted ? count("Hit", hits.length) : "";
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

  // Bytes that are no UTF-8 come as base64; a character may lie across two chunks.
  function decode(piece) {
    const stream = (streams[piece.stream] ||= { style: { on: [] }, rest: "" });
    stream.decoder ||= new TextDecoder();
    return stream.decoder.decode(Uint8Array.from(atob(piece.base64), (c) => c.charCodeAt(0)), { stream: true });
  }
  // What comes within one frame is laid out once: a program may print thousands of pieces a second.
  let pieces = [];
  function flush() {
    const taken = pieces;
    pieces = [];
    for (const piece of taken) {
      begin(piece.attempt);
      write(piece.stream, piece.text ?? decode(piece));
    }
    if (taken.length) settle();
  }
  function receive(piece) {
    if (pieces.push(piece) > 1) return;
    // Nothing is painted while the page is hidden.
    if (document.hidden) setTimeout(flush, 100);
    else requestAnimationFrame(flush);
  }
  function lost(isLost) {
    if (isLost) note.textContent = view.dataset.textLost;
    else if (note.textContent === view.dataset.textLost) note.textContent = "";
  }
  window.amphi.output = { clear, lost, receive, typed };

  // --- a job's own page -----------------------------------------------------------------------------------------------
  const given = [...view.querySelectorAll("[data-stream]")].map((piece) => [Number(piece.dataset.attempt), piece.dataset.stream, piece.textContent]);
  view.replaceChildren();
  for (const [number, name, text] of view.dataset.live ? [] : given) {
    begin(number);
    write(name, text);
  }
  if (given.length && !view.dataset.live) {
    isFollowing = false;
    missed = 0;
    settle();
    const line = location.hash && document.getElementById(location.hash.slice(1));
    if (line) line.scrollIntoView({ block: "center" });
  }
  if (!view.dataset.live) return;
  const source = new EventSource(view.dataset.live); // the browser comes back by itself, with Last-Event-ID
  source.addEventListener("open", () => lost(false));
  source.addEventListener("output", (event) => receive(JSON.parse(event.data)));
  source.addEventListener("end", () => source.close());
  source.addEventListener("error", () => lost(true));
})();
