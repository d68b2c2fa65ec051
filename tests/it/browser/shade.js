// Where in the swim lanes there is a shade: its first and last place, how many, and the width.
(() => { const c = document.querySelector('#lanecanvas'), g = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true}); g.drawImage(c, 0, 0);
const row = g.getImageData(0, c.height - 2, c.width, 1).data, out = [];
for (let x = 0; x < c.width; x++) if (row[4 * x + 3] > 0) out.push(x);
return [out[0], out[out.length - 1], out.length, c.width]; })()
