// SPDX-License-Identifier: Apache-2.0
/** The cost of a recording over its size as an SVG: CPU time and resident memory, both axes logarithmic. */

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 360, 70, 50, 30];

/** @param points `{ events, cpu (seconds), bytes, peer? (seconds) }`, in the order of events */
export function plot(points) {
  const series = [
    { name: 'refzero trace, CPU seconds', colour: '#1f77b4', value: ({ cpu }) => cpu },
    { name: 'trace-cmd report, CPU seconds', colour: '#d62728', value: ({ peer }) => peer },
    { name: 'refzero trace, resident GiB', colour: '#2ca02c', value: ({ bytes }) => bytes / 2 ** 30 },
  ];
  const values = points.flatMap((point) => series.map(({ value }) => value(point))).filter((value) => value > 0);
  const x = scale(
    points.map(({ events }) => events),
    LEFT,
    WIDTH - 20,
  );
  const y = scale(values, HEIGHT - BOTTOM, TOP);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
  ];
  out.push('<title>CPU time and memory of refzero trace over the events of a recording</title>');
  out.push('<rect width="100%" height="100%" fill="white"/>');
  for (const tick of x.ticks)
    out.push(line(x.at(tick), TOP, x.at(tick), HEIGHT - BOTTOM), label(x.at(tick), HEIGHT - BOTTOM + 18, power(tick)));
  for (const tick of y.ticks)
    out.push(line(LEFT, y.at(tick), WIDTH - 20, y.at(tick)), label(LEFT - 24, y.at(tick) + 4, power(tick)));
  out.push(label((LEFT + WIDTH) / 2, HEIGHT - 8, 'events'));
  for (const [n, { name, colour, value }] of series.entries()) {
    const known = points.filter((point) => value(point) > 0);
    const path = known.map((point) => `${x.at(point.events).toFixed(1)},${y.at(value(point)).toFixed(1)}`);
    out.push(`<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const at of path)
      out.push(`<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${colour}"/>`);
    out.push(`<text x="${LEFT + 10}" y="${TOP + 14 + 16 * n}" fill="${colour}">${name}</text>`);
  }
  return `${[...out, '</svg>'].join('\n')}\n`;
}

/** A logarithmic axis over whole powers of ten. */
function scale(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
  return { ticks, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

const line = (x1, y1, x2, y2) => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`;
const label = (x, y, text) => `<text x="${x}" y="${y}" text-anchor="middle">${text}</text>`;
const power = (value) =>
  value >= 0.01 && value < 1000 ? String(+value.toPrecision(1)) : `1e${Math.round(Math.log10(value))}`;
