// The tiles of each node: their signs and names.
[...document.querySelectorAll('#board .node')].map((n) => [n.querySelector('.name').innerText, [...n.querySelectorAll('.tile')].map((t) => t.innerText + ' ' + t.getAttribute('aria-label')).join()])
