// The runs: a list of them, the course of one as it goes on, and several compared.

import { ask, breakable, byId, digits, duration, element, score, scroll, trouble, when } from "./page.js";
import { plot } from "./plot.js";

const again = 3000; // milliseconds between two looks at a list
const path = (...parts) => parts.map(encodeURIComponent).join("/");
const api = (name, what = "") => `/api/runs/${encodeURIComponent(name)}${what}`;
const column = (epochs, key) => epochs.map((e) => e[key]);
const bestOf = (run) => run.epochs.find((e) => e.n === run.best);
const setting = (run, name) => run.settings.find(([k]) => k === name)?.[1];

/** repeat calls f now and again until the view is left. */
function repeat(f) {
	let timer = 0;
	let left = false;
	const once = async () => {
		try {
			await f();
			if (!left) trouble("");
		} catch (e) {
			if (!left) trouble(e.message);
		}
		if (!left) timer = setTimeout(once, again);
	};
	once();
	return () => {
		left = true;
		clearTimeout(timer);
	};
}

const state = (run) => element("span", { class: `state ${run.state}` }, run.state);

/** keep replaces what a view shows only where that has changed, and leaves focus and scrolled tables where they are. */
function keep(place, of, make) {
	const key = JSON.stringify(of);
	if (place.key === key) return;
	place.key = key;
	const focus = place.contains(document.activeElement) ? document.activeElement.id : "";
	const across = [...place.querySelectorAll(".scroll")].map((e) => [e.id, e.scrollLeft]);
	place.replaceChildren(...make());
	for (const [id, x] of across) if (byId(id)) byId(id).scrollLeft = x;
	if (focus) byId(focus)?.focus({ preventScroll: true });
}

// The list.

const chosen = new Set();

export function showList() {
	byId("runs").key = undefined;
	return repeat(async () => {
		const list = await ask("/api/runs");
		keep(byId("runs"), list, () => listed(list));
	});
}

function listed(list) {
	if (!list.length) return [element("p", {}, "There are no runs yet. ", element("code", {}, "graft finetune MODEL DATA -o FILE"), " makes one.")];
	for (const name of chosen) if (!list.some((r) => r.name === name)) chosen.delete(name);
	const compare = element("button", { type: "button", id: "do-compare", class: "main", click: () => { location.hash = `#compare/${path(...chosen)}`; } });
	const count = () => {
		compare.textContent = chosen.size < 2 ? "Choose two runs or more to compare" : `Compare ${chosen.size} runs`;
		compare.disabled = chosen.size < 2;
	};
	count();
	const rows = list.map((r) => {
		const box = element("input", { type: "checkbox", id: `choose ${r.name}`, "aria-label": `Compare ${r.name}`, change: () => {
			if (box.checked) chosen.add(r.name);
			else chosen.delete(r.name);
			count();
		} });
		box.checked = chosen.has(r.name);
		const best = bestOf(r);
		return element("tr", {},
			element("td", {}, box),
			element("td", {}, element("a", { href: `#run/${path(r.name)}`, id: `open ${r.name}` }, r.name)),
			element("td", {}, state(r)),
			element("td", {}, String(r.epochs.length)),
			element("td", {}, best ? score(r, best.val_score) : ""),
			element("td", { class: "wide" }, r.measure),
			element("td", { class: "wide" }, when(r.began)));
	});
	const head = ["", "run", "state", "epochs", "best", "measure", "begun"].map((t, i) => element(t ? "th" : "td", { class: i > 4 ? "wide" : undefined, scope: t ? "col" : undefined }, t));
	return [
		element("div", { class: "row" }, compare),
		scroll("list-of-runs", "Runs", element("table", { class: "list" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows))),
	];
}

// One run.

