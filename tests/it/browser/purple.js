// How many points of the hub have the colour of what is stored.
(() => {
    const c = document.querySelector('#hub'), g = new OffscreenCanvas(c.width, c.height).getContext('2d', {willReadFrequently: true});
    g.drawImage(c, 0, 0);
    const all = g.getImageData(0, 0, c.width, c.height).data;
    let n = 0;
    for (let i = 0; i < all.length; i += 4)
        if (Math.abs(all[i] - 160) + Math.abs(all[i + 1] - 64) + Math.abs(all[i + 2] - 128) < 12) n++;
    return n;
})()
