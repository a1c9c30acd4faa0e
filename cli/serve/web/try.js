// Try a model: photographs go to the server, its answers and what decided come back.

import { ask, breakable, byId, element, percent, digits, trouble } from "./page.js";
import { Picture } from "./picture.js";

const most = 24; // photographs on the page
const photos = []; // newest first
let model = null;
let tasks = Promise.resolve(); // one photograph at a time, in order

/** later runs f after all that was asked for before. */
function later(f) {
	tasks = tasks.then(f).catch((e) => trouble(e.message));
	return tasks;
}

const address = (m, what) => `/api/models/${encodeURIComponent(m)}${what}`;

export function start() {
	const drop = byId("drop");
	const files = byId("files");
	byId("choose").addEventListener("click", () => files.click());
	files.addEventListener("change", () => {
		add(files.files);
		files.value = "";
	});
	const holdsFiles = (e) => [...(e.dataTransfer?.types || [])].includes("Files");
	addEventListener("dragover", (e) => {
		if (!holdsFiles(e)) return;
		e.preventDefault(); // else the browser leaves the page and shows the file
		drop.classList.add("over");
	});
	addEventListener("dragleave", (e) => {
		if (!e.relatedTarget) drop.classList.remove("over");
	});
	addEventListener("drop", (e) => {
		if (!holdsFiles(e)) return;
		e.preventDefault();
		drop.classList.remove("over");
		location.hash = "#try";
		add(e.dataTransfer.files);
	});
	addEventListener("paste", (e) => {
		if (e.clipboardData?.files.length) {
			location.hash = "#try";
			add(e.clipboardData.files);
		}
	});
	byId("model").addEventListener("change", () => choose(byId("model").value));
	byId("strength").addEventListener("input", drawAll);
	byId("explain").addEventListener("change", () => {
		byId("strength").disabled = !byId("explain").checked;
		for (const p of photos) later(() => p.explainIfShown());
		drawAll();
	});
	byId("clear").addEventListener("click", () => {
		photos.splice(0);
		place();
		byId("choose").focus();
	});
}

/** show lists the models anew: a run may have made one meanwhile. [name] chooses it. */
export function show([wanted]) {
	later(async () => {
		const list = await ask("/api/models");
		const select = byId("model");
		const name = [wanted, model, list[0]?.name].find((n) => list.some((m) => m.name === n));
		select.replaceChildren(...list.map((m) => element("option", { value: m.name }, m.from.startsWith("run ") ? `${m.name} (run)` : m.name)));
		if (name === undefined) {
			byId("about").textContent = "There is no model yet: graft serve MODEL.onnx shows one, and so does a finished run.";
			byId("choose").disabled = true;
			return;
		}
		select.value = name;
		if (name !== model) choose(name);
	});
}

/** choose takes another model, for the photographs that are here too. */
function choose(name) {
	model = name;
	byId("about").textContent = "loading …";
	later(async () => {
		if (name !== model) return;
		try {
			const m = await ask(address(name, ""));
			byId("about").replaceChildren(...breakable(`${m.from}: ${told(m.heads)}; it sees ${m.input}`));
			byId("choose").disabled = false;
			trouble("");
		} catch (e) {
			byId("about").textContent = "";
			byId("choose").disabled = true;
			throw e;
		}
	});
	for (const p of photos) later(() => p.predict(name));
}

/** told says in words what heads tell. */
function told(heads) {
	const words = { class: ["class", "classes"], labels: ["label", "labels"], values: ["number", "numbers"] };
	return heads.map((h) => `${h.name ? `${h.name}, ` : ""}${h.classes.length} ${words[h.kind || "class"][h.classes.length === 1 ? 0 : 1]}`).join("; ");
}

function add(files) {
	for (const file of files) {
		const p = new Photo(file);
		photos.unshift(p);
		later(() => p.predict(model));
	}
	photos.splice(most);
	place();
}

function place() {
	byId("results").replaceChildren(...photos.map((p) => p.card));
	byId("clear").hidden = photos.length === 0;
	if (!photos.length) byId("said").textContent = "";
}

function drawAll() {
	for (const p of photos) p.draw();
}