export function showRun([name]) {
	byId("title-run").textContent = `Run ${name}`;
	const place = byId("run");
	place.key = undefined;
	place.replaceChildren(element("p", { class: "quiet" }, "loading …"));
	let source = null;
	let timer = 0;
	const close = () => {
		clearTimeout(timer);
		source?.close();
		source = null;
	};
	const open = () => {
		const mine = new EventSource(api(name, "/events"));
		source = mine;
		mine.addEventListener("message", (e) => {
			const run = JSON.parse(e.data);
			trouble("");
			keep(place, run, () => course(run));
		});
		mine.addEventListener("error", () => {
			if (source !== mine) return;
			// An event does not say why: ask does.
			ask(api(name)).catch((e) => {
				if (source !== mine) return;
				trouble(e.message);
				if (place.key === undefined) place.replaceChildren();
			});
			if (mine.readyState === EventSource.CLOSED) timer = setTimeout(open, again); // else the browser tries again by itself
		});
	};
	open();
	const seen = () => { // a browser has few connections to a server, which hidden pages would use up
		close();
		if (!document.hidden) open();
	};
	document.addEventListener("visibilitychange", seen);
	return () => {
		document.removeEventListener("visibilitychange", seen);
		close();
	};
}

function facts(list) {
	return element("dl", { class: "facts" }, ...list.filter(([, v]) => v !== "" && v !== undefined)
		.map(([k, v]) => element("div", {}, element("dt", {}, k), element("dd", {}, ...breakable(v)))));
}

const seconds = (epochs) => epochs.reduce((sum, e) => sum + (e.seconds || 0), 0);

/** left guesses how long a running training goes on. */
function left(run) {
	const all = Number(setting(run, "epochs"));
	if (run.state !== "running" || !(all > run.epochs.length) || !run.epochs.length) return "";
	return `about ${duration(((all - run.epochs.length) * seconds(run.epochs)) / run.epochs.length)}`;
}

function course(run) {
	const best = bestOf(run);
	const last = run.epochs[run.epochs.length - 1];
	const x = column(run.epochs, "n");
	const parts = [element("div", { class: "row" }, state(run),
		run.report ? element("a", { href: `/runs/${encodeURIComponent(run.name)}/report.html`, target: "_blank", rel: "noopener", id: "to-report" }, "Report") : null,
		run.model ? element("a", { href: `#try/${path(run.name)}`, id: "to-model" }, "Try its model") : null)];
	if (run.problem) parts.push(element("p", { class: "warn" }, run.problem));
	parts.push(facts([
		[`best ${run.measure || "score"}`, best ? score(run, best.val_score) : ""],
		["in epoch", best ? String(best.n) : ""],
		["epochs", String(run.epochs.length) + (setting(run, "epochs") ? ` of ${setting(run, "epochs")}` : "")],
		["steps", run.steps.last ? String(run.steps.last) : ""],
		["training loss", last ? digits(last.train_loss) : ""],
		["an epoch takes", run.epochs.length ? duration(seconds(run.epochs) / run.epochs.length) : ""],
		["left", left(run)],
		["begun", when(run.began)],
	]));
	parts.push(element("div", { class: "figures pairs" },
		plot({ title: "Loss of each epoch", x: "epoch", y: "loss" }, [{ name: "training", x, y: column(run.epochs, "train_loss") }, { name: "validation", x, y: column(run.epochs, "val_loss") }]),
		plot({ title: `${run.measure || "Score"} of each epoch${run.percent ? ", %" : ""}`, x: "epoch", y: run.measure, percent: run.percent }, [{ name: "training", x, y: column(run.epochs, "train_score") }, { name: "validation", x, y: column(run.epochs, "val_score") }]),
		plot({ title: "Loss of the steps", x: "step", y: "loss" }, [{ name: "training", x: run.steps.step || [], y: run.steps.loss || [] }]),
		plot({ title: "Learning rate", x: "step", y: "rate" }, [{ name: "rate", x: run.steps.step || [], y: run.steps.lr || [] }])));
	if (run.settings.length) {
		parts.push(element("h3", {}, "Settings"), facts(run.settings));
	}
	if (run.epochs.length) parts.push(element("h3", {}, run.epochs.length > rows ? `The last ${rows} epochs` : "Epochs"), table(run));
	return parts;
}

