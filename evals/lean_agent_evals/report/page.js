"use strict";
// Text enters the page through textContent alone, so that none of it can become markup.

const byId = (id) => document.getElementById(id);

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Colours

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
}

function nameThemeButton() {
  byId("theme").textContent = isDark() ? "Light colours" : "Dark colours";
}

byId("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameThemeButton();
});
prefersDark.addEventListener("change", nameThemeButton);
nameThemeButton();

// Tasks: sorting and choosing

const table = byId("task-table");
const body = table.tBodies[0];
const rows = [...body.rows];
const collator = new Intl.Collator("en", { numeric: true });

function compare(first, second) {
  const known = Number(second !== undefined) - Number(first !== undefined);
  if (known || first === undefined) return known;
  return collator.compare(first, second);
}

function sortBy(button) {
  const column = Number(button.dataset.column);
  const head = button.closest("th");
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) {
    other.removeAttribute("aria-sort");
  }
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = (row) => row.cells[column].dataset.value;
  const numeric = column > 0;
  const ordered = rows
    .map((row) => [row, value(row)])
    .sort(([, a], [, b]) => {
      if (a === undefined || b === undefined) return compare(a, b);
      const order = numeric ? Number(a) - Number(b) : compare(a, b);
      return up ? order : -order;
    });
  body.append(...ordered.map(([row]) => row));
}

function choose() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const group = byId("choice").value;
  let shown = 0;
  for (const row of rows) {
    const text = row.cells[0].textContent.toLowerCase();
    const fits = row.dataset.groups.split(" ").includes(group);
    row.hidden = !(fits && words.every((word) => text.includes(word)));
    shown += Number(!row.hidden);
  }
  byId("shown").textContent = `${shown} of ${rows.length} tasks`;
}

table.tHead.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) sortBy(button);
});
byId("find").addEventListener("input", choose);
byId("choice").addEventListener("change", choose);
choose();

// Trajectories: a sample's JSON is read when it is opened

const viewer = byId("viewer");
const read = (number) => JSON.parse(byId(`sample-${number}`).textContent);

function folded(summary, text, open) {
  const details = made("details");
  details.open = open;
  details.append(made("summary", "", summary), made("pre", "", text));
  return details;
}

function turn(data) {
  const item = made("li", `turn ${data.error ? "error" : ""}`);
  const from = data.role === "tool" && data.tool ? `tool: ${data.tool}` : data.role;
  const head = made("p", "role", from);
  if (data.about) head.append(made("span", "about", data.about));
  item.append(head);
  if (data.text) {
    const short = data.role !== "system" && data.text.length < 4000;
    item.append(short ? made("pre", "", data.text) : folded(`${data.text.length} characters`, data.text, false));
  }
  for (const [name, given] of data.calls || []) {
    const call = made("pre", "call");
    call.append(made("b", "", name), ` ${given}`);
    item.append(call);
  }
  return item;
}

function show(number, numbers) {
  const sample = read(number);
  byId("viewer-title").textContent = sample.task;
  byId("viewer-arms").replaceChildren(
    ...numbers.map((other) => {
      const button = made("button", "", read(other).label);
      button.type = "button";
      button.setAttribute("aria-pressed", String(other === number));
      button.addEventListener("click", () => {
        show(other, numbers);
        byId("viewer-arms").querySelector("[aria-pressed=true]").focus();
      });
      return button;
    }),
  );
  const facts = made("dl", "facts");
  for (const [name, value] of sample.facts) {
    const fact = made("div");
    fact.append(made("dt", "", name), made("dd", "", value));
    facts.append(fact);
  }
  const turns = made("ol", "turns");
  turns.append(...sample.turns.map(turn));
  byId("viewer-body").replaceChildren(
    made("h3", "", "Question"),
    made("pre", "", sample.question),
    made("h3", "", "Answer given"),
    made("pre", "", sample.output),
    ...(sample.answers.length ? [made("h3", "", "Right answer"), made("pre", "", sample.answers.join("\nor "))] : []),
    facts,
    ...sample.remarks.map((remark) => made("pre", "", remark)),
    made("h3", "", "Messages"),
    turns,
  );
  viewer.scrollTop = 0;
}

body.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sample]");
  if (!button) return;
  const row = button.closest("tr");
  const numbers = [...row.querySelectorAll("[data-sample]")].map((found) => found.dataset.sample);
  show(button.dataset.sample, numbers);
  viewer.showModal();
});
byId("close").addEventListener("click", () => viewer.close());
