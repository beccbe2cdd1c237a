// The wire of a run, drawn: lanes from left to right, time downwards.
//
// fact   what the recorder has seen: a number, a time, a run, a kind (workshop/wire/record.py)
// row    a fact that has a line of the picture
// shown  how many rows are shown: all of them when live, fewer when the run is played back

const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const saved = at("record");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== ""));
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const shortName = (lane) => lane.replace("worker ", "w ");
const seconds = (time) => `${time.toFixed(time < 100 ? 2 : 1)} s`;

// -- What has happened in one run

class Lanes {
  constructor() { this.names = []; this.free = []; }
  /** The first lane of this name that nobody uses; so what comes one after the other shares one. */
  take(name) {
    let lane = this.names.findIndex((other, index) => other === name && this.free[index]);
    if (lane < 0) lane = this.names.push(name) - 1;
    this.free[lane] = false;
    return lane;
  }
  leave(lane) { this.free[lane] = true; }
}

class Run {
  constructor(number) {
    this.number = number;
    this.rows = [];
    this.rowOf = new Map(); // by fact
    this.clients = new Lanes();
    this.servers = new Lanes();
    this.columns = new Lanes(); // of connections
    this.programs = new Map();
    this.connections = new Map();
    this.exchanges = new Map();
    this.ports = new Map();
    this.workers = new Map(); // their lanes
    this.lives = new Map(); // of workers
    this.backs = []; // from a GET to the event that it names
    this.away = []; // while nobody was connected
    this.dead = [];
    this.notes = [];
    this.verdict = null;
    this.began = null;
  }

  add(fact) {
    this.began ??= fact.t;
    this[`on_${fact.kind}`]?.(fact);
  }

  row(fact, style, parts) {
    const row = { fact, style, t: fact.t - this.began, ...parts };
    this.rowOf.set(fact.n, this.rows.length);
    this.rows.push(row);
    return row;
  }

  on_act(fact) {
    this.act = { text: fact.text, row: this.rows.length };
    this.row(fact, "act", { text: fact.text });
  }

  /** A play of several acts has the last word itself. */
  on_over(fact) {
    if (!this.act || this.act.row < (this.verdict?.row ?? 0)) return;
    this.row(fact, `verdict ${fact.code ? "bad" : "good"}`, { name: "the play ends", text: `exit code ${fact.code}: ${this.act.text}` });
    this.verdict = { text: this.act.text, of: "play", good: fact.code === 0, row: this.rows.length - 1 };
  }

  on_full(fact) { this.row(fact, "broke", { text: fact.text }); }
  on_broke(fact) {
    this.row(fact, "broke", { text: fact.text });
    this.verdict = { text: fact.text, good: false, row: this.rows.length - 1 };
  }

  on_shown(fact) {
    this.row(fact, "verdict bad", { text: fact.text });
    this.verdict = { text: fact.text, good: false, row: this.rows.length - 1 };
  }

  on_program(fact) {
    const lanes = fact.side === "server" ? this.servers : this.clients;
    this.programs.set(fact.p, { ...fact, lane: lanes.take(fact.whose), from: this.rows.length, to: null, has: 0 });
    this.row(fact, "program", { p: fact.p, name: `${fact.whose} starts`, text: fact.arguments.join(" ") });
  }

  on_listens(fact) { this.ports.set(fact.port, fact.p); }

  on_gone(fact) {
    const program = this.programs.get(fact.p);
    if (!program) return;
    program.to = this.rows.length;
    const client = program.side === "client";
    (client ? this.clients : this.servers).leave(program.lane);
    const good = fact.code === 0, text = fact.text.replace(/\s+/g, " ");
    const told = client ? `exit code ${fact.code ?? "unknown"}: ${text}` : "";
    this.row(fact, `verdict ${client ? (good ? "good" : "bad") : ""}`, { p: fact.p, name: `${program.whose} ends`, text: told });
    if (client) this.verdict = { text, good, row: this.rows.length - 1 };
  }

  on_said(fact) { this.lastSaid = fact; }

  on_killed(fact) {
    this.row(fact, "killed", { name: "", text: fact.text.replace(/\s+/g, " "), p: fact.p });
    const lane = this.worker(fact.pid, fact.what);
    this.dead.push({ lane, row: this.rows.length - 1 });
    this.lives.get(fact.pid).to = this.rows.length - 1;
  }

  on_opened(fact) {
    this.connections.set(fact.c, { p: fact.p, port: fact.to, column: this.columns.take(""), from: this.rows.length, to: null });
  }

