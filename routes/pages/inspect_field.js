import { element } from "./inspect_dom.js";

let count = 0;

/**
 * The field of one value, made from its JSON Schema: `{ element, read, fill }`. `read()` returns the
 * value, or `undefined` where it is left out; what does not fit is said to the browser, which then
 * does not let the form be sent. `fill(value)` shows a value, without one none.
 */
export function fieldOf(name, schema, required) {
  if (schema.properties) return group(name, schema, required);
  return single(name, schema, required, controlOf(schema, required));
}

/** What is in an object, field by field; with `additionalProperties`, anything else as JSON. */
export function fieldsOf(schema) {
  const { properties, required = [], additionalProperties: open } = schema;
  const entries = Object.entries(properties).filter(([, inner]) => inner.const === undefined);
  const fields = entries.map((
    [name, inner],
  ) => [name, fieldOf(name, inner, required.includes(name))]);
  const rest = open &&
    single("more members", { type: "object" }, false, controlOf({ type: "object" }));
  return {
    elements: [...fields.map(([, field]) => field.element), ...rest ? [rest.element] : []],
    read() {
      const given = fields.map(([name, { read }]) => [name, read()])
        .filter(([, value]) => value !== undefined);
      return { ...Object.fromEntries(given), ...rest && rest.read() };
    },
    fill(value = {}) {
      const { ...others } = value;
      for (const [name, field] of fields) {
        field.fill(others[name]);
        delete others[name];
      }
      if (rest) rest.fill(Object.keys(others).length > 0 ? others : undefined);
    },
  };
}

function group(name, schema, required) {
  const { elements, read, fill } = fieldsOf(schema);
  const legend = element("legend", "", name);
  if (schema.description) legend.append(" ", element("small", "", schema.description));
  const made = element("fieldset", "group", legend, ...elements);
  return {
    element: made,
    fill,
    read() {
      const value = read();
      return required || Object.keys(value).length > 0 ? value : undefined;
    },
  };
}

/** A control with its label, and what there is to know of it. */
function single(name, schema, required, { control, parse, format, absent = "", empty, hint = "" }) {
  control.id = `field-${++count}`;
  control.required = required && empty === undefined;
  const label = element("label", "", name);
  label.htmlFor = control.id;
  if (!required) label.append(" ", element("span", "optional", "optional"));
  const made = element("p", "field", label, control);
  const help = [schema.description, hint].filter(Boolean).join(" ");
  if (help !== "") {
    const small = element("small", "", help);
    small.id = `${control.id}-help`;
    control.setAttribute("aria-describedby", small.id);
    made.append(small);
  }
  return {
    element: made,
    read() {
      control.setCustomValidity("");
      if (control.value === "") return required ? empty : undefined;
      try {
        return parse(control.value);
      } catch ({ message }) {
        control.setCustomValidity(message);
      }
    },
    fill(value) {
      control.value = value === undefined ? absent : format(value);
    },
  };
}

function controlOf(schema, required) {
  const types = typesOf(schema);
  if (schema.enum) return choice(schema.enum, required);
  if (types.join() === "boolean") return choice([true, false], required);
  if (types.includes("array")) return lines();
  if (types.includes("string")) return line(schema);
  if (types.join() === "object") return json(objectOf, "A JSON object.");
  if (types.some((type) => type === "number" || type === "integer")) return number();
  return json(anyOf, "Text, or any JSON value.");
}

/** The types a value may have; none where it may be anything. */
function typesOf({ type, anyOf = [] }) {
  return type === undefined ? anyOf.flatMap(typesOf) : [type].flat();
}

function choice(values, required) {
  const control = element("select");
  for (const value of [...required ? [] : [""], ...values]) {
    control.append(new Option(String(value), String(value)));
  }
  const parse = (text) => values.find((value) => String(value) === text);
  return { control, parse, format: String, absent: control.value };
}

/** Text, also where a number or a boolean would do: they count as their text. */
function line({ anyOf = [], ...schema }) {
  const control = element("input");
  const { pattern, minLength = 0, maxLength, default: implied } = {
    ...anyOf.find(({ type }) => type === "string"),
    ...schema,
  };
  if (pattern !== undefined) control.pattern = pattern;
  if (maxLength !== undefined) control.maxLength = maxLength;
  if (implied !== undefined) control.placeholder = implied;
  const empty = pattern === undefined && minLength === 0 ? "" : undefined;
  return { control: plain(control), parse: String, format: String, empty };
}

function number() {
  const control = element("input");
  Object.assign(control, { type: "number", step: "any" });
  return { control, parse: Number, format: String };
}

function lines() {
  return {
    control: area(2),
    parse: (text) => text.split("\n").map((one) => one.trim()).filter((one) => one !== ""),
    format: (values) => values.join("\n"),
    hint: "One a line.",
  };
}

function json(parse, hint) {
  return { control: area(2), parse, format: textOf, hint };
}

/** What looks like JSON must be JSON; all else is text. */
function anyOf(text) {
  try {
    return JSON.parse(text);
  } catch ({ message }) {
    if (/^\s*[{["]/.test(text)) throw new Error(`Not JSON: ${message}`);
    return text;
  }
}

/** What `anyOf` understands as a value. */
function textOf(value) {
  try {
    if (typeof value === "string" && value !== "" && anyOf(value) === value) return value;
  } catch {
    // Text that looks like JSON.
  }
  return JSON.stringify(value);
}

function objectOf(text) {
  const value = anyOf(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Error('Not a JSON object, such as {"name":"Ann"}');
}

function area(rows) {
  const control = element("textarea");
  control.rows = rows;
  return plain(control);
}

function plain(control) {
  control.autocomplete = "off";
  control.spellcheck = false;
  return control;
}
