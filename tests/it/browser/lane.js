// Clicks the first of the swim lanes, some way into the run.
(() => { const b = document.querySelector('#lanes').getBoundingClientRect(); document.querySelector('#lanes').dispatchEvent(new MouseEvent('click', {clientX: b.left + 400, clientY: b.top + 36, bubbles: true})); return [b.left, b.top]; })()