  on_refused(fact) { this.row(fact, "refused", { text: "nobody answers: the server is away", p: fact.p, port: fact.to }); }

  on_request(fact) {
    const exchange = { request: this.rows.length, fact, events: [], worker: null, c: fact.c, cut: null, away: null };
    this.exchanges.set(fact.r, exchange);
    const resumes = fact.last_event_id !== undefined;
    const told = resumes ? "Last-Event-ID:" : fact.method === "DELETE" ? "ends the session" : fact.text;
    const bare = fact.method === "GET" && !resumes ? "no Last-Event-ID: a new stream" : told;
    this.row(fact, "request", { c: fact.c, r: fact.r, up: true, name: fact.method, text: bare, id: resumes ? fact.last_event_id : "" , idLast: true });
    if (resumes && fact.names) {
      const event = this.rowOf.get(fact.names);
      this.backs.push({ get: this.rows.length - 1, event });
      const before = this.exchanges.get(this.rows[event]?.r);
      if (before?.cut != null) {
        exchange.away = { cut: before.cut, back: this.rows.length - 1, count: 0, last: 0 };
        this.away.push(exchange.away);
      }
    }
  }

  on_head(fact) {
    const exchange = this.exchanges.get(fact.r);
    if (exchange && fact.worker) {
      exchange.worker = fact.worker;
      this.worker(fact.worker, "worker");
    }
    const text = fact.stream ? "a stream opens" : fact.reason;
    this.row(fact, `head ${fact.status >= 400 ? "bad" : ""}`, { c: fact.c, r: fact.r, name: String(fact.status), text });
    if (exchange) exchange.head = this.rows.length - 1;
  }

  on_body(fact) {
    const row = this.rows[this.exchanges.get(fact.r)?.head];
    if (!row) return;
    row.body = fact.body;
    row.text = fact.text;
    row.size = fact.size;
  }

  on_event(fact) {
    const exchange = this.exchanges.get(fact.r);
    const style = fact.priming ? "priming" : fact.replayed ? "replayed" : "live";
    const again = fact.again !== undefined && !fact.priming;
    const row = this.row(fact, style, { c: fact.c, r: fact.r, id: fact.id ?? "", text: fact.text, again });
    if (again) row.text += " (seen before)";
    if (exchange?.away && fact.replayed && !again) {
      exchange.away.count += 1;
      exchange.away.last = this.rows.length - 1;
    }
  }

  on_ping(fact) { this.row(fact, "ping", { c: fact.c, r: fact.r, text: fact.text ? `ping: ${fact.text}` : "ping" }); }

  on_end(fact) { this.row(fact, "end", { c: fact.c, r: fact.r, text: "the stream ends" }); }

  on_cut(fact) {
    const where = { event: `inside an event, ${fact.tail_size} bytes of it came`, head: "inside the head", body: "inside the body", wait: "before an answer", request: "inside the request" }[fact.inside];
    const how = fact.how === "reset" ? "reset" : "cut";
    this.row(fact, "cut", { c: fact.c, r: fact.r, text: `${how} by the ${fact.by}${where ? `, ${where}` : ""}${fact.last_id ? ", after" : ""}`, id: fact.last_id ?? "", idLast: true });
    const exchange = this.exchanges.get(fact.r);
    if (exchange) exchange.cut = this.rows.length - 1;
    this.over(fact.c, this.rows.length - 1, true);
  }

  on_closed(fact) { this.over(fact.c, this.rows.length - 1, false); }

  over(number, row, cut) {
    const connection = this.connections.get(number);
    if (!connection || connection.to !== null) return;
    connection.to = row;
    connection.cut = cut;
    this.columns.leave(connection.column);
  }

  /** Its lane, from where it is first heard of. */
  worker(pid, what) {
    if (!this.workers.has(pid)) {
      this.workers.set(pid, this.servers.take(`${what} ${pid}`));
      this.lives.set(pid, { from: Math.max(0, this.rows.length - 1), to: null });
    }
    return this.workers.get(pid);
  }

  /** Where a row's arrow leads: the lane of the worker that answers, or of the server that listens there. */
  serverLane(row) {
    const exchange = this.exchanges.get(row.r);
    if (exchange?.worker) return this.workers.get(exchange.worker);
    const port = row.port ?? this.connections.get(row.c)?.port;
    return this.programs.get(this.ports.get(port))?.lane ?? 0;
  }

  clientLane(row) {
    const p = row.p ?? this.connections.get(row.c)?.p;
    const program = this.programs.get(p);
    return program?.side === "client" ? program.lane : 0;
  }
}