const rows = 40; // of the table of epochs

function table(run) {
	const m = run.measure;
	const head = ["epoch", "loss", m, "val. loss", `val. ${m}`, "rate", "seconds"];
	const lines = run.epochs.slice(-rows).map((e) => element("tr", { class: e.n === run.best ? "best" : undefined },
		...[String(e.n), digits(e.train_loss), score(run, e.train_score), digits(e.val_loss), score(run, e.val_score), digits(e.lr, 3), digits(e.seconds, 3)]
			.map((t, i) => element("td", { class: i > 4 ? "wide" : undefined }, t))));
	return scroll("epochs", "Epochs", element("table", {}, element("thead", {}, element("tr", {}, ...head.map((t, i) => element("th", { scope: "col", class: i > 4 ? "wide" : undefined }, t)))), element("tbody", {}, ...lines)));
}

// Several runs.

export function showCompare(names) {
	const place = byId("compare");
	place.key = undefined;
	place.replaceChildren(element("p", { class: "quiet" }, "loading …"));
	return repeat(async () => {
		const runs = await Promise.all(names.slice(0, 12).map((n) => ask(api(n))));
		keep(place, runs, () => compared(runs));
	});
}

// Settings that say where something goes and not what is learnt.
const elsewhere = ["output", "run", "threads", "workers", "quiet", "verbose", "json"];

function compared(runs) {
	const over = (key) => runs.map((r) => ({ name: r.name, x: column(r.epochs, "n"), y: column(r.epochs, key) }));
	const alike = runs.every((r) => r.measure === runs[0].measure);
	const parts = [element("p", {}, element("a", { href: "#runs", id: "back" }, "All runs")), element("div", { class: "figures" },
		alike ? plot({ title: `Validation ${runs[0].measure}${runs[0].percent ? ", %" : ""}`, x: "epoch", y: runs[0].measure, percent: runs[0].percent }, over("val_score"))
			: element("p", { class: "note" }, "The runs are measured differently: their scores do not compare."),
		plot({ title: "Validation loss", x: "epoch", y: "loss" }, over("val_loss")),
		plot({ title: "Training loss", x: "epoch", y: "loss" }, over("train_loss")))];
	const rows = [
		["state", ...runs.map((r) => r.state)],
		["best score", ...runs.map((r) => (bestOf(r) ? score(r, bestOf(r).val_score) : ""))],
		["in epoch", ...runs.map((r) => (bestOf(r) ? String(r.best) : ""))],
		["epochs", ...runs.map((r) => String(r.epochs.length))],
		["time", ...runs.map((r) => duration(seconds(r.epochs)))],
	];
	parts.push(element("h3", {}, "Results"), matrix("results-of-runs", "Results", runs, rows));
	const keys = [...new Set(runs.flatMap((r) => r.settings.map(([k]) => k)))].filter((k) => !elsewhere.includes(k));
	const differ = keys.map((k) => [k, ...runs.map((r) => setting(r, k) ?? "not given")]).filter(([, ...v]) => new Set(v).size > 1);
	parts.push(element("h3", {}, "Settings that differ"), differ.length ? matrix("settings-of-runs", "Settings that differ", runs, differ) : element("p", { class: "note" }, "None: these runs were given the same settings."));
	return parts;
}

function matrix(id, name, runs, rows) {
	const names = runs.map((r) => element("th", { scope: "col" }, element("a", { href: `#run/${path(r.name)}` }, r.name)));
	return scroll(id, name, element("table", {},
		element("thead", {}, element("tr", {}, element("td", {}), ...names)),
		element("tbody", {}, ...rows.map(([k, ...v]) => element("tr", {}, element("th", { scope: "row" }, k), ...v.map((t) => element("td", {}, ...breakable(t))))))));
}
