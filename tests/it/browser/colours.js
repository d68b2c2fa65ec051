// What can be hard to read or to tell apart, in both themes.
(() => {
    const css = (n) => { const e = document.createElement('i'); e.style.color = `var(--${n})`; document.body.append(e);
        const c = getComputedStyle(e).color.match(/\d+/g).slice(0, 3).map(Number); e.remove(); return c; };
    const line = (c) => c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    const light = (c) => { const [r, g, b] = line(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const eyes = { all: (c) => c,
        protan: ([r, g, b]) => [0.11238 * r + 0.88762 * g, 0.11238 * r + 0.88762 * g, 0.00401 * r - 0.00401 * g + b],
        deutan: ([r, g, b]) => [0.29275 * r + 0.70725 * g, 0.29275 * r + 0.70725 * g, -0.02234 * r + 0.02234 * g + b] };
    const lab = ([r, g, b]) => { const f = (t) => t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
        const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505), y = f(0.2126 * r + 0.7152 * g + 0.0722 * b), z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        return [116 * y - 16, 500 * (x - y), 200 * (y - z)]; };
    const far = (a, b) => Math.hypot(...a.map((v, n) => v - b[n]));
    const wrong = [];
    for (const theme of ['light', 'dark']) {
        document.documentElement.dataset.theme = theme;
        for (const n of ['ink', 'quiet', 'good', 'bad', 'blue', 'purple'])
            for (const on of ['card', 'bg']) if (contrast(css(n), css(on)) < 4.5) wrong.push(`${theme}: ${n} on ${on} ${contrast(css(n), css(on)).toFixed(2)}`);
        for (const n of ['wait', 'gone']) if (contrast(css(n), css('card')) < 3) wrong.push(`${theme}: ${n} ${contrast(css(n), css('card')).toFixed(2)}`);
        for (const [eye, see] of Object.entries(eyes)) for (const [a, b] of [['good', 'bad'], ['good', 'wait'], ['blue', 'bad'], ['blue', 'purple'], ['good', 'purple'], ['bad', 'gone'], ['blue', 'good']]) {
            const d = far(lab(see(line(css(a)))), lab(see(line(css(b)))));
            if (d < 14) wrong.push(`${theme}: ${a} and ${b} for ${eye}: ${d.toFixed(1)}`);
        }
    }
    return wrong;
})()