// -- One run on the screen

const GAP_PER_SECOND = 46;
const LARGEST_GAP = 92;
const OVERSCAN = 300;

class View {
  constructor(run, title) {
    this.run = run;
    this.tops = []; // of the rows
    this.shown = 0;
    this.selected = null;
    this.drawMs = 0;
    this.lanes = element("div", { class: "lanes", "aria-hidden": "true" });
    this.svg = drawn("svg", { "aria-hidden": "true" });
    this.list = element("div", { class: "list" });
    this.space = element("div", { class: "space" }, this.svg, this.list);
    this.scroll = element("div", { class: "scroll", tabindex: "0", role: "listbox", "aria-label": `what passed on the wire: ${title}` }, this.space);
    this.box = element("section", { class: run.number ? "run broken" : "run" }, element("h2", { title }, title), this.lanes, this.scroll);
    this.box.querySelector("h2").hidden = true;
    at("runs").append(this.box);
    this.scroll.addEventListener("scroll", () => { this.follow = this.isAtEnd(); this.later(); });
    this.scroll.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) select(this, Number(row.dataset.row));
    });
    new ResizeObserver(() => this.later()).observe(this.scroll);
    this.follow = true;
    this.measure();
  }

  measure() {
    const size = parseFloat(getComputedStyle(document.body).fontSize) * zoom;
    this.height = Math.max(5, Math.round(size * 1.75));
    this.size = size;
    const tight = this.scroll.clientWidth < 620;
    this.step = size * (tight ? 1 : this.scroll.clientWidth < 900 ? 1.5 : 2);
    this.timeWidth = tight ? 0 : size * 3.6;
    this.tops = [];
    this.end = 0;
    this.scroll.style.fontSize = `${zoom}em`;
    this.width = this.scroll.clientWidth;
  }

  /** Rows one under the other; a silence is a gap, which grows with it up to a limit. */
  place() {
    const rows = this.run.rows;
    for (let index = this.tops.length; index < rows.length; index++) {
      const before = rows[index - 1];
      const silence = before ? rows[index].t - before.t : 0;
      const gap = silence < 0.1 ? 0 : Math.min(LARGEST_GAP, silence * GAP_PER_SECOND) * Math.max(0.4, zoom);
      this.end += gap + (rows[index].style === "act" && index ? this.height * 0.5 : 0);
      this.tops.push(this.end);
      this.end += this.height;
    }
  }

  later() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  isAtEnd() { return this.scroll.scrollTop + this.scroll.clientHeight > this.bottom() - this.height * 2; }
  bottom() { return this.shown ? this.tops[this.shown - 1] + this.height : 0; }
  middle(row) { return this.tops[row] + this.height / 2; }

  first(y) {
    let low = 0, high = this.shown;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tops[middle] + this.height < y) low = middle + 1; else high = middle;
    }
    return low;
  }

  columns() {
    const { run, step } = this;
    const clients = Math.max(1, run.clients.names.length), columns = Math.max(1, run.columns.names.length);
    const left = this.timeWidth + step * 1.9;
    const wires = left + (clients - 1) * step * 1.3 + step * 1.8;
    const servers = wires + (columns - 1) * step * 0.9 + step * 1.8;
    const longest = Math.max(0, ...run.servers.names.slice(1).map((name) => shortName(name).length));
    const apart = Math.max(step * 1.3, this.timeWidth ? longest * this.size * 0.47 + this.size * 0.8 : 0);
    const text = servers + (Math.max(1, run.servers.names.length) - 1) * apart + step * 1.1;
    return {
      client: (lane) => left + lane * step * 1.3,
      wire: (column) => wires + column * step * 0.9,
      server: (lane) => servers + lane * apart,
      text,
    };
  }

  draw() {
    const began = performance.now();
    if (this.width !== this.scroll.clientWidth) this.measure();
    this.place();
    const x = this.columns();
    const pad = this.height * 2;
    this.space.style.height = `${this.bottom() + pad}px`;
    this.space.style.setProperty("--time", `${this.timeWidth}px`);
    if (this.follow) this.scroll.scrollTop = this.bottom() + pad;
    const top = Math.max(0, this.scroll.scrollTop - OVERSCAN), bottom = this.scroll.scrollTop + this.scroll.clientHeight + OVERSCAN;
    const from = this.first(top);
    let to = from;
    while (to < this.shown && this.tops[to] < bottom) to++;
    this.svg.setAttribute("width", x.text);
    this.svg.setAttribute("height", Math.max(0, bottom - top));
    this.svg.style.top = `${top}px`;
    this.svg.setAttribute("viewBox", `0 ${top} ${x.text} ${Math.max(1, bottom - top)}`);
    this.svg.replaceChildren(...this.bars(x, top, bottom), ...this.marks(x, from, to), ...this.arcs(x, top, bottom));
    this.list.replaceChildren(...this.texts(x, from, to));
    this.heads(x);
    this.drawMs = performance.now() - began;
  }

  heads(x) {
    const narrow = this.timeWidth === 0;
    const names = [
      ...this.run.clients.names.map((name, lane) => [x.client(lane), name]),
      [x.wire((Math.max(1, this.run.columns.names.length) - 1) / 2), narrow ? "" : "wire"],
      ...this.run.servers.names.map((name, lane) => [x.server(lane), narrow && lane ? "" : shortName(name)]),
    ];
    const key = JSON.stringify(names);
    if (this.headKey === key) return;
    this.headKey = key;
    this.lanes.style.fontSize = zoom === 1 ? "" : `${0.86 * Math.max(0.8, Math.min(1.3, zoom))}em`;
    this.lanes.replaceChildren(...names.map(([left, name]) => {
      const head = element("span", {}, name);
      head.style.left = `${left}px`;
      return head;
    }));
  }

  *bars(x, top, bottom) {
    const limit = (row) => (row === null || row >= this.shown ? this.bottom() : this.middle(row));
    const lane = (left) => drawn("line", { class: "lane", x1: left, x2: left, y1: top, y2: bottom });
    for (let index = 0; index < this.run.clients.names.length; index++) yield lane(x.client(index));
    for (let index = 0; index < this.run.servers.names.length; index++) yield lane(x.server(index));
    const bar = (left, width, from, to, style) => {
      if (from >= this.shown) return null;
      const y1 = Math.max(top, this.middle(from)), y2 = Math.min(bottom, limit(to));
      return y2 < y1 ? null : drawn("rect", { class: `bar ${style}`, x: left - width / 2, width, y: y1, height: Math.max(2, y2 - y1), rx: width / 3 });
    };
    for (const program of this.run.programs.values()) {
      const left = program.side === "client" ? x.client(program.lane) : x.server(program.lane);
      const made = bar(left, this.step * 0.5, program.from, program.to, program.side);
      if (made) yield made;
    }
    for (const [pid, life] of this.run.lives) {
      const made = bar(x.server(this.run.workers.get(pid)), this.step * 0.35, life.from, life.to, "server");
      if (made) yield made;
    }
    for (const connection of this.run.connections.values()) {
      if (connection.from >= this.run.rows.length) continue;
      const made = bar(x.wire(connection.column), this.step * 0.18, connection.from, connection.to, "wire");
      if (made) yield made;
    }
  }

  *marks(x, from, to) {
    const size = Math.min(this.step, this.height) / 24;
    for (let index = from; index < to; index++) {
      const row = this.run.rows[index], y = this.middle(index);
      if (row.c === undefined && row.style !== "refused") continue;
      const connection = this.run.connections.get(row.c);
      const left = x.client(this.run.clientLane(row)) + this.step * 0.25;
      const right = x.server(this.run.serverLane(row)) - this.step * 0.25;
      const middle = connection ? x.wire(connection.column) : (left + right) / 2;
      const style = row.style.split(" ")[0];
      if (style === "cut" || style === "refused") {
        const [x1, x2] = row.fact.by === "server" ? [left, middle] : [middle, right];
        yield drawn("line", { class: "wire lost", x1, x2, y1: y, y2: y });
        const arm = 6 * size;
        yield drawn("path", { class: "mark cut", d: `M${middle - arm} ${y - arm}l${2 * arm} ${2 * arm}M${middle + arm} ${y - arm}l${-2 * arm} ${2 * arm}` });
        continue;
      }
      if (style === "ping") {
        yield drawn("circle", { class: "mark ping", cx: middle, cy: y, r: 2.5 * size });
        continue;
      }
      if (style === "end") {
        yield drawn("path", { class: "mark end", d: `M${middle - 6 * size} ${y}h${12 * size}` });
        continue;
      }
      const tip = row.up ? right : left, way = row.up ? -1 : 1, head = 6 * size;
      yield drawn("line", { class: `wire ${style}`, x1: left, x2: right, y1: y, y2: y });
      yield drawn("path", { class: `head-of ${style}`, d: `M${tip} ${y}l${way * head} ${-head * 0.62}v${head * 1.24}Z` });
      const again = row.again ? " again" : "";
      if (style === "replayed") yield drawn("rect", { class: `mark replayed${again}`, x: middle - 6 * size, y: y - 6 * size, width: 12 * size, height: 12 * size });
      else if (style === "priming") yield drawn("path", { class: "mark priming", d: `M${middle} ${y - 7 * size}l${7 * size} ${7 * size}l${-7 * size} ${7 * size}l${-7 * size} ${-7 * size}Z` });
      else yield drawn("circle", { class: `mark ${style}${again}`, cx: middle, cy: y, r: (style === "live" ? 6 : 4.5) * size });
    }
  }

  /** What leads from one row to another: a GET to the event that it names, and what was sent in between. */
  *arcs(x, top, bottom) {
    const size = Math.min(this.step, this.height) / 24;
    for (const back of this.run.backs) {
      if (back.get >= this.shown || back.event === undefined) continue;
      const y1 = this.middle(back.get), y2 = this.middle(back.event);
      if (y1 < top || y2 > bottom) continue;
      const row = this.run.rows[back.get], event = this.run.rows[back.event];
      const edge = x.client(this.run.clientLane(row)) - this.step * 0.3, out = edge - this.step * 0.8, turn = Math.min(8, this.step / 2);
      const tip = x.client(this.run.clientLane(event)) - this.step * 0.3;
      yield drawn("path", { class: "back", d: `M${edge} ${y1}H${out + turn}Q${out} ${y1} ${out} ${y1 - turn}V${y2 + turn}Q${out} ${y2} ${out + turn} ${y2}H${tip - 4 * size}` });
      yield drawn("path", { class: "back-head", d: `M${tip} ${y2}l${-8 * size} ${-5 * size}v${10 * size}Z` });
      const connection = this.run.connections.get(event.c);
      yield drawn("circle", { class: "ring", cx: x.wire(connection.column), cy: y2, r: 10 * size });
    }
    for (const away of this.run.away) {
      const count = away.last < this.shown ? away.count : 0;
      const y1 = this.middle(away.cut), y2 = away.back < this.tops.length ? this.middle(away.back) : y1;
      if (!count || y2 < top || y1 > bottom) continue;
      const left = x.server(this.run.serverLane(this.run.rows[away.back]));
      const room = Math.max(1, Math.floor((y2 - y1) / (9 * size))), drawnCount = Math.min(count, room, 60);
      for (let index = 1; index <= drawnCount; index++) {
        yield drawn("circle", { class: "mark ghost", cx: left, cy: y1 + ((y2 - y1) * index) / (drawnCount + 1), r: 5 * size });
      }
    }
    for (const dead of this.run.dead) {
      if (dead.row >= this.shown || dead.lane === null) continue;
      const y = this.middle(dead.row), left = x.server(dead.lane), arm = 7 * size;
      if (y < top || y > bottom) continue;
      yield drawn("path", { class: "dead", d: `M${left - arm} ${y - arm}l${2 * arm} ${2 * arm}M${left + arm} ${y - arm}l${-2 * arm} ${2 * arm}` });
    }
  }

  *texts(x, from, to) {
    for (let index = from; index < to; index++) {
      const row = this.run.rows[index];
      const line = element("div", { class: `row ${row.style}${index >= this.fresh && !still ? " new" : ""}`, role: "option", "data-row": index, "data-n": row.fact.n, "aria-selected": String(this.selected === index) });
      line.style.top = `${this.tops[index]}px`;
      line.style.height = `${this.height}px`;
      line.style.paddingLeft = `${x.text}px`;
      if (this.height >= 11) {
        if (this.timeWidth) line.append(element("time", {}, row.t.toFixed(3)));
        const id = row.id ? element("code", { class: "id" }, row.id) : "";
        const text = element("span", { class: "text" }, row.text ?? "");
        line.append(...[row.name ? element("b", {}, row.name) : "", ...(row.idLast ? [text, id] : [id, text])].filter(Boolean));
      }
      yield line;
      const before = this.run.rows[index - 1];
      const gap = before ? this.tops[index] - this.tops[index - 1] - this.height : 0;
      if (gap > this.height * 0.9 && row.style !== "act") {
        const away = this.run.away.find((one) => one.cut < index && index <= one.back && one.count && one.last < this.shown);
        const told = away ? `nobody is connected; the server keeps ${away.count}` : `${(row.t - before.t).toFixed(1)} s`;
        const note = element("div", { class: away ? "gap away" : "gap" }, told);
        note.style.left = `${x.text}px`;
        note.style.top = `${this.tops[index] - gap / 2 - this.height * 0.42}px`;
        yield note;
      }
    }
  }

  show(count) {
    const now = Math.max(0, Math.min(count, this.run.rows.length));
    this.fresh = now > this.shown && now - this.shown < 40 ? this.shown : Infinity;
    this.shown = now;
    this.place();
    this.later();
  }

  reveal(index) {
    const y = this.tops[index];
    const { scrollTop, clientHeight } = this.scroll;
    if (y < scrollTop + this.height || y > scrollTop + clientHeight - this.height * 3) {
      this.follow = false;
      this.scroll.scrollTop = y - clientHeight / 2;
    }
    this.later();
  }
}

