"use strict";
// The page: records come in as they are needed, only those near the window have elements, and a pass over all of them,
// in slices, follows every change.
//
// `nlft.page` is for scripts that look at the page, tests among them: `records`, `settings`, `weigh(index)`, `change()`
// after a setting was moved, and `settled()`, a promise for the moment when summary and list show what is set.

nlft.Page = class {
  constructor() {
    this.settings = new nlft.settings.Settings(JSON.parse(document.getElementById("settings").textContent));
    if (location.hash.startsWith("#method=")) this.settings.fragment = location.hash.slice(1);
    this.sources = [...document.querySelectorAll("script.record")];
    this.records = this.sources.map(() => null);
    this.holder = document.getElementById("records");
    this.cards = this.records.map((_, index) => nlft.element("article", {
      class: "record", tabindex: -1, "data-index": index, "aria-setsize": this.records.length, "aria-posinset": index + 1,
    }));
    this.filled = new Map();
    this.list = this.records.map((_, index) => index);
    this.current = null;
    this.search = "";
    this.filter = "all";
    this.sort = "order";
    this.waiting = [];
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this[isIntersecting ? "fill" : "empty"](target);
    }, { rootMargin: "900px 0px" });
    this.controls = new nlft.Controls(this.settings, () => this.change());
    this.readout = new nlft.Readout(this);
    this.describe();
    this.legend();
    this.listen();
    this.holder.append(...this.cards);
    for (const card of this.cards) this.observer.observe(card);
    this.pass();
  }

  /** A record; its numbers are read when it is first asked for. */
  record(index) {
    if (!this.records[index]) {
      const source = this.sources[index];
      this.records[index] = new nlft.records.MapRecord(source.textContent, index, this.settings.limits);
      source.remove();
      this.sources[index] = null;
    }
    return this.records[index];
  }

  /** What the method makes of a record under the settings. */
  weigh(index) { return nlft.formulas.weigh(this.record(index), this.settings.snapshot); }

  // Cards.

  fill(card) {
    const index = Number(card.dataset.index);
    if (this.filled.has(index)) return;
    const record = this.record(index);
    const { holder, tokens } = nlft.responses.response(record);
    const { element } = nlft;
    const figures = element("ul", { class: "chips" });
    const texts = element("div", { class: "texts" });
    const title = `record-${index}`;
    card.setAttribute("aria-labelledby", title);
    card.classList.toggle("incorrect", record.isIncorrect);
    card.replaceChildren(
      element("header", {}, element("h2", { id: title, title: record.id }, nlft.responses.visible(record.id)), nlft.responses.verdict(record), figures),
      element("div", { class: "body" }, holder, texts));
    const parts = { card, record, tokens, figures, texts, texted: "" };
    this.filled.set(index, parts);
    this.paint(parts);
    card.style.minBlockSize = "";
  }

  empty(card) {
    const index = Number(card.dataset.index);
    if (!this.filled.has(index) || card.contains(document.activeElement)) return;
    if (card.isConnected) card.style.minBlockSize = `${card.offsetHeight}px`;
    for (const range of this.filled.get(index).ranges ?? []) this.found?.delete(range);
    this.filled.delete(index);
    card.replaceChildren();
  }

  /** Colours, figures and terms of a card under the settings. */
  paint(parts) {
    const { record, tokens } = parts;
    const { snapshot } = this.settings;
    const outcome = nlft.formulas.weigh(record, snapshot);
    parts.outcome = outcome;
    nlft.responses.shade(tokens, outcome);
    parts.figures.replaceChildren(...nlft.responses.figures(record, outcome, snapshot));
    const terms = JSON.stringify([outcome.answer, outcome.judge, outcome.refusal]);
    if (terms !== parts.texted) {
      parts.texts.replaceChildren(...nlft.responses.texts(record, outcome).filter(Boolean));
      parts.texted = terms;
      this.mark(parts);
    }
  }

  /** Marks what was searched for. */
  mark(parts) {
    if (!globalThis.Highlight || !CSS.highlights) return;
    for (const range of parts.ranges ?? []) this.found?.delete(range);
    parts.ranges = [];
    if (this.search === "") return;
    if (!this.found) CSS.highlights.set("found", (this.found = new Highlight()));
    const wanted = this.search.toLowerCase();
    for (const place of parts.card.querySelectorAll("h2, .response, .texts p")) {
      const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
      const nodes = [];
      let text = "";
      while (walker.nextNode()) {
        if (walker.currentNode.parentElement.classList.contains("sign")) continue;
        nodes.push({ node: walker.currentNode, start: text.length });
        text += walker.currentNode.data;
      }
      text = text.toLowerCase();
      const at = (offset) => {
        const found = nodes.findLast(({ start }) => start <= offset);
        return [found.node, Math.min(offset - found.start, found.node.length)];
      };
      for (let start = text.indexOf(wanted); start >= 0; start = text.indexOf(wanted, start + wanted.length)) {
        const [startContainer, startOffset] = at(start);
        const [endContainer, last] = at(start + wanted.length - 1);
        // Static, so that it holds when cards change their places.
        const range = new StaticRange({ startContainer, startOffset, endContainer, endOffset: Math.min(last + 1, endContainer.length) });
        parts.ranges.push(range);
        this.found.add(range);
      }
    }
  }

  // Changes.

  /** Shows what is set now: the cards in sight at the next frame, everything else as soon as possible. */
  change() {
    if (!this.isPainting) {
      this.isPainting = true;
      requestAnimationFrame(() => {
        this.isPainting = false;
        for (const parts of this.filled.values()) this.paint(parts);
        this.readout.refresh();
      });
    }
    clearTimeout(this.addressing);
    this.addressing = setTimeout(() => {
      try { history.replaceState(null, "", `#${this.settings.fragment}`); } catch { /* not from a file, in some browsers */ }
    }, 300);
    this.pass();
  }

  matches(record, outcome) {
    const isMatching = {
      all: () => true,
      correct: () => !record.isIncorrect,
      incorrect: () => record.isIncorrect,
      uncritical: () => record.isIncorrect && !record.judge,
      unmoved: () => record.isIncorrect && record.judge !== null && outcome.classes !== null && outcome.salient === 0,
      refused: () => outcome.refusal !== null,
    }[this.filter]();
    return isMatching && (this.search === "" || record.holds(this.search));
  }

  /** Weighs all records in slices; one pass ends before the next begins, so that a slider that is held moving shows too. */
  async pass() {
    this.isStale = true;
    if (this.isPassing) return;
    this.isPassing = true;
    while (this.isStale) {
      this.isStale = false;
      document.getElementById("summary").setAttribute("aria-busy", "true");
      const { snapshot } = this.settings;
      const summary = new nlft.Summary();
      const list = [];
      let start = performance.now();
      for (let index = 0; index < this.records.length; index++) {
        if (performance.now() - start > 12) {
          await new Promise((resume) => setTimeout(resume));
          start = performance.now();
        }
        const record = this.record(index);
        const outcome = nlft.formulas.weigh(record, snapshot);
        if (!this.matches(record, outcome)) continue;
        summary.add(record, outcome, snapshot);
        const key = { order: 0, share: record.count ? outcome.salient / record.count : 0, loss: outcome.loss ?? -1 };
        list.push({ index, key: key[this.sort] });
      }
      if (this.sort !== "order") list.sort((one, other) => other.key - one.key || one.index - other.index);
      summary.show(snapshot);
      this.show(list.map(({ index }) => index));
    }
    document.getElementById("summary").setAttribute("aria-busy", "false");
    this.isPassing = false;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  settled() {
    return this.isPassing ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }

  /** Puts the cards into the list’s order, if they stand otherwise. */
  show(list) {
    const count = document.getElementById("count");
    count.textContent = list.length === this.records.length ? `${list.length} records` : `${list.length} of ${this.records.length}`;
    if (list.length === this.list.length && list.every((index, place) => index === this.list[place])) return;
    this.list = list;
    list.forEach((index, place) => {
      this.cards[index].setAttribute("aria-posinset", place + 1);
      this.cards[index].setAttribute("aria-setsize", list.length);
    });
    const kept = document.activeElement;
    this.holder.replaceChildren(...list.map((index) => this.cards[index]));
    if (list.length === 0) this.holder.append(nlft.element("p", { class: "notice" }, "No record is like that."));
    if (kept instanceof HTMLElement && kept.isConnected && kept !== document.activeElement) kept.focus({ preventScroll: true });
  }

  // The head.

  describe() {
    const { files, version, model } = this.settings.page;
    const names = files.length ? files.map((file) => (file === "-" ? "stdin" : file)).join(", ") : "stdin";
    document.getElementById("source").textContent = `${names} · ${this.records.length} records · nlft ${version}`;
    document.title = `Saliency map: ${names}`;
    if (model !== null || this.records.length === 0) return;
    document.getElementById("tools").before(nlft.element("p", { class: "notice" },
      "Tokens are shown by number: their texts need the tokenizer, ", nlft.element("code", {}, "nlft-saliency --map FILE --model MODEL"), "."));
  }

  legend() {
    const { element } = nlft;
    const sample = (look, strength, word) => {
      const made = element("span", { class: "token", "data-look": look }, word);
      made.style.setProperty("--strength", strength);
      return made;
    };
    const scale = (name, look, top) => element("span", { class: "scale" }, `${name} 0 `,
      ...[0.1, 0.3, 0.5, 0.7, 1].map((strength) => sample(look, strength, "\u2003")), ` ${top}`);
    document.getElementById("legend").replaceChildren(
      scale("reinforced", "reinforce plain", "3"), scale("suppressed", "suppress plain", "2"),
      sample("reinforce salient", 0.8, "salient"), sample("suppress salient", 0.8, "salient, suppressed"),
      sample("reinforce cluster", 0.6, "clustered"), sample("nothing cluster", 0, "clustered, nothing happens"),
      sample("nothing plain", 0, "nothing happens"));
  }

  // Hands.

  listen() {
    const field = document.getElementById("search");
    field.addEventListener("input", () => {
      this.search = field.value.trim();
      for (const parts of this.filled.values()) this.mark(parts);
      this.pass();
    });
    for (const name of ["filter", "sort"]) {
      const select = document.getElementById(name);
      select.addEventListener("change", () => {
        this[name] = select.value;
        this.pass();
      });
    }
    const help = document.getElementById("help");
    document.getElementById("help-open").addEventListener("click", () => help.showModal());
    document.getElementById("theme").addEventListener("click", () => this.turn());
    this.theme(this.stored);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.stored ?? this.theme(null));
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeprint", () => { for (const index of this.list) this.fill(this.cards[index]); });
    this.holder.addEventListener("focusin", ({ target }) => {
      const card = target.closest(".record");
      if (card) this.current = Number(card.dataset.index);
    });
    if (matchMedia("(max-width: 60rem)").matches) document.querySelector("#panel details").open = false;
  }

  get stored() {
    try { return localStorage.getItem("nlft-theme"); } catch { return null; }
  }

  /** Light, dark, or as the system has it. */
  theme(name) {
    const isDark = name ? name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    if (name) document.documentElement.dataset.theme = name;
    document.getElementById("theme").textContent = isDark ? "Light" : "Dark";
    document.getElementById("theme").setAttribute("aria-label", isDark ? "Use light colours" : "Use dark colours");
    this.isDark = isDark;
  }

  turn() {
    const name = this.isDark ? "light" : "dark";
    try { localStorage.setItem("nlft-theme", name); } catch { /* lasts until the page is closed */ }
    this.theme(name);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
    const { target, key } = event;
    if (target.closest?.("input, select, textarea")) {
      if (key === "Escape") target.blur();
      return;
    }
    const token = target.closest?.(".token[data-token]");
    const actions = {
      j: () => this.move(1), ArrowDown: () => this.move(1), k: () => this.move(-1), ArrowUp: () => this.move(-1),
      ArrowRight: () => this.step(token, 1), ArrowLeft: () => this.step(token, -1),
      n: () => this.step(token, 1, true), p: () => this.step(token, -1, true),
      Home: token && (() => this.step(token, -Infinity)), End: token && (() => this.step(token, Infinity)),
      "/": () => { document.getElementById("search").focus(); document.getElementById("search").select(); }, "?": () => document.getElementById("help").showModal(),
      d: () => this.turn(), Escape: () => { this.readout.hide(); document.activeElement.blur(); },
    };
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }

  /** Goes to the next record, or the one before; from nowhere, to the first in sight. */
  move(by) {
    let place = this.list.indexOf(this.current);
    if (place < 0) {
      const top = document.getElementById("tools").getBoundingClientRect().bottom;
      place = this.list.findIndex((index) => this.cards[index].getBoundingClientRect().bottom > Math.max(0, top) + 8);
      if (place < 0) return;
    } else place = Math.max(0, Math.min(this.list.length - 1, place + by));
    // Those around it get their heights before it is scrolled to.
    for (const index of this.list.slice(Math.max(0, place - 2), place + 3)) this.fill(this.cards[index]);
    this.current = this.list[place];
    const card = this.cards[this.current];
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start" });
    this.trim();
  }

  /** Empties cards that a jump has left behind, of which the observer never saw anything. */
  trim() {
    if (this.filled.size < 40) return;
    for (const { card } of [...this.filled.values()]) {
      const { top, bottom } = card.getBoundingClientRect();
      if (bottom < -1000 || top > innerHeight + 1000) this.empty(card);
    }
  }

  /** Goes along the tokens of the current record, or along its salient ones. */
  step(token, by, isSalient = false) {
    if (this.current === null || !this.list.includes(this.current)) this.move(0);
    const parts = this.filled.get(this.current);
    if (!parts || parts.tokens.length === 0) return;
    const last = parts.tokens.length - 1;
    let place = token ? Number(token.dataset.token) : by > 0 ? -1 : last + 1;
    if (!Number.isFinite(by)) place = by > 0 ? last : 0;
    else do place += by; while (isSalient && place >= 0 && place <= last && parts.outcome.classes?.[place] !== 2);
    if (place < 0 || place > last) return;
    parts.tokens[place].focus();
  }
};

nlft.page = new nlft.Page();
