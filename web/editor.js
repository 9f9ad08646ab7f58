// The code editor with a tab for each file, on the page where programs are written and, to read only, on a program's own
// page. CodeMirror does the editing; its colours are classes that program.css gives, for the light and the dark theme.
"use strict";
(() => {
  const cm = window.CodeMirror;
  const t = cm.tags;
  const NAMES_MAX = 200; // bytes of a path, as the server has it

  const colours = cm.HighlightStyle.define([
    { tag: [t.keyword, t.modifier, t.operatorKeyword, t.controlKeyword, t.definitionKeyword], class: "tok-keyword" },
    { tag: [t.string, t.special(t.string), t.regexp, t.character, t.escape], class: "tok-string" },
    { tag: [t.number, t.bool, t.null, t.atom, t.self], class: "tok-number" },
    { tag: [t.comment, t.docComment, t.meta, t.processingInstruction], class: "tok-comment" },
    { tag: [t.typeName, t.className, t.namespace, t.standard(t.variableName)], class: "tok-type" },
    { tag: [t.function(t.variableName), t.function(t.propertyName), t.macroName], class: "tok-function" },
    { tag: [t.propertyName, t.attributeName, t.special(t.variableName), t.labelName], class: "tok-property" },
    { tag: t.invalid, class: "tok-invalid" },
  ]);

  const extension = (path) => (/\.([^./]+)$/.exec(path)?.[1] || "").toLowerCase();
  const bytes = (base64) => Math.floor((base64.length * 3) / 4) - (/=*$/.exec(base64)[0].length);

  // Whether a name may be given; the server has the last word.
  function nameFault(path, others, texts) {
    const isRelative = path && !path.startsWith("/") && !path.includes("\\") && !path.split("/").some((part) => ["", ".", ".."].includes(part));
    if (!isRelative || new TextEncoder().encode(path).length > NAMES_MAX) return texts["program-file-name-bad"];
    return others.includes(path) ? texts["program-file-name-taken"] : "";
  }

  /**
   * Makes an editor in `root`, which holds a `[role=tablist]`, a `[role=tabpanel]`, and what is said of a file that is no
   * text in `[data-binary]`. `modeOf(path, isMain)` names the mode of a file, `onChange` is called after every change.
   */
  function editor(root, { texts, modeOf, onChange, isReadOnly }) {
    const tabs = root.querySelector("[role=tablist]");
    const panel = root.querySelector("[role=tabpanel]");
    const binary = root.querySelector("[data-binary]");
    let files = []; // { path, state } of text, { path, base64 } of other files
    let open = 0;
    const mode = new cm.Compartment();

    const view = new cm.EditorView({
      parent: panel,
      dispatchTransactions(transactions, view) {
        view.update(transactions);
        if (files[open]?.state) files[open].state = view.state;
        if (transactions.some((transaction) => transaction.docChanged)) onChange?.();
      },
    });

    const modeFor = (index) => cm.modes[modeOf(files[index].path, index === 0)]?.() || [];
    function stateOf(text, index) {
      return cm.EditorState.create({
        doc: text,
        extensions: [
          cm.lineNumbers(), cm.highlightSpecialChars(), cm.drawSelection(), cm.bracketMatching(), cm.lintGutter(),
          cm.syntaxHighlighting(colours), cm.highlightSelectionMatches(), cm.EditorView.lineWrapping,
          cm.EditorState.phrases.of(texts), mode.of(modeFor(index)),
          cm.EditorView.contentAttributes.of({ "aria-label": files[index].path, "aria-describedby": "editor-keys", tabindex: "0" }),
          isReadOnly
            ? [cm.EditorState.readOnly.of(true), cm.EditorView.contentAttributes.of({ "aria-readonly": "true" }), cm.keymap.of([...cm.defaultKeymap, ...cm.searchKeymap])]
            : [
                cm.history(), cm.dropCursor(), cm.indentOnInput(), cm.closeBrackets(), cm.highlightActiveLine(),
                cm.highlightActiveLineGutter(), cm.indentUnit.of("    "),
                cm.keymap.of([...cm.closeBracketsKeymap, ...cm.defaultKeymap, ...cm.historyKeymap, ...cm.searchKeymap, cm.indentWithTab]),
              ],
        ],
      });
    }

    function showTabs() {
      tabs.replaceChildren(
        ...files.map((file, index) => {
          const tab = document.createElement("button");
          tab.type = "button";
          tab.className = "tab";
          tab.id = "tab-" + index;
          tab.setAttribute("role", "tab");
          tab.setAttribute("aria-selected", String(index === open));
          tab.setAttribute("aria-controls", panel.id);
          tab.tabIndex = index === open ? 0 : -1;
          tab.textContent = file.path;
          if (file.faults) tab.append(faultMark(file.faults));
          tab.addEventListener("click", () => show(index));
          return tab;
        }),
      );
      panel.setAttribute("aria-labelledby", "tab-" + open);
    }
    function faultMark(count) {
      const mark = document.createElement("span");
      mark.className = "tab-faults";
      mark.textContent = count;
      mark.title = texts["program-faults"];
      return mark;
    }
    tabs.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: open - 1, ArrowRight: open + 1, Home: 0, End: files.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show((to + files.length) % files.length);
      tabs.children[open].focus();
    });

    function show(index) {
      open = index;
      const file = files[index];
      view.dom.hidden = !file.state;
      if (binary) {
        binary.hidden = Boolean(file.state);
        if (!file.state) binary.textContent = texts["program-file-binary"].replace("%n", bytes(file.base64).toLocaleString());
      }
      if (file.state) view.setState(file.state);
      showTabs();
    }
    function put(given) {
      files = given.map(({ path, text, base64 }) => ({ path, base64, text }));
      files.forEach((file, index) => {
        if (file.base64 === undefined) file.state = stateOf(file.text, index);
        delete file.text;
      });
      show(0);
    }
    function add(given) {
      for (const { path, text, base64 } of given) {
        const at = files.findIndex((file) => file.path === path);
        const index = at < 0 ? files.length : at;
        files[index] = { path, base64 };
        if (base64 === undefined) files[index].state = stateOf(text, index);
        open = index;
      }
      show(open);
      onChange?.();
    }
    function rename(path) {
      files[open].path = path;
      refreshModes();
      onChange?.();
    }
    // The first file takes the name it would have in another language, unless somebody named it.
    function renameMain(from, to) {
      if (files[0].path === from && !files.some(({ path }) => path === to)) files[0].path = to;
      refreshModes();
    }
    function remove() {
      files.splice(open, 1);
      show(Math.min(open, files.length - 1));
      refreshModes();
      onChange?.();
    }
    // A file's mode follows its name and, for the first one, the language chosen.
    function refreshModes() {
      files.forEach((file, index) => {
        if (file.state) file.state = file.state.update({ effects: mode.reconfigure(modeFor(index)) }).state;
      });
      show(open);
    }

    /** Marks lines: `[{file, line, column?, message}]`, counted from 1. */
    function mark(marks) {
      files.forEach((file, index) => {
        const own = marks.filter((mark) => mark.file === file.path);
        file.faults = own.length;
        if (!file.state) return;
        const doc = file.state.doc;
        const found = own.filter(({ line }) => line >= 1 && line <= doc.lines).map(({ line, column, message }) => {
          const { from, to, text } = doc.line(line);
          const start = column ? Math.min(from + column - 1, to) : from + /^\s*/.exec(text)[0].length;
          return { from: Math.min(start, to), to, severity: "error", message };
        });
        file.state = file.state.update(cm.setDiagnostics(file.state, found)).state;
      });
      show(open);
    }
    /** Opens a file at a line, with the focus there. */
    function goTo(path, line) {
      const index = files.findIndex((file) => file.path === path);
      if (index < 0 || !files[index].state) return;
      show(index);
      const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
      view.dispatch({ selection: { anchor: at.from }, effects: cm.EditorView.scrollIntoView(at.from, { y: "center" }) });
      view.focus();
    }
    const all = () => files.map(({ path, state, base64 }) => (state ? { path, text: state.doc.toString() } : { path, base64 }));

    // On the page, Escape takes the focus away from what is typed into; here it is the first half of Escape, Tab.
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") event.stopPropagation();
    });
    return {
      put, add, rename, renameMain, remove, mark, goTo, all,
      openPath: () => files[open].path,
      nameFault: (path, isNew) => nameFault(path, files.filter((_, index) => isNew || index !== open).map((file) => file.path), texts),
    };
  }
  window.amphi.editor = editor;
  window.amphi.extension = extension;

  // --- a program's own page -------------------------------------------------------------------------------------------
  const source = document.getElementById("source");
  if (!source) return;
  const { texts, modes, files, marks } = JSON.parse(source.dataset.source);
  source.hidden = false; // an editor that can't be seen measures nothing
  const shown = editor(source, { texts, modeOf: (path, isMain) => modes[extension(path)] || (isMain ? modes[""] : ""), isReadOnly: true });
  shown.put(files);
  shown.mark(marks);
  document.getElementById("source-plain").remove();
})();