// -- All runs, and the clock that leads them

const views = new Map();
let lesson = null;
let next = 1; // the number of the fact that comes next
let zoom = 1;
let clock = Infinity; // seconds of a run that are shown; Infinity is live
let playing = true;
let half = false;
let active = null;
let hasEnded = false;

function take(fact) {
  if (fact.n < next) return;
  if (fact.n > next) throw new Error(`fact ${next} is missing: ${fact.n} has come`);
  next += 1;
  if (fact.kind === "lesson") return begin(fact);
  if (fact.kind === "run") return addRun(fact.run, fact.title);
  if (fact.kind === "over") hasEnded = true;
  const view = views.get(fact.run) ?? addRun(fact.run, "");
  view.run.add(fact);
  noteFor(view, fact);
}

function addRun(number, title) {
  const view = new View(new Run(number), title || `run ${number}`);
  views.set(number, view);
  active ??= view;
  if (views.size > 1) for (const each of views.values()) each.box.querySelector("h2").hidden = false;
  if (number) { // the newest broken one stands beside the sound one
    for (const [other, each] of views) each.box.hidden = other !== 0 && other !== number;
    active = view;
    goLive();
  }
  return view;
}

function begin(fact) {
  lesson = fact;
  document.title = fact.title;
  at("title").textContent = fact.title;
  at("breaks").hidden = !fact.breaks.length || Boolean(saved);
  at("breaks").querySelector("ol").replaceChildren(...fact.breaks.map((row, index) => {
    const button = element("button", { "data-row": index + 1 }, element("span", {}, row.title), element("small", {}, `law ${row.laws.join(", ")}`));
    button.addEventListener("click", () => breakIt(index + 1));
    return element("li", {}, button);
  }));
}

