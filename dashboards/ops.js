// Runs in the page: puts what is new where it is shown. All sessions get the same few kilobytes, so the server draws
// nothing and compares nothing. Nothing that is set here goes back to the server (sync: false) but the picked span.
const quietly = { sync: false }
const number = value => value ?? NaN

function apply(patch) {
  for (const [name, html] of Object.entries(patch.blocks ?? {})) {
    if (blocks[name].text != html) { blocks[name].setv({ text: html, visible: html != "" }, quietly) }
  }
  if (patch.series) { extend(sources.series, patch) }
  for (const name of ["paused", "marks"]) {
    if (patch[name]) { sources[name].setv({ data: patch[name] }, quietly) }
  }
  if (patch.names) { lanes(patch) }
  if (patch.hold !== undefined) { hold(patch.hold) }
  if (patch.end) { window.pqkitLive = { start: patch.start, end: patch.end } }
  if (!window.pqkitHeld && window.pqkitLive) { follow.setv(window.pqkitLive, quietly) }
  recolour()
}

// The points before `since` stay, those that have left the window go, and the new ones are put at the end.
function extend(source, patch) {
  const at = patch.full ? [] : Array.from(source.data.at ?? [])
  let first = at.findIndex(moment => moment >= patch.start), last = at.findIndex(moment => moment >= patch.since)
  if (first < 0) { first = at.length }
  if (last < 0) { last = at.length }
  const data = {}
  for (const [name, values] of Object.entries(patch.series)) {
    const kept = patch.full ? [] : Array.from(source.data[name]).slice(first, last)
    data[name] = kept.concat(values.map(number))
    data[`${name} floor`] = data[name].map(value => 0 * value)  // a gap in the line is one in the area below it
  }
  source.setv({ data }, quietly)
}

function lanes(patch) {
  const plot = figures.timeline, count = Math.max(1, patch.names.length)
  plot.y_range.setv({ start: -0.6, end: count - 0.4 }, quietly)
  plot.left[0].ticker.setv({ ticks: patch.names.map((_, lane) => lane) }, quietly)
  plot.left[0].setv({ major_label_overrides: new Map(patch.names.map((name, lane) => [lane, name])) }, quietly)
  plot.setv({ height: Math.max(110, 40 + 30 * count) }, quietly)
  const { left, right } = patch.bars
  if (left) {
    plot.x_range.setv({ start: left.reduce((a, b) => Math.min(a, b)), end: right.reduce((a, b) => Math.max(a, b)) }, quietly)
    sources.bars.setv({ data: patch.bars }, quietly)
  }
}

// A canvas takes no colours from the page's style, so they are read from it and handed on when the side changes.
function recolour() {
  const style = getComputedStyle(document.querySelector("main") ?? document.body)
  const read = name => style.getPropertyValue(name).trim()
  const muted = read("--mui-palette-text-secondary"), grid = read("--mui-palette-divider")
  if (!muted || figures.throughput.left[0].major_label_text_color == muted) { return }
  for (const plot of Object.values(figures)) {
    for (const axis of [...plot.below, ...plot.left]) { axis.setv({ major_label_text_color: muted }, quietly) }
    for (const it of plot.center) { if (it.grid_line_color) { it.setv({ grid_line_color: grid }, quietly) } }
  }
}

// All charts show one span and stay there, or move on with time.
function hold(span) {
  window.pqkitHeld = span != null
  if (span) { follow.setv({ start: span[0], end: span[1] }, quietly) }
  shade(null, null)
}

// A span that was brushed on one chart is shown on all of them, and the server is told.
function pick(geometry) {
  const start = Math.min(geometry.x0, geometry.x1), end = Math.max(geometry.x0, geometry.x1)
  shade(start, end)
  picked.setv({ start, end })
}

function shade(left, right) {
  for (const plot of Object.values(figures)) {
    for (const box of plot.center.filter(it => it.name == "brush")) {
      box.setv({ left, right, visible: left != null }, quietly)
    }
  }
}
