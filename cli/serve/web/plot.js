// Curves over each other, as SVG. Colours are those of graft's reports; dashes differ too.

import { element } from "./page.js";

const W = 420;
const H = 250;
const left = 56;
const bottom = 34;
const top = 8;
const right = 16;
const kinds = 6; // of colours and dashes

function svg(name, attributes, ...children) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
	e.append(...children);
	return e;
}

const finite = (v) => v !== null && Number.isFinite(v);

/** between is the distance of ticks, about n of them: 1, 2 or 5 times a power of ten. */
function between(low, high, n) {
	const raw = (high - low) / n || 1;
	const power = 10 ** Math.floor(Math.log10(raw));
	return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
}

/** ticks are the multiples of step from low to high. */
function ticks(low, high, step) {
	const list = [];
	for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) list.push(i * step);
	return list;
}

function label(v, step) {
	if (v === 0) return "0";
	if (Math.abs(v) >= 1e5 || step < 1e-4) return v.toExponential(1).replace("e+", "e").replace(".0", "");
	return v.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/**
 * plot draws series of {name, x, y} as a figure. x and y are lists of numbers, null where nothing was measured.
 * of: title, x and y the names of the axes, percent where y is a share.
 */
export function plot(of, series) {
	const drawn = series.map((s, i) => ({ ...s, kind: (i % kinds) + 1, y: s.y.map((v) => (finite(v) && of.percent ? 100 * v : v)) }))
		.filter((s) => s.y.some(finite));
	const figure = element("figure", {}, element("figcaption", {}, of.title));
	if (!drawn.length) {
		figure.append(element("p", { class: "note" }, "nothing measured yet"));
		return figure;
	}
	const xs = drawn.flatMap((s) => s.x.filter((_, i) => finite(s.y[i])));
	const ys = drawn.flatMap((s) => s.y.filter(finite));
	let [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
	if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
	if (y0 === y1) [y0, y1] = [y0 - 0.05 * Math.max(1, Math.abs(y0)), y1 + 0.05 * Math.max(1, Math.abs(y1))];
	const xStep = Math.max(between(x0, x1, 6), 1); // epochs and steps are whole
	const yStep = between(y0, y1, 5);
	y0 = Math.floor(y0 / yStep + 1e-9) * yStep;
	y1 = Math.ceil(y1 / yStep - 1e-9) * yStep;
	if (of.percent) y1 = Math.min(y1, 100);
	const toX = (v) => left + ((v - x0) / (x1 - x0)) * (W - left - right);
	const toY = (v) => H - bottom - ((v - y0) / (y1 - y0)) * (H - bottom - top);

	const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "plot", role: "img", "aria-label": summary(of, drawn) });
	for (const v of ticks(y0, y1, yStep)) {
		picture.append(svg("line", { class: "grid", x1: left, x2: W - right, y1: toY(v), y2: toY(v) }),
			svg("text", { x: left - 6, y: toY(v) + 4, "text-anchor": "end" }, label(v, yStep)));
	}
	picture.append(svg("line", { class: "axis", x1: left, x2: W - right, y1: H - bottom, y2: H - bottom }));
	for (const v of ticks(x0, x1, xStep)) {
		picture.append(svg("line", { class: "axis", x1: toX(v), x2: toX(v), y1: H - bottom, y2: H - bottom + 4 }),
			svg("text", { x: toX(v), y: H - bottom + 17, "text-anchor": "middle" }, label(v, xStep)));
	}
	picture.append(svg("text", { x: (left + W - right) / 2, y: H - 2, "text-anchor": "middle" }, of.x));
	for (const s of drawn) {
		let path = "";
		let pen = false;
		s.y.forEach((v, i) => {
			if (finite(v)) path += `${pen ? "L" : "M"}${toX(s.x[i]).toFixed(1)} ${toY(v).toFixed(1)}`;
			pen = finite(v);
		});
		picture.append(svg("path", { class: `line s${s.kind} d${s.kind}`, d: path }));
		const apart = (toX(s.x[s.x.length - 1]) - toX(s.x[0])) / (s.x.length - 1);
		if (apart < 8) continue; // dots would make a thick line
		s.y.forEach((v, i) => {
			if (finite(v)) picture.append(svg("circle", { class: `dot s${s.kind}`, cx: toX(s.x[i]), cy: toY(v), r: 3 }));
		});
	}
	const keys = drawn.map((s) => element("li", {}, svg("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, svg("path", { class: `line s${s.kind} d${s.kind}`, d: "M0 4H26", "stroke-width": 2 })), s.name));
	figure.append(element("ul", { class: "keys" }, ...keys), picture);
	return figure;
}

/** summary is what a curve says in words. */
function summary(of, series) {
	const unit = of.percent ? " %" : "";
	return `${of.title}. ` + series.map((s) => {
		const y = s.y.filter(finite);
		return `${s.name}: ${y.length} points, from ${y[0].toPrecision(3)}${unit} to ${y[y.length - 1].toPrecision(3)}${unit}`;
	}).join("; ");
}