async function breakIt(row) {
  const answer = await fetch(`/break/${row}`, { method: "POST" });
  if (!answer.ok) tell("live", await answer.text());
}

/** The host's notes: a step is at hand from the first fact on that fits it. */
function noteFor(view, fact) {
  const steps = lesson?.notes ?? [];
  const after = view.run.notes.at(-1)?.step ?? -1;
  if (view.run.number) return;
  const step = steps.findIndex((one, index) => index > after && fits(one.when, fact));
  if (step >= 0) view.run.notes.push({ step, row: Math.max(0, view.run.rows.length - 1) });
}

function fits(when, fact) {
  return Object.entries(when).every(([name, wanted]) =>
    typeof wanted === "string" ? new RegExp(wanted).test(String(fact[name] ?? "")) : (fact[name] ?? false) === wanted);
}

function showNote() {
  const view = views.get(0);
  const note = view?.run.notes.findLast((one) => one.row < view.shown);
  if (note?.step === at("note").step) return;
  at("note").step = note?.step;
  at("note").hidden = !note;
  if (!note) return;
  const { title, text } = lesson.notes[note.step];
  at("note").replaceChildren(
    element("p", { class: "step" }, `${note.step + 1} of ${lesson.notes.length}`), element("h2", {}, title), element("p", {}, text));
}

