// A photograph on a canvas, and over it a map of what speaks for a class.

// The colours of graft predict --explain: lightness goes with the value.
const stops = [
	[0, 0, 0], [21, 13, 46], [26, 18, 88], [20, 22, 135], [28, 23, 177], [71, 15, 205], [123, 0, 213], [190, 0, 132], [221, 25, 60],
	[233, 65, 59], [245, 93, 58], [255, 118, 56], [252, 150, 49], [247, 179, 40], [240, 206, 24], [250, 224, 112], [255, 241, 191],
];

const colours = Array.from({ length: 256 }, (_, i) => {
	const at = (i / 255) * (stops.length - 1);
	const low = Math.min(Math.floor(at), stops.length - 2);
	return stops[low].map((v, k) => Math.round(v + (at - low) * (stops[low + 1][k] - v)));
});

const side = 640; // of the canvas, in its pixels, at most
const least = 256; // a smaller picture is enlarged, pixel by pixel

export class Picture {
	constructor(file, name) {
		this.canvas = document.createElement("canvas");
		this.canvas.setAttribute("role", "img");
		this.canvas.setAttribute("aria-label", name);
		this.canvas.hidden = true; // until it shows something
		this.seen = null; // [left, top, width, height] of what the network sees
		this.bitmap = createImageBitmap(file).catch(() => null); // upright, as its EXIF says
	}

	/** decode gives the bytes of a map. */
	decode(map) {
		return Uint8Array.from(atob(map.map), (c) => c.charCodeAt(0));
	}

	/** draw shows the photograph with a map over it, as strong as said, null is none; label says so in words. */
	async draw(map, strength, label) {
		const image = await this.bitmap;
		if (!image) return; // the browser cannot read it, the server may
		this.canvas.hidden = false;
		this.canvas.setAttribute("aria-label", label);
		const longer = Math.max(image.width, image.height);
		const scale = longer < least ? Math.ceil(least / longer) : Math.min(1, side / longer);
		const c = this.canvas;
		c.width = Math.max(Math.round(image.width * scale), 1);
		c.height = Math.max(Math.round(image.height * scale), 1);
		const g = c.getContext("2d");
		g.imageSmoothingEnabled = scale < 1;
		g.imageSmoothingQuality = "high";
		g.drawImage(image, 0, 0, c.width, c.height);
		if (!map || !this.seen || strength === 0) return;
		const [x, y, w, h] = this.seen.map((v) => v * scale);
		g.fillStyle = `rgba(0, 0, 0, ${0.55 * strength})`; // what the network does not see
		g.beginPath();
		g.rect(0, 0, c.width, c.height);
		g.rect(x, y, w, h);
		g.fill("evenodd");
		g.globalAlpha = strength;
		g.imageSmoothingEnabled = true;
		g.drawImage(this.heat(map), x, y, w, h);
		g.globalAlpha = 1;
	}

	/** heat is a map in colours, made once. */
	heat(map) {
		if (this.heated?.map === map) return this.heated.canvas;
		const canvas = document.createElement("canvas");
		canvas.width = map.width;
		canvas.height = map.height;
		const g = canvas.getContext("2d");
		const pixels = g.createImageData(map.width, map.height);
		this.decode(map).forEach((v, i) => pixels.data.set([...colours[v], 255], 4 * i));
		g.putImageData(pixels, 0, 0);
		this.heated = { map, canvas };
		return canvas;
	}
}
