// Times in the zone that Airflow shows, plots, and forms that change something.

const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

function zone() {
  const wanted = stored("timezone");
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!wanted || wanted === "local") return wanted ? local : "UTC";
  try { new Intl.DateTimeFormat("en", { timeZone: wanted }); return wanted; } catch { return "UTC"; }
}

const ZONE = zone();
const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, day: "2-digit", month: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const when = (date) => {
  const p = Object.fromEntries(parts.formatToParts(date).map((part) => [part.type, part.value]));
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
};

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    element.textContent = when(new Date(element.dateTime));
    element.title = `${element.dateTime}, shown in ${ZONE}`;
  }
}

const short = (value) => value == null ? "–" : Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3)
  ? value.toExponential(2) : String(+value.toPrecision(4));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A figure holds its data as JSON: {x, series: [{label, values, role}], bands: [[upper, lower]], lines: [{label, value}]}.
function options(data, width, kind) {
  const tint = { value: "--fill", mean: "--risk", edge: "--quiet", bound: "--bad", second: "--ok", joint: "--quiet" };
  const series = data.series.map((one) => ({
    label: one.label,
    stroke: colour(tint[one.role] ?? "--fill"),
    width: one.role === "edge" || one.role === "joint" ? 0.5 : 1.5,
    dash: one.role === "bound" ? [6, 4] : one.role === "joint" ? [2, 3] : undefined,
    points: { show: kind === "points", size: 6 },
    spanGaps: one.role === "bound",
    value: (_, value) => short(value),
  }));
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 0.5 }, ticks: { stroke: colour("--line") } };
  const x = data.time
    ? { label: "Time", value: (_, value) => value == null ? "–" : when(new Date(value * 1000)) }
    : { label: data.xLabel, value: (_, value) => short(value) };
  return {
    width, height: 240,
    scales: { x: { time: false } },
    legend: { live: true },
    cursor: { drag: { x: false, y: false } },
    series: [x, ...series],
    bands: (data.bands ?? []).map(([upper, lower, name]) => ({ series: [upper + 1, lower + 1], fill: colour(name ?? "--risk-back") })),
    axes: [
      { ...axis, incrs: data.time ? [60, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800] : undefined, values: (_, ticks) => ticks.map((tick) => data.time ? (data.x.at(-1) - data.x[0] > 172800 ? day : clock).format(new Date(tick * 1000)) : short(tick)), space: 70 },
      { ...axis, values: (_, ticks) => ticks.map(short), size: 70 },
    ],
  };
}

function draw(figure) {
  const holder = figure.querySelector(".plot");
  const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const live = figure.querySelector(".live");
  const columns = [data.x, ...data.series.map((one) => one.values)];
  let plot = null;
  const make = () => {
    plot?.destroy();
    plot = new uPlot(options(data, Math.max(holder.clientWidth, 200), data.kind), columns, holder);
  };
  make();
  let at = data.x.length - 1;
  const tell = () => {
    const x = data.time ? when(new Date(data.x[at] * 1000)) : `${data.xLabel ?? ""} ${short(data.x[at])}`;
    live.textContent = [x, ...data.series.filter((one) => one.values[at] != null).map((one) => `${one.label} ${short(one.values[at])}`)].join(" · ");
    plot.setCursor({ left: plot.valToPos(data.x[at], "x"), top: 10 });
  };
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    at = Math.min(Math.max(at + step, 0), data.x.length - 1);
    tell();
  });
  new ResizeObserver(() => { if (Math.abs(plot.width - holder.clientWidth) > 4) plot.setSize({ width: Math.max(holder.clientWidth, 200), height: 240 }); }).observe(holder);
  addEventListener("themechange", make);
}

// A form with data-api asks the REST API and shows its answer: nothing else of a page changes anything.
async function send(form, button) {
  const answer = form.querySelector("[role='status']");
  const fields = Object.fromEntries([...new FormData(form)].filter(([name]) => !name.startsWith("_")));
  for (const input of form.querySelectorAll("[data-type='number']")) fields[input.name] = input.value === "" ? null : Number(input.value);
  for (const input of form.querySelectorAll("[data-type='boolean']")) fields[input.name] = input.value === "true";
  const isText = form.dataset.body !== undefined;
  const headers = { "X-Foresight-Request": "1", "Content-Type": isText ? form.dataset.type : "application/json" };
  if (form.dataset.match) headers["If-Match"] = form.dataset.match;
  answer.className = "quiet";
  answer.textContent = "Working …";
  try {
    const found = await fetch(button?.dataset.api ?? form.dataset.api, {
      method: form.dataset.method ?? "POST", headers, credentials: "same-origin",
      body: isText ? fields[form.dataset.body] : JSON.stringify(fields),
    });
    const type = found.headers.get("Content-Type") ?? "";
    const body = type.includes("json") ? await found.json() : await found.text();
    if (!found.ok) {
      const errors = (body.errors ?? []).map((each) => `${each.field}: ${each.reason}`);
      throw new Error([body.detail ?? found.statusText, ...errors].join("\n"));
    }
    answer.className = "done";
    answer.textContent = button?.dataset.done ?? form.dataset.done ?? "Done.";
    if (form.dataset.reload !== undefined) location.reload();
    if (form.dataset.next) location.assign(form.dataset.next);
    if (form.dataset.show !== undefined) answer.textContent = JSON.stringify(body, null, 1);
  } catch (error) {
    answer.className = "error";
    answer.textContent = error.message;
  }
}

showTimes(document);
for (const element of document.querySelectorAll("[data-zone]")) element.textContent = `Times in ${ZONE}`;
for (const figure of document.querySelectorAll("figure[data-plot]")) draw(figure);
for (const form of document.querySelectorAll("form[data-api]")) {
  form.addEventListener("submit", (event) => { event.preventDefault(); send(form, event.submitter); });
}
