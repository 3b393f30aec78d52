"use strict";
// A form for each case, made from its schema in the service's own OpenAPI document.
const byId = name => document.getElementById(name);
const make = (tag, content, attributes = {}) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat().filter(part => part !== ""));
  return made;
};
let spec;

const resolve = schema => schema.$ref
  ? spec.components.schemas[schema.$ref.split("/").pop()] : schema;

const recordOf = name => {
  const body = spec.paths[`/v1/${name}/predict`].post.requestBody.content["application/json"];
  const whole = resolve(body.schema);
  return { schema: resolve(whole.properties.records.items),
           levels: (whole.properties.interval.enum || []).filter(level => level !== null),
           example: ((body.example || {}).records || [{}])[0] };
};

const kindOf = field => {
  const kinds = (field.anyOf || [field]).map(each => each.type).filter(kind => kind !== "null");
  return kinds[0] || "string";
};

const isFile = field => field.contentEncoding === "base64";
const files = () => [...byId("fields").querySelectorAll("input[type=file]")];

// A picture is chosen, taken with a phone's camera, or dropped; until then the example is asked.
function fileField(field, kind, example) {
  const input = make("input", [], { id: `field-${field}`, name: field, type: "file",
                                    accept: "image/*" });
  const preview = make("img", [], { alt: "The picture that is asked for", class: "preview" });
  if (example) preview.src = `data:image/*;base64,${example}`;
  input.addEventListener("change", () => {
    if (input.files.length) preview.src = URL.createObjectURL(input.files[0]);
    showCommand();
  });
  const row = make("p", [
    make("label", [`${field} `, make("small", example
      ? "choose or drop a file; until then, the example" : "choose or drop a file")],
      { for: input.id }), input, preview], { class: "drop" });
  row.addEventListener("dragover", event => event.preventDefault());
  row.addEventListener("drop", event => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
  return row;
}

function showCase() {
  const name = byId("case").value;
  const { schema, example, levels } = recordOf(name);
  byId("interval").replaceChildren(make("option", "the usual one", { value: "" }),
    ...levels.map(level => make("option", `${Math.round(level * 100)} %`, { value: level })));
  const { summary, security } = spec.paths[`/v1/${name}/predict`].post;
  byId("question").textContent = summary;
  byId("key-row").hidden = security.some(way => !Object.keys(way).length);
  byId("fields").replaceChildren(...Object.entries(schema.properties).map(([field, kind]) => {
    if (isFile(kind)) return fileField(field, kind, example[field]);
    const needed = (schema.required || []).includes(field);
    const attributes = { id: `field-${field}`, name: field, "data-kind": kindOf(kind) };
    let input;
    if (kind.enum || kindOf(kind) === "boolean") {
      const values = kind.enum || ["true", "false"];
      input = make("select", [...(needed ? [] : [""]), ...values].map(value =>
        make("option", String(value), { value })), attributes);
    } else {
      const mode = /number|integer/.test(kindOf(kind)) ? { inputmode: "decimal" } : {};
      input = make("input", [], { ...attributes, ...mode, autocomplete: "off" });
    }
    if (example[field] !== undefined) input.value = example[field];
    const note = kind.description ? make("small", `${kind.description}`) : "";
    return make("p", [make("label", [`${field} `, note], { for: `field-${field}` }), input]);
  }));
  showCommand();
}

function request() {
  const record = {};
  for (const input of byId("fields").querySelectorAll("[data-kind]")) {
    const text = input.value.trim();
    if (text === "") continue;
    const kind = input.dataset.kind;
    const number = Number(text);
    record[input.name] = /number|integer/.test(kind) && !Number.isNaN(number) ? number
      : kind === "boolean" ? text === "true" : text;
  }
  const level = byId("interval").value;
  return { records: [record], ...(level ? { interval: Number(level) } : {}) };
}

// Files go as a form, everything else as JSON.
async function body() {
  if (!files().length) return JSON.stringify(request());
  const form = new FormData();
  const { example } = recordOf(byId("case").value);
  for (const input of files()) {
    const [file] = input.files;
    if (file) form.append(input.name, file);
    else if (example[input.name]) {
      const bytes = Uint8Array.from(atob(example[input.name]), sign => sign.charCodeAt(0));
      form.append(input.name, new Blob([bytes]), "example");
    }
  }
  const level = byId("interval").value;
  if (level) form.append("interval", level);
  return form;
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

function sent() {
  if (!files().length) return [`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(request()))}`];
  const parts = files().map(input =>
    `-F ${quoted(`${input.name}=@${input.files.length ? input.files[0].name : "FILE"}`)}`);
  const level = byId("interval").value;
  return level ? [...parts, `-F interval=${level}`] : parts;
}

function showCommand() {
  const address = new URL(`v1/${byId("case").value}/predict`, location.href);
  const key = byId("key").value ? ['-H "Authorization: Bearer $VIGIE_KEY"'] : [];
  byId("curl").textContent = [`curl ${address}`, ...key, ...sent()].join(" \\\n  ");
}

const shown = value => Number(value.toPrecision(4)).toLocaleString("en");

const moment = text => `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;

function drawInterval(one, unit) {
  const low = Math.min(one.low, one.prediction), high = Math.max(one.high, one.prediction);
  const room = (high - low || 1) * 0.15, from = low - room, to = high + room;
  const x = value => 20 + 320 * (value - from) / (to - from);
  const label = (value, place, anchor) =>
    `<text x="${x(value)}" y="${place}" text-anchor="${anchor}">${shown(value)}</text>`;
  const words = `${shown(one.prediction)} ${unit}, interval from ${shown(one.low)} to ${shown(one.high)}`;
  return `<svg viewBox="0 0 360 90" role="img" aria-label="${words}">
    <line class="axis" x1="20" x2="340" y1="45" y2="45"/>
    <rect class="band" x="${x(one.low)}" y="35" width="${x(one.high) - x(one.low)}" height="20"/>
    <circle class="point" cx="${x(one.prediction)}" cy="45" r="7"/>
    ${label(one.low, 75, "middle")}${label(one.high, 75, "middle")}
    ${label(one.prediction, 25, "middle")}</svg>`;
}

function drawClasses(probabilities) {
  const rows = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const bars = rows.map(([name, share], place) => {
    const y = place * 26, safe = new Option(name).innerHTML;
    return `<text x="0" y="${y + 16}">${safe}</text>
      <rect class="band" x="120" y="${y + 3}" width="${180 * share}" height="18"/>
      <text x="${126 + 180 * share}" y="${y + 16}">${(share * 100).toFixed(1)} %</text>`;
  });
  return `<svg viewBox="0 0 360 ${rows.length * 26 + 4}" role="img"
    aria-label="Probabilities of the classes">${bars.join("")}</svg>`;
}

function showAnswer(answer) {
  const [one] = answer.predictions;
  const numeric = typeof one.prediction === "number";
  const parts = [make("h2", "Answer"), make("p",
    numeric ? `${shown(one.prediction)} ${answer.unit}` : one.prediction, { class: "value" })];
  const drawing = document.createElement("div");
  if (numeric && "low" in one) {
    drawing.innerHTML = drawInterval(one, new Option(answer.unit).innerHTML);
    parts.push(drawing, make("p", `Between ${shown(one.low)} and ${shown(one.high)}: made to hold ` +
      `the truth in ${Math.round(answer.level * 100)} of 100 cases.`));
  } else if (one.probabilities) {
    drawing.innerHTML = drawClasses(one.probabilities);
    parts.push(drawing);
  }
  if (one.set) parts.push(make("p", `One of: ${one.set.join(", ")}, in ` +
    `${Math.round(answer.level * 100)} of 100 cases.`));
  if (one.extrapolating) parts.push(make("p",
    "A number lies outside of what the model has learned from.", { class: "flag" }));
  if (answer.simulated) parts.push(make("p", "SIMULATED DATA: the model learned from a simulator.",
    { class: "flag" }));
  parts.push(make("p", `Model ${answer.model.candidate}, version ${answer.model.version}, learned ` +
    `until ${moment(answer.model.learned_until)}.`));
  byId("answer").replaceChildren(...parts);
}

function showProblem(problem) {
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  const lines = (problem.errors || []).map(each => {
    const input = byId(`field-${each.field}`) || byId(each.field);
    if (input) input.setAttribute("aria-invalid", "true");
    return make("li", `${each.field}: ${each.detail}`);
  });
  byId("answer").replaceChildren(make("h2", "No answer"),
    make("p", problem.detail, { class: "problem" }), make("ul", lines, { class: "problem" }));
}

async function ask(event) {
  event.preventDefault();
  showCommand();
  const key = byId("key").value.trim();
  const headers = { ...(files().length ? {} : { "Content-Type": "application/json" }),
                    ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    const found = await fetch(`./v1/${byId("case").value}/predict`,
      { method: "POST", headers, body: await body() });
    const content = await found.json();
    if (!found.ok) return showProblem(content);
    for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    showAnswer(content);
  } catch (error) {
    showProblem({ detail: `The service did not answer: ${error.message}.` });
  }
}

async function start() {
  const found = await fetch("./openapi.json");
  if (!found.ok) return showProblem(await found.json());
  spec = await found.json();
  const names = Object.keys(spec.paths).map(path => path.match(/^\/v1\/([^/]+)\/predict$/))
    .filter(Boolean).map(match => match[1]);
  byId("case").replaceChildren(...names.map(name => make("option", name, { value: name })));
  byId("case").addEventListener("change", showCase);
  byId("form").addEventListener("input", showCommand);
  byId("form").addEventListener("submit", ask);
  showCase();
}
start();