function showVerdict() {
  const verdict = active?.run.verdict;
  const known = verdict && verdict.row < active.shown;
  at("verdict").hidden = !known;
  if (!known) return;
  at("verdict").className = verdict.good ? "good" : "bad";
  at("verdict").replaceChildren(element("h2", {}, active.run.number ? "What it came to, broken" : verdict.of === "play" ? "What the play says in the end" : "What the client says in the end"), element("p", {}, verdict.text));
}

function refresh() {
  for (const view of views.values()) view.show(clock === Infinity ? Infinity : shownAt(view, clock));
  showNote();
  showVerdict();
  const end = longest(), now = Math.min(clock, end);
  at("clock").textContent = seconds(now);
  if (document.activeElement !== at("seek") || playing) at("seek").value = end ? Math.round((now / end) * 1000) : 1000;
  at("play").textContent = isMoving() ? "pause" : "play";
}

function shownAt(view, time) {
  let low = 0, high = view.run.rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (view.run.rows[middle].t <= time) low = middle + 1; else high = middle;
  }
  return low;
}

const isMoving = () => playing && !(clock === Infinity && (hasEnded || saved));

const longest = () => Math.max(0, ...[...views.values()].map((view) => view.run.rows.at(-1)?.t ?? 0));

function goLive() {
  clock = Infinity;
  playing = true;
  for (const view of views.values()) view.follow = true;
  refresh();
}

