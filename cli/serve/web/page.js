// What the views share: elements, requests, and how numbers are written.

/** element makes an element: attributes by name, functions as listeners, text or elements as children. */
export function element(name, attributes = {}, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === "function") e.addEventListener(key, value);
		else if (value === true) e.setAttribute(key, "");
		else if (value !== false && value !== undefined && value !== null) e.setAttribute(key, value);
	}
	e.append(...children.filter((c) => c !== null && c !== undefined));
	return e;
}

export const byId = (id) => document.getElementById(id);

/** ask sends a request and gives the answer's JSON; what the server refuses becomes an Error. */
export async function ask(path, options = {}) {
	let answer;
	try {
		answer = await fetch(path, options);
	} catch {
		throw new Error("graft serve does not answer: has it been ended?");
	}
	const body = await answer.json().catch(() => ({}));
	if (!answer.ok) throw new Error(body.error || `status ${answer.status}`);
	return body;
}

/** scroll holds a table that may be wider than the page. Without a pointer it is scrolled by its focus. */
export const scroll = (id, name, table) => element("div", { class: "scroll", id, tabindex: "0", role: "group", "aria-label": name }, table);

/** trouble shows what went wrong above the view; "" takes it away. */
export function trouble(text) {
	byId("trouble").textContent = text;
	byId("trouble").hidden = !text;
}

export const percent = (v) => (v === null || v === undefined ? "" : `${(100 * v).toFixed(1)} %`);

/** digits writes a number with n digits that count. */
export function digits(v, n = 4) {
	if (v === null || v === undefined) return "";
	if (v !== 0 && Math.abs(v) < 1e-4) return v.toExponential(n - 1).replace(/\.?0*e/, "e");
	const s = Number(v).toPrecision(n);
	return s.includes("e") ? String(Number(s)) : s.includes(".") ? s.replace(/\.?0+$/, "") : s;
}

/** breakable is a text that the page may break behind a slash. */
export const breakable = (text) => String(text).split(/(?<=[/\\])/).flatMap((part) => [part, element("wbr")]);

/** score writes a run's score as its measure has it. */
export const score = (run, v) => (run.percent ? percent(v) : digits(v));

/** duration writes seconds in human units. */
export function duration(seconds) {
	if (!(seconds >= 0)) return "";
	if (seconds < 10) return `${digits(seconds, 2)} s`;
	if (seconds < 100) return `${Math.round(seconds)} s`;
	if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
	return `${(seconds / 3600).toFixed(1)} h`;
}

/** when writes a time in the reader's own form. */
export const when = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
