// Which view is shown: the part of the address after # says it, as in #run/finetune1.

import { byId, trouble } from "./page.js";
import * as attempt from "./try.js";
import * as runs from "./runs.js";

const views = {
	try: attempt.show,
	runs: runs.showList,
	run: runs.showRun,
	compare: runs.showCompare,
};

/** decoded is a part of the address, as it stands where somebody has mistyped it. */
function decoded(part) {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}

let leave = () => {};
let first = true;

function route() {
	const [name, ...rest] = location.hash.slice(1).split("/");
	const view = views[name] ? name : "try";
	leave();
	trouble("");
	for (const v of Object.keys(views)) byId(`view-${v}`).hidden = v !== view;
	const inRuns = view !== "try";
	for (const [id, current] of [["to-try", !inRuns], ["to-runs", inRuns]]) {
		if (current) byId(id).setAttribute("aria-current", "page");
		else byId(id).removeAttribute("aria-current");
	}
	const title = byId(`title-${view}`);
	leave = views[view](rest.map(decoded)) || (() => {});
	document.title = `${title.textContent} – graft`;
	if (!first) byId("main").focus({ preventScroll: true });
	first = false;
}

document.querySelector(".skip").addEventListener("click", (e) => {
	e.preventDefault();
	byId("main").focus();
});
addEventListener("hashchange", route);
attempt.start();
route();