class Photo {
	constructor(file) {
		this.file = file;
		this.name = file.name || "pasted picture";
		this.picture = new Picture(file, this.name);
		this.answers = element("div", {}, element("p", { class: "note" }, "waiting …"));
		this.note = element("p", { class: "note", hidden: true });
		const remove = element("button", { type: "button", "aria-label": `Remove ${this.name}`, click: () => this.remove() }, "×");
		this.card = element("article", { class: "result", "aria-label": this.name },
			element("header", {}, element("h3", {}, this.name), remove), this.picture.canvas, this.answers, this.note);
	}

	remove() {
		photos.splice(photos.indexOf(this), 1);
		place();
		byId("choose").focus();
	}

	say(text, wrong = false) {
		this.note.textContent = text;
		this.note.hidden = !text;
		this.note.classList.toggle("wrong", wrong);
	}

	/** predict asks a model what the photograph shows. */
	async predict(name) {
		if (name === null || name !== model || !photos.includes(this)) return; // whoever chooses a model asks again
		this.model = name;
		this.map = null;
		this.chosen = -1; // the likeliest
		try {
			this.result = await ask(address(name, "/predict?top=5"), { method: "POST", body: this.file });
		} catch (e) {
			this.result = null;
			this.answers.replaceChildren();
			this.say(e.message, true);
			await this.draw();
			byId("said").textContent = `${this.name}: ${e.message}`;
			return;
		}
		this.list();
		this.say(`${digits(this.result.ms, 3)} ms`);
		byId("said").textContent = `${this.name}: ${this.words()}`;
		this.picture.seen = this.result.seen;
		await this.draw();
		await this.explainIfShown();
	}

	words() {
		return this.result.heads.map((h) => {
			const first = (h.classes || h.labels || [])[0];
			const text = first ? `${first.class}, ${percent(first.probability)}` : (h.values || []).map((v) => `${v.name} ${digits(v.value)}`).join(", ");
			return h.head ? `${h.head}: ${text}` : text;
		}).join("; ");
	}

	/** list shows the answers of each head; a button of each asks what speaks for it. */
	list() {
		const parts = [];
		let offset = 0; // outputs of the heads before
		for (const h of this.result.heads) {
			if (h.head) parts.push(element("h4", {}, h.head));
			const rows = (h.classes || h.labels || []).map((g) => this.answer(g.class, percent(g.probability), g.probability, offset + g.index));
			(h.values || []).forEach((v, i) => rows.push(this.answer(v.name, digits(v.value), 0, offset + i)));
			parts.push(element("ul", { class: "answers" }, ...rows.map((r) => element("li", {}, r))));
			offset += h.outputs;
		}
		this.answers.replaceChildren(...parts);
	}

	answer(name, text, share, index) {
		const fill = element("span", { class: "fill", "aria-hidden": "true" });
		fill.style.width = `${100 * Math.min(Math.max(share, 0), 1)}%`;
		return element("button", { type: "button", class: "answer", "data-index": index, "aria-pressed": "false", title: "What speaks for it?", click: () => this.choose(index) },
			fill, element("span", {}, name), element("span", { class: "share" }, text));
	}

	choose(index) {
		this.chosen = index;
		this.map = null;
		byId("explain").checked = true;
		byId("strength").disabled = false;
		later(() => this.explainIfShown());
	}

	/** explainIfShown asks what speaks for the chosen class, where that is shown and not known. */
	async explainIfShown() {
		if (!byId("explain").checked || !this.result || this.map || !photos.includes(this) || this.model !== model) return;
		try {
			const chosen = this.chosen;
			const x = await ask(address(model, `/explain${chosen < 0 ? "" : `?class=${chosen}`}`), { method: "POST", body: this.file });
			if (chosen !== this.chosen) return; // another one meanwhile, which waits for its turn
			this.map = x;
			for (const b of this.answers.querySelectorAll(".answer")) b.setAttribute("aria-pressed", String(Number(b.dataset.index) === x.index));
			const alike = new Set(this.picture.decode(x)).size < 2;
			this.say(alike ? `nothing speaks for ${x.class}` : `marked: what speaks for ${x.class}; ${digits(this.result.ms, 3)} ms`);
		} catch (e) {
			this.say(e.message, true);
		}
		await this.draw();
	}

	draw() {
		const strength = byId("explain").checked ? Number(byId("strength").value) / 100 : 0;
		const label = this.map && strength > 0 ? `${this.name}, with what speaks for ${this.map.class} marked` : this.name;
		return this.picture.draw(this.map, strength, label);
	}
}
