// A run beneath the editor: follows it over a WebSocket from wherever it was, and takes what is typed to it.
"use strict";
(() => {
  const root = document.getElementById("program");
  const result = document.getElementById("result");
  const form = document.getElementById("input-form");
  const input = document.getElementById("input");
  const { texts } = JSON.parse(root.dataset.program);
  const output = window.amphi.output;
  const headers = { "HX-Request": "true" };
  const PAUSE_MIN_MS = 500;
  const PAUSE_MAX_MS = 10000;
  let current = null; // { id, socket, last, pause, isOver, typed: [], at }

  function tell(name, detail) {
    root.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Shows the run of this job, from its first line. */
  function watch(id) {
    current?.socket?.close();
    current = { id, last: "", pause: PAUSE_MIN_MS, isOver: false, typed: [], at: 0 };
    output.clear();
    tell("amphi:running", true);
    tell("amphi:marks", []);
    showResult(current);
    connect(current);
  }
  function connect(run) {
    const query = run.last ? "?last_event_id=" + run.last : "";
    run.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/v1/jobs/${run.id}/attach${query}`);
    run.socket.addEventListener("open", () => {
      if (run === current) output.lost(false);
    });
    run.socket.addEventListener("message", (event) => {
      if (run === current) receive(run, JSON.parse(event.data));
    });
    run.socket.addEventListener("close", () => {
      if (run !== current || run.isOver) return;
      output.lost(true);
      setTimeout(() => run === current && connect(run), run.pause);
      run.pause = Math.min(run.pause * 2, PAUSE_MAX_MS);
    });
  }
  function receive(run, { event, id, data }) {
    run.pause = PAUSE_MIN_MS;
    if (id) run.last = id;
    if (event === "output") return output.receive(data);
    if (event === "end") {
      run.isOver = true;
      run.socket.close();
      tell("amphi:running", false);
    }
    if (event === "error") return window.amphi.toast(texts["program-input-refused"], true);
    showResult(run);
  }

  // Where it stands, in the server's words; one question at a time, and never an old answer over a newer one.
  async function showResult(run) {
    run.isStale = true;
    if (run.isAsking) return;
    run.isAsking = true;
    while (run.isStale && run === current) {
      run.isStale = false;
      const answer = await fetch(`/programs/${run.id}/result`, { headers }).catch(() => null);
      if (answer?.ok && run === current) put(await answer.text());
    }
    run.isAsking = false;
  }
  function put(html) {
    result.innerHTML = html; // our own server's, escaped there
    const shown = result.firstElementChild;
    form.hidden = shown.dataset.takesInput !== "yes";
    document.getElementById("stop").disabled = shown.dataset.isCancelled === "yes";
    tell("amphi:marks", JSON.parse(shown.dataset.marks));
    shown.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
    if (!form.hidden && !form.dataset.wasShown) input.focus();
    form.dataset.wasShown = form.hidden ? "" : "yes";
  }

  // --- what is typed to it --------------------------------------------------------------------------------------------
  function send(act) {
    if (current?.socket?.readyState !== WebSocket.OPEN) {
      window.amphi.toast(texts["program-input-lost"], true);
      return false;
    }
    current.socket.send(JSON.stringify(act));
    return true;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!send({ input: input.value + "\n" })) return;
    output.typed(input.value);
    if (input.value && current.typed.at(-1) !== input.value) current.typed.push(input.value);
    current.at = current.typed.length;
    input.value = "";
    input.focus();
  });
  input.addEventListener("keydown", (event) => {
    const isControl = event.ctrlKey && !event.altKey && !event.metaKey;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step && current) {
      current.at = Math.min(Math.max(current.at + step, 0), current.typed.length);
      input.value = current.typed[current.at] || "";
    } else if (isControl && event.key === "d" && !input.value) send({ end: true });
    else if (isControl && event.key === "c" && input.selectionStart === input.selectionEnd) send({ interrupt: true });
    else return;
    event.preventDefault();
  });
  document.getElementById("input-end").addEventListener("click", () => send({ end: true }));
  document.getElementById("input-interrupt").addEventListener("click", () => send({ interrupt: true }));
  document.getElementById("stop").addEventListener("click", async () => {
    const csrf = document.body.dataset.csrf;
    const answer = await fetch(`/api/v1/jobs/${current.id}/cancel`, { method: "POST", headers: { "X-CSRF-Token": csrf } }).catch(() => null);
    // One that was over meanwhile says so by itself.
    if (!answer?.ok && answer?.status !== 409) window.amphi.toast(document.body.dataset.textFailed, true);
    showResult(current);
  });
  addEventListener("pagehide", () => current?.socket?.close());
  window.amphi.run = { watch };
})();
