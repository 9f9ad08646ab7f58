// The dialog that takes files out of one's own files, for the editor.
"use strict";
(() => {
  const SHOWN_MAX = 1000;

  /** Makes the button open the dialog; `take` gets the chosen ones, as name, size and arrayBuffer(), and may refuse them with a sentence. */
  window.amphi.ownFiles = ({ home, texts, take }) => {
    const part = (name) => document.getElementById("own-" + name);
    if (!home || !part("open")) return;
    const dialog = part("dialog");
    const list = part("entries");
    const exported = "/api/v1/exports/" + encodeURIComponent(home);

    async function asked(address) {
      const answer = await fetch(address).catch(() => null);
      if (answer?.ok) return answer;
      throw new Error((await answer?.json().catch(() => null))?.message || document.body.dataset.textFailed);
    }
    function say(fault) {
      part("error").textContent = fault;
      part("error").hidden = !fault;
    }
    function item(...children) {
      const line = document.createElement("li");
      line.append(...children);
      return line;
    }
    function folder(text, path) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn-sm btn-quiet own-folder";
      button.textContent = text;
      button.addEventListener("click", () => show(path));
      return item(button);
    }
    const bytes = async (path) => (await asked(`${exported}/files/${path.split("/").map(encodeURIComponent).join("/")}`)).arrayBuffer();
    function file({ name, path, size }) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.file = { name, size, arrayBuffer: () => bytes(path) };
      box.className = "form-check-input";
      label.append(box, " " + name);
      return item(label);
    }
    let wanted = "";
    async function show(path) {
      wanted = path;
      say("");
      try {
        const answer = await asked(`${exported}/entries?limit=${SHOWN_MAX}&path=${encodeURIComponent(path)}`);
        const { items, next } = await answer.json();
        if (wanted !== path) return; // another was opened meanwhile
        const folders = items.filter(({ kind }) => kind === "directory").map((entry) => folder(entry.name + "/", entry.path));
        const above = path ? [folder("↑ " + texts["program-own-up"], path.split("/").slice(0, -1).join("/"))] : [];
        const files = items.filter(({ kind }) => kind === "file").map(file);
        const notes = next ? [texts["program-own-more"].replace("%n", SHOWN_MAX)] : items.length ? [] : [texts["program-own-empty"]];
        list.replaceChildren(...above, ...folders, ...files, ...notes.map((note) => item(note)));
        part("path").textContent = `${home}:${path}`;
      } catch (error) {
        say(error.message);
      }
      chosen();
    }
    const marked = () => [...list.querySelectorAll("input:checked")].map((box) => box.file);
    const chosen = () => (part("take").disabled = !marked().length);

    list.addEventListener("change", chosen);
    part("open").addEventListener("click", () => {
      dialog.showModal();
      show("");
    });
    part("cancel").addEventListener("click", () => dialog.close());
    part("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      part("take").disabled = true;
      try {
        await take(marked());
        dialog.close();
      } catch (error) {
        say(error.message);
      }
      chosen();
    });
  };
})();
