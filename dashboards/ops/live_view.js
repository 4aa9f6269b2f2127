// Runs in the page: puts what is new where it is shown. All sessions get the same few kilobytes, so the server draws
// nothing and compares nothing. The charts are a document of this page alone: nothing that is set in it goes back.
const shared = window.pqkit ??= { blocks: {} }
const number = value => value ?? NaN
const SPAN = 180_000  // the timeline's, in milliseconds, where nothing ran

export function render({ model }) {
  const part = document.createElement("div")
  part.className = "part"
  part.innerHTML = model.html  // the server's own, without data
  for (const block of part.querySelectorAll("[data-block]")) { shared.blocks[block.dataset.block] = block }
  if (model.drawing) { begin(model, part) }
  return part
}

async function begin(model, part) {
  while (!part.isConnected) { await new Promise(requestAnimationFrame) }
  const drawing = JSON.parse(model.drawing)
  const place = root => part.querySelector(`[data-chart="${root.attributes.name}"]`)
  const roots = Object.fromEntries(drawing.roots.map(root => [root.id, place(root)]))
  const item = { docid: "charts", roots, root_ids: Object.keys(roots) }
  const [views] = await Bokeh.embed.embed_items({ charts: drawing }, [item])
  const board = shared.board = views.roots[0].model.document, named = name => board.get_model_by_name(name)
  shared.figures = Object.fromEntries(drawing.roots.map(root => [root.attributes.name, board.get_model_by_id(root.id)]))
  shared.sources = Object.fromEntries(["series", "paused", "marks", "bars"].map(name => [name, named(`source ${name}`)]))
  shared.follow = named("follow range")
  for (const [name, plot] of Object.entries(shared.figures)) {
    if (name != "timeline") { plot.on_event("selectiongeometry", event => pick(model, event.geometry)) }
  }
  model.on("msg:custom", step => apply(JSON.parse(step)))
  model.send_msg({ ready: true })
}

function apply(step) {
  const { blocks, sources, follow } = shared
  for (const [name, html] of Object.entries(step.blocks ?? {})) { replace(blocks[name], html) }
  if (step.series) { extend(sources.series, step) }
  for (const name of ["paused", "marks"]) {
    if (step[name]) { sources[name].data = step[name] }
  }
  if (step.names) { lanes(step) }
  if (step.hold !== undefined) { hold(step.hold) }
  if (step.end) {
    shared.live = { start: step.start, end: step.end }
    if (shared.nothing_ran) { shared.figures.timeline.x_range.setv({ start: step.end - SPAN, end: step.end }) }
  }
  if (!shared.held && shared.live) { follow.setv(shared.live) }
  recolour()
}

// A table that was scrolled stays where it was.
function replace(block, html) {
  const { scrollTop, scrollLeft } = block.querySelector(".scroll") ?? block
  block.innerHTML = html
  Object.assign(block.querySelector(".scroll") ?? {}, { scrollTop, scrollLeft })
}

// The points before `since` stay, those that have left the window go, and the new ones are put at the end.
function extend(source, step) {
  const at = step.full ? [] : Array.from(source.data.at ?? [])
  let first = at.findIndex(moment => moment >= step.start), last = at.findIndex(moment => moment >= step.since)
  if (first < 0) { first = at.length }
  if (last < 0) { last = at.length }
  const data = {}
  for (const [name, values] of Object.entries(step.series)) {
    const kept = step.full ? [] : Array.from(source.data[name]).slice(first, last)
    data[name] = kept.concat(values.map(number))
    data[`${name} fill`] = data[name].map(value => value || 0)  // or the area would go on over a gap in the line
  }
  source.data = data
}

function lanes(step) {
  const plot = shared.figures.timeline, count = Math.max(1, step.names.length)
  plot.y_range.setv({ start: -0.6, end: count - 0.4 })
  plot.left[0].ticker.ticks = step.names.map((_, lane) => lane)
  plot.left[0].major_label_overrides = new Map(step.names.map((name, lane) => [lane, name]))
  plot.height = Math.max(110, 40 + 30 * count)
  const { left, right } = step.bars
  shared.nothing_ran = !left.length
  if (left.length) {
    plot.x_range.setv({ start: left.reduce((a, b) => Math.min(a, b)), end: right.reduce((a, b) => Math.max(a, b)) })
  }
  shared.sources.bars.data = step.bars
}

// A canvas takes no colours from the page's style, so they are read from it and handed on when the side changes.
function recolour() {
  const style = getComputedStyle(document.querySelector("main") ?? document.body)
  const read = name => style.getPropertyValue(name).trim()
  const muted = read("--mui-palette-text-secondary"), grid = read("--mui-palette-divider")
  if (!muted || shared.figures.throughput.left[0].major_label_text_color == muted) { return }
  for (const plot of Object.values(shared.figures)) {
    for (const axis of [...plot.below, ...plot.left]) { axis.major_label_text_color = muted }
    for (const it of plot.center) { if (it.grid_line_color) { it.grid_line_color = grid } }
  }
}

// All charts show one span and stay there, or move on with time.
function hold(span) {
  shared.held = span != null
  if (span) { shared.follow.setv({ start: span[0], end: span[1] }) }
  for (const box of brushes()) { box.visible = false }
}

// A span that was brushed on one chart is shown on all of them, and the server is told.
function pick(model, geometry) {
  const start = Math.min(geometry.x0, geometry.x1), end = Math.max(geometry.x0, geometry.x1)
  shade(start, end)
  model.send_msg({ picked: [start, end] })
  let focused = document.activeElement  // Bokeh frames the whole chart that was brushed
  while (focused?.shadowRoot?.activeElement) { focused = focused.shadowRoot.activeElement }
  focused?.blur()
}

function shade(left, right) {
  for (const box of brushes()) { box.setv({ left, right, visible: true }) }
}

function brushes() {
  return Object.values(shared.figures).flatMap(plot => plot.center.filter(it => it.name == "brush"))
}
