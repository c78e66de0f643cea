// The chat page: sends pastes, keeps cards live through server-sent events. No framework, no third party.
"use strict";
const $ = (id) => document.getElementById(id);
const words = JSON.parse(document.body.dataset.words);
const log = $("log"), paste = $("paste"), under = $("under"), scroll = $("scroll");
const restText = under.textContent;

function say(text, bad = false) {
  under.textContent = text || restText;
  under.classList.toggle("bad", bad);
}

// What came last is read from its beginning: a card is longer than a phone's screen.
function show(node) { node.scrollIntoView({ block: "start", behavior: "auto" }); }

async function copy(text) {
  try { await navigator.clipboard.writeText(text); return; } catch { /* no permission, or no secure context: the old way */ }
  const box = element("textarea");
  box.value = text;
  box.style.position = "fixed";
  box.style.opacity = "0";
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

function copied(button) {
  const label = button.textContent;
  button.textContent = words.copied;
  setTimeout(() => { button.textContent = label; }, 1500);
}

function grow() {
  paste.style.height = "auto";
  paste.style.height = Math.min(paste.scrollHeight, window.innerHeight * 0.34) + "px";
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

async function call(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { ...options, headers: { Accept: "application/json", "X-Requested-With": "whyforbidden", ...(options.headers || {}) } });
  } catch {
    throw new Error(words.offline);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || words.failed);
  return body;
}

// The server sends finished, escaped HTML; it is the only thing that is ever put in as HTML.
function place(html, target, how = "beforeend") { target.insertAdjacentHTML(how, html); }

async function send(text, file) {
  if (!text.trim() && !file) { say(words.empty, true); paste.focus(); return; }
  $("hello").hidden = true;
  const waiting = element("li", "turn");
  const mine = element("div", "mine");
  mine.append(element("pre", "", file ? `${file.name}\n${text}`.trim() : text.slice(0, 4000)));
  const busy = element("div", "busy");
  busy.setAttribute("aria-label", words.thinking);
  busy.append(element("i"), element("i"), element("i"));
  waiting.append(mine, busy);
  log.append(waiting);
  show(waiting);
  $("send").disabled = true;
  const form = new FormData();
  form.set("text", text);
  if (file) form.set("file", file);
  try {
    const answer = await call("/chat/messages", { method: "POST", body: form });
    place(answer.html, waiting, "afterend");
    const turn = waiting.nextElementSibling;
    waiting.remove();
    const about = answer.about && document.getElementById(`turn-${answer.about}`);
    if (about && answer.card) redraw(about, answer.card);
    show(turn.querySelector(".bot") || turn);
    // What was typed meanwhile, or before an example was tried, stays.
    if (paste.value === text) paste.value = "";
    if (file) $("file").value = "";
    say("");
  } catch (error) {
    const refusal = element("div", "notice", error.message);
    busy.replaceWith(refusal);
    say(error.message, true);
    show(refusal);
  } finally {
    $("send").disabled = false;
    grow();
    paste.focus({ preventScroll: true });
  }
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send(paste.value, $("file").files[0]);
});
paste.addEventListener("input", grow);
// A box with megabytes in it is slow to draw: a log that long is attached as a file instead.
paste.addEventListener("paste", (event) => {
  const text = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
  if (text.length < 200000) return;
  event.preventDefault();
  const files = new DataTransfer();
  files.items.add(new File([text], "paste.txt", { type: "text/plain" }));
  $("file").files = files.files;
  say("paste.txt");
});
paste.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("composer").requestSubmit(); }
});
$("file").addEventListener("change", () => { const f = $("file").files[0]; say(f ? f.name : ""); });
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("box").addEventListener(kind, (event) => {
    event.preventDefault();
    $("box").classList.toggle("drop", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) { $("file").files = event.dataTransfer.files; say(event.dataTransfer.files[0].name); }
  });
}
document.querySelectorAll("[data-try]").forEach((button) => button.addEventListener("click", () => send(button.dataset.try)));

