"use strict";
// What all shown records come to under the settings, and how their probabilities lie.
globalThis.nlft = globalThis.nlft || {};

nlft.Summary = class {
  constructor() {
    this.records = { all: 0, correct: 0, incorrect: 0, refused: 0, leftOut: 0, overShare: 0 };
    this.tokens = [0, 0, 0];
    this.actions = { reinforce: 0, suppress: 0, nothing: 0 };
    this.likelihood = [0, 0, 0];
    this.unlikelihood = [0, 0, 0];
    this.answers = 0;
    this.histograms = {
      correct: new nlft.Histogram(48), incorrect: new nlft.Histogram(48), weights: new nlft.Histogram(50),
    };
  }

  /** The quantity that decides in correct responses: s, or s/b as a power of two. */
  static lift(settings) { return settings.constants.salient === "lift"; }

  add(record, outcome, settings) {
    const { records } = this;
    records.all++;
    records[record.isIncorrect ? "incorrect" : "correct"]++;
    if (outcome.refusal) {
      records[outcome.isLeftOut ? "leftOut" : "refused"]++;
      return;
    }
    if (outcome.answer) this.answers++;
    if (!outcome.classes) return;
    if (outcome.isOverShare) records.overShare++;
    const { classes, raw } = outcome;
    const isLift = nlft.Summary.lift(settings);
    for (let i = 0; i < classes.length; i++) {
      const kind = classes[i];
      const [l, u] = [raw.likelihood[i], raw.unlikelihood[i]];
      this.tokens[kind]++;
      this.likelihood[kind] += l;
      this.unlikelihood[kind] += u;
      this.actions[u > 0 ? "suppress" : l > 0 ? "reinforce" : "nothing"]++;
      this.histograms.weights.add(((u > 0 ? -u : l) + 2) / 5, kind);
      if (!record.base) continue;
      if (record.isIncorrect) {
        if (record.judge) this.histograms.incorrect.add((Math.log2(record.judge[i] / record.base[i]) + 6) / 12, kind);
      } else if (record.standard) {
        const s = record.standard[i];
        this.histograms.correct.add(isLift ? (Math.log2(s / record.base[i]) + 6) / 12 : s, kind);
      }
    }
  }

  show(settings) {
    const { element } = nlft;
    const count = this.tokens.reduce((sum, value) => sum + value, 0);
    const figure = (label, value, detail = "") =>
      element("div", {}, element("dt", {}, label), element("dd", {}, value, detail ? element("small", {}, detail) : null));
    const whole = (value) => value.toLocaleString("en").replaceAll(",", "\u2009");
    const part = (value, of) => (of > 0 ? `${((100 * value) / of).toFixed(1)} %` : "–");
    const mean = (values, kind) => (this.tokens[kind] > 0 ? (values[kind] / this.tokens[kind]).toFixed(2) : "–");
    const { records, tokens, actions } = this;
    const trouble = [
      records.refused ? `${whole(records.refused)} without loss` : "", records.leftOut ? `${whole(records.leftOut)} left out` : "",
    ].filter(Boolean).join(", ");
    const classRow = (name, kind) => figure(name, whole(tokens[kind]),
      `${part(tokens[kind], count)}; mean likelihood ${mean(this.likelihood, kind)}` +
      (this.unlikelihood[kind] > 0 ? `, unlikelihood ${mean(this.unlikelihood, kind)}` : ""));
    document.getElementById("figures").replaceChildren(
      figure("records", whole(records.all), `${whole(records.correct)} correct, ${whole(records.incorrect)} incorrect` + (trouble ? `; ${trouble}` : "")),
      figure("tokens", whole(count), `${part(actions.reinforce, count)} reinforced, ${part(actions.suppress, count)} suppressed, ${part(actions.nothing, count)} neither`),
      classRow("salient", 2), classRow("clustered", 1), classRow("plain", 0),
      figure("over the share", whole(records.overShare), `of ${whole(records.incorrect)} incorrect; ${whole(this.answers)} answers in the loss`));
    const { histograms } = this;
    const c = settings.constants;
    const isLift = nlft.Summary.lift(settings);
    const place = (ratio) => (Math.log2(ratio) + 6) / 12;
    const powers = [[0, "1/64"], [0.25, "1/8"], [0.5, "1"], [0.75, "8"], [1, "64"]];
    const threshold = isLift ? c["lift-ratio"] : c.threshold;
    const ratio = c["ratio-base"] ?? c["cut-ratio"];
    document.getElementById("histograms").replaceChildren(
      histograms.correct.figure(isLift ? "Correct responses: s/b" : "Correct responses: s",
        isLift ? powers : [[0, "0"], [0.25, "¼"], [0.5, "½"], [0.75, "¾"], [1, "1"]],
        threshold === undefined ? null : [isLift ? place(threshold) : threshold, isLift ? "lift ratio" : "τ"]),
      histograms.incorrect.figure("Incorrect responses: j/b", powers, ratio === undefined ? null : [place(ratio), "ratio"]),
      histograms.weights.figure("Weight before mean and factor", [[0, "−2"], [0.2, "−1"], [0.4, "0"], [0.6, "1"], [0.8, "2"], [1, "3"]], null));
  }
};

