// SPDX-License-Identifier: Apache-2.0
/** The plot of the race: CPU seconds of the search against states of the whole graph, both logarithmic, a panel a protocol. */

const width = 300;
const height = 260;
const margin = { left: 46, top: 28, bottom: 34, right: 10 };
const colours = ['#b3261e', '#e58a84', '#8a6d00', '#cdb04a', '#1b5e9b', '#2f9e6e', '#6a4fb3', '#111111'];

/** @returns the text of an SVG */
export function plot(results) {
  const protocols = [...new Set(results.map(({ protocol }) => protocol))];
  const names = [...new Set(results.flatMap(({ entries }) => entries.map(({ name }) => name)))];
  const states = results.map(({ entries }) => entries[0].states);
  const seconds = results.flatMap(({ entries }) => entries.map(timeOf));
  const x = scale(states, margin.left, width - margin.right);
  const y = scale(seconds, height - margin.bottom, margin.top);
  const panels = protocols.map((protocol, i) => {
    const own = results.filter((result) => result.protocol === protocol);
    return `<g transform="translate(${i * width},0)">${panel(protocol, own, names, x, y)}</g>`;
  });
  const key = names.map((name, i) => {
    const at = `translate(${margin.left + (i % 4) * 210},${height + 14 + Math.floor(i / 4) * 18})`;
    return `<g transform="${at}"><path d="M0,-4H18" stroke="${colours[i]}" stroke-width="2"/><text x="24">${name}</text></g>`;
  });
  const full = `width="${protocols.length * width}" height="${height + 44}"`;
  const style = 'font-family="sans-serif" font-size="11" fill="#333"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${full} ${style}>
<title>CPU seconds of each checker against the states of the whole graph</title>
<!-- SPDX-License-Identifier: Apache-2.0; made by bench/spin.bench.mjs -->
<rect width="100%" height="100%" fill="white"/>
${[...panels, ...key].join('\n')}
</svg>
`;
}

function timeOf({ cpu, wall }) {
  return Math.max(0.001, Number.isFinite(cpu) ? cpu : wall);
}

/** @returns a logarithmic scale over whole decades, with its decades */
function scale(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  const at = (value) => from + ((Math.log10(value) - low) / Math.max(1, high - low)) * (to - from);
  return { at, decades: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

function panel(title, results, names, x, y) {
  const right = width - margin.right;
  const bottom = height - margin.bottom;
  const grid = [
    ...x.decades.map((value) => {
      const label = `<text x="${x.at(value)}" y="${bottom + 14}" text-anchor="middle">${power(value)}</text>`;
      return `<path d="M${x.at(value)},${margin.top}V${bottom}" stroke="#ddd"/>${label}`;
    }),
    ...y.decades.map((value) => {
      const label = `<text x="${margin.left - 5}" y="${y.at(value) + 4}" text-anchor="end">${value} s</text>`;
      return `<path d="M${margin.left},${y.at(value)}H${right}" stroke="#ddd"/>${label}`;
    }),
  ];
  const lines = names.map((name, i) => {
    const points = results.flatMap(({ entries }) => {
      const entry = entries.find((one) => one.name === name);
      return entry ? [`${x.at(entries[0].states).toFixed(1)},${y.at(timeOf(entry)).toFixed(1)}`] : [];
    });
    if (points.length === 0) return '';
    const dots = points.map((point) => {
      const [cx, cy] = point.split(',');
      return `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colours[i]}"/>`;
    });
    return `<path d="M${points.join('L')}" fill="none" stroke="${colours[i]}" stroke-width="1.5"/>${dots.join('')}`;
  });
  const heading = `<text x="${margin.left}" y="16" font-weight="bold">${title}: CPU seconds against states</text>`;
  return [heading, ...grid, ...lines].join('');
}

function power(value) {
  return `10<tspan dy="-4" font-size="8">${Math.round(Math.log10(value))}</tspan>`;
}