function whisper(turn, answer) {
  turn.querySelectorAll(".whisper").forEach((old) => old.remove());
  const note = element("div", "whisper");
  note.setAttribute("role", "note");
  note.append(element("span", "only", words.only_you));
  if (answer.toast) note.append(element("p", "", answer.toast));
  if (answer.url) {
    const link = element("a", "go", words.review);
    link.href = answer.url;
    link.target = "_blank";
    link.rel = "noopener";
    note.append(link);
  }
  if (answer.text) { const pre = element("pre", "", answer.text); note.append(pre); }
  turn.append(note);
  // The click that asked for the link is recent enough to open a window; where a browser disagrees, the link is there.
  note.querySelector("a.go")?.click();
  note.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

log.addEventListener("click", async (event) => {
  const turn = event.target.closest(".turn");
  if (!turn || !turn.dataset.card) return;
  const asSurface = event.target.closest("[data-as]");
  if (asSurface) return showSource(turn.dataset.card, asSurface);
  const button = event.target.closest("[data-action], [data-copy]");
  if (!button || button.tagName === "A") return;
  event.preventDefault();
  const kept = button.dataset.copy ?? (button.dataset.action === "support" ? turn.querySelector("[data-fold=support] [data-copy]")?.dataset.copy : undefined);
  if (kept !== undefined) { await copy(kept); copied(button); return; }
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await call(`/chat/cards/${turn.dataset.card}/click`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ action: button.dataset.action, index: Number(button.dataset.index || 0) }),
    });
    if (answer.card) redraw(turn, answer.card);
    whisper(turn, answer);
  } catch (error) {
    whisper(turn, { toast: error.message });
  } finally {
    button.removeAttribute("aria-busy");
  }
});

async function showSource(card, button) {
  try {
    const answer = await call(`/chat/cards/${card}/as/${button.dataset.as}`);
    $("source-title").textContent = button.textContent;
    $("source-text").textContent = answer.body;
    $("source").showModal();
  } catch (error) { say(error.message, true); }
}
$("source-close").addEventListener("click", () => $("source").close());
$("source-copy").addEventListener("click", async () => { await copy($("source-text").textContent); copied($("source-copy")); });

const person = $("person");
if (person) person.addEventListener("change", async () => {
  await call("/chat/person", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ person: person.value }) });
  location.reload();
});
$("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  document.cookie = `wf_theme=${next}; path=/; max-age=31536000; samesite=lax`;
});

// Only a card that changed is drawn anew (a selection and the focus would be lost), and what the reader had unfolded stays unfolded.
function redraw(turn, html) {
  const slot = turn.querySelector(".slot");
  const fresh = document.createElement("template"), shown = slot.cloneNode(true);
  fresh.innerHTML = html;
  shown.querySelectorAll("details[open]").forEach((details) => { details.open = false; });
  if (shown.innerHTML.trim() === fresh.innerHTML.trim()) return false;
  const title = (details) => details.querySelector("summary")?.textContent;
  const unfolded = new Set([...slot.querySelectorAll("details[open]")].map(title));
  slot.innerHTML = html;
  slot.querySelectorAll("details").forEach((details) => { details.open = unfolded.has(title(details)); });
  return true;
}

// Live cards. EventSource reconnects by itself; after a break every card is fetched anew, so nothing is missed.
async function refresh(card) {
  const turn = document.getElementById(`turn-${card}`);
  if (!turn) return;
  const answer = await call(`/chat/cards/${card}`);
  const state = () => turn.querySelector(".why-state")?.dataset.state;
  const before = state();
  // The personal link is of no use any more once the consent has moved on.
  if (redraw(turn, answer.html) && answer.settled && state() !== before) turn.querySelectorAll(".whisper").forEach((old) => old.remove());
}
function refreshAll() { document.querySelectorAll(".turn[data-card]").forEach((t) => refresh(t.dataset.card).catch(() => {})); }
let lost = false;
const events = new EventSource("/chat/events");
events.addEventListener("card", (event) => refresh(event.data).catch(() => {}));
events.addEventListener("whisper", (event) => { const m = JSON.parse(event.data); const turn = document.getElementById(`turn-${m.card}`) || log.lastElementChild; if (turn) whisper(turn, { toast: m.text }); });
events.addEventListener("open", () => { if (lost) refreshAll(); lost = false; });
events.addEventListener("error", () => { lost = true; });
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAll(); });
if (log.lastElementChild) show(log.lastElementChild.querySelector(".bot") || log.lastElementChild);