function pause() {
  if (clock === Infinity) clock = longest();
  playing = false;
  refresh();
}

function play() {
  if (clock === Infinity || clock >= longest()) clock = 0;
  playing = true;
  for (const view of views.values()) view.follow = true;
  last = performance.now();
  requestAnimationFrame(tick);
  refresh();
}

let last = 0;
function tick(now) {
  if (!playing || clock === Infinity) return;
  clock += ((now - last) / 1000) * (half ? 0.5 : 1);
  last = now;
  if (clock >= longest()) {
    if (hasEnded || saved) { clock = longest(); playing = false; } else clock = Infinity;
  }
  refresh();
  requestAnimationFrame(tick);
}

/** One row on or back; the other runs go to the same moment. */
function step(by) {
  if (!active) return;
  if (clock === Infinity) clock = longest();
  playing = false;
  const count = Math.max(1, Math.min(active.run.rows.length, active.shown + by));
  clock = active.run.rows[count - 1]?.t ?? 0;
  refresh();
  active.show(count);
  showNote();
  showVerdict();
  if (count) { select(active, count - 1); active.reveal(count - 1); }
}

// -- What lies behind a mark

let raw = false;

function select(view, index) {
  for (const each of views.values()) { each.selected = each === view ? index : null; each.later(); }
  active = view;
  showDetail();
  showVerdict();
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

const KINDS = { request: "Request", head: "Response", event: "Event", cut: "A cut", ping: "A comment", end: "The stream ends", program: "A program", gone: "A program has ended", act: "The play", killed: "Killed", refused: "Nobody answers" };

function showDetail() {
  const row = active?.run.rows[active.selected];
  at("detail").hidden = !row;
  if (!row) return;
  const { fact } = row, list = element("dl");
  const tell = (name, value) => { if (value !== undefined && value !== null && value !== "") list.append(element("dt", {}, name), element("dd", {}, String(value))); };
  tell("at", seconds(row.t));
  tell("event id", fact.kind === "event" ? fact.id ?? "none" : "");
  if (fact.kind === "event") tell("came", fact.priming ? "to give the client a cursor: it has no data" : fact.replayed ? "replayed: the server had it before the GET" : "live");
  if (fact.again) tell("before", "an event with this id came already in this session");
  tell("names", fact.last_event_id);
  tell("bytes", row.size ?? fact.size);
  if (fact.kind === "cut") {
    tell("by", `the ${fact.by}, with ${fact.how === "reset" ? "a reset" : "an end"}`);
    tell("after", `${fact.after} bytes of the body`);
    tell("newest id", fact.last_id);
  }
  tell("connection", fact.c);
  tell("worker", fact.worker);
  for (const [name, value] of fact.headers ?? []) tell(name, value);
  const body = fact.kind === "cut" ? fact.tail : fact.kind === "event" ? (raw ? fact.raw : fact.body) : row.body ?? fact.body ?? (fact.kind === "ping" ? fact.raw : "");
  const parts = [element("h2", {}, KINDS[fact.kind] ?? fact.kind), list];
  if (body) {
    if (fact.kind === "cut") parts.push(element("p", {}, "The bytes ended in the middle of this:"));
    else {
      const tab = (name, value) => {
        const made = element("button", { "aria-selected": String(raw === value), role: "tab" }, name);
        made.addEventListener("click", () => { raw = value; showDetail(); });
        return made;
      };
      parts.push(element("div", { class: "tabs", role: "tablist" }, tab("pretty", false), tab("raw", true)));
    }
    parts.push(element("pre", {}, raw || fact.kind === "cut" ? body : pretty(body)));
  }
  if (fact.names) {
    const go = element("button", {}, "show the event that it names");
    go.addEventListener("click", () => { const event = active.run.rowOf.get(fact.names); select(active, event); active.reveal(event); });
    parts.push(go);
  }
  at("detail").replaceChildren(...parts);
}

function closeDetail() {
  for (const view of views.values()) { view.selected = null; view.later(); }
  at("detail").hidden = true;
}

// -- How it looks, kept in the address, so that a reload changes nothing

const look = new Set(location.hash.slice(1).split(",").filter(Boolean));

function setLook(name, on) {
  if (on) look.add(name); else look.delete(name);
  if (name === "dark" && on) look.delete("light");
  if (name === "light" && on) look.delete("dark");
  history.replaceState(null, "", look.size ? `#${[...look].join(",")}` : location.pathname + location.search);
  applyLook();
}

function isDark() { return look.has("dark") || (!look.has("light") && matchMedia("(prefers-color-scheme: dark)").matches); }

function applyLook() {
  const root = document.documentElement;
  root.dataset.theme = isDark() ? "dark" : "light";
  root.toggleAttribute("data-projector", look.has("projector"));
  at("projector").setAttribute("aria-pressed", String(look.has("projector")));
  at("theme").textContent = isDark() ? "light" : "dark";
  resize();
}

function setZoom(by) {
  zoom = Math.max(0.2, Math.min(2.5, zoom * by));
  resize();
}

function resize() {
  for (const view of views.values()) {
    const anchor = view.follow ? null : view.first(view.scroll.scrollTop);
    view.measure();
    view.headKey = null;
    view.place();
    view.draw();
    if (anchor !== null) view.scroll.scrollTop = view.tops[anchor] ?? 0;
  }
}

const KEYS = {
  " ": () => (isMoving() ? pause() : play()),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => move(-1),
  ArrowDown: () => move(1),
  Home: () => { clock = 0; playing = false; refresh(); },
  End: goLive,
  "+": () => setZoom(1.2),
  "=": () => setZoom(1.2),
  "-": () => setZoom(1 / 1.2),
  h: () => setHalf(!half),
  d: () => setLook(isDark() ? "light" : "dark", true),
  p: () => setLook("projector", !look.has("projector")),
  Escape: closeDetail,
};

function move(by) {
  if (!active?.shown) return;
  const index = Math.max(0, Math.min(active.shown - 1, (active.selected ?? active.shown) + by));
  select(active, index);
  active.reveal(index);
}

function setHalf(on) {
  half = on;
  at("half").setAttribute("aria-pressed", String(on));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("button, a") && (event.key === " " || event.key === "Enter")) return;
  if (event.target === at("seek") && event.key.startsWith("Arrow")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
at("back").onclick = () => step(-1);
at("forth").onclick = () => step(1);
at("play").onclick = KEYS[" "];
at("half").onclick = () => setHalf(!half);
at("in").onclick = () => setZoom(1.2);
at("out").onclick = () => setZoom(1 / 1.2);
at("theme").onclick = KEYS.d;
at("projector").onclick = KEYS.p;
at("seek").oninput = () => { clock = (Number(at("seek").value) / 1000) * longest(); playing = false; for (const view of views.values()) view.follow = true; refresh(); };

function tell(state, text) {
  at("state").dataset.state = state;
  at("state").textContent = text;
}

// -- Where the facts come from: a saved run in this file, or a stream that goes on where it broke

let asked = false;
function soon() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; if (clock === Infinity || !playing) refresh(); });
}

function listen() {
  const live = new EventSource("/live");
  live.onopen = () => tell("live", "live");
  live.onmessage = (message) => {
    take(JSON.parse(message.data));
    if (hasEnded) tell("live", "the run is over");
    soon();
  };
  live.onerror = () => {
    tell("gone", hasEnded ? "the workshop has ended; what you see stays" : "no connection: it is tried again");
    if (live.readyState !== EventSource.CLOSED) return; // it asks again by itself, and names its last id
    live.close();
    afresh();
  };
}

/** What cannot be resumed begins anew, and says so. */
function afresh() {
  views.clear();
  at("runs").replaceChildren();
  [next, active, lesson, hasEnded] = [1, null, null, false];
  at("note").step = undefined;
  closeDetail();
  tell("gone", "begins afresh: this was another run");
  setTimeout(listen, 500);
}

applyLook();
if (saved) {
  at("save").hidden = true;
  for (const fact of JSON.parse(saved.textContent)) take(fact);
  hasEnded = true;
  tell("saved", "a saved run");
  goLive();
  playing = false;
  clock = longest();
  refresh();
} else {
  listen();
}

// For whoever measures.
globalThis.wire = { views, get next() { return next; } };
