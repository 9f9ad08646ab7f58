// The page where a program is written and run: its form, the draft that outlives the tab, and the run beneath it.
// `editor.js` has the editor, `output.js` what is printed.
"use strict";
(() => {
  const root = document.getElementById("program");
  const { texts, languages, program, account, home } = JSON.parse(root.dataset.program);
  const form = document.getElementById("program-form");
  const field = (name) => form.elements[name];
  const button = (id) => document.getElementById(id);
  const csrf = { "X-CSRF-Token": document.body.dataset.csrf, "HX-Request": "true" };
  const DRAFT = "amphi-program:" + account;
  const FILE_BYTES_MAX = 1 << 20;

  const language = () => languages.find(({ name }) => name === field("language").value);
  const languageOf = (path) => languages.find(({ extensions }) => extensions.includes(window.amphi.extension(path)));
  const editor = window.amphi.editor(button("editor"), {
    texts,
    modeOf: (path, isMain) => (languageOf(path) || (isMain && language()) || {}).mode,
    onChange: changed,
  });

  // --- what is in the form --------------------------------------------------------------------------------------------
  const example = ({ file, hello }) => ({ language: field("language").value, files: [{ path: file, text: hello }], args: "", stdin: "", interactive: true, node: "", name: "" });

  function content() {
    const value = (name) => field(name).value;
    return {
      language: value("language"), files: editor.all(), args: value("args"), stdin: value("stdin"),
      interactive: field("interactive").checked, node: value("node"), name: value("name"),
      many: value("many"), first: value("first"), array: value("array"), parameters: value("parameters"), inputs: value("inputs"),
    };
  }
  // Over what it is spread, as the API has it; null: it is run once.
  function spread({ many, first, array, parameters, inputs }) {
    const number = (text) => (text === "" ? undefined : Number(text));
    if (many === "array") return { array: { from: number(first), to: number(array) } };
    if (many === "lines") return { parameters: lines(parameters).map(words) };
    if (many === "inputs") return { inputs: lines(inputs).map((line) => line + "\n") };
    return many === "nodes" ? { each_node: true } : null;
  }
  const MANY_FLAGS = {
    array: ({ first, array }) => ["--array", `${first}-${array}`],
    lines: () => ["--each-line", "arguments.txt"],
    inputs: () => ["--each-input", "inputs"],
    nodes: () => ["--each-node"],
  };
  function fill(draft) {
    if (languages.some(({ name }) => name === draft.language)) field("language").value = draft.language;
    showNodes();
    for (const name of ["args", "stdin", "node", "name", "parameters", "inputs"]) field(name).value = draft[name] || "";
    for (const name of ["first", "array"]) field(name).value = draft[name] || field(name).defaultValue;
    field("many").value = draft.many in MANY_FLAGS ? draft.many : "once";
    button("many").open = field("many").value !== "once";
    field("interactive").checked = draft.interactive;
    editor.put(draft.files);
    showCommand();
  }
  const isExample = (files) => files.length === 1 && languages.some(({ hello }) => files[0].text === hello || files[0].text === "");

  // Words as a shell reads them: quotes and backslashes, no more. `open` is the quote that nothing closes, or the backslash
  // at the end.
  const PIECE = /(\s+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|[^\s"'\\]+/gsy;
  function shell(line) {
    const words = [];
    let word; // the number of the one that is begun
    let end = 0;
    for (const piece of line.matchAll(PIECE)) {
      const [all, space, single, double, escaped] = piece;
      end += all.length;
      if (space) word = undefined;
      else if (word === undefined) word = words.push("");
      if (!space) words[word - 1] += single ?? double?.replace(/\\(.)/gs, "$1") ?? escaped ?? all;
    }
    return { words, open: line[end] };
  }
  const words = (line) => shell(line).words;
  const lines = (text) => text.split("\n").filter((line) => line.trim());
  // Where something typed is no line of a shell: the field, and a sentence.
  function fault({ args, many, parameters }) {
    const wrong = (line) => {
      const { open } = shell(line);
      return open && texts[open === "\\" ? "program-backslash-open" : "program-quote-open"].replaceAll("%quote", () => open);
    };
    if (wrong(args)) return ["args", wrong(args)];
    const at = many === "lines" ? lines(parameters).findIndex(wrong) : -1;
    return at < 0 ? null : [`parameters[${at}]`, wrong(lines(parameters)[at])];
  }
  const quoted = (word) => (/^[\w\-./:@+=%,]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'");

  function showCommand() {
    const { language: name, files, args, stdin, interactive, node, name: title, many, ...all } = content();
    field("node").disabled = many === "nodes";
    const flags = [
      ...(node && many !== "nodes" ? ["--node", node] : []), ...(title ? ["--name", title] : []), ...(MANY_FLAGS[many]?.(all) || []),
      ...(languageOf(files[0].path)?.name === name ? [] : ["--language", name]),
      ...files.slice(1).flatMap(({ path }) => ["--file", path]), ...(interactive && !(many in MANY_FLAGS) ? ["-i"] : []),
    ];
    const input = stdin && many !== "inputs" ? " < input.txt" : "";
    const typed = shell(args);
    const command = ["amphi", "run", ...flags, files[0].path, ...(typed.open ? [] : typed.words)].map(quoted).join(" ");
    button("as-cli").textContent = command + (typed.open ? " " + args : "") + input; // what is not finished stands as it is
  }
  function showNodes() {
    const select = field("node");
    const chosen = select.value;
    const has = language().nodes;
    for (const option of select.options) {
      const found = has.find(({ node }) => node === option.value);
      option.disabled = Boolean(option.value) && !found;
      option.textContent = !option.value ? option.textContent : found ? `${option.value} · ${found.version}` : option.value;
    }
    if (select.options[select.selectedIndex]?.disabled) select.value = "";
    else select.value = chosen;
  }
  let lastLanguage = "";
  function languageChosen() {
    const name = field("language").value;
    if (name === lastLanguage) return;
    const before = languages.find(({ name }) => name === lastLanguage);
    lastLanguage = name;
    if (isExample(editor.all())) editor.put(example(language()).files);
    else editor.renameMain(before?.file, language().file);
    showNodes();
    changed();
  }

  // --- the draft ------------------------------------------------------------------------------------------------------
  let saving = 0;
  let from = program?.id || "";

  function changed() {
    showCommand();
    clearTimeout(saving);
    saving = setTimeout(save, 300);
  }
  function save() {
    clearTimeout(saving);
    saving = 0;
    try {
      localStorage.setItem(DRAFT, JSON.stringify({ from, ...content() }));
      button("draft-state").textContent = texts["program-draft-kept"];
    } catch {
      button("draft-state").textContent = texts["program-draft-too-large"];
    }
  }
  function kept() {
    try {
      return JSON.parse(localStorage.getItem(DRAFT));
    } catch {
      return null;
    }
  }
  function forget() {
    clearTimeout(saving);
    saving = 0;
    localStorage.removeItem(DRAFT);
    button("draft-state").textContent = "";
    button("draft-note").hidden = true;
  }
  addEventListener("pagehide", () => saving && save());
  button("draft-drop").addEventListener("click", () => {
    forget();
    location.assign("/programs/new");
  });

  form.addEventListener("input", (event) => {
    // What was prepared is to end somewhere; who types on says so.
    if (event.target.name === "stdin") field("interactive").checked &&= !event.target.value || isInteractiveChosen;
    if (event.target.name === "interactive") isInteractiveChosen = true;
    if (event.target.name === "language") languageChosen();
    else changed();
    // What was wrong may be right now.
    if (event.target.getAttribute("aria-invalid")) showWrong(...(fault(content()) || ["", ""]));
  });
  let isInteractiveChosen = false;

  // --- files ----------------------------------------------------------------------------------------------------------
  const dialog = button("file-dialog");
  const nameInput = button("file-name");
  const nameError = button("file-name-error");

  function askName(isNew) {
    button("file-dialog-title").textContent = texts[isNew ? "program-file-new" : "program-file-rename"];
    nameInput.value = isNew ? "" : editor.openPath();
    showNameFault("");
    dialog.dataset.isNew = isNew ? "yes" : "";
    dialog.showModal();
    nameInput.focus();
    nameInput.setSelectionRange(0, nameInput.value.lastIndexOf(".") > 0 ? nameInput.value.lastIndexOf(".") : nameInput.value.length);
  }
  function showNameFault(fault) {
    nameError.textContent = fault;
    nameInput.classList.toggle("is-invalid", Boolean(fault));
    nameInput.toggleAttribute("aria-invalid", Boolean(fault));
  }
  button("file-form").addEventListener("submit", (event) => {
    const isNew = Boolean(dialog.dataset.isNew);
    const path = nameInput.value.trim();
    const fault = editor.nameFault(path, isNew);
    if (fault) {
      event.preventDefault();
      return showNameFault(fault);
    }
    if (isNew) editor.add([{ path, text: "" }]);
    else editor.rename(path);
    const main = languageOf(editor.all()[0].path);
    if (main?.nodes.length && main.name !== field("language").value) {
      field("language").value = main.name;
      languageChosen();
    }
    showRemove();
  });
  button("file-cancel").addEventListener("click", () => dialog.close());
  button("file-new").addEventListener("click", () => askName(true));
  button("file-rename").addEventListener("click", () => askName(false));
  button("file-remove").addEventListener("click", () => {
    editor.remove();
    showRemove();
  });
  const showRemove = () => (button("file-remove").disabled = editor.all().length < 2);

  const base64 = (data) => {
    let text = "";
    for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
    return btoa(text);
  };
  function asFile(path, data) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
      if (!text.includes("\0")) return { path, text };
    } catch {
      // not text: kept as it is
    }
    return { path, base64: base64(data) };
  }
  async function read(file) {
    if (file.size > FILE_BYTES_MAX) throw new Error(texts["program-file-too-large"].replace("%name", file.name));
    const data = new Uint8Array(await file.arrayBuffer());
    if (!/\.zip$/i.test(file.name)) return [asFile(file.name, data)];
    const headers = { ...csrf, "Content-Type": "application/json" };
    const body = JSON.stringify({ language: field("language").value, zip_base64: base64(data) });
    const answer = await fetch("/programs/unzip", { method: "POST", headers, body });
    const given = await answer.json();
    if (!answer.ok) throw new Error(given.message);
    return given.files;
  }
  async function take(given) {
    const files = (await Promise.all(given.map(read))).flat();
    if (isExample(editor.all())) editor.put(files);
    else editor.add(files);
    const main = languageOf(editor.all()[0].path);
    if (main?.nodes.length) field("language").value = main.name;
    languageChosen();
    showRemove();
    changed();
  }
  button("file-upload").addEventListener("change", (event) => {
    const given = [...event.target.files];
    event.target.value = "";
    take(given).catch((error) => window.amphi.toast(error.message, true));
  });
  window.amphi.ownFiles({ home, texts, take });
  button("stdin-upload").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    const given = file && file.size <= FILE_BYTES_MAX ? asFile(file.name, new Uint8Array(await file.arrayBuffer())) : {};
    if (given.text === undefined) return window.amphi.toast(texts["program-stdin-no-text"], true);
    field("stdin").value = given.text;
    field("stdin").dispatchEvent(new Event("input", { bubbles: true }));
  });

  // --- the run --------------------------------------------------------------------------------------------------------
  const runButton = button("run");
  const stopButton = button("stop");
  let isRunning = false;
  const result = button("result");

  function showWrong(where, message) {
    const [, name, place] = /^(.*?)(?:\[(\d+)\])?$/.exec(where || "");
    if (place !== undefined) message = `${Number(place) + 1}: ${message}`; // which of the lines
    for (const slot of form.querySelectorAll("[data-error]")) {
      const isHere = Boolean(message) && slot.dataset.error === name;
      slot.textContent = isHere ? message : "";
      const at = field(slot.dataset.error);
      at.classList.toggle("is-invalid", isHere);
      isHere ? at.setAttribute("aria-invalid", "true") : at.removeAttribute("aria-invalid");
      if (isHere) at.focus();
    }
    const isElsewhere = Boolean(message) && !form.querySelector(`[data-error="${CSS.escape(name || "")}"]`);
    button("refusal").hidden = !isElsewhere;
    button("refusal").textContent = isElsewhere ? message : "";
    if (isElsewhere) button("refusal").scrollIntoView({ block: "nearest" });
  }
  async function run() {
    if (runButton.disabled) return;
    const wrong = fault(content());
    showWrong(...(wrong || ["", ""]));
    if (wrong) return;
    runButton.disabled = true;
    editor.mark([]);
    const { many, first, array, parameters, inputs, ...wanted } = content();
    const over = spread({ many, first, array, parameters, inputs });
    const body = JSON.stringify({
      ...wanted, args: words(wanted.args), node: (many !== "nodes" && wanted.node) || undefined, name: wanted.name || undefined,
      interactive: wanted.interactive && !over, stdin: many === "inputs" ? "" : wanted.stdin, ...over,
    });
    try {
      const answer = await fetch("/programs/new", { method: "POST", headers: { ...csrf, "Content-Type": "application/json" }, body });
      const given = await answer.json();
      if (!answer.ok) return showWrong(given.field, given.message);
      if (given.batch) {
        save(); // to change it and run it again
        return location.assign("/lab/batches/" + given.batch);
      }
      from = given.id;
      forget();
      const address = "/programs/new?from=" + from;
      history.replaceState(null, "", address);
      for (const next of document.querySelectorAll("input[name=next]")) next.value = address; // where another language leads back
      const panel = button("run-panel");
      if (panel.getBoundingClientRect().top > innerHeight / 2) panel.scrollIntoView({ block: "start" }); // on a phone it is below
      window.amphi.run.watch(from);
    } catch {
      window.amphi.toast(document.body.dataset.textFailed, true);
    } finally {
      runButton.disabled = isRunning;
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }, true);
  root.addEventListener("amphi:running", (event) => {
    isRunning = event.detail;
    runButton.disabled = isRunning;
    stopButton.hidden = !isRunning;
  });
  root.addEventListener("amphi:marks", (event) => editor.mark(event.detail));
  result.addEventListener("click", (event) => {
    const place = event.target.closest("[data-line]");
    if (place) editor.goTo(place.dataset.file, Number(place.dataset.line));
  });

  // Beside the editor the panel ends where the window does, however far the page is scrolled: what one types to is in
  // sight together with what stops it.
  const fit = () => button("run-panel").style.setProperty("--above", Math.max(0, root.getBoundingClientRect().top - 72) + "px");
  for (const name of ["scroll", "resize"]) addEventListener(name, fit, { passive: true });

  // --- the beginning --------------------------------------------------------------------------------------------------
  const draft = kept();
  const isWanted = draft?.files?.length && (program ? draft.from === from : !root.dataset.isExample);
  root.hidden = false; // an editor that can't be seen measures nothing
  if (isWanted) {
    fill(draft);
    button("draft-note").hidden = false;
    from = draft.from;
  } else fill(program || example(language()));
  lastLanguage = field("language").value;
  showRemove();
  fit();
  if (program) window.amphi.run.watch(program.id);
})();