/** Counts of tokens by class over an axis from 0 to 1; what lies outside goes to its ends. */
nlft.Histogram = class {
  constructor(bins) {
    this.bins = bins;
    this.counts = [0, 1, 2].map(() => new Uint32Array(bins));
  }

  add(place, kind) {
    const bin = Math.floor(place * this.bins);
    this.counts[kind][bin >= 0 ? Math.min(bin, this.bins - 1) : 0]++;
  }

  /** Bars whose heights are logarithms of the counts, the classes in proportion within each. */
  figure(title, ticks, mark) {
    const [width, height] = [288, 74];
    const space = "http://www.w3.org/2000/svg";
    const make = (name, attributes, text = null) => {
      const made = document.createElementNS(space, name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      if (text !== null) made.textContent = text;
      return made;
    };
    const totals = Array.from({ length: this.bins }, (_, bin) => this.counts.reduce((sum, counts) => sum + counts[bin], 0));
    const most = Math.max(1, ...totals);
    const svg = make("svg", { viewBox: `0 -12 ${width} ${height + 28}`, role: "img" });
    svg.append(make("title", {}, `${title}, number of tokens by class, heights logarithmic, highest ${most}`));
    const step = width / this.bins;
    for (let bin = 0; bin < this.bins; bin++) {
      if (totals[bin] === 0) continue;
      const whole = (height * Math.log1p(totals[bin])) / Math.log1p(most);
      let y = height;
      for (const kind of [2, 1, 0]) {
        const part = (whole * this.counts[kind][bin]) / totals[bin];
        if (part <= 0) continue;
        y -= part;
        svg.append(make("rect", {
          x: (bin * step + 0.4).toFixed(2), y: y.toFixed(2), width: (step - 0.8).toFixed(2), height: part.toFixed(2),
          class: nlft.responses.classNames[kind],
        }));
      }
    }
    svg.append(make("line", { x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5, class: "axis" }));
    for (const [place, label] of ticks) {
      const x = place * width;
      svg.append(make("line", { x1: x, x2: x, y1: height, y2: height + 3, class: "axis" }));
      svg.append(make("text", { x, y: height + 14, "text-anchor": place === 0 ? "start" : place === 1 ? "end" : "middle" }, label));
    }
    if (mark && mark[0] >= 0 && mark[0] <= 1) {
      const x = mark[0] * width;
      svg.append(make("line", { x1: x, x2: x, y1: -2, y2: height, class: "mark" }));
      svg.append(make("text", { x, y: -4, "text-anchor": x > width / 2 ? "end" : "start", class: "mark" }, mark[1]));
    }
    const figure = nlft.element("figure", {}, nlft.element("figcaption", {}, title, nlft.element("span", {}, `highest ${most}`)));
    figure.append(svg);
    return figure;
  }
};
